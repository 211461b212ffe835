"""No suite becomes green by an edit that the failing tests do not lead to, or by chance."""

import pytest

from domain import Refused
from tests.integration.repair.proposing import changed, proposed

pytestmark = [pytest.mark.slow, pytest.mark.timeout(170)]


@pytest.mark.parametrize("draw", ["random.random()", "secrets.randbelow(1_000) / 1_000"])
async def test_what_fails_now_and_then_is_no_failing_test(draw):
    """Any edit would look like its repair, if it is only tried often enough."""
    files = {
        "m.py": "def twice(n):\n    half = n\n    return half + n\n",
        "test_m.py": f"""
            import random, secrets
            from m import twice

            def test_twice():
                assert twice(2) == 4
                assert {draw} < 0.4
            """,
    }
    for _ in range(3):  # it may happen to pass at first, or to fail each time
        with pytest.raises(Refused) as refusal:
            await proposed(files)
        assert refusal.value.stable_code in {"no_failing_test", "no_repair_found"}


ADD = """
def add(numbers):
    total = 1
    for n in numbers:
        total += n
    return total
"""


async def test_a_constant_is_not_changed_because_a_local_variable_is_called_like_it():
    files = {
        "m.py": f"import other\n\n{ADD}",
        "other.py": "total = 1\n",
        "test_m.py": """
            import other
            from m import add

            def test_add():
                assert add([1, 2]) == 3 or vars(other)["total"] != 1
            """,
    }
    proposal = await proposed(files)
    assert "total = 0" in changed(proposal)["m.py"]
    assert "other.py" not in proposal.change.notes


async def test_skipping_a_test_that_passed_is_no_repair():
    files = {
        "m.py": """
            FAST = True

            def size(n):
                return n + 1 if FAST else n

            def speed():
                return 2 if FAST else 1
            """,
        "test_m.py": """
            import m
            import pytest

            def test_size():
                assert m.size(2) == 2

            def test_speed():
                if not m.FAST:
                    pytest.skip("only where it is fast")
                assert m.speed() == 2
            """,
    }
    proposal = await proposed(files)
    assert "FAST = True" in changed(proposal)["m.py"]
    assert "m.py:2" not in proposal.change.notes


async def test_why_the_acceptance_command_fails_is_said():
    files = {
        "m.py": "def double(n):\n    return n * 3\n",
        "test_m.py": "from m import double\n\ndef test_it():\n    assert double(2) == 4\n    assert double(3) == 6\n",
    }
    with pytest.raises(Refused) as refusal:
        await proposed(files, accept="python3 -m pytest -q && echo the linter is unhappy && exit 3")
    said = str(refusal.value)
    assert "passes in the search, not in the acceptance command" in said
    assert "exit code 3" in said
    assert "asks for more" in said
    assert "the linter is unhappy" in said


async def test_a_command_that_fails_beside_its_tests_is_said_to():
    files = {"m.py": "X = 1\n", "test_m.py": "import m\n\ndef test_it():\n    assert m.X == 1\n"}
    with pytest.raises(Refused) as refusal:
        await proposed(files, accept="python3 -m pytest -q && echo no licence header && exit 3")
    assert refusal.value.stable_code == "no_failing_test"
    assert "exit code 3" in str(refusal.value)
    assert "no licence header" in str(refusal.value)
