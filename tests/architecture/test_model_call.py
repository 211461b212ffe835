"""To follow one model call, few files are to be opened."""

import json
import subprocess
import sys

from tests.architecture.tree import ROOT

FILES = 18
"""Of nodes/ and models/ together, and it may only shrink; docs/models.md names them in the order of a call."""


def test_a_model_call_goes_through_few_files():
    command = [sys.executable, "-m", "tests.architecture.model_call"]
    files = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout)
    mine = [name for name in files if name.startswith(("nodes/", "models/"))]
    assert len(mine) <= FILES, mine
    text = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    named = text[text.index("To follow one call") :].partition("\n\n")[0]
    assert [name for name in mine if f"`{name.rpartition('/')[2]}`" not in named] == []
