import json
from pathlib import Path

import pytest


def pytest_addoption(parser):
    parser.addoption("--everything", action="store_true", help="the slow cases as well")


def pytest_generate_tests(metafunc):
    if "case" in metafunc.fixturenames:
        path = Path(__file__).parent / "cases" / f"{metafunc.module.NAME}.json"
        cases = [json.loads(line) for line in path.read_text().splitlines()]
        if not metafunc.config.getoption("--everything"):
            cases = [case for case in cases if len(str(case)) < 500]
        metafunc.parametrize("case", cases)
