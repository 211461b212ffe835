"""Nothing of a repository runs on the host, and the host waits for nothing in it."""

import asyncio
import os
import socket
import subprocess
import threading
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain import Refused
from sandbox import Delivery, Store, recent_changes
from tests.adversarial.foreign import FIFOS, PROGRAMS, TRAPS, Trap, trap, with_fifo
from tests.worlds.cli import Cli

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PATIENCE_S = 60.0
"""Much more than is needed; a FIFO would be waited for until the test's own end."""


@pytest.fixture
def made(tmp_path) -> Trap:
    return trap(tmp_path)


async def use(made: Trap, folder: Path) -> list[str]:
    """Do everything that the host does with a repository, and return the codes of what was refused."""
    store, codes = Store(folder / "store"), list[str]()
    delivery, place = Delivery(store), str(made.path)
    try:
        await store.pin("base", place, "HEAD~1")
        pinned = await store.pin("run", place)
    except Refused as refused:
        codes.append(refused.stable_code)
        for rev in ("main", "HEAD~1"):
            with suppress(Refused):
                await store.pin("other", place, rev)
        with suppress(Refused):
            await store.pin("url", f"file://{place}")
        return codes
    with suppress(Refused):
        await store.pin("url", f"file://{place}")
    await recent_changes(pinned)
    tree = store.pinned("base").tree
    await store.fork("base", "copy")
    objects = await store.pack("base", (tree,))
    await store.keep("run", "1", (tree, tree, "-"), objects.data)
    await store.diff("run", pinned.tree, tree)
    for verb in (
        delivery.branch("run", pinned, tree, "m\n", "signoff/x", at=AT),
        delivery.commit("run", pinned, tree, "m\n", at=AT),
    ):
        try:
            await verb
        except Refused as refused:
            codes.append(refused.stable_code)
    return codes


@pytest.mark.parametrize("name", TRAPS)
async def test_no_program_of_a_repository_runs(made, tmp_path, name):
    TRAPS[name](made)
    async with asyncio.timeout(PATIENCE_S):
        codes = await use(made, tmp_path)
    assert made.sprung() == ""
    if "lacks_something" in name or "by_path" in name:
        assert codes == ["repository_incomplete"]


@pytest.mark.parametrize("name", ["everything", "hooks", "names"])
async def test_the_traps_would_have_sprung(made, name):
    """The canary sings: git itself, asked in that folder, runs the program."""
    TRAPS[name](made)
    made.write("a.py", "touched")
    made.raw(
        "git",
        "-C",
        str(made.path),
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@b.invalid",
        "commit",
        "-aqm",
        "x",
        check=False,
    )
    assert made.sprung()


_WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0\n"), max_size=12)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_no_configuration_runs_anything(tmp_path_factory, data):
    """A fuzz of names, sections, quoting, includes and places; git may read it or not, we never do."""
    folder = tmp_path_factory.mktemp("fuzz")
    made = trap(folder)
    text = ""
    for _ in range(data.draw(st.integers(1, 6))):
        section, _, rest = data.draw(st.sampled_from(PROGRAMS)).partition(".")
        sub = data.draw(st.one_of(st.just(rest.rpartition(".")[0]), _WORDS))
        quoted = sub.replace("\\", "\\\\").replace('"', '\\"')
        text += f'[{section} "{quoted}"]\n' if sub else f"[{section}]\n"
        text += f"\t{rest.rpartition('.')[2]} = {data.draw(st.sampled_from(['', '!']))}{made.program}\n"
    encoding = data.draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "latin-1"]))
    raw = text.encode(encoding, errors="replace")
    match data.draw(st.sampled_from(["config", "config.worktree", "include"])):
        case "config":
            (made.dot / "config").write_bytes((made.dot / "config").read_bytes() + raw)
        case "config.worktree":
            made.configure("[extensions]\n\tworktreeConfig = true\n")
            (made.dot / "config.worktree").write_bytes(raw)
        case _:
            (made.dot / "more").write_bytes(raw)
            made.configure("[include]\n\tpath = more\n")
    made.write(".gitattributes", f"* filter={data.draw(_WORDS)}\n* diff=x filter=x\n")
    asyncio.run(use(made, folder))
    assert made.sprung() == ""


async def test_a_repository_that_was_committed_into_another_is_no_repository(made, tmp_path):
    """Who names a folder of a clone does not mean what somebody else put there as a bare repository."""
    TRAPS["bare_inside"](made)
    outer = made.path.parent
    (outer / "inner" / "hooks").rename(tmp_path / "hooks-aside")
    made.raw("git", "-C", str(outer), "add", "--all", "--force", ".")
    made.raw("git", "-C", str(outer), "-c", "user.name=a", "-c", "user.email=a@b.invalid", "commit", "-qm", "in")
    with pytest.raises(Refused) as refused:
        await Store(tmp_path / "store").pin("r", str(outer / "inner"))
    assert refused.value.stable_code == "not_a_repository"
    assert made.sprung() == ""


async def test_a_git_file_does_not_lead_into_another_repository(made, tmp_path):
    """``.git`` files point anywhere; a linked work tree is known to the repository that it belongs to."""
    other = tmp_path / "mine"
    made.git("worktree", "add", "--quiet", "-b", "mine", str(other))
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    (stranger / ".git").write_text((other / ".git").read_text())
    with pytest.raises(Refused) as refused:
        await Store(tmp_path / "store").pin("r", str(stranger))
    assert refused.value.stable_code == "not_a_repository"
    assert (await Store(tmp_path / "store").pin("r", str(other))).head == "mine"


