"""Secrets of a repository reach no model, event, span, log, audit or approval; the files keep them."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from domain import Plan, Step
from domain.masking import PLACEHOLDER
from service.runs.event_log import as_json
from service.runs.streaming import final_values, readable
from tests.worlds.house import BUGGY, FIX, OK, advance, application, decide, git, repository, start, task

LETTERS = "Zq8xN2pLw0TyKv5Rb7Hc3Jd9Mf1Gs4Wa6Ue"


def made(n: int, seed: int, alphabet: str = LETTERS) -> str:
    """A value that stands nowhere else."""
    return "".join(alphabet[(seed * 7 + i * (seed + 3) + i * i) % len(alphabet)] for i in range(n))


KEY = "\n".join(made(64, 40 + n) for n in range(4))
CANARIES = {
    "env_password": "kv7-" + made(12, 1),
    "env_token": made(32, 2),
    "env_plain_name": "canary" + made(14, 3),
    "env_url": made(11, 4),
    "github": "ghp_" + made(36, 5),
    "github_pat": "github_pat_" + made(60, 6),
    "gitlab": "glpat-" + made(20, 7),
    "aws_secret": made(40, 8),
    "slack": "xoxb-123456789012-" + made(24, 9),
    "stripe": "sk_live_" + made(24, 10),
    "openai": "sk-proj-" + made(40, 11),
    "anthropic": "sk-ant-api03-" + made(40, 12),
    "hugging_face": "hf_" + made(34, 13),
    "npm": "npm_" + made(36, 14),
    "pypi": "pypi-AgEIcHlwaS5vcmc" + made(60, 15),
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI" + made(20, 16) + "." + made(43, 17),
    "source_password": "hunter" + made(5, 18),
    "source_dict": "Winter!" + made(6, 19),
    "source_split_1": "ghp_" + made(16, 20),
    "source_split_2": made(24, 21),
    "netrc": made(13, 22),
    "pypirc": made(14, 23),
    "npmrc": made(36, 24),
    "azure": made(86, 25) + "==",
    "private_key": KEY.splitlines()[1],
    "wrapped_key": base64.b64encode(f"-----BEGIN RSA PRIVATE KEY-----\n{KEY}\n".encode()).decode()[:60],
    "gcp": made(40, 26),
    "yaml_password": "s3" + made(10, 27),
    "sendgrid": f"SG.{made(22, 28)}.{made(43, 29)}",
    "file_name": "AKIA" + made(16, 30, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
    "subject": "dop_v1_" + made(64, 31, "0123456789abcdef"),
    "task_text": "shpat_" + made(32, 32, "0123456789abcdef"),
}
C = CANARIES
SECRETS = {
    ".env": f"DEBUG=true\nDB_PASSWORD={C['env_password']}\nAPI_TOKEN={C['env_token']}\nFOO={C['env_plain_name']}\n"
    f"DATABASE_URL=postgres://svc:{C['env_url']}@db.internal/app\nAZURE=AccountKey={C['azure']}\n",
    "shop/settings.py": f'PASSWORD = "{C["source_password"]}"\nDB = {{"password": "{C["source_dict"]}"}}\n'
    f'GH = "{C["github"]}"\nPAT = "{C["github_pat"]}"\nGL = "{C["gitlab"]}"\nSLACK = "{C["slack"]}"\n'
    f'STRIPE = "{C["stripe"]}"\nOPENAI = "{C["openai"]}"\nCLAUDE = "{C["anthropic"]}"\nHF = "{C["hugging_face"]}"\n'
    f'JWT = "{C["jwt"]}"\nSG = "{C["sendgrid"]}"\nAWS_SECRET_ACCESS_KEY = "{C["aws_secret"]}"\n'
    f'SPLIT_TOKEN = (\n    "{C["source_split_1"]}"\n    "{C["source_split_2"]}"\n)\n',
    ".netrc": f"machine api.corp.io login bob password {C['netrc']}\n",
    ".pypirc": f"[pypi]\nusername = __token__\npassword = {C['pypi']}\n[corp]\npassword = {C['pypirc']}\n",
    ".npmrc": f"//registry.corp.io/:_authToken={C['npm']}\n_password={C['npmrc']}\n",
    "deploy/key.pem": f"-----BEGIN RSA PRIVATE KEY-----\n{KEY}\n-----END RSA PRIVATE KEY-----\n",
    "deploy/secret.yaml": f"kind: Secret\ndata:\n  tls.key: {C['wrapped_key']}\nstringData:\n"
    f"  password: {C['yaml_password']}\n",
    "deploy/service-account.json": json.dumps(
        {
            "type": "service_account",
            "private_key_id": C["gcp"],
            "private_key": f"-----BEGIN PRIVATE KEY-----\n{KEY}\n-----END PRIVATE KEY-----\n",
        }
    ),
    f"backup-{C['file_name']}.txt": "an old backup\n",
}
PRINTS = "cat .env shop/settings.py .netrc .npmrc .pypirc deploy/*; for s in $(cut -d= -f2 .env); do echo bare $s; done"
ACCEPT = f"{PRINTS}; python3 -c 'from shop.prices import total; assert total([1, 2, 3]) == 6; assert total([]) == 0'"
PLAN = Plan(goal="Sum all prices", steps=(Step(id="sum", title="Sum all prices"),))
WRONG = {"files_to_update": [{"path": "shop/prices.py", "search": "sum(prices[1:])", "replace": "sum(prices[:1])"}]}
BACK = {"files_to_update": [{"path": "shop/prices.py", "search": "sum(prices[:1])", "replace": "sum(prices)"}]}
UNHAPPY = {"status": "changes_requested", "issues": [{"message": "say more"}], "final_answer_markdown": "No."}
NOTED = {
    "files_to_update": [
        {
            "path": "shop/prices.py",
            "search": '"""Sum of all prices."""',
            "replace": '"""Sum of all prices, the first included."""',
        }
    ]
}


def planted(folder: Path) -> Path:
    repo = repository(folder, {**BUGGY, **SECRETS})
    git(repo, "commit", "-q", "--allow-empty", "-m", f"rotate {C['subject']}")
    return repo


def leaks(text: str) -> list[str]:
    """The canaries that a text holds, in any usual spelling."""
    return [name for name, value in CANARIES.items() if value in text or json.dumps(value)[1:-1] in text]


def prompts(opened: Any) -> Iterator[str]:
    for model in opened.board.registry.models.values():
        yield from (message.content for asked in model.asked for message in asked)


def spans(folder: Path) -> str:
    return "".join(p.read_text(errors="replace") for p in (folder / "home" / "traces").rglob("*") if p.is_file())


@pytest.mark.slow
async def test_no_canary_is_seen_by_anybody_in_a_whole_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repo = planted(tmp_path / "repo")
    answers = {"planner": [PLAN, PLAN, PLAN], "coder": [WRONG, BACK, NOTED], "reviewer": [UNHAPPY, OK, OK]}
    text = f"Fix the total. The shop's token is {C['task_text']}. " + "Explain what was wrong with it in the code. " * 6
    async with application(tmp_path, answers, trace_content=True, log_level="debug") as opened:
        standing, events = await start(opened, task(repo, text=text, accept=ACCEPT))
        ballot = await opened.ballots.get(standing.ballot or "", opened.org)
        await decide(opened, standing, "approve")
        standing, more = await advance(opened, standing.run.id)
        assert standing.run.status == "delivered", standing.run.ending
        asked = list(prompts(opened))
        audit = [entry async for entry in opened.audit.export(opened.org)]
    told = "\n".join(as_json(event).decode() for event in (*events, *more))
    assert len(asked) > 8
    assert not [leaks(prompt) for prompt in asked if leaks(prompt)]
    assert any("is not shown: it holds secrets" in prompt for prompt in asked)
    assert any(PLACEHOLDER.search(prompt) for prompt in asked)
    assert not leaks(told)
    assert [event.data.get("subject") for event in events].count("secrets_masked") == 1
    assert not leaks(spans(tmp_path))
    assert "sandbox.exec" in spans(tmp_path)
    assert not leaks(as_json(ballot).decode())
    assert audit
    assert not leaks(json.dumps(audit, default=str))
    assert not leaks(as_json(readable({k: v for k, v in final_values(standing).items() if k != "task"})).decode())
    output = capsys.readouterr()
    assert not leaks(output.err + output.out)
    branch = git(repo, "branch", "--list", "signoff/*", "--format=%(refname:short)")
    for path, content in SECRETS.items():
        assert git(repo, "show", f"{branch}:{path}") == content.strip()
    assert not leaks(git(repo, "log", "-1", "--format=%B", branch))


async def test_an_edit_that_quotes_a_masked_line_is_applied_to_the_real_one(tmp_path: Path) -> None:
    """The coder sees a placeholder, quotes it, and the file keeps its bytes."""
    repo = planted(tmp_path / "repo")
    async with application(tmp_path, {"coder": [FIX], "reviewer": [OK]}) as opened:
        await start(opened, task(repo, deliver="patch", text="Fix the total of shop.settings PASSWORD"))
        ((masker, _),) = opened.nodes.plan.masks.kept.values()
        shown = masker.text(f'PASSWORD = "{C["source_password"]}"\n')
    assert C["source_password"] not in shown
    edit = {
        "files_to_update": [
            *FIX["files_to_update"],
            {"path": "shop/settings.py", "search": shown, "replace": f"{shown}EXTRA = 1\n"},
        ]
    }
    async with application(tmp_path, {"coder": [edit], "reviewer": [OK]}) as opened:
        standing, _ = await start(opened, task(repo, deliver="branch"))
        await decide(opened, standing, "approve")
        standing, _ = await advance(opened, standing.run.id)
        assert standing.run.status == "delivered", standing.run.ending
    branch = git(repo, "branch", "--list", "signoff/*", "--format=%(refname:short)")
    assert git(repo, "show", f"{branch}:shop/settings.py") + "\n" == SECRETS["shop/settings.py"].replace(
        f'"{C["source_password"]}"\n', f'"{C["source_password"]}"\nEXTRA = 1\n'
    )


@pytest.mark.parametrize("path", ["README.md", ".env"])
async def test_a_masked_value_does_not_leave_its_file(tmp_path: Path, path: str) -> None:
    repo = planted(tmp_path / "repo")
    async with application(tmp_path, {"coder": [FIX], "reviewer": [OK]}) as opened:
        await start(opened, task(repo, deliver="patch"))
        ((masker, _),) = opened.nodes.plan.masks.kept.values()
        shown = masker.text(f'GH = "{C["github"]}"\n')
    bad = {"files_to_create": [{"path": path, "content": shown}]}
    async with application(tmp_path, {"coder": [bad, FIX], "reviewer": [OK]}) as opened:
        standing, _ = await start(opened, task(repo, deliver="patch"))
        told = opened.board.registry.models["coder"].asked[1][-1].content  # type: ignore[attr-defined]
        assert (
            "was not shown, because it holds secrets" in told or "stands for a value that is not in this file" in told
        )
        assert standing.run.status == "delivered"
        assert path not in standing.values["diff"]


PERSON = "maria.silva@empresa.com.br"


@pytest.mark.parametrize(
    ("policy", "setting", "masked"),
    [("", False, False), ("mask_personal: true", False, True), ("mask_personal: false", True, True), ("", True, True)],
)
async def test_personal_data_is_masked_by_setting_or_policy_and_a_policy_never_switches_it_off(
    tmp_path: Path, policy: str, setting: bool, masked: bool
) -> None:
    files = {**BUGGY, "shop/owners.py": f'OWNER = "{PERSON}"  # of the total of all prices\n'}
    repo = repository(tmp_path / "repo", {**files, ".signoff/risk.yaml": f"version: 1\n{policy}\n"})
    async with application(tmp_path, {"coder": [FIX], "reviewer": [OK]}, mask_personal=setting) as opened:
        standing, _ = await start(opened, task(repo, deliver="patch", text=f"Fix the total of prices for {PERSON}"))
        assert standing.run.status == "delivered", standing.run.ending
        asked = "".join(prompts(opened))
    assert (PERSON in asked) is not masked


async def test_candidates_and_their_judge_see_no_canary(tmp_path: Path) -> None:
    """Several answers, each run, and a reviewer who rates those that no test can tell apart."""
    repo = planted(tmp_path / "repo")
    scores = {"scores": [{"candidate": "candidate-1-1", "score": 3}, {"candidate": "candidate-1-2", "score": 9}]}
    async with application(tmp_path, {"coder": [FIX, NOTED], "reviewer": [scores, OK]}, strategy="quality") as opened:
        standing, events = await start(opened, task(repo, deliver="patch", strategy="quality", accept=ACCEPT))
        asked = list(prompts(opened))
    assert standing.run.status in {"delivered", "paused", "failed"}
    assert [event for event in events if event.kind == "candidate_tried"]
    assert not [leaks(prompt) for prompt in asked if leaks(prompt)]
    assert not leaks("\n".join(as_json(event).decode() for event in events))
