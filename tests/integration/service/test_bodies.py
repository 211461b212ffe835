"""What a hostile client sends is answered with 4xx, and harms nobody else."""

import httpx
import pytest

from service.api.middleware import ODD
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


async def test_more_runs_than_are_started_at_once_are_refused_and_none_is_started(service: Served) -> None:
    async with service.http() as http:
        run = {"assistant_id": "coding", "input": {"task": {"text": "Fix it", "repo": "/nowhere"}}}
        answer = await http.post("/runs/batch", json=[run] * 101)
        assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")
        assert (await http.post("/threads/search", json={})).json() == []


NAN = '{"metadata": {"a": NaN}}'
BY_OTHER_NAMES = [
    "application/JSON",
    "Application/Json; charset=UTF-8",
    "application/json;charset=utf-8",
    "application/vnd.api+json",
    "application/ld+JSON",
    'application/json; charset="utf-8"; x=y',
    "application/json ; charset=utf8",
]
NO_JSON = [
    "text/plain",
    "text/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "json",
    "*/*",
    "application/json, text/plain",
    "application/jsonx",
    "application/+json/x",
    "application/json; charset=utf-16",
    "application/json; charset*=utf-16''x",
    "application/json;charset=UTF-16LE",
    "application/json; charset=latin-1",
    "application/octet-stream",
    "",
]


@pytest.mark.parametrize("name", BY_OTHER_NAMES)
async def test_no_name_of_json_leads_past_the_decoder(service: Served, name: str) -> None:
    async with service.http() as http:
        answer = await http.post("/threads", content=NAN.encode(), headers={"content-type": name})
        assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")
        assert (await http.post("/threads", content=b"{}", headers={"content-type": name})).status_code == 200


@pytest.mark.parametrize("name", NO_JSON)
async def test_what_is_not_called_json_is_told_so(service: Served, name: str) -> None:
    async with service.http() as http:
        answer = await http.post("/threads", content=b"{}", headers={"content-type": name} if name else {})
        assert (answer.status_code, answer.json()["code"]) == (415, "media_type_unsupported")


async def test_two_names_are_none(service: Served) -> None:
    both = [("content-type", "text/plain"), ("content-type", "application/json")]
    async with service.http() as http:
        assert (await http.post("/threads", content=b"{}", headers=both)).status_code == 415


