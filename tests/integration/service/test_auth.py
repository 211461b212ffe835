"""Who may talk to the service, how often and how much."""

import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx
import pytest

from domain import ContextTooLong, RateLimited, Refused, Unavailable
from service.api.errors import problem
from service.auth.rate_limits import Limiter
from tests.worlds.served import Served, served


async def test_without_a_key_nothing_is_told(service: Served) -> None:
    async with service.http("") as http:
        spec = (await http.get("/openapi.json")).json()
        for path, methods in spec["paths"].items():
            if path in {"/ok", "/healthz", "/readyz", "/info", "/v1/session"} or path.startswith(("/a/", "/v1/hooks")):
                continue
            for method in methods:
                answer = await http.request(method, path.replace("{", "").replace("}", ""), json={})
                assert answer.status_code == 401, (method, path, answer.text)
                assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "key", ["ak_live_x", "ak_live_000000000000_" + "0" * 64 + "_00000000", "st_live_a_b_c", "é", "x" * 5_000]
)
async def test_what_is_no_key(service: Served, key: str) -> None:
    async with httpx.AsyncClient(base_url=service.url) as http:
        answer = await http.get("/v1/whoami", headers={b"x-api-key": key.encode()})
    assert answer.status_code == 401


async def test_keys_are_made_rotated_and_revoked(service: Served) -> None:
    async with service.http(service.session) as http:
        made = (await http.post("/v1/keys", json={"name": "ci", "roles": ["viewer"]})).json()
        listed = (await http.get("/v1/keys")).json()["items"]
        assert all("key" not in item and "mac" not in item for item in listed)
        rotated = (await http.post(f"/v1/keys/{made['id']}/rotate")).json()
        async with service.http(made["key"]) as old, service.http(rotated["key"]) as new:
            assert (await old.get("/v1/whoami")).json()["scopes"] == ["runs:read", "approvals:read"]
            assert (await new.get("/v1/whoami")).status_code == 200
            assert (await new.post("/threads", json={})).json()["code"] == "scope_missing"
            assert (await new.post("/v1/keys", json={"name": "more"})).status_code == 403
            await http.delete(f"/v1/keys/{made['id']}")
            assert (await old.get("/v1/whoami")).json()["code"] == "key_invalid"
            assert (await new.get("/v1/whoami")).status_code == 200


async def test_a_key_is_not_in_the_database(service: Served, tmp_path: Path) -> None:
    secret = service.key.split("_")[3].encode()
    found = [path for path in (tmp_path / "home").rglob("*") if path.is_file() and secret in path.read_bytes()]
    assert found == []


async def test_a_session_ends(service: Served) -> None:
    async with service.http("") as http:
        token = (await http.post("/v1/session", json={"key": service.key})).json()["token"]
    async with service.http(token) as http:
        assert (await http.get("/v1/whoami")).json()["kind"] == "human"
        assert (await http.delete("/v1/session")).status_code == 204
        assert (await http.get("/v1/whoami")).status_code == 401


async def test_too_much_and_too_often(tmp_path: Path) -> None:
    async with served(tmp_path, max_body_mb=0.01) as service, service.http() as http:
        big = await http.post("/threads", content=b"x" * 20_000)
        assert (big.status_code, big.json()["code"]) == (413, "body_too_large")

        async def dripping() -> AsyncGenerator[bytes]:
            for _ in range(20):
                yield b"x" * 1_000

        unsized = await http.post("/threads", content=dripping())
        assert (unsized.status_code, unsized.json()["code"]) == (413, "body_too_large")
    limiter = Limiter(per_caller=3, per_address=100)
    for _ in range(3):
        await limiter.caller("a", "k")
    with pytest.raises(Refused) as caught:
        await limiter.caller("a", "k")
    answer = problem(caught.value)
    assert (answer.status_code, 1 <= int(answer.headers["retry-after"]) <= 60) == (429, True)
    await limiter.caller("b", "k")


async def test_every_answer_is_shielded(service: Served) -> None:
    async with service.http("") as http:
        for path in ("/ok", "/nowhere", "/threads/x"):
            headers = (await http.get(path)).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["cache-control"] == "no-store"
        allowed = await http.options(
            "/threads", headers={"origin": "http://localhost:3000", "access-control-request-method": "POST"}
        )
        evil = await http.options(
            "/threads", headers={"origin": "https://evil.example", "access-control-request-method": "POST"}
        )
    assert allowed.headers["access-control-allow-origin"] == "http://localhost:3000"
    assert "access-control-allow-origin" not in evil.headers


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (RateLimited("slow down", retry_after=7), 429, "rate_limit_exceeded"),
        (ContextTooLong("too long", max_tokens=8_192), 400, "context_too_long"),
        (Unavailable("gone"), 503, "llm_unavailable"),
    ],
)
def test_errors_of_models_become_what_clients_expect(error: Any, status: int, code: str) -> None:
    answer = problem(error)
    body = json.loads(bytes(answer.body))
    assert (answer.status_code, body["code"], body["status"]) == (status, code, status)
    assert body.get("max_tokens") == (8_192 if status == 400 else None)
    assert ("retry-after" in answer.headers) == (status in {429, 503})


async def test_two_servers_do_not_share_a_folder(service: Served, tmp_path: Path) -> None:
    from service.wiring.server import open_server_context  # noqa: PLC0415

    with pytest.raises(Refused) as caught:
        async with open_server_context(service.context.application):
            pass
    assert caught.value.stable_code == "already_serving"
