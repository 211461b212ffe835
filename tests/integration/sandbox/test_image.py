"""What the sandbox image brings: names of the loopback, and tools that change nothing of what a project sees."""

import pytest

from domain.acceptance import environment
from sandbox import REPO, Docker
from tests.integration.sandbox.conftest import SPEC

pytestmark = pytest.mark.docker

LOOPBACK = """
import socket, sys
for name, family in (("localhost", socket.AF_INET), ("localhost", socket.AF_INET6), ("::1", socket.AF_INET6)):
    with socket.create_server((name, 0), family=family) as server:
        with socket.create_connection((name, server.getsockname()[1]), timeout=5) as client:
            client.sendall(b"x")
            assert server.accept()[0].recv(1) == b"x"
print(sorted({entry[4][0] for entry in socket.getaddrinfo("localhost", 80)}))
"""
STRICT = "[pytest]\nfilterwarnings = error\n"
OWN_OPTION = 'def pytest_addoption(parser):\n    parser.addoption("--timeout", default="1")\n'
PLAIN = 'def test_plugins(pytestconfig):\n    assert not pytestconfig.pluginmanager.hasplugin("asyncio")\n'
ASYNC = "import pytest\n\n\n@pytest.mark.asyncio\nasync def test_it():\n    pass\n"


@pytest.fixture
async def sandbox():
    backend = Docker()
    yield await backend.lease(SPEC)
    await backend.close()


async def test_localhost_and_its_sixth_version_answer_by_name(sandbox):
    ran = await sandbox.run(["python3", "-c", LOOPBACK])
    assert ran.ok, ran.stderr.text()
    assert ran.stdout.text().strip() == "['127.0.0.1', '::1']"


async def test_warnings_as_errors_and_an_option_of_ones_own_meet_no_plugin_of_the_image(sandbox):
    await sandbox.write("pytest.ini", STRICT.encode())
    await sandbox.write("conftest.py", OWN_OPTION.encode())
    await sandbox.write("test_plain.py", PLAIN.encode())
    ran = await sandbox.run(["python3", "-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider"])
    assert ran.ok, ran.stdout.text()


async def test_a_project_that_mentions_a_plugin_has_it(sandbox):
    await sandbox.write("pytest.ini", STRICT.encode())
    await sandbox.write("tests/test_async.py", ASYNC.encode())
    env = environment(("tests/test_async.py",), REPO)
    ran = await sandbox.run(["python3", "-m", "pytest", "-q", "--timeout=20"], env=env)
    assert ran.ok, ran.stdout.text()
