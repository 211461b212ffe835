"""Every prompt of a run begins as the one before did, so that a server's prefix cache keeps hitting."""

from pathlib import Path

import pytest

from tests.integration.models.ghost import STEPS, TRIES, laid_out, script, worked
from tests.integration.models.vllm_server import MODEL
from tests.wire.openai_server import OpenAIServer

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
