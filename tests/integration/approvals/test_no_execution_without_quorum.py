"""No sequence of calls leads to an execution without a valid quorum on exactly those bytes.

Hypothesis plays requesters, approvers, bots, attackers and the clock (``tests/worlds/play.py``).
"""

import shutil
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from approvals.testing.rehearsal import Stage
from tests.worlds import approvals
from tests.worlds.play import Play


class OnTheTwin(Play):
    def stage(self) -> Stage:
        return approvals.twin()


class OnSqlite(Play):
    def stage(self) -> Stage:
        self.folder = Path(tempfile.mkdtemp())
        self.exit = AsyncExitStack()
        engine = self.runner.run(self.exit.enter_async_context(approvals.sqlite(self.folder)))
        return approvals.stored(engine)

    def teardown(self) -> None:
        if hasattr(self, "exit"):
            self.runner.run(self.exit.aclose())
            shutil.rmtree(self.folder)
        super().teardown()


pytestmark = [pytest.mark.slow, pytest.mark.timeout(500)]
QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
TestOnTheTwin = OnTheTwin.TestCase
TestOnTheTwin.settings = settings(
    max_examples=200,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=QUIET,
)
TestOnSqlite = OnSqlite.TestCase
TestOnSqlite.settings = settings(
    max_examples=8,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=QUIET,
)
