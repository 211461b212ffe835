"""Golden traces of a coder that works turn by turn: it looks, changes, runs and is done, a checkpoint a turn."""

from itertools import pairwise
from pathlib import Path

from models import Message, ToolCall
from tests.worlds.house import OK, application, repository, start, task

OPEN = "I look first.\n\n```open\nshop/prices.py\n```\n"
EDIT = (
    "```edit shop/prices.py\n<<<<<<< SEARCH\n    return sum(prices[1:])\n=======\n    return sum(prices)\n"
    ">>>>>>> REPLACE\n```\n"
)
RUN = "```run\npython3 -c 'from shop.prices import total; print(total([1, 2]))'\n```\n"
DONE = "```done\nCount the first price too\n\nThe first one was left out.\n```\n"


def turns(events) -> list[str]:
    return [
        f"{e.data['number']} {e.data['action']} {e.data['ok']} {e.data['code']}".strip()
        for e in events
        if e.kind == "coder_turn"
    ]


async def test_the_coder_looks_changes_runs_and_is_done(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo")
    answers = {"coder": [OPEN, EDIT, RUN, DONE], "reviewer": [OK]}
    async with application(tmp_path, answers, coder_dialect="text") as opened:
        standing, events = await start(opened, task(repo, deliver="patch"))
        assert standing.run.status == "delivered", standing.run.ending
        assert turns(events) == ["1 open True", "2 edit True", "3 run True", "4 done True"]
        asked = opened.board.registry.models["coder"].asked  # type: ignore[attr-defined]
        for before, after in pairwise(asked):
            assert after[: len(before)] == before, "the transcript only grows"
        assert "return sum(prices[1:])" in asked[1][-1].content
        assert "Changed: shop/prices.py" in asked[2][-1].content
        assert "3" in asked[3][-1].content
        assert standing.values["spent"].steps == 4
    assert "+    return sum(prices)" in standing.values["diff"]


async def test_native_calls_do_the_same(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo")
    calls = [
        ToolCall(id="a", name="open", arguments={"path": "shop/prices.py"}),
        Message(
            role="assistant",
            content="Two at once.",
            tool_calls=(
                ToolCall(
                    id="b",
                    name="edit",
                    arguments={"path": "shop/prices.py", "search": "prices[1:]", "replace": "prices"},
                ),
                ToolCall(id="c", name="run", arguments={"command": "true"}),
            ),
        ),
        ToolCall(id="d", name="done", arguments={"message": "Count the first price too"}),
    ]
    async with application(tmp_path, {"coder": calls, "reviewer": [OK]}, coder_dialect="tools") as opened:
        standing, events = await start(opened, task(repo, deliver="patch"))
        assert standing.run.status == "delivered", standing.run.ending
        assert turns(events) == ["1 open True", "2 edit True", "3 done True"]
        asked = opened.board.registry.models["coder"].asked  # type: ignore[attr-defined]
        results = {m.tool_call_id: m.content for m in asked[2] if m.role == "tool"}
        assert list(results) == ["a", "b", "c"]
        assert results["c"].startswith("Not done")
