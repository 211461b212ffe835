"""What is damaged, odd or linked in a repository of somebody else is read or refused: no crash, no wait."""

import asyncio
import hashlib
import os
import struct
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from domain import Refused
from sandbox import Delivery, Store, bring
from sandbox.source import find, is_url
from tests.adversarial.foreign import Trap, trap
from tests.adversarial.test_foreign_repositories import AT, PATIENCE_S
from tests.worlds.cli import Cli

DAMAGES = {
    "half": lambda data: data[: len(data) // 2],
    "none": lambda data: b"",
    "noise": lambda data: b"garbage" * 10,
    "end": lambda data: data[:-6] + bytes(6),
    "other": lambda data: zlib.compress(b"blob 5\0" + bytes(16)),
}


@pytest.fixture
def made(tmp_path) -> Trap:
    return trap(tmp_path)


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "store")


async def refusal(verb) -> Refused:
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(Refused) as refused:
            await verb
    return refused.value


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("what", ["HEAD", "HEAD^{tree}", "HEAD:deep", "HEAD:a.py"])
async def test_a_damaged_object_is_refused(made, store, damage, what):
    name = made.git("rev-parse", what)
    place = made.dot / "objects" / name[:2] / name[2:]
    place.chmod(0o644)
    place.write_bytes(DAMAGES[damage](place.read_bytes()))
    made.write("a.py", "changed\n")
    said = []
    for rev in ("HEAD", "HEAD~1"):
        try:
            await store.pin("r", str(made.path), rev)
        except Refused as refused:
            said.append(refused.stable_code)
    assert set(said) <= {"repository_incomplete", "unknown_revision"}
    if damage != "other":
        assert said


@pytest.mark.parametrize("name", [":!x", ":(glob)*", ":(top)x", ":/", ":", "-x", "a\nb", '"q"', "./x ", "*", "\udcff"])
async def test_no_name_of_a_file_is_a_pattern(made, store, name):
    (made.path / "out").mkdir()
    (made.path / "out" / name.removeprefix("./").replace("/", "")).write_text("x")
    (made.path / name.removeprefix("./").replace("/", "")).write_text("x")
    assert (await store.pin("r", str(made.path))).dirty
    made.write(".git/info/exclude", "*\n")
    assert (await store.pin("r", str(made.path))).dirty == bool(made.git("status", "--porcelain"))


@pytest.mark.parametrize("where", ["objects/pack", "objects/aa"])
async def test_a_fifo_behind_a_link_is_not_waited_for(made, store, tmp_path, where):
    aside, place = tmp_path / "aside", made.dot / where
    aside.mkdir()
    if place.exists():
        place.rename(tmp_path / "was")
    place.symlink_to(aside)
    os.mkfifo(aside / f"pack-{'a' * 40}.idx")
    assert (await refusal(store.pin("r", str(made.path)))).stable_code == "repository_unsupported"


@pytest.mark.parametrize("target", ["itself", "nothing"])
async def test_a_link_that_leads_nowhere_is_refused(made, store, target):
    (made.dot / "objects" / "pack").mkdir(exist_ok=True)
    (made.dot / "objects" / "pack" / "itself").symlink_to(target)
    assert (await refusal(store.pin("r", str(made.path)))).stable_code == "repository_unsupported"


def linked_pack(made: Trap, secret: Path) -> None:
    """A folder of packs that is a link, and in it links to the packs of somebody else."""
    aside = made.path / "aside"
    aside.mkdir()
    for pack in (secret / "objects" / "pack").iterdir():
        (aside / pack.name).symlink_to(pack)
    (made.dot / "objects" / "pack").rmdir()
    (made.dot / "objects" / "pack").symlink_to(aside)


def quoted(made: Trap, secret: Path) -> None:
    """git takes quotes off the paths of alternates."""
    (made.dot / "objects" / "info" / "alternates").write_text(f'"{secret}/objects"\n')


def dots(made: Trap, secret: Path) -> None:
    """git takes ``x/..`` off before it follows links."""
    (made.dot / "objects" / "x").symlink_to("/usr/lib")
    up = os.path.relpath(secret / "objects", made.dot / "objects")
    (made.dot / "objects" / "info" / "alternates").write_text(f"x/../{up}\n")


