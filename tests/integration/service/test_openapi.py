"""Whatever a client sends, the answer is one of ours and never a 5xx: schemathesis reads our own description."""

import asyncio
from collections import Counter

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from tests.worlds.served import Served

STREAMS = ("/stream", "/wait", "/join", "/v1/chat/completions")


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_nothing_that_is_sent_breaks_the_service(service: Served) -> None:
    """Every route with its own fuzzer; runs on other threads, because the service runs on this one."""
    broken = await asyncio.to_thread(fuzz, service.url, service.session)
    assert broken == []


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

            @settings(max_examples=12, deadline=None, phases=[Phase.generate], database=None,
                      suppress_health_check=list(HealthCheck))  # fmt: skip
            @given(case=operation.as_strategy())
            def sends(case) -> None:
                answer = case.call(session=session, timeout=20)
                seen[answer.status_code] += 1
                if answer.status_code >= 500:
                    broken.append(f"{answer.status_code} {answer.text[:300]} {case.as_curl_command()}")

            sends()
    assert seen[200] > 50, seen
    assert not seen[401], seen
    return broken
