"""Runs in the console: started, followed live and over a restart, spoken to, stopped, forked, filtered and compared."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import httpx

from database import now
from domain import Task
from models import Scripted
from service.console.timeline import Timeline
from service.runs.event_log import TurnEvents, as_json
from service.runs.runs import Run
from service.runs.turns import Turn
from tests.worlds.asking import paused
from tests.worlds.console import Console, at_the_console, text_of
from tests.worlds.house import FIX, OK, QUICK, repository
from tests.worlds.served import Served, served


def run_in(answer: httpx.Response) -> str:
    return answer.headers["location"].split("/")[3].split("?")[0]


async def started(console: Console, text: str, **task: Any) -> str:
    return run_in(await console.send("/start", "/start", text=text, **{"repo": "/nowhere", "accept": "true", **task}))


async def rests(service: Served, run: str) -> None:
    async with asyncio.timeout(60):
        while await service.context.turns.unfinished(run):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@asynccontextmanager
async def heard(console: Console, run: str, after: str = "0-0") -> AsyncGenerator[Any]:
    """The events of a run's stream as (id, name, data)."""
    url = f"/console/runs/{run}/events"
    async with console.http.stream("GET", url, params={"after": after}) as answer:
        assert answer.status_code == 200

        async def events() -> AsyncGenerator[tuple[str, str, str]]:
            fields: dict[str, str] = {}
            async for line in answer.aiter_lines():
                name, _, rest = line.partition(": ")
                if not line and "event" in fields:
                    yield fields.get("id", ""), fields["event"], fields.get("data", "")
                    fields = {}
                elif name:
                    fields[name] = f"{fields[name]}\n{rest}" if name in fields else rest

        async with aclosing(events()) as each:
            yield each


async def test_a_run_is_started_followed_signed_and_goes_on_in_the_same_timeline(service: Served) -> None:
    console = await at_the_console(service)
    run = await started(console, "sign it")
    await rests(service, run)
    page = await console.see(f"/runs/{run}")
    assert 'data-machine="approve" aria-current="step"' in page
    assert "It waits for a signature" in text_of(page)
    after = page.split('data-after="')[1].split('"')[0]
    item = (await service.context.application.ballots.list("local", state="pending")).items[0]
    async with heard(console, run, after) as events:
        await console.send(f"/approvals/{item.id}", f"/approvals/{item.id}", do="approve")
        kinds = list[str]()
        async for _, name, data in events:
            kinds.append(text_of(data)[9:])
            if name == "entry" and "turn ends" in data:
                break
    # The turn that an approval wakes is recorded as the one before it was.
    assert any("→ deliver" in kind for kind in kinds), kinds
    assert "delivered" in text_of(await console.see(f"/runs/{run}"))


async def test_who_comes_back_hears_nothing_twice_and_misses_nothing(tmp_path: Path) -> None:
    async with served(tmp_path) as service:
        console = await at_the_console(service)
        run = await started(console, "sign it")
        await rests(service, run)
        async with heard(console, run) as events:
            whole = list[str]()
            async for id_, name, data in events:
                whole += [id_] if name == "entry" else []
                if "turn ends" in data:
                    break
        assert len(set(whole)) == len(whole) > 5
    # Another process, and every place in it from which somebody may come back.
    async with served(tmp_path) as service:
        console = await at_the_console(service)
        for place, last in enumerate(whole[:-1]):
            async with heard(console, run, last) as events:
                rest = list[str]()
                async for id_, name, _ in events:
                    rest += [id_] if name == "entry" else []
                    if id_ == whole[-1]:
                        break
            assert rest == whole[place + 1 :]


