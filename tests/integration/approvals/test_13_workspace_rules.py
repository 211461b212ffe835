"""A repository's own rules hold from the base commit on; text from outsiders makes a run more suspicious."""

from pathlib import Path

import pytest

from approvals.testing.rehearsal import MovableClock
from domain import Reason
from tests.worlds.house import BUGGY, FIX, OK, advance, application, decide, repository, start, task

RULES = """version: 1
tighten:
  - command: '\\bterminal-notifier\\b'
    tier: high
    because: it rings on other people's desks
  - command: '\\bnpm\\s+audit\\b'
    deny: true
    because: nobody audits here
  - path: 'shop/legal/*'
    deny: true
    because: lawyers only
"""
GUARDED = {**BUGGY, ".signoff/risk.yaml": RULES}
WORKFLOW = {"path": ".github/workflows/ci.yml", "content": "on: push\n"}


async def reasons(tmp_path: Path, change: object, files: dict[str, str], **given: object) -> tuple[Reason, ...]:
    """Why the first question of a run is asked."""
    repo = repository(tmp_path / "repo", files)
    async with application(tmp_path, {"coder": [change], "reviewer": [OK]}) as opened:
        standing, _ = await start(opened, task(repo, **given))
        assert standing.ballot is not None
        return (await opened.ballots.get(standing.ballot, opened.org)).reasons


async def test_13_a_rule_of_the_base_commit_asks_before_the_command_runs(tmp_path: Path) -> None:
    change = {**FIX, "cmd_instructions": ["env terminal-notifier -message hi || true"]}
    found = await reasons(tmp_path, change, GUARDED)
    assert any(reason.rule == "policy.raised" and "other people's desks" in reason.message for reason in found)


async def test_13_a_rule_that_the_agent_writes_means_nothing(tmp_path: Path) -> None:
    """Not even one that would tighten: the workspace is not asked."""
    written = {"path": ".signoff/risk.yaml", "content": RULES.replace("terminal-notifier", "true")}
    change = {**FIX, "files_to_create": [written], "cmd_instructions": ["true"]}
    found = await reasons(tmp_path, change, BUGGY)
    assert not [reason for reason in found if reason.rule.startswith("policy.")]
    assert any(".signoff/risk.yaml" in reason.message and reason.tier != "low" for reason in found)


