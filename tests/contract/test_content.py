"""Two machines share the files of runs: through one folder, or through a bucket and nothing else."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from database import now, open_engine, sqlite_url
from sandbox import Store
from sandbox.content import ContentBucket, ContentUnavailable, FolderBucket, Replica, S3Bucket
from sandbox.git import object_id, write_object
from service.storage.schema import make_tables
from service.storage.segments import StoredSegments
from tests.worlds.buckets import BUCKET, S3Server, s3_front, s3_server
from tests.worlds.house import repository

AT = datetime(2026, 1, 2, tzinfo=UTC)
BUCKETS = [pytest.param("twin"), pytest.param("s3", marks=pytest.mark.slow)]


@pytest.fixture(scope="module")
def server() -> Generator[S3Server]:
    with s3_server() as running:
        yield running


@dataclass(slots=True)
class Machines:
    """Stores of machines on one content store."""

    folder: Path
    segments: StoredSegments | None = None
    bucket: ContentBucket | None = None
    made: int = field(default=0)

    def one(self) -> Store:
        """Another machine; where a folder is shared, with that one."""
        if self.segments is None or self.bucket is None:
            return Store(self.folder / "store")
        self.made += 1
        return Store(self.folder / f"machine-{self.made}", replica=Replica(bucket=self.bucket, segments=self.segments))


async def listed(folder: Path) -> AsyncGenerator[StoredSegments]:
    engine = open_engine(sqlite_url(folder / "rows.db"))
    await make_tables(engine)
    yield StoredSegments(engine=engine, clock=now)
    await engine.dispose()


@pytest.fixture
async def segments(tmp_path: Path) -> AsyncGenerator[StoredSegments]:
    async for each in listed(tmp_path):
        yield each


def bucket_of(kind: str, folder: Path, request: pytest.FixtureRequest) -> ContentBucket:
    if kind == "s3":
        running: S3Server = request.getfixturevalue("server")
        return S3Bucket(running.place(prefix=f"tests/{folder.name}"))
    (folder / "bucket").mkdir()
    return FolderBucket(folder / "bucket")


@pytest.fixture(params=["folder", *BUCKETS])
def machines(request: pytest.FixtureRequest, tmp_path: Path, segments: StoredSegments) -> Machines:
    if request.param == "folder":
        return Machines(tmp_path)
    return Machines(tmp_path, segments, bucket_of(request.param, tmp_path, request))


@pytest.fixture(params=BUCKETS)
def bucket(request: pytest.FixtureRequest, tmp_path: Path) -> ContentBucket:
    return bucket_of(request.param, tmp_path, request)


async def refused(work: object) -> ContentUnavailable:
    with pytest.raises(ContentUnavailable) as caught:
        await work  # type: ignore[misc]
    assert caught.value.hint
    return caught.value


class TestMachines:
    """What every content store promises to servers and workers."""

    async def test_a_run_goes_on_elsewhere(self, machines: Machines, tmp_path: Path):
        first, second = machines.one(), machines.one()
        async with first.at_work("r"):
            pinned = await first.pin("r", str(repository(tmp_path / "repo")))
            first.furnish("r", "environment:1")
            first.focus("r", "shop")
            blob = write_object(first.path("r"), "blob", b"new\n")
            tree = write_object(first.path("r"), "tree", b"100644 a.py\0" + bytes.fromhex(object_id(blob)))
            snapshot = await first.keep("r", "step-1", (tree, tree, "-"), b"")
            await first.push("r")
        async with second.at_work("r"):
            assert await second.read("r", snapshot.tree, "a.py") == b"new\n"
            assert second.pinned("r").folder == "shop"
            assert second.environment("r") == "environment:1"
            assert "shop/prices.py" in await second.files("r", pinned.tree)
            assert await second.parts("r", snapshot.full) == (tree, "-")
            second.furnish("r", "environment:2")
            newer = await second.commit("r", tree, pinned.commit, "done\n", AT)
            await second.push("r")
        async with first.at_work("r"):
            assert first.environment("r") == "environment:2"
            assert (await first.pack("r", (newer,), (pinned.tree,))).data

    async def test_who_only_reads_sees_what_was_pushed(self, machines: Machines, tmp_path: Path):
        worker, server = machines.one(), machines.one()
        async with worker.at_work("r"):
            pinned = await worker.pin("r", str(repository(tmp_path / "repo")))
            await worker.push("r")
            assert await server.read("r", pinned.tree, "shop/__init__.py") == b""
            blob = write_object(worker.path("r"), "blob", b"x = 2\n")
            tree = write_object(worker.path("r"), "tree", b"100644 a.py\0" + bytes.fromhex(object_id(blob)))
            await worker.push("r")
            assert "+x = 2" in await server.diff("r", pinned.tree, tree)

    async def test_a_fork_is_there_everywhere(self, machines: Machines, tmp_path: Path):
        worker, server, other = machines.one(), machines.one(), machines.one()
        async with worker.at_work("r"):
            pinned = await worker.pin("r", str(repository(tmp_path / "repo")))
            await worker.push("r")
        await server.fork("r", "fork")
        await server.push("fork")
        async with other.at_work("fork"):
            assert other.pinned("fork") == pinned
            assert await other.files("fork", pinned.tree)

    async def test_a_dropped_run_is_gone(self, machines: Machines, tmp_path: Path):
        worker, server, other = machines.one(), machines.one(), machines.one()
        async with worker.at_work("r"):
            pinned = await worker.pin("r", str(repository(tmp_path / "repo")))
            await worker.push("r")
        await server.drop("r")
        with pytest.raises(Exception, match="no files of run"):
            await other.files("r", pinned.tree)

    async def test_two_at_once_lose_nothing(self, machines: Machines, tmp_path: Path):
        stores, trees = [machines.one() for _ in range(3)], list[tuple[Store, str]]()
        async with stores[0].at_work("r"):
            await stores[0].pin("r", str(repository(tmp_path / "repo")))
            await stores[0].push("r")
        for number, store in enumerate(stores):
            await store.refresh("r")
            blob = write_object(store.path("r"), "blob", f"{number}\n".encode())
            tree = write_object(store.path("r"), "tree", b"100644 a.py\0" + bytes.fromhex(object_id(blob)))
            trees.append((store, tree))
        await asyncio.gather(*(store.push("r") for store in stores))
        last = machines.one()
        for number, (_, tree) in enumerate(trees):
            assert await last.read("r", tree, "a.py") == f"{number}\n".encode()


class TestBuckets:
    """What a bucket promises to a replica."""

    async def test_objects_come_back_as_they_were(self, bucket: ContentBucket, tmp_path: Path):
        for size in (1, (8 << 20) - 1, 8 << 20, (20 << 20) + 7):
            source, target = tmp_path / "source", tmp_path / f"target-{size}"
            source.write_bytes(bytes(index % 251 for index in range(1 << 10)) * (size >> 10) + b"z" * (size % 1024))
            await bucket.put("run/a.tar", source)
            await bucket.get("run/a.tar", target, size)
            assert target.read_bytes() == source.read_bytes()

    async def test_what_is_dropped_is_gone_and_nothing_else(self, bucket: ContentBucket, tmp_path: Path):
        (tmp_path / "x").write_bytes(b"x")
        for name in ("run/a.tar", "run/b.tar", "run-2/a.tar"):
            await bucket.put(name, tmp_path / "x")
        await bucket.drop("run/")
        await bucket.drop("never/")
        assert (await refused(bucket.get("run/a.tar", tmp_path / "y", 1))).stable_code == "content_damaged"
        await bucket.get("run-2/a.tar", tmp_path / "z", 1)

    async def test_a_shorter_object_is_damaged(self, bucket: ContentBucket, tmp_path: Path):
        (tmp_path / "x").write_bytes(b"x" * 10)
        await bucket.put("run/a.tar", tmp_path / "x")
        for number, size in enumerate((11, 9 << 20)):
            error = await refused(bucket.get("run/a.tar", tmp_path / f"y{number}", size))
            assert error.stable_code == "content_damaged"

    async def test_it_tries_itself_out(self, bucket: ContentBucket):
        assert await bucket.try_out()


class TestFaults:
    """Each has a code and says what to do, and nothing is lost."""

    async def begun(self, machines: Machines, folder: Path) -> tuple[Store, str]:
        store = machines.one()
        async with store.at_work("r"):
            pinned = await store.pin("r", str(repository(folder / "repo")))
            await store.push("r")
        return store, pinned.tree

    async def test_changed_and_missing_objects(self, segments: StoredSegments, tmp_path: Path):
        (tmp_path / "bucket").mkdir()
        machines = Machines(tmp_path, segments, FolderBucket(tmp_path / "bucket"))
        store, tree = await self.begun(machines, tmp_path)
        (there,) = (tmp_path / "bucket").glob("r/*.tar")
        whole = there.read_bytes()
        for content in (whole[:-512], whole[:-600] + b"?" * 600, b""):
            there.write_bytes(content)
            assert (await refused(machines.one().files("r", tree))).stable_code == "content_damaged"
        there.unlink()
        assert (await refused(machines.one().files("r", tree))).stable_code == "content_damaged"
        # Who has it already needs no bucket.
        assert await store.files("r", tree)
        there.write_bytes(whole)
        assert await machines.one().files("r", tree)

    async def test_a_bucket_that_is_away_stops_no_reader_here(self, segments: StoredSegments, tmp_path: Path):
        bucket = tmp_path / "bucket"
        bucket.mkdir()
        machines = Machines(tmp_path, segments, FolderBucket(bucket))
        store, tree = await self.begun(machines, tmp_path)
        bucket.rename(tmp_path / "away")
        write_object(store.path("r"), "blob", b"new\n")
        assert (await refused(store.push("r"))).stable_code == "bucket_missing"
        assert await store.files("r", tree)
        (tmp_path / "away").rename(bucket)
        await store.push("r")
        assert len(await segments.of("r")) == 2

    async def test_a_list_that_was_restored_without_a_run_gets_all_of_it_again(
        self, segments: StoredSegments, tmp_path: Path
    ):
        (tmp_path / "bucket").mkdir()
        machines = Machines(tmp_path, segments, FolderBucket(tmp_path / "bucket"))
        store, tree = await self.begun(machines, tmp_path)
        await segments.drop("r")
        async with store.at_work("r"):
            store.furnish("r", "environment:1")
            await store.push("r")
        assert await machines.one().files("r", tree) == await store.files("r", tree)

    @pytest.mark.slow
    async def test_no_bucket_no_login_no_server(self, server: S3Server, tmp_path: Path):
        (tmp_path / "x").write_bytes(b"x")
        for changed, code in (
            ({"bucket": "no-such-bucket"}, "bucket_missing"),
            ({"secret_access_key": "wrong" * 8}, "bucket_forbidden"),
            ({"access_key_id": "AKIANOBODY0000000000"}, "bucket_forbidden"),
            ({"endpoint": "http://127.0.0.1:9"}, "content_unavailable"),
        ):
            place = server.place(**changed)
            bucket = S3Bucket(place)
            for error in (await refused(bucket.put("r/a", tmp_path / "x")), await refused(bucket.try_out())):
                assert error.stable_code == code
                assert place.secret_access_key not in f"{error.message}{error.hint}{place!r}"

    @pytest.mark.slow
    async def test_what_a_server_says(self, server: S3Server, tmp_path: Path):
        (tmp_path / "x").write_bytes(b"x")
        async with s3_front(server) as front:
            bucket = S3Bucket(server.place(endpoint=f"http://127.0.0.1:{front.port}"))
            for answer, code in (
                ("AccessDenied", "bucket_forbidden"),
                ("RequestTimeTooSkewed", "bucket_clock"),
                ("AuthorizationHeaderMalformed", "bucket_missing"),
                ("SlowDown", "content_unavailable"),
            ):
                front.refusing = answer
                assert (await refused(bucket.put("r/a", tmp_path / "x"))).stable_code == code
                assert (await refused(bucket.get("r/a", tmp_path / answer, 1))).stable_code == code
                assert (await refused(bucket.drop("r/"))).stable_code == code

    @pytest.mark.slow
    async def test_a_server_that_goes_in_the_middle(self, server: S3Server, segments: StoredSegments, tmp_path: Path):
        async with s3_front(server) as front:
            cut = S3Bucket(server.place(endpoint=f"http://127.0.0.1:{front.port}", prefix="middle"))
            store = Store(tmp_path / "machine", replica=Replica(bucket=cut, segments=segments))
            files = {"big.bin": "".join(f"{number:08x}\n" for number in range(200_000))}
            async with store.at_work("r"):
                pinned = await store.pin("r", str(repository(tmp_path / "repo", files)))
                front.cut_after = 100_000
                assert (await refused(store.push("r"))).stable_code == "content_unavailable"
                # Nobody was told of what did not get there whole.
                assert await segments.of("r") == ()
                front.cut_after = None
                await store.push("r")
        other = Machines(tmp_path, segments, S3Bucket(server.place(prefix="middle"))).one()
        assert await other.files("r", pinned.tree) == ("big.bin",)

    @pytest.mark.slow
    async def test_a_truncated_object_of_a_real_server(
        self, server: S3Server, segments: StoredSegments, tmp_path: Path
    ):
        bucket = S3Bucket(server.place(prefix="short"))
        machines = Machines(tmp_path, segments, bucket)
        _, tree = await self.begun(machines, tmp_path)
        (segment,) = await segments.of("r")
        name, whole, half = f"r/{segment.digest}.tar", tmp_path / "whole", tmp_path / "half"
        await bucket.get(name, whole, segment.size_bytes)
        half.write_bytes(whole.read_bytes()[: segment.size_bytes // 2])
        await bucket.put(name, half)
        assert (await refused(machines.one().files("r", tree))).stable_code == "content_damaged"
        await bucket.put(name, whole)
        # A server whose disk lost the end of it breaks off: that is no damage that we could know of.
        there = server.data / BUCKET / "short" / name
        there.write_bytes(half.read_bytes())
        assert (await refused(machines.one().files("r", tree))).stable_code == "content_unavailable"
        there.write_bytes(whole.read_bytes())
        assert await machines.one().files("r", tree)


async def test_copies_that_nobody_looks_at_go(segments: StoredSegments, tmp_path: Path):
    (tmp_path / "bucket").mkdir()
    machines = Machines(tmp_path, segments, FolderBucket(tmp_path / "bucket"))
    store = machines.one()
    async with store.at_work("r"):
        pinned = await store.pin("r", str(repository(tmp_path / "repo")))
        await store.push("r")
    await store.pin("never-pushed", str(tmp_path / "repo"))
    await store.tidy(now() - timedelta(hours=1))
    assert store.path("r").exists()
    await store.tidy(now() + timedelta(hours=1))
    assert not store.path("r").exists()
    assert store.path("never-pushed").exists()
    assert await store.files("r", pinned.tree)
