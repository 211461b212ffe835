"""What a hostile client sends is answered with 4xx, and harms nobody else."""

import httpx
import pytest

from service.api.bodies import ODD
from tests.worlds.served import Served

JSON = {"content-type": "application/json"}
ODDITIES = [
    b'{"metadata": {"a": NaN}}',
    b'{"metadata": {"a": -Infinity}}',
    b'{"metadata": {"a": 1e999}}',
    b'{"metadata": {"a": "\\u0000"}}',
    b'{"metadata": {"\\ud800": 1}}',
]


@pytest.mark.parametrize("body", ODDITIES)
@pytest.mark.parametrize(
    "path", ["/threads", "/threads/search", "/runs", "/v1/chat/completions", "/store/items/search"]
)
async def test_what_no_database_takes_is_refused(service: Served, path: str, body: bytes) -> None:
    async with service.http() as http:
        answer = await http.post(path, content=body, headers=JSON)
        assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")
        # A NaN that got in would break every later search of everybody.
        assert (await http.post("/threads/search", json={"metadata": {"a": 1}})).json() == []


@pytest.mark.parametrize(
    "body", [b'{"metadata": {"a": "NaN and \\\\u0000 in words", "b": "\\ud83d\\ude00", "c": 1e3}}']
)
async def test_what_only_looks_odd_is_taken(service: Served, body: bytes) -> None:
    assert ODD.search(body)
    async with service.http() as http:
        made = (await http.post("/threads", content=body, headers=JSON)).json()
    assert made["metadata"]["b"] == "\N{GRINNING FACE}"


@pytest.mark.parametrize("address", ["/threads/a%00b", "/threads/x?y=%00", "/store/items?key=%00&namespace=a"])
async def test_a_nul_in_an_address_is_refused(service: Served, address: str) -> None:
    async with service.http() as http:
        assert (await http.get(address)).status_code == 422


async def test_a_body_that_grows_while_it_comes_is_cut_off(service: Served) -> None:
    async def parts():
        for _ in range(40):
            yield b" " * 2**20

    async with service.http() as http:
        try:
            answer = await http.post("/threads", content=parts(), headers=JSON)
            assert answer.status_code == 413
        except (httpx.WriteError, httpx.ReadError):  # it hung up on us: as good
            pass
        assert (await http.get("/ok")).is_success
