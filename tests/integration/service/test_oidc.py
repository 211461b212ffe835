"""Logins by OpenID Connect, forged and real."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from domain import Refused, Transient
from service.auth.oidc import FETCH_AGAIN_S, Issuer

CLAIMS = {"iss": "https://id.example", "aud": "signoff", "sub": "ann", "roles": ["approver"], "org": "acme"}


@pytest.fixture(scope="module")
def keys() -> dict[str, Any]:
    return {name: rsa.generate_private_key(public_exponent=65537, key_size=2048) for name in ("ours", "theirs")}


class Published(httpx.AsyncBaseTransport):
    """The issuer's key page; counts who looks at it."""

    def __init__(self, key: Any) -> None:
        self.looks, self.page = (
            0,
            json.dumps({"keys": [{**json.loads(RSAAlgorithm.to_jwk(key.public_key())), "kid": "k1"}]}),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.looks += 1
        return httpx.Response(200, text=self.page, request=request)


@pytest.fixture
async def issuer(keys: dict[str, Any]) -> AsyncGenerator[tuple[Issuer, Published]]:
    page = Published(keys["ours"])
    async with httpx.AsyncClient(transport=page) as client:
        yield (
            Issuer(
                issuer="https://id.example",
                audience="signoff",
                jwks_url="https://id.example/keys",
                algorithms=("RS256",),
                client=client,
                default_org="local",
            ),
            page,
        )


def signed(key: Any, kid: str = "k1", **changed: Any) -> str:
    now = int(time.time())
    claims = {**CLAIMS, "exp": now + 60, "iat": now, "auth_time": now, "amr": ["pwd", "otp"], **changed}
    return jwt.encode({k: v for k, v in claims.items() if v is not None}, key, algorithm="RS256", headers={"kid": kid})


async def test_a_login_says_who_it_is(issuer: tuple[Issuer, Published], keys: dict[str, Any]) -> None:
    who = await issuer[0].check(signed(keys["ours"]))
    assert (who.subject, who.org, who.kind, who.mfa) == ("ann", "acme", "human", True)
    assert "approvals:write" in who.scopes


async def test_a_service_account_holds_no_approver_role(issuer: tuple[Issuer, Published], keys: dict[str, Any]) -> None:
    who = await issuer[0].check(signed(keys["ours"], auth_time=None, roles=["approver", "operator"]))
    assert (who.kind, who.roles) == ("service", ("operator",))


@pytest.mark.parametrize(
    "changed",
    [
        {"sub": "a\0"},
        {"sub": "x" * 201},
        {"org": "\0"},
        {"org": "x" * 201},
        {"org": {"a": 1}},
        {"auth_time": 10**30},
        {"auth_time": 2**62},
        {"auth_time": -1},
        {"auth_time": 4_000_000_000},
        {"auth_time": None, "exp": 2**60},
        {"exp": 1},
        {"aud": "others"},
        {"iss": "https://evil.example"},
        {"exp": None},
        {"sub": None},
        {"aud": None},
    ],
    ids=lambda changed: str(changed)[:40],
)
async def test_a_login_that_is_not_meant_for_us(
    issuer: tuple[Issuer, Published], keys: dict[str, Any], changed: dict[str, Any]
) -> None:
    with pytest.raises(Refused) as caught:
        await issuer[0].check(signed(keys["ours"], **changed))
    assert caught.value.stable_code == "token_invalid"


async def test_odd_claims_give_nothing(issuer: tuple[Issuer, Published], keys: dict[str, Any]) -> None:
    odd = {"amr": [["mfa"], {}], "roles": [["approver"], "a\0", "viewer"], "standing": "\0"}
    who = await issuer[0].check(signed(keys["ours"], **odd))
    assert (who.mfa, who.roles, who.standing) == (False, ("viewer",), "")


async def test_forged_logins_are_refused_and_fetch_no_keys(
    issuer: tuple[Issuer, Published], keys: dict[str, Any]
) -> None:
    public = RSAAlgorithm.to_jwk(keys["ours"].public_key())
    forged = [
        signed(keys["theirs"]),
        jwt.encode(dict(CLAIMS, exp=int(time.time()) + 60), "", algorithm="none"),
        jwt.encode(dict(CLAIMS, exp=int(time.time()) + 60), str(public) + "x" * 32, algorithm="HS256"),
        *(signed(keys["theirs"], kid=f"unknown-{n}") for n in range(20)),
        "a.b.c",
    ]
    for token in forged:
        with pytest.raises(Refused):
            await issuer[0].check(token)
    assert issuer[1].looks == 1


class Slow(Published):
    """It answers once it is let."""

    def __init__(self, key: Any, *answers: int) -> None:
        super().__init__(key)
        self.asked, self.may_answer, self.answers = asyncio.Event(), asyncio.Event(), [*answers]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await super().handle_async_request(request)
        self.asked.set()
        await self.may_answer.wait()
        answer.status_code = self.answers.pop(0)
        return answer


async def test_whoever_comes_while_the_keys_are_read_waits_for_them(
    issuer: tuple[Issuer, Published], keys: dict[str, Any]
) -> None:
    page = Slow(keys["ours"], 200)
    async with httpx.AsyncClient(transport=page) as client:
        opened = replace(issuer[0], client=client)
        first = asyncio.create_task(opened.check(signed(keys["ours"])))
        await page.asked.wait()
        second = asyncio.create_task(opened.check(signed(keys["ours"], sub="bob")))
        await asyncio.sleep(0)
        page.may_answer.set()
        assert [(await each).subject for each in (first, second)] == ["ann", "bob"]
    assert page.looks == 1


async def test_a_login_is_not_called_invalid_because_the_issuer_was_away(
    issuer: tuple[Issuer, Published], keys: dict[str, Any]
) -> None:
    page = Slow(keys["ours"], 503, 200)
    page.may_answer.set()
    async with httpx.AsyncClient(transport=page) as client:
        opened = replace(issuer[0], client=client)
        for _ in range(2):
            with pytest.raises(Transient) as caught:
                await opened.check(signed(keys["ours"]))
            assert caught.value.stable_code == "login_unavailable"
        assert page.looks == 1, "a flood of logins asks it no more often"
        opened.monotonic = lambda: time.monotonic() + FETCH_AGAIN_S
        assert (await opened.check(signed(keys["ours"]))).subject == "ann"
