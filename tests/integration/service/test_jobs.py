"""Jobs over HTTP: dead letters are found, looked at, and done again, by operators and nobody else."""

import asyncio

from database import now
from service.runs.executor import MOST_ATTEMPTS
from tests.worlds.engines import asked, ended, stands_before
from tests.worlds.served import Served


async def test_a_dead_letter_is_done_again(service: Served) -> None:
    context = service.context
    turn = await asked(context, "do it")
    await context.turns.update(turn.id, now=now(), attempts=MOST_ATTEMPTS)
    await context.dispatch.submit(await context.turns.get(turn.id, "local"))
    assert (await ended(context, turn)).error_code == "job_dead"
    async with service.http() as http:
        (dead,) = (await http.get("/v1/jobs", params={"state": "dead"})).json()["items"]
        assert (dead["id"], dead["code"], dead["attempts"]) == (turn.id, "job_dead", MOST_ATTEMPTS)
        assert (await http.get(f"/v1/jobs/{turn.id[:8]}")).json() == dead
        assert (await http.post(f"/v1/jobs/{turn.id}/retry")).status_code == 202
        assert (await ended(context, turn)).status == "success"
        assert (await http.get("/v1/jobs", params={"state": "dead"})).json()["items"] == []
        again = await http.post(f"/v1/jobs/{turn.id}/retry")
        assert (again.status_code, again.json()["code"]) == (409, "job_state")
    assert service.deliveries == [turn.thread]


async def test_a_job_is_stopped(service: Served) -> None:
    turn = await asked(service.context, "slow")
    await service.context.dispatch.submit(turn)
    await stands_before(service.context, turn.thread, "execute")
    async with service.http() as http:
        assert (await http.post(f"/v1/jobs/{turn.id}/cancel")).json()["state"] == "stopped"
        assert (await http.post(f"/v1/jobs/{turn.id}/cancel")).json()["code"] == "job_state"
        assert (await http.get("/v1/jobs/nothing")).json()["code"] == "job_not_found"


async def test_jobs_are_for_operators_of_their_organisation(service: Served) -> None:
    keys, turn = service.context.keys, await asked(service.context, "do it")
    _, viewer = await keys.make("local", "vic", name="v", roles=("viewer",), personal=False)
    _, other = await keys.make("elsewhere", "olga", name="o", roles=("operator",), personal=False)
    async with service.http(viewer) as http:
        said = await asyncio.gather(http.get("/v1/jobs"), http.post(f"/v1/jobs/{turn.id}/retry"))
        assert [each.json()["code"] for each in said] == ["scope_missing"] * 2
    async with service.http(other) as http:
        assert (await http.get("/v1/jobs")).json()["items"] == []
        assert (await http.get(f"/v1/jobs/{turn.id}")).status_code == 404