async def logged(service: Served, count: int, words: str = "") -> str:
    """A run with this many events in its log."""
    engine = service.context.application.engine
    run = await engine.create(Task(text="do nothing", repo="/nowhere", accept="true", requester="ann"))
    await service.context.threads.get(run.id, "local")
    moment = now()
    turn = Turn(
        id=f"t-{run.id}",
        thread=run.id,
        org="local",
        assistant="coding",
        status="success",
        asked={"modes": ["custom", "values"]},
        created_at=moment,
        updated_at=moment,
    )
    await service.context.turns.add(turn)
    log = TurnEvents(engine=service.context.database)
    for first in range(0, count, 1_000):
        events = [
            (
                "custom",
                as_json(
                    {
                        "kind": "coder_turn",
                        "message": f"said {n}{words}",
                        "at_ms": 1e12,
                        "data": {
                            "step": f"s{words}",
                            "number": n,
                            "action": "run",
                            "subject": f"make {n}{words}",
                            "ok": True,
                        },
                    }
                ),
            )
            for n in range(first, min(count, first + 1_000))
        ]
        await log.append(turn.id, [*events, ("values", b'{"kind": "no"}')], at=moment)
    return run.id


async def test_a_run_of_5000_events_opens_with_the_newest_and_has_the_others_on_request(service: Served) -> None:
    console, run = await at_the_console(service), await logged(service, 5_000)
    page = await console.see(f"/runs/{run}")
    assert "make 4999" in page
    assert "make 4700<" not in page
    assert len(page) < 200_000
    timeline = Timeline(at=service.context, thread=run, org="local")
    seen, before = list[str](), ""
    while True:
        entries, more = await timeline.newest(before)
        seen = [each.place for each in entries] + seen
        if not more:
            break
        before = entries[0].place
    # Every event, and where the turn began and ended, once and in order.
    assert len(seen) == len(set(seen)) == 5_002
    earlier = await console.see(f"/runs/{run}/earlier", before=seen[-202])
    assert "make 4790<" in earlier


