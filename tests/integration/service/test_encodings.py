"""A run on a repository that is not UTF-8: models and people read text, the bytes stay the repository's own."""

import subprocess
from pathlib import Path

from domain.masking import Masker
from nodes.coder.context import gather
from retrieval import IndexFolder
from sandbox import Store
from service import report
from tests.worlds.house import OK, application, decide, git, start, task

SOURCE = "# -*- coding: latin-1 -*-\r\n# Prix de l'été\r\ndef total(prices):\r\n    return sum(prices[1:])  # déjà\r\n"
ACCEPT = "python3 -c 'from prices import total; assert total([1, 2]) == 3'"
FIX = {
    "files_to_update": [
        {
            "path": "prices.py",
            "search": "    return sum(prices[1:])  # déjà\n",
            "replace": "    return sum(prices)  # voilà\n",
        }
    ]
}
EURO = {"files_to_update": [{"path": "prices.py", "search": "# Prix de l'été", "replace": "# Prix en €"}]}
TEST = "# -*- coding: latin-1 -*-\ndef test_é():\n    assert total([1]) == 1\n"


def repository(folder: Path) -> Path:
    folder.mkdir()
    (folder / "prices.py").write_bytes(SOURCE.encode("latin-1"))
    (folder / "tests").mkdir()
    (folder / "tests" / "test_prices.py").write_bytes(TEST.encode("latin-1"))
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "start")
    return folder


def blob_of(repo: Path, name: str) -> bytes:
    return subprocess.run(["git", "-C", repo, "show", name], check=True, capture_output=True).stdout


async def test_an_accent_goes_through_a_whole_run(tmp_path):
    repo = repository(tmp_path / "repo")
    async with application(tmp_path, {"coder": [EURO, FIX], "reviewer": [OK]}) as opened:
        standing, _ = await start(opened, task(repo, accept=ACCEPT, text="Corrige le total de l'été"))
        coder = opened.board.registry.models["coder"]
        asked = "\n".join(message.content for message in coder.asked[1])  # type: ignore[attr-defined]
        assert "Prix de l'été" in asked
        assert "�" not in asked
        assert "'€' (U+20AC EURO SIGN) cannot be written in iso-8859-1" in asked
        assert standing.ballot is not None
        ballot = await opened.ballots.get(standing.ballot, opened.org)
        assert "+    return sum(prices)  # voilà" in ballot.diff
        assert "text: iso-8859-1" in ballot.diff
        assert not any(reason.rule == "delivery.binary" for reason in ballot.reasons)
        shown = report.as_json(standing)
        assert "GIT binary patch" in shown["diff"]
        assert "voilà" in shown["readable_diff"]
        await decide(opened, standing, "approve")
        standing = await opened.engine.advance(standing.run.id, lambda _: None)
        assert standing.run.status == "delivered"
    branch = git(repo, "branch", "--list", "signoff/*", "--format=%(refname:short)")
    blob = blob_of(repo, f"{branch}:prices.py")
    assert blob == SOURCE.replace("prices[1:])  # déjà", "prices)  # voilà").encode("latin-1")


async def test_a_weakened_test_is_seen_in_any_encoding(tmp_path):
    repo = repository(tmp_path / "repo")
    weaker = {
        "files_to_update": [
            *FIX["files_to_update"],
            {"path": "tests/test_prices.py", "search": "    assert total([1]) == 1", "replace": "    pass"},
        ]
    }
    async with application(tmp_path, {"coder": [weaker], "reviewer": [OK], "planner": []}) as opened:
        standing, _ = await start(opened, task(repo, accept=ACCEPT, deliver="patch", pipeline=False))
        assert any(finding.kind == "weakened_test" for finding in standing.values["findings"])


async def test_retrieval_finds_what_is_written_in_other_encodings(tmp_path):
    repo, store = repository(tmp_path / "repo"), Store(tmp_path / "store")
    (repo / "wide.txt").write_bytes("La réserve est épuisée depuis l'été\n".encode("utf-16"))
    (repo / "old.c").write_bytes(b"/* la r\xe9serve */\rint stock;\r")
    (repo / "noise.dat2").write_bytes(b"\x89\xfe\x01\x02" * 99)
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", "more")
    pinned = await store.pin("run", str(repo))
    context, _ = await gather(
        store, "run", pinned.tree, "Où est la réserve épuisée ?", "", masker=Masker(), indexes=IndexFolder()
    )
    assert "La réserve est épuisée depuis l'été" in context
    assert "/* la réserve */\nint stock;" in context
    assert "�" not in context


async def test_an_edit_through_a_link_is_rated_and_signed_by_its_real_path(tmp_path):
    repo = repository(tmp_path / "repo")
    (repo / "ci.yml").symlink_to(".github/workflows/ci.yml")
    (repo / ".github" / "workflows").mkdir(parents=True)
    (repo / ".github" / "workflows" / "ci.yml").write_text("on: push\n")
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", "ci")
    through = {"files_to_update": [*FIX["files_to_update"], {"path": "ci.yml", "content": "on: pull_request\n"}]}
    async with application(tmp_path, {"coder": [through], "reviewer": [OK]}) as opened:
        standing, _ = await start(opened, task(repo, accept=ACCEPT))
        assert standing.ballot is not None
        ballot = await opened.ballots.get(standing.ballot, opened.org)
        assert any(".github/workflows/ci.yml" in reason.message for reason in ballot.reasons)
        shown = ballot.diff or "\n".join(map(str, ballot.action.arguments.values()))
        assert ".github/workflows/ci.yml" in shown


async def test_a_missing_submodule_is_named_at_the_start_and_when_the_tests_fail(tmp_path):
    repo = repository(tmp_path / "repo")
    git(repo, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},libs/sub")
    git(repo, "commit", "-q", "-m", "linked")
    accept = "python3 -c 'import sys; sys.path[:0] = [\"libs/sub\"]; import missing_part'"
    async with application(tmp_path, {"coder": [FIX, FIX, FIX], "reviewer": [OK], "planner": []}) as opened:
        standing, events = await start(opened, task(repo, accept=accept, strategy="fast"))
        assert any(
            "git submodule update --init --recursive libs/sub" in event.message
            for event in events
            if event.kind == "note"
        )
        first = standing.values["evidence"][0].findings[0].message
        assert "libs/sub" in first
        assert "git submodule update" in first
