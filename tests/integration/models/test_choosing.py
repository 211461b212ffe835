"""Who is really asked in a run: strategies, settings, policy, budget and what endpoints do decide it."""

from pathlib import Path
from typing import Any

import pytest

from tests.integration.models.choosing import asked, catalogue, delivered, opened, saying
from tests.wire.openai_server import OpenAIServer
from tests.worlds.house import BUGGY, repository

pytestmark = pytest.mark.slow
QWEN = "Qwen/Qwen2.5-Coder-"
SERVED = (f"{QWEN}1.5B-Instruct", f"{QWEN}7B-Instruct", f"{QWEN}32B-Instruct", "Qwen/Qwen3-Coder-30B-A3B-Instruct")
FAST, BALANCED, ADVANCED, PREMIUM = SERVED
WRONG = {"files_to_update": [{"path": "shop/prices.py", "search": "prices[1:]", "replace": "prices[2:]"}]}


@pytest.mark.parametrize(
    ("strategy", "planner", "coder", "reviewer"),
    [
        ("balanced", BALANCED, ADVANCED, BALANCED),
        ("fast", None, FAST, None),
        ("low_ram", FAST, FAST, FAST),
        ("single", None, BALANCED, None),
        ("auto", BALANCED, BALANCED, BALANCED),
        ("custom", FAST, FAST, FAST),
    ],
)
async def test_a_strategy_decides_who_is_asked(tmp_path: Path, strategy: str, planner: str, coder: str, reviewer: str):
    async with (
        OpenAIServer(saying(), models=SERVED) as server,
        opened(tmp_path, model_base_url=server.base_url) as application,
    ):
        standing = await delivered(application, tmp_path, strategy=strategy)
        assert standing.run.status == "interrupted", standing.run.ending
        expected = {"planner": [planner], "coder": [coder], "reviewer": [reviewer]}
        found = await asked(application, standing.run.id)
        assert found == {role: names for role, names in expected.items() if names != [None]}
        rows = await application.decisions.latest(application.org, run=standing.run.id)
        assert all(row.reason and row.candidates and row.outcome == "answered" and row.user == "ann" for row in rows)
        assert all(row.tokens_in > 0 and row.cost > 0 and row.latency_ms > 0 for row in rows)


async def test_quality_asks_the_best_and_the_repair_engine_where_its_change_fails(tmp_path: Path) -> None:
    for name, change, expected in (("right", None, [PREMIUM]), ("wrong", WRONG, [PREMIUM, "builtin-repair"])):
        async with (
            OpenAIServer(saying(change=change), models=SERVED) as server,
            opened(tmp_path / name, model_base_url=server.base_url, coder_dialect="single") as application,
        ):
            standing = await delivered(application, tmp_path / name, strategy="quality", accept=None)
            found = await asked(application, standing.run.id)
        assert (found["planner"], sorted(found["coder"])) == ([PREMIUM], sorted(expected))


async def test_a_strategy_of_ones_own_names_models(tmp_path: Path) -> None:
    mine = catalogue(
        tmp_path,
        strategies={
            "night": {
                "tasks": {"analyze": {"tier": "premium"}, "fix": {"model": FAST}, "validate": {"tier": "advanced"}}
            }
        },
    )
    async with (
        OpenAIServer(saying(), models=SERVED) as server,
        opened(tmp_path, model_base_url=server.base_url, catalogue=mine) as application,
    ):
        standing = await delivered(application, tmp_path, strategy="night")
        found = await asked(application, standing.run.id)
    assert found == {"planner": [PREMIUM], "coder": [FAST], "reviewer": [ADVANCED]}


async def test_one_setting_overrides_everything(tmp_path: Path) -> None:
    async with (
        OpenAIServer(saying(), models=SERVED) as server,
        opened(tmp_path, model_base_url=server.base_url, model=FAST) as application,
    ):
        standing = await delivered(application, tmp_path, strategy="quality", accept=None)
        found = await asked(application, standing.run.id)
        rows = await application.decisions.latest(application.org, run=standing.run.id)
    assert {name for names in found.values() for name in names} == {FAST}
    assert any("one model is set for everything" in row.reason for row in rows)


async def test_models_of_the_catalogue_need_no_setting(tmp_path: Path) -> None:
    async with (
        OpenAIServer(saying(), models=["mine"], api_key="k-1") as one,
        OpenAIServer(saying(), models=["base", "base-python"]) as two,
    ):
        mine = catalogue(
            tmp_path,
            models=[
                {"id": "mine", "endpoint": one.base_url, "key": "cloud", "tier": "balanced", "roles": ["planner"]},
                {
                    "id": "base",
                    "endpoint": two.base_url,
                    "tier": "advanced",
                    "roles": ["coder", "reviewer"],
                    "lora": {"code_python": "base-python"},
                },
            ],
        )
        async with opened(tmp_path, catalogue=mine, model_keys={"cloud": "k-1"}) as application:
            standing = await delivered(application, tmp_path)
            assert standing.run.status == "interrupted", standing.run.ending
            found = await asked(application, standing.run.id)
    # An expert with an adapter is asked by the adapter's name (B20).
    assert found == {"planner": ["mine"], "coder": ["base-python"], "reviewer": ["base-python"]}
    assert {request.key for request in two.asked} == {"none"}, "a key goes only where it belongs"


