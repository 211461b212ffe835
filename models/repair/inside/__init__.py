"""The half of the repair engine that runs inside the sandbox: standard library only, Python 3.9 and newer."""
