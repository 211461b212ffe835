import asyncio
import json
import multiprocessing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from domain import Refused
from telemetry import forget_trace, read_trace, rewrite_trace
from telemetry.span_files import MOST_OPEN, SpanFiles, path_of, runs_of


def fact(span: str, **more: object) -> dict[str, object]:
    return {"at": "end", "trace": "t", "span": span, "name": f"span {span}", "start_ns": 1, "end_ns": 2, **more}


@given(st.text())
def test_every_run_has_one_file_inside_the_folder(run: str) -> None:
    path = path_of(Path("/data/traces"), run)
    assert path.parent == Path("/data/traces")
    assert path.suffix == ".jsonl"
    assert not path.name.startswith(".")


@given(st.text(), st.text())
def test_two_runs_never_share_a_file(one: str, two: str) -> None:
    assert (one == two) == (path_of(Path("/d"), one) == path_of(Path("/d"), two))


async def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    files = SpanFiles(folder=tmp_path / "new" / "traces")
    assert files.add("r1", {"at": "start", "span": "a", "name": "span a", "start_ns": 1})
    assert files.add("r1", fact("b", parent="a"))
    tree = await read_trace(files.folder, "r1")
    assert (tree.span.name, tree.span.state, tree.children[0].span.name) == ("span a", "open", "span b")
    assert runs_of(files.folder) == ["r1"]


async def test_only_the_owner_may_read_a_trace(tmp_path: Path) -> None:
    files = SpanFiles(folder=tmp_path / "traces")
    files.add("r1", fact("a"))
    assert path_of(files.folder, "r1").stat().st_mode & 0o077 == 0
    assert files.folder.stat().st_mode & 0o077 == 0


@given(st.binary(max_size=30))
def test_a_torn_line_costs_itself_only(tmp_path_factory: pytest.TempPathFactory, torn: bytes) -> None:
    files = SpanFiles(folder=tmp_path_factory.mktemp("t"))
    files.add("r1", fact("a"))
    with path_of(files.folder, "r1").open("ab") as file:
        file.write(torn)
    files.add("r1", fact("b"))
    tree = asyncio.run(read_trace(files.folder, "r1"))
    assert {branch.span.id for branch in tree.walk()} >= {"a", "b"}


def write_many(folder: Path, who: int) -> None:
    for number in range(200):
        SpanFiles(folder=folder).add("r1", fact(f"{who}-{number}", attributes={"text": "x" * 3_000}))


def test_processes_that_share_a_run_do_not_mix_their_lines(tmp_path: Path) -> None:
    spawned = multiprocessing.get_context("fork")
    writers = [spawned.Process(target=write_many, args=(tmp_path, who)) for who in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    # A blank line may come between: whoever saw another's line half written ended it before its own.
    lines = filter(None, path_of(tmp_path, "r1").read_text().splitlines())
    assert {json.loads(line)["span"] for line in lines} == {f"{who}-{n}" for who in range(3) for n in range(200)}


def test_a_disk_that_refuses_costs_the_trace_and_not_the_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with capture_logs() as logs:
        assert not SpanFiles(folder=tmp_path / "file" / "traces").add("r1", fact("a"))
    assert [(line["event"], line["log_level"]) for line in logs] == [("span not written", "warning")]


async def test_a_run_without_a_trace_says_so(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no trace of run r9") as refused:
        await read_trace(tmp_path, "r9")
    assert refused.value.stable_code == "trace_not_found"
    assert "signoff list" in refused.value.hint


async def test_a_trace_can_be_forgotten(tmp_path: Path) -> None:
    SpanFiles(folder=tmp_path).add("r1", fact("a"))
    assert await forget_trace(tmp_path, "r1")
    assert not await forget_trace(tmp_path, "r1")
    with pytest.raises(Refused):
        await read_trace(tmp_path, "r1")


@given(text=st.text(), torn=st.binary(max_size=20))
async def test_a_trace_in_which_nothing_is_changed_stays_as_it_is(
    tmp_path_factory: pytest.TempPathFactory, text: str, torn: bytes
) -> None:
    folder = tmp_path_factory.mktemp("traces")
    files = SpanFiles(folder=folder)
    files.add("r1", fact("a", said=f"\u2028{text}"))
    with path_of(folder, "r1").open("ab") as file:
        file.write(torn)
    files.close()
    before = path_of(folder, "r1").read_bytes()
    assert not await rewrite_trace(folder, "r1", lambda line: line)
    assert path_of(folder, "r1").read_bytes() == before


async def test_a_line_that_is_changed_is_one_line_still(tmp_path: Path) -> None:
    files = SpanFiles(folder=tmp_path)
    files.add("r1", fact("a", said="Ada\u2028Ada\x85Ada"))
    with path_of(tmp_path, "r1").open("ab") as file:
        file.write(b'{"said": "\xc3')  # cut short in the middle of a character
    files.close()
    assert await rewrite_trace(tmp_path, "r1", lambda line: line.replace("Ada", "Eve"))
    changed, torn = path_of(tmp_path, "r1").read_bytes().split(b"\n")
    assert json.loads(changed)["said"] == "Eve\u2028Eve\x85Eve"
    assert torn == b'{"said": "\xc3'


def test_a_file_that_is_taken_away_is_begun_again(tmp_path: Path) -> None:
    files = SpanFiles(folder=tmp_path)
    assert files.add("r1", fact("a"))
    path_of(tmp_path, "r1").unlink()
    assert files.add("r1", fact("b"))
    files.close()
    assert len(path_of(tmp_path, "r1").read_text().splitlines()) == 1


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_many_runs_at_once_need_few_open_files(tmp_path: Path) -> None:
    files, before = SpanFiles(folder=tmp_path), open_files()
    for number in range(3 * MOST_OPEN):
        assert files.add(f"r{number}", fact("a"))
        assert files.add("r0", fact(f"again-{number}"))
    assert open_files() <= before + MOST_OPEN
    files.close()
    assert open_files() == before
    assert len(path_of(tmp_path, "r0").read_text().splitlines()) == 3 * MOST_OPEN + 1
