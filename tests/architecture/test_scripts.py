"""What a newcomer types can be run."""

import os
import re
import subprocess

import pytest

from tests.architecture.tree import ROOT, files, name_of

SHELL = [*files(ROOT / "scripts", suffixes={".sh"}), ROOT / ".ci" / "run"]


@pytest.mark.parametrize("script", SHELL, ids=name_of)
def test_a_script_is_strict_executable_and_well_formed(script):
    text = script.read_text(encoding="utf-8")
    assert text.startswith("#!/usr/bin/env bash\n# "), "the second line says what it does"
    assert "set -euo pipefail" in text
    assert os.access(script, os.X_OK)
    assert subprocess.run(["bash", "-n", script], capture_output=True, check=False).stderr == b""


def test_make_alone_lists_every_target_with_what_it_does():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][a-z0-9-]*):", makefile, re.MULTILINE))
    listed = subprocess.run(["make", "-C", ROOT], capture_output=True, text=True, check=True).stdout
    assert {line.split()[1] for line in listed.splitlines() if line.startswith("  make ")} == targets
    assert targets <= set(
        re.findall(r"[a-z][a-z0-9-]*", " ".join(re.findall(r"^\.PHONY:(.*)$", makefile, re.MULTILINE)))
    )


def test_what_make_check_leaves_out_is_there():
    for name in (ROOT / "tests" / "long.txt").read_text(encoding="utf-8").split():
        path, _, inner = name.partition("::")
        test = inner.rpartition("::")[2]
        assert f"def {test}(" in (ROOT / path).read_text(encoding="utf-8"), f"{name}: see scripts/long_tests.py"
