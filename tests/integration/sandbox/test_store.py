"""What is pinned stays, and nothing that a repository or a sandbox brings along is run or believed."""

import asyncio
import subprocess
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from domain import Exhausted, Refused, SandboxLost
from sandbox import Store
from tests.worlds.bombs import delta_bomb

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


async def refusal(verb) -> Refused:
    with pytest.raises(Refused) as caught:
        await verb
    assert caught.value.hint
    return caught.value


def feed(repo, data: bytes, *args: str) -> bytes:
    return subprocess.run(["git", "-C", repo.path, *args], input=data, capture_output=True, check=True).stdout


class TestPin:
    async def test_a_folder_inside_the_repository_will_do(self, repo, store):
        repo.write("deep/down/x", "x")
        commit = repo.commit()
        pinned = await store.pin("r", str(repo.path / "deep" / "down"))
        assert (pinned.repo, pinned.commit, pinned.head, pinned.dirty) == (str(repo.path), commit, "main", False)
        assert pinned.folder == "deep/down"
        assert await store.pin("r", str(repo.path)) == replace(pinned, folder="")

    async def test_any_revision(self, repo, store):
        first = repo.git("rev-parse", "HEAD")
        second = repo.commit("two")
        repo.git("tag", "--annotate", "--message", "t", "v1")
        for rev, commit in (("HEAD~1", first), ("v1", second), (first[:8], first), ("main", second)):
            assert (await store.pin("r", str(repo.path), rev)).commit == commit

    async def test_the_work_tree_is_looked_at_not_touched(self, repo, store):
        repo.write("a.py", "mine")
        index = (repo.path / ".git" / "index").read_bytes()
        pinned = await store.pin("r", str(repo.path))
        assert pinned.dirty
        assert await store.read("r", pinned.tree, "a.py") == b"x = 1\n"
        assert (repo.path / ".git" / "index").read_bytes() == index
        assert (repo.path / "a.py").read_text() == "mine"

    async def test_a_bare_repository_and_a_detached_head(self, repo, store, tmp_path):
        repo.git("checkout", "--quiet", "--detach")
        assert (await store.pin("r", str(repo.path))).head is None
        repo.git("clone", "--quiet", "--bare", str(repo.path), str(tmp_path / "bare.git"))
        pinned = await store.pin("b", str(tmp_path / "bare.git"))
        assert pinned.repo == str(tmp_path / "bare.git")
        assert not pinned.dirty

    async def test_what_is_wrong_has_a_code(self, repo, store, tmp_path):
        empty = tmp_path / "empty"
        empty.mkdir()
        repo.git("-C", str(empty), "init", "--quiet")
        (tmp_path / "none").mkdir()
        for place, rev, code in (
            (tmp_path / "none", "HEAD", "not_a_repository"),
            (tmp_path / "nowhere", "HEAD", "not_a_repository"),
            (repo.path, "no-such", "unknown_revision"),
            (repo.path, "--upload-pack=x", "unknown_revision"),
            (empty, "HEAD", "empty_repository"),
            ("https://127.0.0.1:9/x.git", "HEAD", "repository_unreachable"),
            ("ext::sh -c 'touch /tmp/pwned'", "HEAD", "repository_unreachable"),
            (f"file://{tmp_path}/nowhere.git", "HEAD", "repository_unreachable"),
            (f"file://{repo.path}", "no-such", "unknown_revision"),
            (f"file://{empty}", "HEAD", "empty_repository"),
        ):
            assert (await refusal(store.pin("r", str(place), rev))).stable_code == code, place

    async def test_a_url_is_fetched_without_history_where_that_will_do(self, repo, store):
        first = repo.git("rev-parse", "HEAD")
        second = repo.commit("two")
        url = f"file://{repo.path}"
        pinned = await store.pin("u", url)
        assert (pinned.repo, pinned.commit, pinned.head) == (url, second, "main")
        assert (await store.pin("u", url, "main~1")).commit == first

    async def test_a_repository_cannot_make_us_run_its_programs(self, repo, store, tmp_path):
        """host_git_rce: hooks, monitors, filters and diffs of a repository that somebody else prepared."""
        trap = tmp_path / "trap.sh"
        trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\ncat\n")
        trap.chmod(0o755)
        for key in (
            "core.fsmonitor",
            "diff.external",
            "filter.x.clean",
            "filter.x.smudge",
            "core.sshCommand",
            "core.pager",
            "core.editor",
            "diff.x.textconv",
            "core.alternateRefsCommand",
            "uploadpack.packObjectsHook",
            "credential.helper",
            "gpg.program",
        ):
            repo.git("config", key, str(trap))
        for hook in ("post-checkout", "reference-transaction", "post-index-change", "pre-commit", "post-update"):
            (repo.path / ".git" / "hooks").mkdir(exist_ok=True)
            (repo.path / ".git" / "hooks" / hook).symlink_to(trap)
        repo.write(".gitattributes", "*.py filter=x diff=x\n")
        repo.write("a.py", "touched")
        pinned = await store.pin("r", str(repo.path))
        assert pinned.dirty
        await store.diff("r", pinned.tree, pinned.tree)
        await store.pin("r2", f"file://{repo.path}")
        assert not (tmp_path / "sprung").exists()


