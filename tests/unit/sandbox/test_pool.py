"""What is warm is given out once, replaced, bounded and thrown away at the end."""

import asyncio

import pytest

from domain import Refused, SandboxLost
from sandbox import Limits, Spec
from sandbox.conformance import must
from sandbox.pool import Pool


class Counted:
    """A sandbox that only knows whether it was closed or is broken."""

    def __init__(self, number: int, digest: str) -> None:
        self.id, self.image_digest = str(number), digest
        self.closed = self.broken = False
        self.gone = asyncio.Event()

    async def ping(self) -> None:
        if self.broken:
            raise SandboxLost("broken")

    async def permit(self, profile, *, run="") -> None:
        self.permitted = profile

    async def close(self) -> None:
        self.closed = True
        self.gone.set()


class Counting:
    """A backend that counts what it gives out."""

    def __init__(self) -> None:
        self.made: list[Counted] = []
        self.digest = "one"
        self.at_once = self.most_at_once = 0
        self.fails = False

    async def lease(self, spec, *, run=""):
        if self.fails:
            raise Refused("no engine", code="docker_missing")
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        self.made.append(Counted(len(self.made), self.digest))
        return self.made[-1]

    async def check(self, spec):
        return ()

    async def close(self):
        pass


@pytest.fixture
def backend():
    return Counting()


async def filled(backend, **options) -> Pool:
    pool = Pool(backend, **options)
    pool.warm(Spec())
    await pool.settled()
    return pool


async def test_a_warm_one_is_given_out_once_and_replaced(backend):
    pool = await filled(backend, size=2)
    taken = [await pool.lease(Spec()) for _ in range(2)]
    assert [s.id for s in taken] == ["0", "1"]
    await pool.settled()
    assert len(backend.made) == 4
    await pool.close()
    assert [s.closed for s in backend.made] == [False, False, True, True]


async def test_profiles_share_a_shelf_and_other_specs_do_not(backend):
    pool = await filled(backend, size=1)
    taken = await pool.lease(Spec(profile="packages"))
    assert (taken.id, taken.permitted) == ("0", "packages")
    await pool.settled()
    before = len(backend.made)
    assert (await pool.lease(Spec(limits=Limits(pids=20)))).id == str(before)
    await pool.close()


async def test_a_broken_one_is_never_given_out(backend):
    pool = await filled(backend, size=2)
    backend.made[0].broken = True
    assert (await pool.lease(Spec())).id == "1"
    await pool.settled()
    assert backend.made[0].closed
    await pool.close()


async def test_what_stood_too_long_is_thrown_away(backend):
    pool = await filled(backend, size=1, idle_s=0.0)
    taken = await pool.lease(Spec())
    assert taken.id != "0"
    await pool.close()
    assert backend.made[0].closed


async def test_a_new_image_empties_the_shelf(backend):
    pool = await filled(backend, size=2)
    backend.digest = "two"
    await pool.lease(Spec())
    await pool.settled()
    assert backend.made[1].closed
    assert (await pool.lease(Spec())).image_digest == "two"
    await pool.close()


async def test_there_are_bounds(backend):
    pool = Pool(backend, size=4, most=5, at_once=2)
    for pids in (20, 30, 40):
        pool.warm(Spec(limits=Limits(pids=pids)))
    await pool.settled()
    must(backend.most_at_once <= 2, backend.most_at_once)
    assert sum(not s.closed for s in backend.made) == 5
    await pool.close()
    assert all(s.closed for s in backend.made)


async def test_a_backend_that_fails_is_asked_again_with_the_next_lease(backend):
    backend.fails = True
    pool = await filled(backend, size=1)
    with pytest.raises(Refused):
        await pool.lease(Spec())
    await pool.settled()
    backend.fails = False
    assert (await pool.lease(Spec())).id
    await pool.close()


async def test_closing_while_it_fills_leaves_nothing(backend):
    pool = Pool(backend, size=8, most=8)
    pool.warm(Spec())
    await asyncio.sleep(0)
    await pool.close()
    assert all(s.closed for s in backend.made)


async def test_whoever_comes_while_one_is_started_gets_that_one(backend):
    pool = Pool(backend, size=1)
    pool.warm(Spec())
    taken = await asyncio.gather(pool.lease(Spec()), pool.lease(Spec()))
    assert {s.id for s in taken} == {"0", "1"}
    await pool.settled()
    assert len(backend.made) == 3  # and one more, to be ready for the next
    await pool.close()


async def test_whoever_does_not_wait_any_more_leaves_it_on_the_shelf(backend):
    pool = Pool(backend, size=1)
    pool.warm(Spec())
    waiting = asyncio.create_task(pool.lease(Spec()))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await pool.settled()
    assert [s.closed for s in backend.made] == [False]
    assert (await pool.lease(Spec())).id == "0"
    await pool.close()


async def test_a_start_that_fails_is_told_to_whoever_waits_for_it(backend):
    backend.fails = True
    pool = Pool(backend, size=1)
    pool.warm(Spec())
    with pytest.raises(Refused):
        await pool.lease(Spec())
    await pool.close()


async def test_what_does_not_answer_is_found_before_anybody_needs_it(backend):
    pool = await filled(backend, size=2, tend_s=0.01)
    backend.made[0].broken = True
    await asyncio.wait_for(backend.made[0].gone.wait(), 5)
    assert (await pool.lease(Spec())).id == "1"
    await pool.close()


async def test_closing_holds_nobody_up_who_waits(backend):
    pool = Pool(backend, size=1)
    pool.warm(Spec())
    waiting = asyncio.create_task(pool.lease(Spec()))
    await asyncio.sleep(0)
    await pool.close()
    async with asyncio.timeout(5):
        await asyncio.gather(waiting, return_exceptions=True)
