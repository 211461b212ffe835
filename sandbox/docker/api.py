"""Docker's API: the connection to an engine, and what is asked of it. Each call blocks: make it in a thread."""

import asyncio
import json
import socket
from pathlib import Path
from typing import Any

import docker
from docker.constants import DEFAULT_UNIX_SOCKET
from docker.utils import kwargs_from_env

SECCOMP = Path(__file__).with_name("seccomp.json")


def create(body: dict[str, Any], name: str, api: docker.APIClient) -> dict[str, Any]:
    """Make a container; its id is in the answer."""
    return api.create_container_from_config(body, name)


def start(container: str, api: docker.APIClient) -> None:
    """Start a container."""
    api.start(container)


def attach(container: str, api: docker.APIClient) -> Any:
    """Return the socket of a container's stdin, stdout and stderr."""
    return api.attach_socket(container, params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})


def hang_up(attached: "asyncio.Future[Any]") -> None:
    """Close what ``attach`` returned to somebody who had given up."""
    if not attached.cancelled() and attached.exception() is None:
        raw = attached.result()
        for end in (getattr(raw, "_sock", raw), raw):  # the socket, and the stream that holds it open
            end.close()


def image(name: str, api: docker.APIClient) -> dict[str, Any]:
    """Describe an image."""
    return api.inspect_image(name)


def info(api: docker.APIClient) -> dict[str, Any]:
    """Describe the engine and its host."""
    return api.info()


def version(api: docker.APIClient) -> dict[str, Any]:
    """Name the engine's release and those of its parts."""
    return api.version()


def profile() -> dict[str, Any]:
    """Read our seccomp profile."""
    # Read each time: it is needed once a container, and a changed file holds from the next one on.
    return json.loads(SECCOMP.read_text(encoding="utf-8"))


def connect(base_url: str | None, timeout_s: int) -> docker.APIClient:
    """Connect to the engine; None: where the docker command would look. Blocks: call it in a thread.

    Raises:
        OSError: nobody is there, or one may not talk to it.
        DockerException: it does not answer as an engine does.
    """
    where: dict[str, Any] = {**kwargs_from_env()} if base_url is None else {"base_url": base_url}
    # Connect once ourselves: docker-py would leave the socket of a refused connection open.
    scheme, _, path = str(where.get("base_url") or DEFAULT_UNIX_SOCKET).partition("://")
    if scheme.endswith("unix"):
        with socket.socket(socket.AF_UNIX) as door:
            door.connect(path)
    return docker.APIClient(**where, version="auto", timeout=timeout_s)
