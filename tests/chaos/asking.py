"""What clients do while servers die: start, sign, look, and compare how it ended."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from tests.chaos.nursery import Child


def quick_task(text: str) -> dict[str, Any]:
    """``sign`` in the text asks for a signature."""
    return {"assistant_id": "coding", "input": {"task": {"text": text, "repo": "/nowhere", "accept": "true"}}}


def real_task(repo: Path | str, accept: str, **fields: Any) -> dict[str, Any]:
    """A change of a real repository."""
    task = {"text": "Fix the total", "repo": str(repo), "accept": accept, **fields}
    return {"assistant_id": "coding", "input": {"task": task}}


async def started(child: Child, body: Mapping[str, Any], *, thread: str | None = None) -> str:
    """Start a run in the background; its thread. ``thread`` makes a retried request the same run."""
    ask = {**body, "if_not_exists": "create"}
    async with child.http() as http:
        said = await http.post(f"/threads/{thread}/runs" if thread else "/runs", json=ask)
        assert said.status_code == httpx.codes.OK, said.text
        return said.json()["thread_id"]


async def newest(child: Child, thread: str) -> str:
    """The status of a thread's newest run."""
    async with child.http() as http:
        found = await http.get(f"/threads/{thread}/runs", params={"limit": 1})
        assert found.status_code == httpx.codes.OK, found.text
        return next((run["status"] for run in found.json()), "none")


async def sign_all(child: Child) -> int:
    """Approve whatever waits for a signature; how many that was."""
    async with child.http(person=True) as http:
        items = (await http.get("/v1/approvals", params={"state": "pending", "limit": 100})).json()["items"]
        for item in items:
            said = {"decision": "approve", "action_digest": item["action_digest"]}
            assert (await http.post(f"/v1/approvals/{item['id']}/decisions", json=said)).is_success
    return len(items)


async def ending(child: Child, thread: str) -> dict[str, Any]:
    """What the thread came to, without anything that differs between two undisturbed runs."""
    async with child.http() as http:
        values = (await http.get(f"/threads/{thread}/state")).json()["values"]
    kept = ("plan", "done", "findings", "diff", "tries", "expert")
    snapshot = values.get("snapshot") or {}
    delivered = values.get("delivered") or {}
    return {
        **{name: values.get(name) for name in kept},
        "status": values["ending"]["status"],
        "tier": values["risk"]["tier"],
        "proved": (values.get("proof") or {}).get("passed"),
        "tree": snapshot.get("tree"),
        "kind": delivered.get("kind"),
        "said": [message["type"] for message in values["messages"]],
        "verdict": (values.get("verdict") or {}).get("state"),
    }
