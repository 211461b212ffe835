"""Bugs in files that are not UTF-8, or not of this system's line ends, are repaired without touching another byte."""

from pathlib import PurePosixPath

import pytest

from domain import CodeChange
from models import ChangeRequest
from models.repair import Repair
from sandbox import REPO, Local, Spec
from sandbox.workspace.edits import outcome

pytestmark = [pytest.mark.slow, pytest.mark.timeout(170)]

CODE = """\
# Zählt die Preise zusammen.
NAME = "Größe"


def total(prices):
    # déjà vu
    result = 0
    for price in prices:
        result -= price
    return result
"""
RUSSIAN = CODE.replace("Zählt die Preise zusammen.", "Сумма цен").replace("Größe", "Размер").replace("déjà vu", "было")
JAPANESE = CODE.replace("Zählt die Preise zusammen.", "合計").replace("Größe", "大きさ").replace("déjà vu", "既視感")
TWICE = JAPANESE.replace("既視感", "既視感 ①")
TEST = """\
import pytest
from prices import NAME, total

@pytest.mark.parametrize("prices, expected", [([], 0), ([2], 2), ([2, 3], 5)])
def test_total(prices, expected):
    assert total(prices) == expected

def test_name():
    assert len(NAME) in (3, 5, 6)
"""


def cookie(name: str, text: str = CODE) -> str:
    return f"# -*- coding: {name} -*-\n{text}"


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(cookie("latin-1").encode("latin-1"), id="latin-1"),
        pytest.param(cookie("cp1252").replace("\n", "\r\n").encode("cp1252"), id="cp1252-crlf"),
        pytest.param(cookie("cp1251", RUSSIAN).encode("cp1251"), id="cp1251"),
        pytest.param(cookie("koi8-r", RUSSIAN).encode("koi8-r"), id="koi8-r"),
        pytest.param(cookie("euc-jp", JAPANESE).encode("euc-jp"), id="euc-jp"),
        pytest.param(b"#!/usr/bin/python3\n" + cookie("shift_jis", JAPANESE).encode("shift_jis"), id="shift_jis"),
        pytest.param(b"#!/usr/bin/python3\n" + cookie("cp932", TWICE).encode("cp932"), id="cp932"),
        pytest.param(cookie("iso2022_jp", JAPANESE).encode("iso2022_jp"), id="iso2022_jp"),
        pytest.param(cookie("gb18030", JAPANESE.replace("既視感", "價格")).encode("gb18030"), id="gb18030"),
        pytest.param(CODE.encode("utf-8-sig"), id="utf-8-sig"),
        pytest.param(CODE.replace("\n", "\r").encode(), id="cr"),
        pytest.param(cookie("latin-1").replace("\n", "\r").encode("latin-1"), id="latin-1-cr"),
        pytest.param(CODE.replace("\n\n\n", "\n\f\n\n").rstrip("\n").encode(), id="form-feed"),
    ],
)
async def test_a_repair_changes_its_own_bytes_only(source):
    backend = Local(unsafe=True)
    sandbox = await backend.lease(Spec())
    try:
        await sandbox.write(str(PurePosixPath(REPO) / "prices.py"), source)
        await sandbox.write(str(PurePosixPath(REPO) / "test_prices.py"), TEST.encode())
        proposal = await Repair().propose(ChangeRequest(accept="python3 -m pytest -q", seconds=60.0), sandbox)
        assert await sandbox.read(str(PurePosixPath(REPO) / "prices.py")) == source
    finally:
        await sandbox.close()
        await backend.close()
    change = CodeChange(files_to_update=proposal.change.files_to_update)
    assert outcome(change, {"prices.py": source}) == {"prices.py": source.replace(b"-= price", b"+= price")}