@pytest.mark.parametrize("where", FIFOS)
async def test_a_fifo_is_not_waited_for(made, tmp_path, where):
    with_fifo(made, where)
    async with asyncio.timeout(PATIENCE_S):
        await use(made, tmp_path)


async def test_a_tree_that_lists_without_end_is_refused(tmp_path):
    """Ten levels of ten times the same folder are ten thousand million files, in two kilobytes."""
    made = trap(tmp_path)
    below = made.git("rev-parse", "HEAD:deep")
    for _ in range(10):
        lines = "".join(f"040000 tree {below}\tf{n}\n" for n in range(10))
        below = made.raw("git", "-C", str(made.path), "mktree", data=lines)
    commit = made.git("commit-tree", "-m", "bomb", below)
    made.git("update-ref", "refs/heads/bomb", commit)
    store = Store(tmp_path / "store")
    async with asyncio.timeout(PATIENCE_S):
        pinned = await store.pin("r", str(made.path), "bomb")
        with pytest.raises(Refused) as refused:
            await store.files("r", pinned.tree)
    assert refused.value.stable_code == "repository_unsupported"


class TestRemotes:
    """A server decides neither how long we wait nor whom we talk to."""

    @pytest.fixture
    def served(self, made):
        """A repository behind plain HTTP; paths under ``/to/`` redirect to what stands after it."""
        subprocess.run(["git", "clone", "--quiet", "--bare", made.path, made.path / "bare"], check=True)
        bare = made.path / "bare"
        subprocess.run(["git", "-C", bare, "update-server-info"], check=True)
        asked: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(f"{self.headers['Host']} {self.path}")
                path = self.path.partition("?")[0]
                if path.startswith("/to/"):
                    self.send_response(302)
                    self.send_header("Location", self.path.removeprefix("/to/"))
                    self.end_headers()
                    return
                file = bare / path.removeprefix("/repo/")
                if not path.startswith("/repo/") or not file.is_file():
                    self.send_error(404)
                    return
                self.send_response(200)
                self.end_headers()
                self.wfile.write(file.read_bytes())

            def log_message(self, *args: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1], asked
        server.shutdown()
        thread.join()
        server.server_close()

    async def test_a_redirect_on_the_same_host_is_followed(self, made, served, tmp_path):
        port, _ = served
        for url in (f"http://127.0.0.1:{port}/repo", f"http://127.0.0.1:{port}/to//repo"):
            pinned = await Store(tmp_path / "store").pin("r", url)
            assert (pinned.repo, pinned.commit) == (url, made.git("rev-parse", "HEAD"))

    async def test_a_redirect_to_another_host_is_refused_before_it_is_asked(self, served, tmp_path):
        port, asked = served
        for target in (
            f"http://localhost:{port}/repo",
            f"http://127.0.0.1:{port + 1}/repo",
            "file:///etc/passwd",
            f"http://user:word@127.0.0.1:{port}/repo",
            "ext::sh -c id",
        ):
            with pytest.raises(Refused) as refused:
                await Store(tmp_path / "store").pin("r", f"http://127.0.0.1:{port}/to/{target}")
            assert refused.value.stable_code == "repository_unreachable"
        assert not [line for line in asked if line.startswith("localhost")]

    async def test_a_credential_in_an_address_is_in_no_message(self, served, tmp_path):
        port, _ = served
        for path in ("nowhere", "repo"):
            with pytest.raises(Refused) as refused:
                await Store(tmp_path / "store").pin(
                    "r", f"http://ann:t0k3n@127.0.0.1:{port}/{path}", "no-such-revision"
                )
            assert "t0k3n" not in f"{refused.value.message} {refused.value.hint}"

    async def test_what_may_be_used_is_asked_again_after_a_redirect(self, served, tmp_path):
        port, _ = served
        store = Store(tmp_path / "store")
        seen: list[str] = []

        def permit(repo: str, _: tuple[Path, ...]) -> None:
            seen.append(repo)
            if repo.endswith("/repo"):
                raise Refused("no", code="repo_refused", hint="no")

        store.restrict(permit)
        # The path contains both; only where it leads is refused.
        with pytest.raises(Refused) as refused:
            await store.pin("r", f"http://127.0.0.1:{port}/to//repo/.")
        assert refused.value.stable_code in {"repo_refused", "repository_unreachable"}
        assert seen[0].startswith(f"http://127.0.0.1:{port}/to/")

    async def test_a_listener_that_never_answers_costs_its_time_and_no_process(self, tmp_path):
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        for scheme in ("http", "git"):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1.0):
                    await Store(tmp_path / "store").pin("r", f"{scheme}://127.0.0.1:{port}/x")
        listener.close()
        assert processes_about(str(port)) == []


def processes_about(word: str) -> list[str]:
    """Command lines of other processes with this word in them."""
    lines = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            line = each.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if word in line and each.parent.name != str(os.getpid()):
                lines.append(line)
    return lines


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_runs_on_a_listener_that_never_answers_end_in_their_time(tmp_path):
    """Eight at once, three seconds each: they end, say why, and leave no process behind."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    asked = ("run", "--task", "t", "--accept", "true", "--max-minutes", "0.05", "--json")
    clis = [Cli(tmp_path / str(n), {"SIGNOFF_SANDBOX": "unsafe-local"}) for n in range(8)]
    with listener:
        ended = await asyncio.gather(
            *(cli.run(*asked, "--repo", f"http://127.0.0.1:{port}/{n}") for n, cli in enumerate(clis))
        )
    assert {each.code for each in ended} == {3}
    assert {each.json["code"] for each in ended} == {"budget_spent"}
    assert processes_about(f"127.0.0.1:{port}") == []
