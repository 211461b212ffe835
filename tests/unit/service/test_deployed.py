"""``deploy/``: who sees the Docker socket, who can be reached, who works, and that all of it agrees with the code."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import yaml

from service.cli.app import load
from service.settings import Settings
from tests.architecture.tree import ROOT

DEPLOY = ROOT / "deploy"
NGINX = (DEPLOY / "service" / "nginx.conf").read_text()
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
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
    assert re.findall(r"server (serve-\d):2024", NGINX) == SERVERS


def test_every_variable_is_a_setting() -> None:
    known = {f"SIGNOFF_{name.upper()}" for name in Settings.model_fields}
    used = {name for each in SERVICES.values() for name in each.get("environment", {}) if name.startswith("SIGNOFF_")}
    assert used <= known


def test_every_command_and_option_exists() -> None:
    for name in ("migrate", "key", *SERVERS, *WORKERS):
        command, *options = SERVICES[name]["command"]
        known = {opt for parameter in load(command).params for opt in parameter.opts}
        assert {option for option in options if option.startswith("--")} <= known, name


def test_ports_and_sizes_agree() -> None:
    port, listening = Settings.model_fields["port"].default, re.findall(r"listen (\d+);", NGINX)
    assert set(re.findall(r"server serve-\d:(\d+)", NGINX)) == {str(port)}
    assert all(f"127.0.0.1:{port}/readyz" in str(SERVICES[name]["healthcheck"]["test"]) for name in SERVERS)
    assert [SERVICES["proxy"]["ports"][0].rpartition(":")[2]] == listening
    most = re.findall(r"client_max_body_size (\d+)m;", NGINX)
    assert int(most[0]) >= Settings.model_fields["max_body_mb"].default


def test_a_container_gets_the_time_it_drains_for() -> None:
    for name in (*SERVERS, *WORKERS):
        grace = int(SERVICES[name]["stop_grace_period"].removesuffix("s"))
        assert grace > Settings.model_fields["drain_s"].default + 10


def test_a_client_does_not_wait_for_a_server_that_is_gone() -> None:
    assert "proxy_connect_timeout 1s;" in NGINX
    assert "proxy_next_upstream error timeout;" in NGINX


def test_the_image_holds_what_the_service_imports() -> None:
    docker = (DEPLOY / "service" / "Dockerfile").read_text()
    sent = set(re.findall(r"^!(.+)$", (DEPLOY / "service" / "Dockerfile.dockerignore").read_text(), re.MULTILINE))
    made = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert set(made["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) <= sent
    assert all((ROOT / name).exists() for name in sent)
    (entry,) = re.findall(r'^ENTRYPOINT \["(\w+)"\]', docker, re.MULTILINE)
    assert entry in made["project"]["scripts"]
    assert all((ROOT / name).exists() for name in re.findall(r"^COPY (requirements/\S+) ", docker, re.MULTILINE))
    home = SERVICES["serve-1"]["environment"]["SIGNOFF_HOME"]
    assert f"SIGNOFF_HOME={home}" in docker
    assert SERVICES["serve-1"]["volumes"] == [f"home:{home}"]


def test_the_image_says_what_is_in_it_and_its_bill_of_materials_has_every_locked_package(tmp_path: Path) -> None:
    docker = (DEPLOY / "service" / "Dockerfile").read_text()
    assert "COPY --from=materials /sbom.cdx.json /usr/share/signoff/" in docker
    assert "/app/scripts/sbom.sh /sbom.cdx.json /opt/signoff/bin/python" in docker
    tool = Path(sys.executable).with_name("cyclonedx-py")
    # It is checked against the schema of CycloneDX as it is written.
    ran = subprocess.run(
        [ROOT / "scripts" / "sbom.sh", tmp_path / "sbom.json"],
        env={"PATH": "/usr/bin:/bin", "CYCLONEDX": str(tool)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    bill = json.loads((tmp_path / "sbom.json").read_text())
    assert (bill["bomFormat"], bill["metadata"]["component"]["name"]) == ("CycloneDX", "signoff")
    lock = (ROOT / "requirements" / "service.lock").read_text()
    locked = {
        (name.lower(), version)
        for name, version in re.findall(r"^([\w.-]+)(?:\[.+\])?==([^ ;\\]+)", lock, re.MULTILINE)
    }
    listed = {(each["name"].lower(), each["version"]) for each in bill["components"]}
    assert locked == listed
    assert all(each["purl"].startswith("pkg:pypi/") for each in bill["components"])
    assert all(ref["hashes"] for each in bill["components"] for ref in each["externalReferences"])
    # Twice it is the same: no time and no random number is in it.
    assert "timestamp" not in bill["metadata"]