@pytest.mark.parametrize("way", [linked_pack, quoted, dots])
async def test_no_way_round_what_may_be_opened(made, store, tmp_path, way):
    secret = tmp_path / "secret.git"
    made.raw("git", "clone", "--quiet", "--bare", "--no-local", str(made.path), str(secret))
    made.raw("git", "-C", str(secret), "repack", "-adq")
    way(made, secret)

    def permit(_: str, folders: tuple[Path, ...]) -> None:
        if not all(folder.is_relative_to(made.path) for folder in folders):
            raise Refused("no", code="repo_refused", hint="no")

    store.restrict(permit)
    assert (await refusal(store.pin("r", str(made.path)))).stable_code in {"repo_refused", "repository_unsupported"}


async def test_an_alternate_that_is_everything_is_not_walked_through(made, store, tmp_path):
    large = tmp_path / "large"
    for n in range(300):
        (large / f"folder-{n}" / "deep").mkdir(parents=True)
    os.mkfifo(large / "folder-7" / "deep" / "fifo")
    (made.dot / "objects" / "info" / "alternates").write_text(f"{large}\n")
    assert (await store.pin("r", str(made.path))).commit == made.git("rev-parse", "HEAD")


def index(entries: list[tuple[bytes, int, int]]) -> bytes:
    parts = [b"DIRC" + struct.pack(">II", 3, len(entries))]
    for path, mode, more in entries:
        raw = struct.pack(">10I20sHH", *[0] * 6, mode, 0, 0, 0, b"\1" * 20, 0x4000 | min(len(path), 0xFFF), more) + path
        parts.append(raw + b"\0" * (8 - len(raw) % 8))
    return b"".join(parts) + bytes(20)


@pytest.mark.parametrize(
    "entries",
    [[(b"a/" * 100_000 + b"x", 0o100644, 0)], [(b"d%06d/" % n, 0o040000, 0x4000) for n in range(50_000)]],
    ids=["deep", "sparse"],
)
async def test_an_index_costs_what_its_length_says(made, store, entries):
    blob = made.git("rev-parse", "HEAD:a.py")
    lines = "".join(f"100644 blob {blob}\tf{n}\n" for n in range(20_000))
    tree = made.raw("git", "-C", str(made.path), "mktree", data=lines)
    made.git("update-ref", "refs/heads/main", made.git("commit-tree", "-m", "wide", tree))
    (made.dot / "index").write_bytes(index(entries))
    async with asyncio.timeout(PATIENCE_S / 4):
        assert (await store.pin("r", str(made.path))).dirty


@pytest.mark.parametrize(
    "head", [b"refs/heads/../../../../x", b"refs/heads/a b", b"refs/heads/a\nb", b"refs/heads/\xff"]
)
async def test_a_head_that_is_no_branch_has_none(made, store, head):
    (made.dot / "HEAD").write_bytes(b"ref: " + head + b"\n")
    assert (await store.pin("r", str(made.path), "main")).head is None


async def test_a_tree_that_lists_without_end_has_no_submodules_to_bring(made, store):
    below = made.git("rev-parse", "HEAD:deep")
    for _ in range(10):
        lines = "".join(f"040000 tree {below}\tf{n}\n" for n in range(10))
        below = made.raw("git", "-C", str(made.path), "mktree", data=lines)
    made.git("update-ref", "refs/heads/bomb", made.git("commit-tree", "-m", "bomb", below))
    pinned = await store.pin("r", str(made.path), "bomb")
    assert (await refusal(bring(store, "r", pinned))).stable_code == "repository_unsupported"


@pytest.mark.parametrize("name", [".git", "..", ".", ".GiT", "git~1", ".git. "])
async def test_a_tree_that_nobody_checks_out_is_refused(made, store, name):
    """git makes no such tree, but takes it from others."""
    raw = b"40000 " + name.encode() + b"\0" + bytes.fromhex(made.git("rev-parse", "HEAD:deep"))
    whole = b"tree %d\0" % len(raw) + raw
    tree = hashlib.sha1(whole, usedforsecurity=False).hexdigest()
    place = made.dot / "objects" / tree[:2] / tree[2:]
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(zlib.compress(whole))
    made.git("update-ref", "refs/heads/odd", made.git("commit-tree", "-m", "odd", tree))
    pinned = await store.pin("r", str(made.path), "odd")
    assert (await refusal(bring(store, "r", pinned))).stable_code == "repository_unsupported"


