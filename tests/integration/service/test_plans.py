"""Plans as people and programs meet them: over HTTP, in a run, at the terminal, by a payment provider's web hook."""

from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from database import now
from models import Scripted
from service.auth.principal import Principal
from service.plans.plans import month_of, renews
from service.runs.requests import RunAsk
from tests.worlds import postgres
from tests.worlds.cli import Cli
from tests.worlds.house import FIX, OK, QUICK, repository
from tests.worlds.payments import SECRET, StripeSender
from tests.worlds.served import Served, served

ASK = {"assistant_id": "coding", "input": {"task": {"text": "do nothing", "repo": "/nowhere", "accept": "true"}}}
STRIPE = StripeSender()


def plans(folder: Path, **limits: Any) -> Path:
    """A file whose default plan has these limits."""
    path = folder / "plans.yaml"
    document = {
        "default": "free",
        "upgrade": "Ask ops@acme.example.",
        "plans": {"free": limits, "team": {"runs": 100}},
        "payments": {
            "stripe": {"secrets": [SECRET], "prices": {"price_team": "team"}, "customers": {"cus_acme": "local"}}
        },
    }
    path.write_text(yaml.safe_dump(document))
    return path


async def begun(http: httpx.AsyncClient) -> httpx.Response:
    return await http.post("/runs/wait", json=ASK)


async def test_a_run_too_many_is_refused_until_there_is_a_larger_plan(tmp_path: Path) -> None:
    renews_at = renews(month_of(now()))
    async with served(tmp_path, plans=plans(tmp_path, runs={"soft": 1, "hard": 2})) as running:
        running.gate.set()
        async with running.http(running.session) as http:
            before = (await http.get("/v1/plans")).json()
            assert before["current"]["used"]["runs"] == {
                "used": 0,
                "soft": 1,
                "hard": 2,
                "share": 0.0,
                "reached": None,
            }
            assert [plan["name"] for plan in before["items"]] == ["free", "team"]
            assert [(await begun(http)).status_code for _ in range(2)] == [200, 200]
            refused = await begun(http)
            body = refused.json()
            assert (refused.status_code, body["code"]) == (402, "plan_limit_reached")
            assert datetime.fromisoformat(body["renews_at"]) == renews_at
            assert "ops@acme.example" in body["hint"]
            # The same by every other way, as that way says it.
            chat = {"messages": [{"role": "user", "content": "do nothing"}], "repo": "/nowhere", "accept": "true"}
            said = await http.post("/v1/chat/completions", json=chat)
            assert (said.status_code, said.json()["error"]["code"]) == (402, "plan_limit_reached")
            thread = (await http.post("/threads", json={})).json()["thread_id"]
            command = {"id": 1, "method": "run.start", "params": ASK}
            protocol = (await http.post(f"/threads/{thread}/commands", json=command)).json()
            assert (protocol["type"], protocol["code"]) == ("error", "plan_limit_reached")
            given = await http.put("/v1/plans/organisations/local", json={"plan": "team"})
            assert (given.status_code, given.json()["plan"], given.json()["chosen"]) == (200, "team", "team")
            assert (await begun(http)).status_code == 200
            gone = await http.put("/v1/plans/organisations/local", json={"plan": "gone"})
            assert (gone.status_code, gone.json()["code"]) == (404, "plan_unknown")
            used = (await http.get("/v1/plans/organisations")).json()["items"]
            assert [(each["org"], each["used"]["runs"]["used"]) for each in used] == [("local", 3)]


async def test_answers_say_that_an_end_is_near(tmp_path: Path) -> None:
    async with served(tmp_path, plans=plans(tmp_path, runs={"soft": 1, "hard": 5})) as running:
        running.gate.set()
        warnings = running.context.application.plans.warnings  # pyright: ignore[reportOptionalMemberAccess]
        async with running.http() as http:
            assert "x-signoff-plan" not in (await http.get("/v1/whoami")).headers
            await begun(http)
            warnings.lines.clear()
            line = (await http.get("/v1/whoami")).headers["x-signoff-plan"]
            assert line.startswith("free; runs=1/5; renews=")
            missing = await http.delete("/v1/keys/none")
            assert missing.status_code == 404
            assert missing.headers["x-signoff-plan"] == line
            page = await http.get("/metrics")
            assert 'signoff_plan_used_ratio{limit="runs",org="local"} 0.2' in page.text


