"""The arena: hardened containers of the engine at hand."""

import pytest

from sandbox import Docker, Spec
from sandbox.docker.fault_injector import docker_arena


@pytest.fixture
async def arena():
    backend = Docker()
    made = docker_arena(backend, Spec())
    yield made
    await made.close()
    await backend.close()
