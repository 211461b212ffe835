"""Whatever a client sends, the answer is one of ours and never a 5xx: schemathesis reads our own description."""

import asyncio
import json
from collections import Counter
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.worlds.served import Served

ODD = [
    "1" + "0" * 30,
    "1" + "0" * 400,
    "1e400",
    "NaN",
    "-Infinity",
    '"\\u0000"',
    '"\\udc00"',
    "9223372036854775808",
    "-1e308",
    "9223372036854775807",
    '{"a": 1, "a": 2}',
    "[" * 300 + "]" * 300,
    '""',
    "null",
    "[]",
    "{}",
    "true",
    '"' + "9" * 400 + '"',
    '"\\ud83d\\ude00"',
    '{"": {"": []}}',
]
NAMES = ["application/json", "application/JSON", "application/x+json", "application/json; charset=utf-16", "text/plain"]
CODINGS = ["utf-8", "utf-8", "utf-16", "utf-32-be"]
STREAMS = ("/stream", "/wait", "/join", "/v1/chat/completions", "/v1/responses")


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_nothing_that_is_sent_breaks_the_service(service: Served) -> None:
    """Every route with its own fuzzer; runs on other threads, because the service runs on this one."""
    # A second person ends the logins of who was alone: the first key that the fuzzer makes must not be hers.
    await service.context.keys.make("local", "bob", name="second", roles=["developer"], personal=True)
    session = await login(service)
    broken = await asyncio.to_thread(fuzz, service.url, session)
    assert broken == []


async def login(service: Served) -> str:
    async with service.http() as http:
        answer = await http.post("/v1/session", json={"key": service.key})
        return answer.json()["token"]


def fuzz(url: str, key: str) -> list[str]:
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    broken: list[str] = []
    seen: Counter[int] = Counter()
    with requests.Session() as session:
        session.headers["authorization"] = f"Bearer {key}"
        for result in schema.get_all_operations():
            operation = result.ok()
            if operation.path.endswith(STREAMS) or operation.path == "/v1/session":
                continue

            @settings(
                max_examples=12,
                deadline=None,
                phases=[Phase.generate],
                database=None,
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy())
            def sends(case) -> None:
                answer = case.call(session=session, timeout=20)
                seen[answer.status_code] += 1
                if answer.status_code >= 500:
                    broken.append(f"{answer.status_code} {answer.text[:300]} {case.as_curl_command()}")

            @settings(
                max_examples=12,
                deadline=None,
                phases=[Phase.generate],
                database=None,
                suppress_health_check=list(HealthCheck),
            )
            @given(
                case=operation.as_strategy(),
                odd=st.sampled_from(ODD),
                name=st.sampled_from(NAMES),
                coding=st.sampled_from(CODINGS),
                data=st.data(),
            )
            def sends_odd(case, odd: str, name: str, coding: str, data: st.DataObject) -> None:
                asked = case.as_transport_kwargs(base_url=url)
                asked.pop("json", None)
                body = with_odd(case.body, odd, data).encode(coding) if isinstance(case.body, dict | list) else b""
                asked |= {"data": body, "headers": {**asked.get("headers", {}), "content-type": name}}
                answer = session.request(**asked, timeout=20)
                seen[answer.status_code] += 1
                if answer.status_code >= 500:
                    broken.append(
                        f"{answer.status_code} {answer.text[:300]} {case.as_curl_command()} with {body[:500]}"
                    )

            sends()
            if operation.body:
                sends_odd()
    assert seen[200] > 50, seen
    assert not seen[401], seen
    return broken


def with_odd(body: Any, odd: str, data: st.DataObject) -> str:
    """The body as JSON, with one of its values replaced by a literal that only looks like JSON, or hardly does."""
    body = json.loads(json.dumps(body))
    inside = body
    while isinstance(inside, dict | list) and inside:
        key = data.draw(st.sampled_from(sorted(inside) if isinstance(inside, dict) else range(len(inside))))
        if not (isinstance(inside[key], dict | list) and inside[key]) or data.draw(st.booleans()):
            inside[key] = "@odd@"
            break
        inside = inside[key]
    return json.dumps(body).replace('"@odd@"', odd)
