"""Proxies and private authorities: every client of the product, behind a company's proxy."""

import asyncio
import sys
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT
from tests.worlds.company_network import CompanyNetwork, company_network
from tests.worlds.outbound import CLIENTS


async def asked(network: CompanyNetwork, home: Path, **variables: str) -> str:
    """Ask every client once, in a process that has these variables and nothing of ours."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.worlds.outbound", network.url),
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "HOME": str(home), "SIGNOFF_HOME": str(home / "signoff"), **variables},
        stdout=asyncio.subprocess.PIPE,
    )
    return (await process.communicate())[0].decode()


@pytest.mark.slow
@pytest.mark.parametrize("how", ["SIGNOFF_CA", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
async def test_every_client_asks_the_proxy_and_trusts_the_authority(tmp_path: Path, how: str) -> None:
    async with company_network(tmp_path) as network:
        # In the letters that each of them is often set in.
        said = await asked(network, tmp_path, https_proxy=network.proxy, **{how: str(network.ca)})
        missing = [path for path in CLIENTS if not any(each.startswith(path) for each in network.requests)]
        assert not missing, f"{missing}\n{network.requests}\n{network.tunnels}\n{said}"
        assert len(network.tunnels) >= len(CLIENTS)


@pytest.mark.slow
async def test_no_client_believes_a_server_that_nobody_has_vouched_for(tmp_path: Path) -> None:
    async with company_network(tmp_path) as network:
        said = await asked(network, tmp_path, HTTPS_PROXY=network.proxy)
        assert network.requests == [], said
        assert network.tunnels


@pytest.mark.slow
async def test_who_is_excepted_is_not_asked_for_through_the_proxy(tmp_path: Path) -> None:
    async with company_network(tmp_path) as network:
        variables = {"HTTPS_PROXY": network.proxy, "SIGNOFF_CA": str(network.ca)}
        # Its name is one that nobody here knows: only the web hook comes, whose address was judged before.
        said = await asked(network, tmp_path, NO_PROXY=".signoff.example", **variables)
        assert (network.requests, network.tunnels, network.strangers) == (["POST /hook"], [], 0), said