async def test_a_dead_endpoint_is_passed_over_and_said(tmp_path: Path) -> None:
    async with OpenAIServer() as gone:
        pass
    async with OpenAIServer(saying(), models=["alive"]) as server:
        mine = catalogue(
            tmp_path,
            models=[
                {"id": "dead", "endpoint": gone.base_url, "tier": "advanced"},
                {"id": "alive", "endpoint": server.base_url, "tier": "fast"},
            ],
        )
        async with opened(tmp_path, catalogue=mine) as application:
            standing = await delivered(application, tmp_path)
            assert standing.run.status == "interrupted", standing.run.ending
            rows = [
                row
                for row in await application.decisions.latest(application.org, run=standing.run.id)
                if row.role == "coder"
            ]
    assert [(row.choice, row.outcome) for row in reversed(rows)] == [("dead", "llm_unavailable"), ("alive", "answered")]
    assert "dead did not answer" in rows[0].reason


def workspace(folder: Path, policy: str) -> Path:
    return repository(folder / "repo", {**BUGGY, ".signoff/policy.yaml": policy})


@pytest.mark.parametrize(
    ("policy", "code", "said"),
    [
        ("allowed: []\n", "policy_forbids_all", "nobody"),
        ("allowed: [openai]\n", "policy_forbids_all", "nobody"),
        ("allowd: [vllm]\n", "workspace_policy_invalid", ".signoff/policy.yaml:1:"),
        ("quotas:\n  vllm: {rpm: fast}\n", "workspace_policy_invalid", ".signoff/policy.yaml:2:"),
        ("[1\n", "workspace_policy_invalid", ".signoff/policy.yaml:"),
        ("allowed: [vllm]\nquotas: {vllm: {daily_calls: 0}}\n", "quota_reached", "0 times a day"),
    ],
)
async def test_a_policy_that_leaves_nobody_is_said_with_its_code(tmp_path: Path, policy: str, code: str, said: str):
    workspace(tmp_path, policy)
    async with (
        OpenAIServer(saying(), models=["m"]) as server,
        opened(tmp_path, model_base_url=server.base_url, model="m") as application,
    ):
        standing = await delivered(application, tmp_path)
        assert standing.run.ending is not None
        assert standing.run.ending.code == code, standing.run.ending
        assert said in standing.run.ending.message
        assert standing.run.ending.hint
    assert server.asked == [], "nothing was sent"


async def test_only_the_repair_engine_is_allowed(tmp_path: Path) -> None:
    workspace(tmp_path, "allowed: [repair]\n")
    async with (
        OpenAIServer(saying(), models=["m"]) as server,
        opened(tmp_path, model_base_url=server.base_url, model="m") as application,
    ):
        standing = await delivered(application, tmp_path, accept="python3 -m pytest -q tests")
        assert standing.run.status == "interrupted", "planned and reviewed without a model"
        (row,) = [
            r for r in await application.decisions.latest(application.org, run=standing.run.id) if r.role == "coder"
        ]
        assert (row.choice, row.outcome) == ("builtin-repair", "answered")
    assert server.asked == []


async def test_a_setting_that_names_model_and_endpoint_beats_the_catalogue(tmp_path: Path) -> None:
    async with OpenAIServer(saying(), models=["m"]) as theirs, OpenAIServer(saying(), models=["m"]) as server:
        mine = catalogue(tmp_path, models=[{"id": "m", "endpoint": theirs.base_url}])
        async with opened(tmp_path, catalogue=mine, model="m", model_base_url=server.base_url) as application:
            await delivered(application, tmp_path)
        assert (len(theirs.asked), len(server.asked)) == (0, 3)
        async with opened(tmp_path / "again", catalogue=mine, model="m") as application:
            await delivered(application, tmp_path)
        assert (len(theirs.asked), len(server.asked)) == (3, 3)


async def test_quotas_of_the_workspace_end_a_run_and_are_said(tmp_path: Path) -> None:
    workspace(tmp_path, "allowed: [vllm]\nquotas: {vllm: {daily_calls: 2}}\n")
    async with (
        OpenAIServer(saying(), models=["m"]) as server,
        opened(tmp_path, model_base_url=server.base_url, model="m") as application,
    ):
        standing = await delivered(application, tmp_path)
        assert standing.run.ending is not None
        assert standing.run.ending.code == "quota_reached"
        found = await asked(application, standing.run.id)
    assert found == {"planner": ["m"], "coder": ["m"], "reviewer": ["m"]}


@pytest.mark.parametrize(
    ("budget", "sent"), [({"max_cost": 0}, 0), ({"max_tokens": 0}, 0), ({"max_cost": "0.000001"}, 0)]
)
async def test_a_budget_of_nothing_sends_nothing(tmp_path: Path, budget: dict[str, Any], sent: int) -> None:
    """A model without a price costs as much as the dearest one of the catalogue."""
    async with (
        OpenAIServer(saying(), models=["nobody-knows"]) as server,
        opened(tmp_path, model_base_url=server.base_url) as application,
    ):
        standing = await delivered(application, tmp_path, budget=budget)
        assert standing.run.status == "paused_budget"
        assert standing.run.ending is not None
        assert standing.run.ending.code == "budget_spent"
        assert "signoff resume" in standing.run.ending.hint
    assert server.asked == []


async def test_two_coders_at_two_endpoints_with_the_same_name(tmp_path: Path) -> None:
    """A role's own endpoint comes first; the common one is asked when it does not answer."""
    async with (
        OpenAIServer([{"status": 500, "repeat": True}], models=["m"]) as own,
        OpenAIServer(saying(), models=["m"]) as server,
        opened(tmp_path, model_base_url=server.base_url, model="m", model_coder_base_url=own.base_url) as application,
    ):
        standing = await delivered(application, tmp_path)
        assert standing.run.status == "interrupted", standing.run.ending
    assert own.asked
    assert len(server.asked) == 3
