"""``deploy/compose.yaml``: who sees the Docker socket, who can be reached, and who works."""

import re
from typing import Any

import yaml

from service.settings import Settings
from tests.architecture.tree import ROOT

SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]
SERVERS = [name for name in SERVICES if name.startswith("serve-")]
WORKERS = [name for name in SERVICES if name.startswith("worker-")]


def test_two_servers_take_in_and_three_workers_perform() -> None:
    assert (len(SERVERS), len(WORKERS)) == (2, 3)
    assert {SERVICES[name]["environment"]["SIGNOFF_WORKERS"] for name in SERVERS} == {"0"}
    assert {SERVICES[name]["command"][0] for name in WORKERS} == {"worker"}


def test_only_workers_see_the_docker_socket_and_only_the_proxy_can_be_reached() -> None:
    with_socket = {name for name, each in SERVICES.items() if "docker.sock" in str(each.get("volumes", ""))}
    assert with_socket == set(WORKERS)
    assert {name for name, each in SERVICES.items() if "ports" in each} == {"proxy"}
    for name in (*SERVERS, *WORKERS):
        assert SERVICES[name]["cap_drop"] == ["ALL"]
        assert SERVICES[name]["read_only"]


def test_the_proxy_knows_every_server() -> None:
    text = (ROOT / "deploy" / "service" / "nginx.conf").read_text()
    assert re.findall(r"server (serve-\d):2024", text) == SERVERS


def test_every_variable_is_a_setting() -> None:
    known = {f"SIGNOFF_{name.upper()}" for name in Settings.model_fields}
    used = {name for each in SERVICES.values() for name in each.get("environment", {}) if name.startswith("SIGNOFF_")}
    assert used <= known