@pytest.mark.parametrize("coding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
async def test_utf_8_only(service: Served, coding: str) -> None:
    async with service.http() as http:
        for name in ("application/json", "application/json; charset=utf-8"):
            answer = await http.post("/threads", content=NAN.encode(coding), headers={"content-type": name})
            assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")
        assert (await http.post("/threads", content=b"\xef\xbb\xbf{}", headers=JSON)).status_code == 200
        assert (await http.post("/threads/search", json={"metadata": {"a": 1}})).json() == []


NUMBERS = ["1" + "0" * 30, "1" + "0" * 400, "-1" + "0" * 400, "1e400", "9223372036854775808", "1" * 5_000, "1E+309"]
PLACES = [
    ("/threads", '{"metadata": {"a": %s}}'),
    ("/threads/search", '{"metadata": {"a": %s}}'),
    ("/threads/search", '{"limit": %s}'),
    ("/threads/search", '{"offset": %s}'),
    ("/threads/T/history", '{"metadata": {"step": %s}}'),
    ("/threads/T/history", '{"limit": %s}'),
    ("/store/items/search", '{"filter": {"a": %s}, "limit": 1}'),
    ("/store/items/search", '{"offset": %s}'),
    ("/store/namespaces", '{"max_depth": %s}'),
    ("/assistants/search", '{"metadata": {"a": %s}}'),
    ("/runs", '{"input": {"task": {"text": "x", "repo": "/", "budget": {"max_tokens": %s}}}}'),
    ("/v1/keys", '{"name": "x", "expires_in_days": %s}'),
]


@pytest.mark.parametrize(("path", "body"), PLACES)
async def test_a_number_that_no_database_holds_is_422(service: Served, path: str, body: str) -> None:
    async with service.http(service.session) as http:
        thread = (await http.post("/threads", json={"metadata": {"a": 1}})).json()["thread_id"]
        for number in NUMBERS:
            answer = await http.post(path.replace("T", thread), content=(body % number).encode(), headers=JSON)
            assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid"), number
        assert len((await http.post("/threads/search", json={"metadata": {"a": 1}})).json()) == 1


@pytest.mark.parametrize("number", NUMBERS)
async def test_nor_does_one_in_an_address_break_anything(service: Served, number: str) -> None:
    places = [
        "/threads/x/history?limit=N",
        "/threads/x/runs?offset=N",
        "/v1/runs?limit=N",
        "/v1/jobs?limit=N",
        "/v1/audit?after=N",
        "/v1/audit?limit=N",
        "/v1/approvals?limit=N",
        "/v1/approvals?cursor=N.x",
        "/v1/approvals?cursor=N.00000000-0000-0000-0000-000000000000",
        "/v1/usage?since=Nd",
        "/v1/usage?until=N",
        "/v1/usage?since=0001-01-01T00:00:00%2B14:00",
        "/v1/usage?until=9999-12-31T23:59:59-14:00",
    ]
    async with service.http(service.session) as http:
        for place in places:
            assert (await http.get(place.replace("N", number))).status_code < 500, place


async def test_the_end_of_64_bits_is_held_and_found(service: Served) -> None:
    numbers: list[float] = [2**63 - 1, -(2**63), 2**53 + 1, 1e300, 0.5, 2**31]
    async with service.http() as http:
        for number in numbers:
            await http.post("/threads", json={"metadata": {"n": number}})
            await http.put("/store/items", json={"namespace": ["n"], "key": str(number), "value": {"n": number}})
        for number in numbers:
            (thread,) = (await http.post("/threads/search", json={"metadata": {"n": number}})).json()
            assert thread["metadata"]["n"] == number
            (item,) = (await http.post("/store/items/search", json={"filter": {"n": number}})).json()["items"]
            assert item["value"]["n"] == number


async def test_values_of_other_kinds_do_not_break_a_search(service: Served) -> None:
    """A row of somebody who keeps words where others keep numbers."""
    kinds: list[object] = ["words", 1, True, "1", None, [1], {"a": 1}, 1.5, "true", ""]
    async with service.http() as http:
        for kind in kinds:
            await http.post("/threads", json={"metadata": {"k": kind, "odd \"name's": kind}})
        for asked in ("words", 1, True, "1", 1.5, "true", False, 2, "", 0):
            for name in ("k", "odd \"name's"):
                found = (await http.post("/threads/search", json={"metadata": {name: asked}})).json()
                wanted = [kind for kind in kinds if type(kind) is type(asked) and kind == asked]
                assert [each["metadata"][name] for each in found] == wanted, asked


@pytest.mark.parametrize("named", ["a b", "a'b", 'a"', "$.a", "", "a.b", "a[0]", "--"])
async def test_an_odd_name_in_a_filter_is_no_server_error(service: Served, named: str) -> None:
    async with service.http() as http:
        thread = (await http.post("/threads", json={})).json()["thread_id"]
        await http.post(
            f"/threads/{thread}/runs/wait",
            json={"input": {"task": {"text": "do nothing", "repo": "/nowhere", "accept": "true"}}},
        )
        for path, key in (
            (f"/threads/{thread}/history", "metadata"),
            ("/threads/search", "metadata"),
            ("/store/items/search", "filter"),
        ):
            assert (await http.post(path, json={key: {named: 1}})).status_code in {200, 422}
        for checkpoint in (5, {"a": 1}, ["x"], True):
            for body in ({"before": {"checkpoint_id": checkpoint}}, {"before": [checkpoint]}):
                assert (await http.post(f"/threads/{thread}/history", json=body)).status_code == 422
            body = {"checkpoint": {"checkpoint_id": checkpoint}, "input": None}
            assert (await http.post(f"/threads/{thread}/runs", json=body)).status_code == 422


@pytest.mark.parametrize("twice", [b'{"metadata": {}, "metadata": {"a": 1}}', b'{"metadata": {"a": 1, "a": 2}}'])
async def test_a_name_that_is_there_twice_is_refused(service: Served, twice: bytes) -> None:
    async with service.http() as http:
        assert (await http.post("/threads", content=twice, headers=JSON)).status_code == 422


@pytest.mark.parametrize("depth", [99, 300, 1_200, 100_000])
async def test_depth_is_bounded(service: Served, depth: int) -> None:
    deep = f'{{"metadata": {{"a": {"[" * depth}{"]" * depth}}}}}'
    async with service.http() as http:
        assert (await http.post("/threads", content=deep.encode(), headers=JSON)).status_code == 422
        shallow = deep.replace("[" * depth, "[" * 90).replace("]" * depth, "]" * 90)
        assert (await http.post("/threads", content=shallow.encode(), headers=JSON)).status_code == 200
        assert len((await http.post("/threads/search", json={})).json()) == 1


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
