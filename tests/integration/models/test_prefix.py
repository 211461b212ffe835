"""Every prompt of a run begins as the one before did, so that a server's prefix cache keeps hitting.

What the cache would serve of whole runs is counted as vLLM counts it, with prompts alone; the benchmark ``prefix`` has
a real one read the same runs.
"""

from pathlib import Path

import pytest

from tests.integration.models.ghost import STEPS, TRIES, laid_out, script, worked
from tests.integration.models.vllm_server import MODEL
from tests.integration.models.whole_runs import asked_in, read
from tests.wire.openai_server import OpenAIServer
from tests.worlds.prefix_cache import share

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


async def test_the_context_stands_still_while_steps_change_files(tmp_path: Path) -> None:
    """Rules, repository and task are the same bytes in all ten; what changed since stands after them."""
    laid_out(tmp_path)
    async with OpenAIServer(script(), models=[MODEL]) as server:
        await worked(tmp_path, server)
    said = [request.body["messages"] for request in server.asked if request.form == "code_change"]
    assert len(said) == STEPS * TRIES
    rules, asked = said[0][0], said[0][1]["content"]
    still = asked[: asked.index("Your step (")]
    assert len(still) > 10_000
    for number, messages in enumerate(said):
        step, attempt = divmod(number, TRIES)
        assert messages[0] == rules
        assert messages[1]["content"].startswith(still)
        if attempt:
            assert messages[: len(said[number - 1])] == said[number - 1]
        if step:
            news = messages[1]["content"].removeprefix(still)
            assert f"notes/{step - 1}-{TRIES}.txt" in news
            assert f"Note {step - 1}, {TRIES}." in news, "a file as an earlier step left it"


@pytest.mark.parametrize(
    ("dialect", "turns", "served", "least"),
    [
        ("text", 20, 32_768, 0.85),
        ("tools", 20, 32_768, 0.85),
        ("text", 32, 8_192, 0.83),
        ("tools", 32, 8_192, 0.83),
        # Each of its steps is a conversation of its own, and shows what the earlier ones changed.
        ("single", 20, 32_768, 0.78),
    ],
)
async def test_of_a_whole_run_most_is_read_from_the_cache(
    tmp_path: Path, dialect: str, turns: int, served: int, least: float
) -> None:
    """Planner, coder and reviewer, with edits that do not fit, words without an action, a nudge and a "done" too early.

    It ends well, also where 32 turns are far more than the context that is served.
    """
    asked = await asked_in(tmp_path, dialect, turns, served)
    assert len(asked) == turns + 2
    assert share(read(asked)) >= least
    left_out = ["are left out.]" in str(request.body["messages"]) for request in asked]
    assert any(left_out) == (served < 10_000)
    said = str([request.body["messages"] for request in asked])
    if dialect != "single":
        for word in (
            "Something you believe about this code is wrong",
            "was not made: the searched text",
            "does not pass, so the step",
        ):
            assert word in said, word
