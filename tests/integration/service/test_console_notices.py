"""How a person is told of what went ahead by policy: by the channels that they chose, and in a browser."""

import json
from contextlib import aclosing
from pathlib import Path
from typing import Any

from approvals import Request
from approvals.storage import StoredOutbox, forget
from database import now, writing
from domain import Action, Reason, Requirement, Risk
from tests.integration.service.test_console import person
from tests.worlds.console import Console, at_the_console, text_of
from tests.worlds.served import Served, served

SECRET = "whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"  # noqa: S105
CHANNELS = f"""
notify:
  endpoints:
    - {{name: chat, kind: slack, url: "https://chat.example/x", secrets: ["{SECRET}"]}}
    - {{name: theirs, url: "https://other.example/", orgs: [other], secrets: ["{SECRET}"]}}
"""


async def went_ahead(service: Served, step: str, requester: str = "ann", org: str = "local") -> Any:
    """A medium action, which the policy lets go ahead and is told of."""
    request = Request(
        run="r",
        step=step,
        org=org,
        action=Action(tool="shell", arguments={"commands": ["pip install x"]}, target="/nowhere"),
        risk=Risk(tier="medium", reasons=(Reason(rule="demo", tier="medium", message="because"),)),
        requirement=Requirement(tier="medium", humans=0, notify=True),
        requester=requester,
    )
    return await service.context.application.ballots.open(request)


async def letters(service: Served) -> list[str]:
    listed = await StoredOutbox(engine=service.context.database, clock=now).list("local")
    return [each.endpoint for each in listed]


async def test_a_channel_tells_of_medium_actions_where_a_person_chose_it(tmp_path: Path) -> None:
    file = tmp_path / "connections.yaml"
    file.write_text(CHANNELS)
    async with served(tmp_path, connections=file) as service:
        console = await at_the_console(service)
        await went_ahead(service, "1")
        assert await letters(service) == []  # as the operator has it
        page = text_of(await console.see("/me"))
        assert "chat (slack)" in page
        assert "theirs" not in page
        await console.send("/me", "/me", do="notices", whose=["", "own"])
        assert '<option value="own" selected' in await console.see("/me")
        await went_ahead(service, "2")
        await went_ahead(service, "3", requester="bob")
        assert await letters(service) == ["chat"]
        await console.send("/me", "/me", do="notices", whose=["", "all"])
        await went_ahead(service, "4", requester="bob")
        assert await letters(service) == ["chat", "chat"]
        # What somebody chose in another organisation is theirs, and no channel of one is another's.
        await went_ahead(service, "5", requester="ann", org="other")
        await console.send("/me", "/me", do="notices", whose=["", ""])
        await went_ahead(service, "6")
        assert await letters(service) == ["chat", "chat"]
        page = await console.see("/me")
        token = [("csrf", page.split('name="csrf" value="')[1].split('"')[0])]
        await console.post("/me", token, 422, do="notices", channel="theirs", whose="all")
        await console.post("/me", token, 422, do="notices", channel="chat", whose="weekly")


async def heard(console: Console, count: int, last: str = "") -> list[tuple[str, dict[str, str]]]:
    """So many notices from the stream, each with its place."""
    told: list[tuple[str, dict[str, str]]] = []
    headers = {"last-event-id": last} if last else {}
    async with console.http.stream("GET", "/console/notices", headers=headers) as answer:
        assert answer.status_code == 200
        place = ""
        async with aclosing(answer.aiter_lines()) as lines:
            async for line in lines:
                place = line.removeprefix("id: ") if line.startswith("id: ") else place
                if line.startswith("data: "):
                    told.append((place, json.loads(line.removeprefix("data: "))))
                if len(told) == count:
                    return told
    return told


async def test_a_browser_hears_what_its_person_chose_and_misses_nothing_in_between(service: Served) -> None:
    console = await at_the_console(service)
    assert (await console.http.get("/console/notices")).status_code == 204
    await console.send("/me", "/me", do="notices", whose=["own"])
    place = str(int(now().timestamp() * 1_000_000))
    first = await went_ahead(service, "1")
    await went_ahead(service, "2", requester="bob")
    await went_ahead(service, "3", org="other")
    second = await went_ahead(service, "4")
    told = await heard(console, 2, place)
    assert [each["tag"] for _, each in told] == [first.id, second.id]
    assert told[0][1]["title"] == "A medium action went ahead by policy"
    assert "pip install" not in json.dumps(told)
    assert first.id[:8] in text_of(await console.see(told[0][1]["url"].removeprefix("/console")))
    third = await went_ahead(service, "5")
    assert third.id in [each["tag"] for _, each in await heard(console, 1, str(int(told[-1][0]) + 1))]
    # A place that is none is now.
    for odd in ("-1", "9" * 40, "x"):
        async with console.http.stream("GET", "/console/notices", headers={"last-event-id": odd}) as answer:
            assert answer.status_code == 200


async def test_who_is_erased_is_told_no_more(service: Served) -> None:
    bob = await at_the_console(service, await person(service, "bob", "viewer"))
    await bob.send("/me", "/me", do="notices", whose=["all"])
    async with writing(service.context.database) as conn:
        await forget(conn, "local", "bob", "person-1")
    assert (await bob.http.get("/console/notices")).status_code == 204
