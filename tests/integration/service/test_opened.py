"""Who follows one request through the service to its first event opens so many files of it, and no more (ADR 15)."""

import json
import subprocess
import sys
from pathlib import Path

from tests.architecture.tree import ROOT

MOST = 20


def test_a_request_is_followed_to_its_first_event_in_twenty_files(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.worlds.opened", str(tmp_path)]
    files = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)
    assert {"api/runs.py", "runs/submission.py", "runs/engine.py", "runs/event_log.py"} <= set(files), "it was followed"
    assert len(files) <= MOST, "\n".join(files)
