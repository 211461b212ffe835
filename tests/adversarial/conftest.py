"""The arena: hardened containers of the engine at hand."""

import pytest

from sandbox import Docker, Limits, Spec
from sandbox.attacks import Arena
from sandbox.hand import DockerHand

SPEC = Spec(limits=Limits(memory_mb=512, work_mb=64, tmp_mb=32, file_mb=256, inodes=20_000))


@pytest.fixture
async def arena():
    backend = Docker()
    made = Arena(backend=backend, spec=SPEC, hand=DockerHand(backend, SPEC),
                 with_egress=lambda egress, witness: Docker(egress=egress, witness=witness))  # fmt: skip
    yield made
    await made.close()
    await backend.close()
