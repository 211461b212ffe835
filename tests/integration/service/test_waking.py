"""Vote, then wake: every surface that decides a question has its run go on by itself, without the maintenance loop."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from approvals import Ballot
from tests.worlds.asking import ended, paused
from tests.worlds.hooks import ACCOUNT, PLAIN_SECRET, SECRET, SENDERS, TENANT, TOKEN
from tests.worlds.served import Served, served

Entry = Callable[[Served, Ballot, str], Awaitable[None]]
"""A service, the question, and bob's session."""


def connections(folder: Path) -> Path:
    """A hook of every channel that knows bob."""
    secrets = {"ci": SECRET, "slack": PLAIN_SECRET, "github": PLAIN_SECRET, "teams": TOKEN}
    members = {"idp:u-1": "bob", "slack:T1/U1": "bob", "github:42": "bob", f"teams:{TENANT}/{ACCOUNT}": "bob"}
    hooks = [
        {
            "name": each.integration,
            "org": "local",
            "kind": kind,
            "secrets": [secrets[each.integration]],
            "members": members,
        }
        for kind, each in SENDERS.items()
    ]
    file = folder / "connections.yaml"
    file.write_text(json.dumps({"hooks": hooks}))
    return file


def decide(**said: Any) -> Entry:
    async def entry(service: Served, ballot: Ballot, session: str) -> None:
        async with service.http(session) as http:
            sent = {"action_digest": ballot.action_digest, **said}
            assert (await http.post(f"/v1/approvals/{ballot.id}/decisions", json=sent)).status_code == 200

    return entry


async def cancel(service: Served, ballot: Ballot, session: str) -> None:
    async with service.http(session) as http:
        assert (await http.post(f"/v1/approvals/{ballot.id}/cancel")).status_code == 200


async def page(service: Served, ballot: Ballot, session: str) -> None:
    link = service.context.links.issue(
        ballot=ballot.id, org=ballot.org, action_digest=ballot.action_digest, until=ballot.expires_at
    )
    async with httpx.AsyncClient(base_url=service.url, cookies={"signoff_session": session}) as browser:
        shown = (await browser.get(f"/a/{link}")).text
        csrf = shown.split('name="csrf" value="')[1].split('"')[0]
        form = {"decision": "approve", "action_digest": ballot.action_digest, "comment": "", "csrf": csrf}
        assert "recorded" in (await browser.post(f"/a/{link}", data=form)).text


async def resume(service: Served, ballot: Ballot, session: str) -> None:
    asked = {"assistant_id": "coding", "command": {"resume": {"decisions": [{"type": "approve"}]}}}
    async with service.http(session) as http:
        assert (await http.post(f"/threads/{ballot.run}/runs", json=asked)).status_code == 200


def hook(kind: str) -> Entry:
    async def entry(service: Served, ballot: Ballot, _: str) -> None:
        sender, now = SENDERS[kind], datetime.now(UTC)
        body = sender.press(ballot, now, "approve")
        fixed = {"slack": "slack/interactions", "github": "github"}
        async with service.http("") as http:
            path = f"/v1/hooks/{fixed.get(kind, f'approvals/{sender.integration}')}"
            answer = await http.post(path, content=body, headers=sender.sign(body, now))
        assert answer.status_code == 200, answer.text

    return entry


ENTRIES: dict[str, Entry] = {
    "approved over HTTP": decide(decision="approve"),
    "rejected over HTTP": decide(decision="reject"),
    "answered over HTTP": decide(decision="respond", comment=""),
    "cancelled over HTTP": cancel,
    "approved on the page": page,
    "resumed by a LangGraph client": resume,
    **{f"approved by {kind}": hook(kind) for kind in SENDERS},
}


@pytest.mark.parametrize("how", ENTRIES)
async def test_an_answer_wakes_its_run(tmp_path: Path, how: str) -> None:
    given = {"approvals_mode": "team", "approvers": "bob,carol", "connections": connections(tmp_path)}
    async with served(tmp_path, walks=False, **given) as service:
        thread, item = await paused(service)
        key, _ = await service.context.keys.make("local", "bob", personal=True)
        _, bob = await service.context.keys.log_in(key, roles=())
        ballot = await service.context.application.ballots.get(item["id"], "local")
        await ENTRIES[how](service, ballot, bob)
        await ended(service, thread)
        assert service.deliveries == [thread] * how.startswith(("approved", "resumed"))


async def test_an_answer_counts_although_its_run_cannot_be_woken(tmp_path: Path) -> None:
    async with served(tmp_path, walks=False) as service:
        _, item = await paused(service)
        ballot = await service.context.application.ballots.get(item["id"], "local")
        await service.context.submission.wake_decided(replace(ballot, run="gone"))
