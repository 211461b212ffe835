"""What cannot be repaired is refused with a code."""

import pytest

from domain import Refused
from models.providers import ChangeRequest
from models.repair import Repair
from sandbox import Local, Spec
from tests.integration.repair.proposing import proposed

pytestmark = [pytest.mark.slow, pytest.mark.timeout(170)]


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"a.py": "X = 1\n", "test_a.py": "import a\n\ndef test_a():\n    assert a.X == 1\n"}, "no_failing_test"),
        ({"test_a.py": "def test_a():\n    assert False\n"}, "not_python"),
        ({"a.py": "X = 1\n", "test_a.py": "def test_a():\n    assert False\n"}, "no_repair_found"),
        (
            {"a.py": "import gone_pkg\n", "test_a.py": "import a\n\ndef test_a():\n    pass\n"},
            "dependency_missing",
        ),
    ],
)
async def test_what_cannot_be_repaired_is_refused_with_a_code_and_a_hint(files, code):
    with pytest.raises(Refused) as caught:
        await proposed(files)
    assert caught.value.stable_code == code
    assert caught.value.hint


async def test_a_sandbox_without_the_interpreter_is_refused():
    backend = Local(unsafe=True)
    sandbox = await backend.lease(Spec())
    try:
        with pytest.raises(Refused) as caught:
            await Repair(python="no-such-python").propose(ChangeRequest(accept="true", seconds=5), sandbox)
    finally:
        await sandbox.close()
        await backend.close()
    assert caught.value.stable_code == "interpreter_missing"
