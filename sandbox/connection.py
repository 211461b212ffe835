"""The way to a Docker engine."""

import socket
from typing import Any

import docker
from docker.constants import DEFAULT_UNIX_SOCKET
from docker.utils import kwargs_from_env


def connect(base_url: str | None, timeout_s: int) -> docker.APIClient:
    """Connect to the engine; None: where the docker command would look. Blocks: call it in a thread.

    Raises:
        OSError: nobody is there, or one may not talk to it.
        DockerException: it does not answer as an engine does.
    """
    where: dict[str, Any] = {**kwargs_from_env()} if base_url is None else {"base_url": base_url}
    _knock(str(where.get("base_url") or DEFAULT_UNIX_SOCKET))
    return docker.APIClient(**where, version="auto", timeout=timeout_s)


def _knock(address: str) -> None:
    """Connect once ourselves: docker-py would leave the socket of a refused connection open."""
    scheme, _, path = address.partition("://")
    if scheme.endswith("unix"):
        with socket.socket(socket.AF_UNIX) as door:
            door.connect(path)
