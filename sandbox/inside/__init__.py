"""What runs inside a sandbox: PID 1, its frames, its files. Standard library only, Python 3.9 and newer.

The sources travel over the container's stdin after a 32-byte key (``BOOT`` takes them in), so nothing
has to be mounted, and there is no file that a command could tamper with.
"""

from pathlib import Path

MODULES = ("frames", "files", "streams", "oom", "command", "tunnel", "runner")
"""In the order they are loaded; ``runner`` is the one that is started."""

BOOT = """
import json, os, sys, types
def take(count):
    data = b""
    while len(data) < count:
        part = os.read(0, count - len(data))
        if not part:
            os._exit(0)
        data += part
    return data
key = take(32)
package = sys.modules["inside"] = types.ModuleType("inside")
package.__path__ = []
for name, text in json.loads(take(int.from_bytes(take(4), "big"))):
    module = sys.modules["inside." + name] = types.ModuleType("inside." + name)
    module.__package__ = "inside"
    setattr(package, name, module)
    exec(compile(text, name, "exec"), module.__dict__)
sys.modules["inside.runner"].main(key)
"""
"""The program that the container is started with: ``python3 -I -S -c BOOT``."""


SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Programs of the image, and none of a project's environment: what our own scripts run."""


def environment_script() -> str:
    """The program about a project's environment; ``collect`` or ``populate`` is its argument."""
    return Path(__file__).with_name("environment.py").read_text(encoding="utf-8")


def shell_script(name: str) -> str:
    """The text of one of the shell programs that lie here."""
    return Path(__file__).with_name(f"{name}.sh").read_text(encoding="utf-8")


def sources() -> str:
    """JSON of ``[name, text]`` pairs, as ``BOOT`` expects it."""
    import json  # noqa: PLC0415  not needed inside

    here = Path(__file__).parent
    return json.dumps([(name, (here / f"{name}.py").read_text(encoding="utf-8")) for name in MODULES])