async def test_words_comments_stop_resume_fork(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo")
    models = {"coder": Scripted([FIX, FIX], name="coder"), "reviewer": Scripted([OK, OK], name="reviewer")}
    async with served(tmp_path, whole=True, models=models, coder_dialect="single") as service:
        console = await at_the_console(service)
        run = await started(console, "Fix the total", repo=str(repo), accept=QUICK)
        await rests(service, run)
        page = await console.see(f"/runs/{run}")
        assert "shop/prices.py" in page
        assert "red first" in text_of(page)
        split = text_of(await console.see(f"/runs/{run}", view="split"))
        assert "return sum(prices[1:])" in split
        patch = await console.http.get(f"/console/runs/{run}/patch")
        assert patch.text.startswith("diff --git a/shop/prices.py")
        assert "attachment" in patch.headers["content-disposition"]
        # While it waits for a signature, words on the page of the run are those of a rejection.
        item = (await service.context.application.ballots.list("local", state="pending")).items[0]
        await console.send(
            f"/runs/{run}",
            f"/approvals/{item.id}",
            do="reject",
            comment="Differently.",
            path="shop/prices.py",
            line="3",
            words="Use math.fsum.",
        )
        feedback = (await service.context.application.ballots.get(item.id, "local")).feedback
        assert "On shop/prices.py, line 3:\n>     return sum(prices)\nUse math.fsum." in feedback
        await rests(service, run)
        forked = await console.send(f"/runs/{run}", f"/runs/{run}", do="fork", step=1)
        assert run_in(forked) != run
        await rests(service, run_in(forked))
        assert f"forked from {run[:8]}" in text_of(await console.see(f"/runs/{run_in(forked)}"))
        await console.send(f"/runs/{run}", f"/runs/{run}", 404, do="fork", step=99)
        compared = text_of(await console.see(f"/compare?run={run}&run={run_in(forked)}"))
        assert run[:8] in compared
        assert run_in(forked)[:8] in compared
        await console.see(f"/compare?run={run}", 422)


async def test_a_run_that_works_is_stopped_and_goes_on(service: Served) -> None:
    console = await at_the_console(service)
    run = await started(console, "slow nothing")
    async with heard(console, run) as events:
        async for _, _, data in events:
            if "→ execute" in data:
                break
    await console.send(f"/runs/{run}", f"/runs/{run}", do="stop")
    await rests(service, run)
    service.gate.set()
    await console.send(f"/runs/{run}", f"/runs/{run}", do="resume", max_steps="300")
    await rests(service, run)
    assert (await service.context.run_of(run, "local")).status == "delivered"
    assert (await service.context.run_of(run, "local")).task.budget.max_steps == 300
    await console.send(f"/runs/{run}", f"/runs/{run}", do="say", wish="do nothing else")
    await rests(service, run)
    await console.send(f"/runs/{run}", f"/runs/{run}", 422, do="say", wish=" ")


async def test_the_plan_is_drawn_and_said_in_words(service: Served) -> None:
    console = await at_the_console(service)
    run = await started(console, "do nothing, forked")
    await rests(service, run)
    page = await console.see(f"/runs/{run}")
    drawn = page[page.index("<svg") : page.index("</svg>") + len("</svg>")]
    picture = ET.fromstring(drawn)  # noqa: S314  it is ours
    assert len(picture.findall(".//rect")) == 4
    # That tests come behind the model follows from the others.
    assert len([each for each in picture.iter("path") if "need" in each.get("class", "")]) == 4
    said = text_of(page[page.index('<ol class="plan">') :])
    assert "tests Tests for both not done after model, api, docs" in said
    assert "Write <b>the" not in page
    assert "<svg" not in await console.see(f"/runs/{await started(console, 'do nothing')}/standing")


async def test_what_waits_is_stopped_for_good(service: Served) -> None:
    thread, _ = await paused(service)
    console = await at_the_console(service)
    await console.send(f"/runs/{thread}", f"/runs/{thread}", do="kill")
    assert (await service.context.run_of(thread, "local")).status == "cancelled"


async def test_a_form_that_cannot_be_a_task_keeps_what_was_written(service: Served) -> None:
    console = await at_the_console(service)
    again = await console.send("/start", "/start", 422, text="Do this", repo="")
    assert "Do this" in again.text
    again = await console.send("/start", "/start", 422, text="Do this", repo="/x", deliver="rocket")
    assert "task_invalid" in again.text


async def test_ten_thousand_runs_are_paged_and_filtered(service: Served) -> None:
    runs, moment = service.context.application.engine.runs, now()
    task = Task(text="do nothing", repo="/nowhere", accept="true", requester="ann")
    async with runs.engine.begin() as conn:
        for n in range(120):
            # Two at each moment: the id decides then.
            at = moment - timedelta(seconds=n // 2)
            own = Task(text="find 100%_me", repo="/nowhere", requester="bob") if n == 77 else task
            await runs.add(
                Run(
                    id=f"run-{n:05}",
                    org="local",
                    requester=own.requester,
                    status="failed" if n % 2 else "delivered",
                    task=own,
                    created_at=at,
                    updated_at=at,
                ),
                conn=conn,
            )
    console, seen, address = await at_the_console(service), list[str](), "/runs"
    while address:
        html = await console.see(address)
        seen += [part.split('"')[0] for part in html.split('href="/console/runs/')[1:]]
        following = html.split('href="/console/runs?')
        address = f"/runs?{following[1].split(chr(34))[0].replace('&amp;', '&')}" if len(following) > 1 else ""
    assert len(seen) == len(set(seen)) == 120
    assert seen.count("run-00077") == 1
    assert "run-00077" in await console.see("/runs", words="100%_me")
    assert "run-00001" not in await console.see("/runs", words="100%_me")
    assert "run-00077" in await console.see("/runs", requester="bob")
    assert "run-00000" not in await console.see("/runs", status="failed")
    await console.see("/runs", 422, status="odd")


async def test_another_organisations_run_is_not_there(service: Served) -> None:
    thread, _ = await paused(service)
    key, _ = await service.context.keys.make("other", "eve", roles=("operator",), personal=True)
    _, session = await service.context.keys.log_in(key, roles=())
    eve = await at_the_console(service, session)
    for path in (
        "",
        "/standing",
        "/outcome",
        "/actions",
        "/events",
        "/patch",
        "/earlier?before=1-1",
        "/diff?file=0",
        "/turns/s/1",
    ):
        await eve.see(f"/runs/{thread}{path}", 404)
    assert thread not in await eve.see("/runs")
