"""What is missing or wrong is said with a code and what to do, before anything runs."""

import http.server
import io
import json
import tarfile
import threading
from dataclasses import replace
from typing import ClassVar

import docker
import pytest

from domain import CommandRun, Refused, SignoffError
from domain.evidence import Output
from sandbox import Docker
from sandbox.probe import found_wrong
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
    assert "signoff sandbox build" in found.hint


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


class Lacking(http.server.BaseHTTPRequestHandler):
    """An engine that knows an image and has no seccomp, as far as anybody asks before starting something."""

    answers: ClassVar = {
        "/version": {"ApiVersion": "1.41", "Version": "20.10.24", "Arch": "amd64"},
        "/info": {"SecurityOptions": [], "MemoryLimit": True, "PidsLimit": False, "Runtimes": {"runc": {}}},
        "/containers/json": [],
    }

    def do_GET(self) -> None:
        path = self.path.partition("?")[0].removeprefix("/v1.41")
        image = {"Id": "sha256:" + "0" * 64, "Config": {}} if path.startswith("/images/") else None
        answer = json.dumps(image or self.answers[path]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def lacking():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Lacking) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"tcp://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


async def test_an_engine_without_protection_is_refused_unless_told_otherwise(lacking):
    found = await refusal(Docker(base_url=lacking))
    assert found.stable_code == "sandbox_unhardened"
    assert "seccomp" in found.message
    assert "processes" in found.message
    backend = Docker(base_url=lacking, unhardened=True)
    with pytest.raises(SignoffError) as caught:  # it goes on, and fails at what this engine cannot do
        await backend.lease(SPEC)
    assert caught.value.stable_code == "sandbox_lost"
    await backend.close()


@pytest.mark.docker
async def test_what_an_engine_did_not_do_is_found_out_from_inside():
    """An engine may accept a flag and ignore it: the first sandbox of a kind says how things are."""
    api = docker.from_env().api
    for options, told in (
        ({"security_opt": ["seccomp=unconfined", "no-new-privileges"]}, "not filtered"),
        ({"security_opt": []}, "privileges"),
        ({"security_opt": ["no-new-privileges"], "cap_drop": None}, "capabilities"),
    ):
        given = {"cap_drop": ["ALL"], "read_only": True, "network_mode": "none", **options}
        host = api.create_host_config(
            tmpfs=dict.fromkeys(("/work", "/tmp"), "rw,exec,uid=10001,gid=10001,mode=0755"), **given
        )
        made = api.create_container(SPEC.image, ["sleep", "60"], host_config=host)["Id"]
        api.start(made)
        try:
            found = await found_wrong(Executing(api, made), "runc")
            assert found is not None
            assert found[0] == "unhardened"
            assert told in found[1], found
        finally:
            api.remove_container(made, force=True)
    api.close()


class Executing:
    """Runs commands in a container that somebody else configured."""

    def __init__(self, api, container: str) -> None:
        self.api, self.container = api, container

    async def run(self, argv, **_: object) -> CommandRun:
        made = self.api.exec_create(self.container, list(argv))["Id"]
        said = self.api.exec_start(made)
        code = self.api.exec_inspect(made)["ExitCode"]
        return CommandRun(command="", ended="exit", code=code, stdout=Output(head=said), duration_ms=1)
