"""The same numbers on the command line, over HTTP and as events for a meter."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from models.wrappers import RoutingDecision
from tests.integration.models.choosing import LONG, saying
from tests.wire.openai_server import OpenAIServer
from tests.worlds.cli import Cli
from tests.worlds.house import BUGGY, QUICK, repository
from tests.worlds.served import served

NOW = datetime.now(UTC)
ROWS = [
    RoutingDecision(
        at=NOW - timedelta(days=n),
        org=org,
        run=f"r{n}",
        user=user,
        role="coder",
        choice=choice,
        tokens_in=1_000,
        tokens_out=100,
        cost=Decimal("0.0001"),
        outcome=outcome,
    )
    for n, (org, user, choice, outcome) in enumerate(
        [
            ("local", "ann", "small", "answered"),
            ("local", "bob", "small", "cached"),
            ("local", "ann", "=large", "answered"),
            ("acme", "eve", "small", "answered"),
        ]
    )
]


async def test_over_http_one_sees_ones_own_organisation(tmp_path: Path) -> None:
    async with served(tmp_path) as running:
        application = running.context.application
        for row in ROWS:
            await application.decisions.record(row)
        async with running.http() as http:
            told = (await http.get("/v1/usage")).raise_for_status().json()
            assert [(row["name"], row["calls"]) for row in told["rows"]] == [("small", 2), ("=large", 1)]
            assert told["total"]["cost"] == "0.0003"
            premium = application.catalogue.premium
            expected = (premium.per_1k_in * 3_000 + premium.per_1k_out * 300) / 1_000 - Decimal("0.0003")
            assert Decimal(told["total"]["saved"]) == expected
            by_user = (await http.get("/v1/usage", params={"by": "user"})).raise_for_status().json()
            assert [row["name"] for row in by_user["rows"]] == ["ann", "bob"]
            late = (await http.get("/v1/usage", params={"since": "36h"})).raise_for_status().json()
            assert late["total"]["calls"] == 2
            text = (await http.get("/v1/usage", params={"format": "csv"})).raise_for_status().text
            assert [row["name"] for row in csv.DictReader(io.StringIO(text))] == ["small", "'=large"]
            wrong = await http.get("/v1/usage", params={"by": "mood"})
            assert (wrong.status_code, wrong.json()["code"]) == (422, "option_invalid") or wrong.status_code == 400
            lines = (await http.get("/v1/usage/events")).raise_for_status().text.splitlines()
            again = (await http.get("/v1/usage/events")).raise_for_status().text.splitlines()
        events = [json.loads(line) for line in lines]
        assert lines == again, "sending them twice bills once"
        assert len({event["identifier"] for event in events}) == len(events) == 9
        tokens = sum(int(e["payload"]["value"]) for e in events if e["event_name"] == "signoff_tokens_in")
        assert tokens == told["total"]["tokens_in"] == 3_000
        async with running.http("") as nobody:
            assert (await nobody.get("/v1/usage")).status_code == 401


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_on_the_command_line(tmp_path: Path) -> None:
    async with OpenAIServer(saying(), models=["m"]) as server:
        cli = Cli(tmp_path, {"SIGNOFF_MODEL_BASE_URL": server.base_url, "SIGNOFF_SANDBOX": "unsafe-local"})
        repo = str(repository(tmp_path / "repo", {**BUGGY, ".signoff/policy.yaml": "allowed: [vllm]\n"}))
        route = await cli.run("models", "route", LONG, "--repo", repo, "--json")
        assert [r["choices"][0]["model"] for r in route.json["routes"]] == ["default"] * 4
        assert server.requests == [], "nobody is called"
        looked = await cli.run("models", "route", LONG, "--look", "--role", "coder")
        assert "1. m (balanced, vllm)" in looked.out
        listed = await cli.run("models", "list", "--json")
        assert [(model["id"], model["priced"], model["roles"]) for model in listed.json] == [
            ("m", False, ["planner", "coder", "reviewer", "chat"])
        ]
        ended = await cli.run("run", "--repo", repo, "--task", LONG, "--accept", QUICK, "--deliver", "patch", "--json")
        assert ended.code == 0, ended.err
        run = ended.json["run"]
        told = (await cli.run("usage", "--by", "role", "--json")).json
        assert sorted(row["name"] for row in told["rows"]) == ["coder", "planner", "reviewer"]
        assert told["total"]["tokens_in"] == ended.json["spent"]["tokens_in"]
        assert Decimal(told["total"]["cost"]) == Decimal(ended.json["spent"]["cost"]) > 0
        shown = await cli.run("show", run, "--json")
        assert [d["role"] for d in shown.json["decisions"]] == ["planner", "coder", "reviewer"]
        assert all(d["reason"] for d in shown.json["decisions"])
        assert "route coder" in (await cli.run("trace", run)).out
        events = [json.loads(line) for line in (await cli.run("usage", "--events")).out.splitlines()]
        assert len(events) == 9
        probed = await cli.run("models", "probe", "--json")
        assert (probed.code, [check["ok"] for check in probed.json]) == (0, [True])
    dead = await cli.run("models", "probe", "--json")
    assert (dead.code, [check["ok"] for check in dead.json]) == (1, [False])
    assert dead.json[0]["hint"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("usage", "--since", "soon"), "option_invalid"),
        (("usage", "--by", "mood"), "option_invalid"),
        (("models", "route", "x", "--role", "boss"), "option_invalid"),
        (("models", "route", "x", "--failure", "bad luck"), "option_invalid"),
        (("models", "route", "x", "--strategy", "hope"), "unknown_strategy"),
        (("models", "route", "x", "--repo", "/nonexistent"), "not_a_repository"),
    ],
)
async def test_a_slip_has_a_code(tmp_path: Path, words: tuple[str, ...], code: str) -> None:
    ended = await Cli(tmp_path, {"SIGNOFF_SANDBOX": "unsafe-local"}).run(*words, "--json")
    assert (ended.code, ended.json["error"]["code"]) == (2, code)
    assert ended.json["error"]["hint"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("env", "text", "code"),
    [
        ({"SIGNOFF_MODEL": "named"}, None, "settings_invalid"),
        ({"SIGNOFF_MODEL_CODER": "named"}, None, "settings_invalid"),
        ({"SIGNOFF_MODEL_KEYS": "sk-not-json"}, None, "settings_invalid"),
        ({"SIGNOFF_MODEL_CACHE": "perhaps"}, None, "settings_invalid"),
        ({}, "models:\n  - id: a\n    tier: best\n", "catalogue_invalid"),
        ({}, "strategies:\n  x: {taks: {}}\n", "catalogue_invalid"),
        ({}, "policy: {quotas: {vllm: {rpm: -1}}}\n", "catalogue_invalid"),
        ({}, "models: [", "catalogue_invalid"),
    ],
)
async def test_a_wrong_setting_or_catalogue_has_a_code(
    tmp_path: Path, env: dict[str, str], text: str | None, code: str
) -> None:
    if text is not None:
        (tmp_path / "mine.yaml").write_text(text)
        env = {**env, "SIGNOFF_CATALOGUE": str(tmp_path / "mine.yaml")}
    ended = await Cli(tmp_path, {"SIGNOFF_SANDBOX": "unsafe-local", **env}).run("models", "list", "--json")
    assert (ended.code, ended.json["error"]["code"]) == (2, code), ended.err
    assert "sk-not-json" not in ended.out + ended.err
    assert ended.json["error"]["hint"]
