"""A coder's question over HTTP: shown as an interrupt, answered by who may act on the thread, by resume or in words."""

from pathlib import Path
from typing import Any

import pytest

from models import Scripted
from tests.worlds.house import OK, QUICK, repository
from tests.worlds.served import served

ASK = "```ask\nAre all prices to be counted?\n```"
EDIT = "```edit shop/prices.py\n<<<<<<< SEARCH\nsum(prices[1:])\n=======\nsum(prices)\n>>>>>>> REPLACE\n```"
DONE = "```done\nCount the first price too\n```"


@pytest.mark.parametrize("way", ["resume", "object", "words", "inbox", "chat"])
async def test_a_question_is_answered_on_its_thread(tmp_path: Path, way: str) -> None:
    repo = repository(tmp_path / "repo")
    models = {"coder": Scripted([ASK, EDIT, DONE], name="coder"), "reviewer": Scripted([OK])}
    asked = {"task": {"text": "Fix the total", "repo": str(repo), "accept": QUICK, "deliver": "patch"}}
    async with served(tmp_path, whole=True, models=models, coder_dialect="text", repos=str(tmp_path)) as service:
        client = service.sdk()
        thread = (await client.threads.create())["thread_id"]
        values = await client.runs.wait(thread, "coding", input=asked)
        (interrupt,) = values["__interrupt__"]
        assert interrupt["value"] == {
            "kind": "question",
            "question": "Are all prices to be counted?",
            "step": "change",
            "turn": 1,
            "action_requests": [
                {
                    "name": "question",
                    "args": {"question": "Are all prices to be counted?"},
                    "arguments": {},
                    "description": "Are all prices to be counted?",
                }
            ],
            "review_configs": [{"action_name": "question", "allowed_decisions": ["reject"]}],
        }
        async with service.http() as http:
            shown = (await http.get(f"/v1/runs/{thread}")).json()
            assert shown["question"] == "Are all prices to be counted?"
        still = await client.runs.wait(thread, "coding", command={"resume": {"nothing": "said"}})
        assert still["__interrupt__"]
        more: dict[str, Any] = {
            "resume": {"command": {"resume": {interrupt["id"]: "Yes, all."}}},
            "inbox": {"command": {"resume": [{"type": "response", "args": "Yes, all."}]}},
            "chat": {"command": {"resume": {"decisions": [{"type": "reject", "message": "Yes, all."}]}}},
            "object": {"command": {"resume": {"answer": "Yes, all."}}},
            "words": {"input": {"messages": [{"role": "user", "content": "Yes, all."}]}},
        }[way]
        ended = await client.runs.wait(thread, "coding", **more)
        assert ended["ending"]["status"] == "delivered"
        assert "Yes, all." in models["coder"].asked[1][-1].content
