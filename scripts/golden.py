"""Add a generation of golden checkpoints when a persisted type changed: ``.venv/bin/python scripts/golden.py``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.architecture.checkpoints import add_generation

if __name__ == "__main__":
    print("\n".join(add_generation()) or "nothing changed")