async def test_a_file_that_a_tree_names_twice_is_read_once(made, store):
    pinned = await store.pin("r", str(made.path))
    assert set(await store.read_many("r", pinned.tree, ("a.py", "a.py"), limit=100)) == {"a.py"}


async def test_a_submodule_whose_name_no_folder_can_have_is_absent(made, store):
    text = f'[submodule "{"a" * 5_000}"]\n\tpath = s\n\turl = ext::sh -c id\n\tupdate = !id\n'
    blob = made.raw("git", "-C", str(made.path), "hash-object", "-w", "--stdin", data=text)
    lines = f"100644 blob {blob}\t.gitmodules\n160000 commit {made.git('rev-parse', 'HEAD')}\ts\n"
    tree = made.raw("git", "-C", str(made.path), "mktree", data=lines)
    made.git("update-ref", "refs/heads/odd", made.git("commit-tree", "-m", "odd", tree))
    pinned = await store.pin("r", str(made.path), "odd")
    assert [each.present for each in await bring(store, "r", pinned)] == [False]


async def test_a_tree_deeper_than_any_path_is_refused(made, store):
    below, lines = made.git("rev-parse", "HEAD:deep"), []
    for _ in range(2_500):
        raw = b"40000 a\0" + bytes.fromhex(below)
        below = hashlib.sha1(b"tree %d\0" % len(raw) + raw, usedforsecurity=False).hexdigest()
        lines.append((below, zlib.compress(b"tree %d\0" % len(raw) + raw, 1)))
    for name, data in lines:
        place = made.dot / "objects" / name[:2] / name[2:]
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(data)
    made.git("update-ref", "refs/heads/odd", made.git("commit-tree", "-m", "odd", below))
    pinned = await store.pin("r", str(made.path), "odd")
    assert (await refusal(bring(store, "r", pinned))).stable_code == "repository_unsupported"


async def test_a_branch_whose_lock_has_no_name_is_refused(made, store):
    pinned = await store.pin("r", str(made.path))
    refused = await refusal(Delivery(store).branch("r", pinned, pinned.tree, "m\n", "a" * 252, at=AT))
    assert refused.stable_code == "cannot_deliver"


async def test_a_delivery_into_what_was_damaged_since_is_refused(made, store):
    await store.pin("r", str(made.path), "HEAD~1")
    old = store.pinned("r").tree
    pinned = await store.pin("r", str(made.path))
    name = made.git("rev-parse", "HEAD:deep")
    place = made.dot / "objects" / name[:2] / name[2:]
    place.chmod(0o644)
    place.write_bytes(b"")
    refused = await refusal(Delivery(store).commit("r", pinned, old, "m\n", at=AT))
    assert refused.stable_code == "repository_incomplete"


def test_no_text_is_too_odd_to_be_told_from_a_url():
    for text in ("a@b:" + "x" * 9_000, "a@b:\0", "file://[", "~nobody-here"):
        is_url(text)
        with pytest.raises(Refused):
            find(text)


async def test_paths_that_are_no_text_are_refused(made, tmp_path):
    odd = tmp_path / "odd\udcff"
    made.path.rename(odd)
    (tmp_path / "loop").symlink_to("loop")
    cli = Cli(tmp_path / "home", {"SIGNOFF_SANDBOX": "unsafe-local"})
    for repo in (str(odd), "~nobody-here", str(tmp_path / "loop"), "x" * 5_000):
        ended = await cli.run("run", "--task", "t", "--accept", "true", "--repo", repo, "--json")
        assert (ended.code, "Traceback" in ended.err) == (2, False), ended.err


@pytest.mark.parametrize("target", ["http://[bad/repo", "//[", "http://127.0.0.1:99999/x", "\\\\x"])
async def test_a_redirect_to_no_address_is_refused(store, target):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("Location", target)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            refused = await refusal(store.pin("r", f"http://127.0.0.1:{server.server_address[1]}/x"))
        finally:
            server.shutdown()
            thread.join()
    assert refused.stable_code == "repository_unreachable"