async def test_only_people_who_run_the_server_choose_plans(tmp_path: Path) -> None:
    async with served(tmp_path, plans=plans(tmp_path, runs=2)) as running:
        keys = running.context.keys
        _, other = await keys.make("other", "eve", name="eve", roles=("org_admin",), personal=True)
        _, program = await keys.make("local", "key:ci", name="ci", roles=("org_admin",))
        _, viewer = await keys.make("local", "key:eye", name="eye", roles=("viewer",))
        for key, status in ((other, 403), (program, 403), (viewer, 403)):
            async with running.http(key) as http:
                answer = await http.put("/v1/plans/organisations/other", json={"plan": "team"})
                assert answer.status_code == status, answer.text
        async with running.http(other) as http:
            assert (await http.get("/v1/plans")).json()["current"]["org"] == "other"
            assert (await http.get("/v1/plans/organisations/local")).status_code == 403
            assert (await http.get("/v1/plans/organisations")).status_code == 403


async def test_a_seat_too_many_is_refused_and_a_program_takes_none(tmp_path: Path) -> None:
    async with served(tmp_path, plans=plans(tmp_path, seats=2)) as running:
        keys, members = running.context.keys, running.context.members
        await keys.make("local", "ben", personal=True)
        await keys.make("local", "ben", personal=True)
        await keys.make("local", "key:ci", roles=("operator",))
        async with running.http("") as http:  # with a second person the login of the only one ended
            session = (await http.post("/v1/session", json={"key": running.key})).json()["token"]
        async with running.http(session) as http:
            full = await http.post("/v1/keys", json={"name": "cai", "subject": "cai", "personal": True})
        assert (full.status_code, full.json()["code"]) == (402, "plan_seats_taken")
        assert "renews_at" not in full.json()
        with pytest.raises(Exception, match="seats") as caught:
            await members.seen("local", "dan", ("viewer",), now=now())
        assert getattr(caught.value, "stable_code", "") == "plan_seats_taken"
        (bens, *_) = [key for key in await keys.list("local") if key.subject == "ben"]
        for key in await keys.list("local"):
            if key.subject == bens.subject:
                await keys.revoke(key.id, "local")
        await members.seen("local", "dan", ("viewer",), now=now())


async def test_a_tick_of_a_cron_waits_for_the_next_month(tmp_path: Path) -> None:
    async with served(tmp_path, plans=plans(tmp_path, runs=0), walks=False) as running:
        context = running.context
        principal = Principal(subject="ann", org="local", scopes=("runs:write",))
        async with running.http(running.session) as http:
            made = await http.post("/runs/crons", json={**ASK, "schedule": "0 3 * * *"})
            assert made.status_code == 200, made.text
        (cron,) = [each async for each in _crons(running)]
        await context.maintenance.tick(cron)
        (after,) = [each async for each in _crons(running)]
        assert (after.enabled, after.error) == (True, None)
        with pytest.raises(Exception, match="0 of 0 runs"):
            await context.submission.take(principal, RunAsk(**ASK), None)


async def _crons(running: Served) -> Any:
    async with running.http(running.session) as http:
        for each in (await http.post("/runs/crons/search", json={})).json():
            yield await running.context.crons.get(each["cron_id"], "local")


@pytest.mark.parametrize("on", ["sqlite", pytest.param("postgres", marks=[pytest.mark.postgres, pytest.mark.slow])])
async def test_a_run_stops_at_the_end_of_the_plan_and_goes_on_with_a_larger_one(
    tmp_path: Path, on: str, request: pytest.FixtureRequest
) -> None:
    server = await postgres.emptied(request.getfixturevalue("socket"), "service") if on == "postgres" else ""
    models = {"coder": Scripted([FIX], name="coder"), "reviewer": Scripted([OK], name="reviewer")}
    task = {"text": "Fix the total", "repo": str(repository(tmp_path / "repo")), "accept": QUICK}
    limits = plans(tmp_path, tokens=100)
    async with served(tmp_path, whole=True, models=models, server=server, plans=limits) as running:
        application = running.context.application
        async with running.http() as http:
            done = await http.post("/runs/wait", json={"assistant_id": "coding", "input": {"task": task}})
            thread = done.headers["content-location"].split("/")[2]
            run = (await http.get(f"/v1/runs/{thread}")).json()
            assert (run["status"], run["code"]) == ("paused_budget", "plan_limit_reached")
            assert "counted from zero again" in run["hint"]
            await application.plans.store.choose("local", "team", by="ann")  # pyright: ignore[reportOptionalMemberAccess]
            again = await http.post(f"/v1/runs/{thread}/resume", json={})
            assert again.status_code == 200, again.text
            await http.get(f"/threads/{thread}/runs/{again.json()['run_id']}/join")
            assert (await http.get(f"/v1/runs/{thread}")).json()["status"] == "interrupted", (
                "it waits for its signature"
            )
            used = (await http.get("/v1/plans")).json()["current"]["used"]
            reported = (await http.get("/v1/usage")).json()["total"]
        assert used["tokens"]["used"] == reported["tokens_in"] + reported["tokens_out"]
        assert used["runs"]["used"] == 1


