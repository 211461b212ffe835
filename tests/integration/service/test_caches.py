"""Caches: their lifetimes are settings, they are bounded, emptied, and tended by the maintenance loop."""

from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import func, select

from database import fetch_one, now, writing
from domain import Refused, Unavailable
from models import Database
from models.wrappers import StoredAnswers
from service.auth.api_keys import KEYS
from service.settings import Settings
from service.wiring.application import Application
from service.wiring.caches import KINDS, Caches
from service.wiring.models import lifetimes_of
from service.wiring.readings import read_database
from service.wiring.server import keys_of
from tests.wire.test_embedding import Embeds
from tests.worlds.house import application


async def test_answers_and_plans_are_counted_emptied_and_bounded(tmp_path: Path) -> None:
    async with application(tmp_path, cache_answers_most=3) as opened:
        caches = Caches(application=opened)
        answers = StoredAnswers(database=Database(engine=opened.engine.runs.engine, writing=writing))
        await answers.put("dialect", "tools", for_s=365 * 86_400)  # of a probe: no answer
        for number in range(5):
            await answers.put(f"a{number}", "{}", for_s=60 + number)
        await answers.put("p", "{}", for_s=600, group="g", words="Fix the total")
        entries = {report.kind: report.entries for report in await caches.report()}
        assert set(entries) == set(KINDS)
        assert (entries["answers"], entries["plans"]) == (5, 1)
        await caches.tend()
        assert [await answers.get(key) for key in ("dialect", "p", "a4", "a3")] == ["tools", "{}", "{}", None]
        assert await caches.clear("answers") == 1
        assert await answers.get("dialect") == "tools"
        assert await caches.clear("plans") == 1
        with pytest.raises(Refused) as refused:
            await caches.clear("cookies")
        assert refused.value.stable_code == "option_invalid"


async def test_vectors_of_plans_are_rebuilt_when_they_are_due(tmp_path: Path) -> None:
    clock = [now()]
    async with Embeds(models=["m", "e"]) as server:
        settings = {"model_base_url": server.base_url, "model": "m", "model_cache": "similar", "model_embedding": "e"}
        async with application(tmp_path, clock=lambda: clock[0], **settings) as opened:
            caches = Caches(application=opened)
            answers = StoredAnswers(database=Database(engine=opened.engine.runs.engine, writing=writing))
            await answers.put("p", "{}", for_s=86_400 * 30, group="g", words="Fix the total")
            await caches.tend()
            assert {report.kind: report.entries for report in await caches.report()}["embeddings"] == 1
            asked = len(server.requests)
            await caches.tend()
            assert len(server.requests) == asked, "not due"
            clock[0] += timedelta(hours=25)
            await caches.tend()
            assert server.requests[-1].body["input"] == ["Fix the total"]
            assert len(server.requests) == asked + 1


async def test_an_endpoint_that_is_away_stops_no_round(tmp_path: Path) -> None:
    settings = {"model_base_url": "http://127.0.0.1:1", "model": "m", "model_cache": "similar", "model_embedding": "e"}
    async with application(tmp_path, **settings) as opened:
        answers = StoredAnswers(database=Database(engine=opened.engine.runs.engine, writing=writing))
        await answers.put("p", "{}", for_s=600, group="g", words="Fix the total")
        await Caches(application=opened).tend()


@dataclass
class FullStore:
    """Environments beyond what is allowed, on an engine that may be away."""

    evicted: int = 0
    is_away: bool = False

    async def evict(self) -> tuple[str, ...]:
        self.evicted += 1
        return ("old",)

    async def count(self) -> int:
        if self.is_away:
            raise Unavailable("The engine does not answer.")
        return 1


def storing(opened: Application, environments: FullStore) -> Application:
    """The same house with these environments."""
    receive = opened.nodes.receive
    set_up = replace(receive.set_up, environments=cast("Any", environments))
    return replace(opened, nodes=replace(opened.nodes, receive=replace(receive, set_up=set_up)))


async def test_an_endpoint_that_is_away_keeps_no_environment_on_the_disk(tmp_path: Path) -> None:
    settings = {"model_base_url": "http://127.0.0.1:1", "model": "m", "model_cache": "similar", "model_embedding": "e"}
    async with application(tmp_path, **settings) as opened:
        answers = StoredAnswers(database=Database(engine=opened.engine.runs.engine, writing=writing))
        await answers.put("p", "{}", for_s=600, group="g", words="Fix the total")
        environments = FullStore()
        await Caches(application=storing(opened, environments)).tend()
        assert environments.evicted == 1


async def test_the_list_is_there_without_an_engine_that_answers(tmp_path: Path) -> None:
    async with application(tmp_path) as opened:
        reports = await Caches(application=storing(opened, FullStore(is_away=True))).report()
        assert {report.kind: report.entries for report in reports}["environments"] is None


async def test_the_page_counts_what_the_list_counts(tmp_path: Path) -> None:
    async with application(tmp_path) as opened:
        answers = StoredAnswers(database=Database(engine=opened.engine.runs.engine, writing=writing))
        await answers.put("dialect", "tools", for_s=365 * 86_400)  # of a probe: no answer
        await answers.put("a", "{}", for_s=60)
        read = await read_database(opened.engine.runs.engine, now())
        entries = {each.labels["cache"]: each.amount for each in read.readings if each.name == "signoff_cache_entries"}
        assert entries == {"answers": 1, "plans": 0}


async def test_a_session_lives_as_long_as_the_setting_says_and_all_can_be_ended(tmp_path: Path) -> None:
    async with application(tmp_path, session_hours=2) as opened:
        keys = keys_of(opened)
        key, _ = await keys.make("local", "ann", name="laptop", roles=("operator",), personal=True)
        session, _ = await keys.log_in(key, roles=())
        assert session.expires_at is not None
        assert abs(session.expires_at - now() - timedelta(hours=2)) < timedelta(minutes=1)
        assert await Caches(application=opened).clear("sessions") == 1
        left = await fetch_one(opened.engine.runs.engine, select(func.count()).select_from(KEYS), {})
        assert left == 1, "the key stays"


def test_lifetimes_are_those_of_the_settings() -> None:
    settings = Settings(cache_answers_minutes=5, cache_plans_minutes=90, model_cache="similar")
    assert lifetimes_of(settings) == {"planner": 5_400, "coder": 300, "reviewer": 300}
    exact = settings.model_copy(update={"model_cache": "exact"})
    assert lifetimes_of(exact)["planner"] == 300
