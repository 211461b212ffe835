"""What is missing or wrong is said with a code and what to do, before anything runs."""

import io
import tarfile
from dataclasses import replace

import docker
import pytest

from domain import Refused, SignoffError
from sandbox import Docker
from tests.integration.sandbox.conftest import SPEC


async def refusal(backend: Docker, spec=SPEC) -> SignoffError:
    with pytest.raises(SignoffError) as caught:
        await backend.lease(spec)
    checks = await backend.check(spec)
    assert not all(check.ok for check in checks)
    assert all(check.hint for check in checks if not check.ok)
    await backend.close()
    assert caught.value.hint
    return caught.value


async def test_no_engine(tmp_path):
    assert (await refusal(Docker(base_url=f"unix://{tmp_path}/none.sock"))).stable_code == "docker_missing"


async def test_an_address_where_nobody_listens():
    assert (await refusal(Docker(base_url="tcp://127.0.0.1:1"))).stable_code == "docker_missing"


@pytest.mark.docker
async def test_no_image():
    found = await refusal(Docker(), replace(SPEC, image="signoff-no-such-image:latest"))
    assert found.stable_code == "image_missing"
    assert "make image" in found.hint


@pytest.mark.docker
async def test_a_runtime_that_the_engine_does_not_know():
    assert (await refusal(Docker(), replace(SPEC, runtime="kata"))).stable_code == "runtime_unsupported"


@pytest.fixture
def empty_image():
    """An image with nothing in it but a file."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("empty"))
    client = docker.from_env().api
    client.import_image_from_data(data.getvalue(), repository="signoff-test-empty", tag="latest")
    yield "signoff-test-empty:latest"
    client.remove_image("signoff-test-empty:latest", force=True)
    client.close()


@pytest.mark.docker
async def test_an_image_without_python(empty_image):
    found = await refusal(Docker(), replace(SPEC, image=empty_image))
    assert isinstance(found, Refused)
    assert found.stable_code == "image_unsuitable"
    assert "python3" in found.message


@pytest.mark.docker
async def test_an_engine_that_goes_away_in_the_middle_is_one_infrastructure_error():
    """As after a restart of the daemon: the connection breaks, the run can go on later."""
    backend = Docker()
    sandbox = await backend.lease(SPEC)
    client = docker.from_env().api
    client.kill(sandbox.id)
    client.close()
    with pytest.raises(SignoffError) as caught:
        await sandbox.run(["sleep", "9"])
    assert caught.value.stable_code == "sandbox_lost"
    await backend.close()