async def test_stripes_web_hook_changes_the_plan(tmp_path: Path) -> None:
    async with served(tmp_path, plans=plans(tmp_path, runs=1)) as running, running.http("") as stranger:

        async def post(body: bytes, at: datetime) -> tuple[int, Any]:
            message = STRIPE.signed(body, at)
            answer = await stranger.post(
                "/v1/hooks/payments/stripe",
                content=message.body,
                headers={**message.headers, "content-type": "application/json; charset=utf-8"},
            )
            return answer.status_code, answer.json()

        at = now()
        assert (await post(STRIPE.subscription("evt_1", at), at))[1]["outcome"] == "applied"
        assert (await post(STRIPE.subscription("evt_1", at), at))[1]["outcome"] == "again"
        assert (await post(STRIPE.other("evt_2", at), at))[1]["outcome"] == "ignored"
        status, body = await post(STRIPE.subscription("evt_3", at, customer="cus_else", subscription="sub_2"), at)
        assert (status, body["code"]) == (404, "payment_customer_unknown")
        forged = await stranger.post("/v1/hooks/payments/stripe", content=STRIPE.subscription("evt_4", at))
        assert (forged.status_code, forged.json()["code"]) == (401, "signature_invalid")
        async with running.http(running.session) as http:
            current = (await http.get("/v1/plans")).json()["current"]
            assert (current["plan"], current["because"]) == ("team", "subscription")
            await post(STRIPE.invoice("evt_5", at, paid=False, customer="cus_acme"), at)
            audited = [line["verb"] async for line in running.context.application.audit.export("local")]
        assert [verb for verb in audited if verb.startswith(("plan", "payment"))] == [
            "payment.stripe",
            "plan.changed",
            "payment.stripe",
        ]


async def test_without_a_file_nothing_is_limited(tmp_path: Path) -> None:
    async with served(tmp_path) as running, running.http(running.session) as http:
        running.gate.set()
        off = await http.get("/v1/plans")
        assert (off.status_code, off.json()["code"]) == (409, "plans_off")
        answer = await begun(http)
        assert answer.status_code == 200
        assert "x-signoff-plan" not in answer.headers
        assert (await http.post("/v1/hooks/payments/stripe", content=b"{}")).json()["code"] == "plans_off"


@pytest.mark.slow
async def test_at_the_terminal(tmp_path: Path) -> None:
    cli = Cli(tmp_path, {"SIGNOFF_SANDBOX": "unsafe-local", "SIGNOFF_PLANS": str(plans(tmp_path, runs=3))})
    listed = (await cli.run("plans", "list", "--json")).json
    assert [(plan["name"], plan["limits"]) for plan in listed] == [
        ("free", {"runs": {"soft": 3, "hard": 3}}),
        ("team", {"runs": {"soft": 80, "hard": 100}}),
    ]
    assert (await cli.run("plans", "set", "acme", "team", "--json")).json["because"] == "administrator"
    assert "0/100" in (await cli.run("plans", "show", "--all")).out
    status = (await cli.run("status", "--json")).json["checks"]
    (check,) = [each for each in status if each["name"] == "plans"]
    assert (check["ok"], check["detail"]) == (True, "1 organisations within their plans")
    (tmp_path / "plans.yaml").write_text("default: gone\nplans: {free: {}}")
    broken = await cli.run("plans", "list", "--json")
    assert (broken.code, broken.json["error"]["code"]) == (2, "plans_invalid")
