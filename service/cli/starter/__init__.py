"""``signoff init``: a commented ``.signoff/`` for a repository."""