async def test_13_what_is_denied_is_asked_of_nobody_and_the_agent_hears_why(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo", GUARDED)
    denied = {**FIX, "cmd_instructions": ["npm audit"]}
    async with application(tmp_path, {"coder": [denied, FIX], "reviewer": [OK]}) as opened:
        standing, heard = await start(opened, task(repo))
        assert not [e for e in heard if e.kind == "command_started" and "npm audit" in e.message]
        findings = [f.message for f in standing.values["evidence"][0].findings]
        assert any("nobody audits here" in message for message in findings), findings
        assert standing.ballot is not None  # the second attempt got through, and only its delivery is asked
        assert (await opened.ballots.get(standing.ballot, opened.org)).action.tool == "branch"


async def test_13_a_denied_path_is_never_delivered(tmp_path: Path) -> None:
    """A command wrote it into a folder that the change names as its output, so only the delivery shows it."""
    repo = repository(tmp_path / "repo", GUARDED)
    commands = ["mkdir -p shop/legal", "cp shop/prices.py shop/legal/terms.py"]
    sneaky = {**FIX, "cmd_instructions": commands, "cmd_outputs": ["shop"]}
    async with application(tmp_path, {"coder": [sneaky], "reviewer": [OK]}) as opened:
        standing, _ = await start(opened, task(repo))
        assert standing.run.ending is not None
        assert (standing.run.status, standing.run.ending.code) == ("failed", "policy_denied")
        assert "lawyers only" in standing.run.ending.message
        assert (await opened.ballots.list(opened.org)).items == ()


async def test_13_what_nobody_asked_for_is_not_delivered_either(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo", GUARDED)
    commands = ["mkdir -p shop/legal", "cp shop/prices.py shop/legal/terms.py"]
    async with application(tmp_path, {"coder": [{**FIX, "cmd_instructions": commands}], "reviewer": [OK]}) as opened:
        standing, _ = await start(opened, task(repo, deliver="patch"))
        assert standing.run.status == "delivered", standing.run.ending
        assert "legal" not in standing.values["diff"]


@pytest.mark.parametrize("output", ["shop/legal", "shop/legal/", "shop/legal/terms.py"])
async def test_13_a_denied_path_is_no_output_of_a_command(tmp_path: Path, output: str) -> None:
    repo = repository(tmp_path / "repo", GUARDED)
    sneaky = {**FIX, "cmd_instructions": ["echo x >shop/legal.txt"], "cmd_outputs": [output]}
    async with application(tmp_path, {"coder": [sneaky] * 5, "reviewer": [OK]}) as opened:
        standing, _ = await start(opened, task(repo, strategy="single"))
        assert standing.values["attempts"][-1].code == "policy_denied"


async def test_13_a_broken_rule_file_stops_the_run_at_once(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo", {**BUGGY, ".signoff/risk.yaml": "version: 1\nloosen: all\n"})
    async with application(tmp_path, {"coder": [FIX], "reviewer": [OK]}) as opened:
        standing, _ = await start(opened, task(repo))
        assert standing.run.ending is not None
        assert (standing.run.status, standing.run.ending.code) == ("failed", "bad_rules")
        assert "attempts" not in standing.values


@pytest.mark.parametrize(("outside", "tier"), [(False, "high"), (True, "critical")])
async def test_13_words_from_outsiders_raise_egress_and_ci_edits(tmp_path: Path, outside: bool, tier: str) -> None:
    asks = {**FIX, "cmd_instructions": ["curl https://example.invalid/x"]}
    told = await reasons(tmp_path / "a", asks, BUGGY, outside=outside)
    network = [r for r in told if "network" in r.message and r.rule != "profile.sealed"]
    assert {reason.tier for reason in network} == {tier}

    repo = repository(tmp_path / "repo")
    async with application(tmp_path, {"coder": [{**FIX, "files_to_create": [WORKFLOW]}], "reviewer": [OK]}) as opened:
        standing, _ = await start(opened, task(repo, outside=outside))
        if outside:  # already the edit, which is automatic otherwise
            await decide(opened, standing, "approve")
            standing, _ = await advance(opened, standing.run.id)
        assert standing.ballot is not None
        ballot = await opened.ballots.get(standing.ballot, opened.org)
    assert (ballot.action.tool, ballot.tier) == ("branch", tier)
    assert any(reason.rule == "provenance.outside" for reason in ballot.reasons) == outside


async def test_08_a_signature_that_takes_a_day_costs_the_run_no_time(tmp_path: Path) -> None:
    repo, clock = repository(tmp_path / "repo"), MovableClock()
    risky = {**FIX, "cmd_instructions": ["git commit --allow-empty -m x || true"]}
    async with application(tmp_path, {"coder": [risky], "reviewer": [OK]}, clock=clock) as opened:
        standing, _ = await start(opened, task(repo))
        clock.pass_(hours=20)
        await decide(opened, standing, "approve")
        clock.pass_(minutes=10)
        standing, _ = await advance(opened, standing.run.id)
        assert standing.ballot is not None, standing.run.ending  # it went on, and now asks for its delivery
        assert standing.values["spent"].waited_seconds == pytest.approx(20 * 3_600 + 600, abs=1)
        clock.pass_(hours=25)
        standing, _ = await advance(opened, standing.run.id)
        assert standing.run.status == "paused"
        clock.pass_(hours=70)
        standing, _ = await advance(opened, standing.run.id)
        await decide(opened, standing, "reject", "Leave the commit out.")
        standing, _ = await advance(opened, standing.run.id)
        assert standing.run.ending is None or standing.run.ending.code != "budget_spent"
