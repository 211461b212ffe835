"""Votes that come in by signed hook and by link."""

import base64
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from standardwebhooks import Webhook

from tests.worlds.asking import ended, paused
from tests.worlds.served import Served, served

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()


@pytest.fixture
async def hooked(tmp_path: Path) -> AsyncGenerator[Served]:
    file = tmp_path / "connections.yaml"
    file.write_text(f"hooks:\n  - {{name: bot, org: local, secrets: [{SECRET}], members: {{'chat:U1': bob}}}}\n")
    async with served(tmp_path, connections=file) as running:
        yield running


async def test_a_signed_hook_votes_once(hooked: Served) -> None:
    thread, item = await paused(hooked)
    body = (
        f'{{"approval_id":"{item["id"]}","action_digest":"{item["action_digest"]}","decision":"approve",'
        '"actor":{"provider":"chat","subject":"U1"},"comment":""}'
    )
    now = datetime.now(UTC)
    headers = {
        "webhook-id": "m1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(SECRET).sign("m1", now, body),
    }
    async with hooked.http("") as http:
        first = await http.post("/v1/hooks/approvals/bot", content=body, headers=headers)
        again = await http.post("/v1/hooks/approvals/bot", content=body, headers=headers)
        bad = await http.post("/v1/hooks/approvals/bot", content=body + " ", headers=headers)
        none = await http.post("/v1/hooks/approvals/bot", content=b"\xff", headers={"webhook-id": "m2"})
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert (first.status_code, bad.status_code, none.status_code) == (200, 401, 401)
    assert (await ended(hooked, thread))["status"] == "success"
    assert hooked.deliveries == [thread]


async def test_a_link_shows_and_only_its_form_decides(service: Served) -> None:
    thread, item = await paused(service)
    ballot = await service.context.application.ballots.get(item["id"], "local")
    token = service.context.links.issue(
        ballot=ballot.id, org="local", action_digest=ballot.action_digest, until=ballot.expires_at
    )
    async with httpx.AsyncClient(base_url=service.url, follow_redirects=True) as browser:
        for _ in range(20):
            assert (await browser.get(f"/a/{token}")).status_code == 200
        assert (await browser.post(f"/a/{token}", data={"decision": "approve"})).status_code == 403
        wrong = await browser.post(f"/a/{token}", data={"key": "ak_live_no"})
        assert wrong.status_code == 401
        page = await browser.post(f"/a/{token}", data={"key": service.key})
        assert "May this happen?" in page.text
        assert "default-src 'none'" in page.headers["content-security-policy"]
        csrf = page.text.split('name="csrf" value="')[1].split('"')[0]
        form = {"decision": "approve", "action_digest": item["action_digest"], "comment": ""}
        assert (await browser.post(f"/a/{token}", data=form)).status_code == 403
        for comment in ("x" * 10_001, "a\0b"):
            odd = await browser.post(f"/a/{token}", data={**form, "csrf": csrf, "comment": comment})
            assert (odd.status_code, "10,000 characters" in odd.text) == (422, True)
        browser.cookies.set("a@b", "somebody-elses", path="/a")
        done = await browser.post(f"/a/{token}", data={**form, "csrf": csrf})
        assert "recorded" in done.text
        assert (await browser.post(f"/a/{token}", data={**form, "csrf": csrf})).status_code == 410
    assert (await ended(service, thread))["status"] == "success"
