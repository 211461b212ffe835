"""What waits for a person outlives the server, and so does the person's decision."""

import pytest

from tests.chaos.asking import newest, quick_task, sign_all, started
from tests.chaos.life import Life

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


async def test_open_questions_and_their_answers_outlive_the_server(life: Life) -> None:
    threads = [await started(life.child, quick_task("sign it")) for _ in range(4)]
    async with life.child.http() as http:
        for thread in threads:
            (run,) = (await http.get(f"/threads/{thread}/runs")).json()
            await http.get(f"/threads/{thread}/runs/{run['run_id']}/join")
    await life.start()
    assert [await newest(life.child, thread) for thread in threads] == ["interrupted"] * 4
    assert await sign_all(life.child) == 4
    await life.start()  # decided, and killed before or while the runs go on
    assert await life.settled(threads, sign=False) == {"success": 4}
    assert life.deliveries == dict.fromkeys(threads, 1)
