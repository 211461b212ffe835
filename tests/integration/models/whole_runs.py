"""Whole runs whose words are a script's: a plan, the coder's turns in each dialect, a review, and what goes wrong.

The coder looks, searches, runs commands, writes edits that do not fit, answers without an action, does the same thing
until it is told so, says that it is done too early, and ends well. Two steps, as most plans of that length have.
"""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from tests.integration.models.choosing import LONG, delivered, opened
from tests.integration.models.vllm_server import MODEL, ROOT
from tests.wire.openai_answers import Received
from tests.wire.openai_server import OpenAIServer
from tests.worlds.house import OK, repository
from tests.worlds.prefix_cache import PrefixCache, ReadPrompt, rendered

TASK = f"Make the stock report say what is missing. {LONG}"
BUDGET = {"max_steps": 80, "max_tokens": 5_000_000, "max_minutes": 120, "max_sandbox_seconds": 5_000}
PLAN = {
    "goal": "The report says what is missing",
    "steps": [{"id": "s0", "title": "Write the notes"}, {"id": "s1", "title": "Close them", "needs": ["s0"]}],
}
FILES = ("report", "shelf", "warehouse", "ledger", "money", "cli", "promises", "movements")
ACCEPT = "test -f notes/end.txt"
Action = tuple[str, dict[str, str]]


def turns_of(count: int) -> list[Action]:
    """So many turns over two steps; the last one is done, and right."""
    actions: list[Action] = []
    for step, own in enumerate((count // 2, count - count // 2)):
        for n in range(own - 1):
            name = FILES[(n + 5 * step) % len(FILES)]
            path = f"src/stockroom/{name}.py"
            cycle: tuple[Action, ...] = (
                ("open", {"path": path, "first": "1", "last": "70"}),
                ("search", {"query": f"{name} total"}),
                ("edit", {"path": path, "search": f"def nothing_{n}():", "replace": "def something():"}),
                ("run", {"command": f"sed -n '1,60p' {path}"}),
                ("write", {"path": f"notes/{step}-{n}.txt", "content": f"Note {step}, {n}.\n" * 12}),
                ("words", {"thought": "I think about what the report should say."}),
                ("run", {"command": "ls src/stockroom"}),
            )
            actions.append(cycle[n % len(cycle)])
        if own >= 10:
            actions[-6:-3] = [("run", {"command": "cat pyproject.toml"})] * 3  # the third time it is told
        if step:
            actions[-2:] = [
                ("done", {"message": "Say what is missing"}),  # too early
                ("write", {"path": "notes/end.txt", "content": "The end.\n"}),
            ]
        actions.append(("done", {"message": f"Write part {step} of the notes"}))
    return actions


def answered(action: Action, dialect: str) -> dict[str, Any]:
    """The step of a script that takes this turn."""
    verb, given = action
    thought = given.get("thought", f"I {verb} now, since that is what the step asks for.")
    if verb == "words":
        return {"when": "text", "answer": thought}
    if dialect == "tools":
        arguments = {name: int(text) if name in {"first", "last"} else text for name, text in given.items()}
        return {"when": "text", "answer": thought, "calls": [(verb, json.dumps(arguments))], "finish": "tool_calls"}
    return {"when": "text", "answer": f"{thought}\n\n{_block(verb, given)}\n"}


def _block(verb: str, given: dict[str, str]) -> str:
    match verb:
        case "open":
            return f"```open\n{given['path']}:{given['first']}-{given['last']}\n```"
        case "search":
            return f"```search\n{given['query']}\n```"
        case "run":
            return f"```run\n{given['command']}\n```"
        case "edit":
            groups = f"<<<<<<< SEARCH\n{given['search']}\n=======\n{given['replace']}\n>>>>>>> REPLACE"
            return f"```edit {given['path']}\n{groups}\n```"
        case "write":
            return f"```edit {given['path']}\n{given['content']}```"
        case _:
            return f"```done\n{given['message']}\n```"


def single_answers(count: int) -> list[dict[str, Any]]:
    """Changes of a coder that answers at once: of two attempts at a step the first one fails."""
    changes = [
        {
            "files_to_create": [{"path": f"notes/{n}-{attempt}.txt", "content": f"Note {n}, {attempt}.\n" * 9}],
            "cmd_instructions": [f"test -f notes/{n}-2.txt"],
        }
        for n in range(count // 2)
        for attempt in (1, 2)
    ]
    changes[-1]["files_to_create"].append({"path": "notes/end.txt", "content": "The end.\n"})
    return [{"when": "code_change", "answer": change} for change in changes]


def script(dialect: str, count: int) -> list[dict[str, Any]]:
    """A plan, so many turns of the coder, a review."""
    plan: dict[str, Any] = PLAN
    if dialect == "single":
        steps = [{"id": f"s{n}", "title": f"Note {n}", "needs": [f"s{n - 1}"] if n else []} for n in range(count // 2)]
        plan, coder = {**PLAN, "steps": steps}, single_answers(count)
    else:
        coder = [answered(action, dialect) for action in turns_of(count)]
    return [{"when": "plan", "answer": plan}, *coder, {"when": "review", "answer": OK, "repeat": True}]


def role_of(request: Received) -> str:
    """Who asks."""
    return {"plan": "planner", "review": "reviewer"}.get(request.form, "coder")


async def asked_in(folder: Path, dialect: str, count: int, served: int) -> list[Received]:
    """The requests of such a run, in their order; it ends well."""
    shutil.copytree(ROOT / "examples" / "inventory", folder / "repo")
    repository(folder / "repo", {})
    supports = ("json_schema", "json_object", "tools")
    async with (
        OpenAIServer(
            script(dialect, count), models=[MODEL], max_model_len=served, tokenizer=1.0, supports=supports
        ) as server,
        opened(
            folder, model_base_url=server.base_url, model=MODEL, model_cache="off", coder_dialect=dialect
        ) as application,
    ):
        standing = await delivered(
            application, folder, text=TASK, accept=ACCEPT, strategy="low_ram", budget=BUDGET, deliver="patch"
        )
    assert standing.run.status in {"interrupted", "delivered"}, standing.run.ending
    assert not [step for step in server.script if not step.get("repeat")], "every answer was asked for"
    return server.asked


def read(asked: Sequence[Received]) -> list[ReadPrompt]:
    """What a prefix cache would have served of each request."""
    cache = PrefixCache()
    return [cache.read(request.body, role_of(request)) for request in asked]


async def read_by(base_url: str, asked: Sequence[Received]) -> list[ReadPrompt]:
    """The same as a real vLLM counts it, which reads each prompt and answers with a token."""
    salt, prompts = uuid4().hex, list[ReadPrompt]()
    async with httpx.AsyncClient(timeout=300) as http:
        for request in asked:
            body = {"model": MODEL, "prompt": rendered(request.body), "max_tokens": 1, "cache_salt": salt}
            answer = (await http.post(f"{base_url}/completions", json=body)).raise_for_status().json()
            details = answer["usage"].get("prompt_tokens_details") or {}
            tokens = answer["usage"]["prompt_tokens"]
            prompts.append(ReadPrompt(role_of(request), tokens, details.get("cached_tokens") or 0))
    return prompts