class TestObjects:
    async def test_a_diff_applies_whatever_the_bytes(self, repo, store, tmp_path):
        repo.write("latin[1]", "één\n".encode("latin-1"))
        repo.write("bin", bytes(range(256)))
        base = repo.commit()
        before = await store.pin("r", str(repo.path), base)
        repo.write("latin[1]", "twéé\n".encode("latin-1"))
        repo.write("bin", bytes(range(255, -1, -1)))
        repo.write("run.sh", "#!/bin/sh\n", 0o644)
        repo.write("ünï code", "ü\n")
        repo.git("rm", "--quiet", "a.py")
        after = await store.pin("r", str(repo.path), repo.commit())
        patch = await store.diff("r", before.tree, after.tree)
        assert "latin" in patch
        repo.git("checkout", "--quiet", base)
        (tmp_path / "p").write_text(patch)
        repo.git("apply", "--index", str(tmp_path / "p"))
        assert repo.git("write-tree") == after.tree
        told = {c.path: (c.added, c.removed) for c in await store.numstat("r", before.tree, after.tree)}
        assert told["bin"] == (None, None)
        assert told["a.py"] == (0, 1)
        assert "ünï code" in told

    async def test_a_commit_has_one_id(self, store, pinned):
        made = [await store.commit("run", pinned.tree, pinned.commit, "m\n", AT) for _ in range(2)]
        assert made[0] == made[1]
        assert made[0] != await store.commit("run", pinned.tree, pinned.commit, "n\n", AT)

    async def test_reading_says_what_is_wrong(self, store, pinned):
        for path in ("none", "a.py/x", "a\nb", ""):
            assert (await refusal(store.read("run", pinned.tree, path))).stable_code == "file_not_found"
        assert (await refusal(store.read("run", pinned.tree, "a.py", limit=2))).stable_code == "file_too_large"
        assert (await refusal(store.files("nobody", pinned.tree))).stable_code == "run_not_found"

    @pytest.mark.parametrize("sent", [b"PACK", b"", b"\0" * 100, b"PACK\0\0\0\x02\0\0\0\x01\x9f"])
    async def test_what_is_not_sound_is_not_taken_in(self, store, pinned, sent):
        with pytest.raises(SandboxLost):
            await store.keep("run", "x", ("1" * 40, "2" * 40, "-"), sent)
        with pytest.raises(SandboxLost):
            await store.keep("run", "x", (pinned.commit, pinned.tree, "-"), b"")

    async def test_a_tree_that_leads_out_is_not_taken_in(self, repo, store, pinned):
        """tar_slip in git's clothes: '..' and '.git' as names in a tree."""
        blob = repo.git("hash-object", "-w", "a.py")
        for name in (b"..", b".git", b".GIT", b"a/b"):
            data = b"100644 " + name + b"\0" + bytes.fromhex(blob)
            tree = feed(repo, data, "hash-object", "-t", "tree", "-w", "--stdin", "--literally").decode().strip()
            pack = feed(repo, f"{tree}\n{blob}\n".encode(), "pack-objects", "--stdout", "-q")
            with pytest.raises(SandboxLost):
                await store.keep("run", "x", (tree, tree, "-"), pack)

    async def test_a_small_pack_that_claims_to_be_huge_is_not_taken_in(self, store, pinned):
        """A zip bomb in git's clothes: deltas that copy their base over and over, 16 GB out of 20 KB."""
        with pytest.raises(SandboxLost) as lost:
            await store.keep("run", "x", (pinned.tree, pinned.tree, "-"), delta_bomb())
        assert "alloc" in lost.value.message

    async def test_snapshots_of_a_run_have_a_budget(self, repo, store, pinned, tmp_path):
        full = Store(tmp_path / "store", most=1)
        with pytest.raises(Exhausted) as exhausted:
            await full.keep("run", "x", (pinned.tree, pinned.tree, "-"), b"PACK")
        assert exhausted.value.stable_code == "store_full"

    async def test_a_fork_has_everything_and_outlives_its_origin(self, store, pinned):
        await store.fork("run", "other/run")
        await store.drop("run")
        assert await store.read("other/run", pinned.tree, "a.py") == b"x = 1\n"
        assert store.pinned("other/run") == pinned
        assert (await refusal(store.files("run", pinned.tree))).stable_code == "run_not_found"

    async def test_names_of_runs_are_never_paths(self, tmp_path):
        store = Store(tmp_path)
        assert {store.path(n).parent for n in ("../x", "a/b", ".", "", "a b")} == {tmp_path}
        assert len({store.path(n) for n in ("a/b", "a-b", "a b", "a:b")}) == 4

    async def test_many_at_once(self, store, pinned):
        read = await asyncio.gather(*(store.read("run", pinned.tree, "a.py") for _ in range(20)))
        assert set(read) == {b"x = 1\n"}
