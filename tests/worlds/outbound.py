"""Every client that the product has, each asked once: ``python -m tests.worlds.outbound URL`` in an environment.

Prints which of them ended with which error. What arrived is known to the server, by the path that each one asks for.
"""

import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

from approvals.channels import new_client
from forges import DeployEntry, DeployHooks, DeployOrder, ForgeEntry, Forges
from models.clients.contract import ModelEndpoint
from models.clients.http import http_client
from models.clients.openai import OpenAIHttpClient
from models.prompts import PromptFiles
from models.prompts_langfuse import LangfusePrompts
from sandbox.content.s3 import S3Bucket, S3Place
from sandbox.git import git
from sandbox.source import AuthorisedRemote
from sandbox.source.remote import Remote
from service.auth.oidc import Issuer
from service.mcp.stdio import ensure_reached, serve_remote
from service.settings import Settings, read_settings
from service.wiring.forges import with_network
from telemetry.langfuse.scores import ScoreClient
from telemetry.otlp import Destination, OtlpExporter
from tools.config import ServerConfig
from tools.connection import ServerConnection

NOTHING: Final = SecretStr("x").get_secret_value()
Client = Callable[[Settings, str], Awaitable[object]]


async def _model(settings: Settings, url: str) -> object:
    async with http_client(ModelEndpoint(base_url=f"{url}/model"), timeout_s=10) as client:
        return await client.get("models")


async def _chat(settings: Settings, url: str) -> object:
    async with OpenAIHttpClient(ModelEndpoint(base_url=url)) as client:
        return await client.get(f"{url}/chat")


async def _prompts(settings: Settings, url: str) -> object:
    files = PromptFiles(prompts=())
    prompts = LangfusePrompts(
        name="plan", local=files, host=f"{url}/prompts", public_key="p", secret_key=NOTHING, timeout_s=10
    )
    return await prompts.prompt("production")


async def _scores(settings: Settings, url: str) -> object:
    scores = ScoreClient(host=f"{url}/scores", public_key="p", secret_key=NOTHING, timeout_s=10)
    return await scores.request(lambda langfuse: langfuse.projects.get())


async def _spans(settings: Settings, url: str) -> object:
    exporter = OtlpExporter(destination=Destination(name="collector", url=f"{url}/spans"))
    return await asyncio.to_thread(exporter.export, [])


async def _forge(settings: Settings, url: str) -> object:
    entry = ForgeEntry(name="ours", kind="gitlab", url=url, api=f"{url}/forge", token=SecretStr(NOTHING))
    forges = Forges(entries=with_network((entry,), settings))
    try:
        return await forges.named("ours").whoami()
    finally:
        await forges.close()


async def _repository(settings: Settings, url: str, authorised: AuthorisedRemote | None = None) -> object:
    with tempfile.TemporaryDirectory() as folder:
        await git(Path(folder), "init", "-q", "--bare")
        return await Remote(url, Path(folder), authorised).git("ls-remote", url, seconds=20)


async def _forge_repository(settings: Settings, url: str) -> object:
    (entry,) = with_network((ForgeEntry(name="ours", kind="gitlab", url=url, token=SecretStr(NOTHING)),), settings)
    remote = AuthorisedRemote(url=f"{url}/forge-git", header="Authorization: Basic x", ca=entry.ca, proxy=entry.proxy)
    return await _repository(settings, f"{url}/forge-git", remote)


async def _deploy(settings: Settings, url: str) -> object:
    entry = DeployEntry(name="ours", url=f"{url}/deploy", secrets=("whsec_" + "A" * 32,), repositories=("*",))
    blank = dict.fromkeys(("repository", "commit", "tree", "branch", "run", "ballot", "digest"), "x")
    return await DeployHooks(entries=(entry,)).send("ours", DeployOrder(**blank, signed_by=()))


async def _web_hook(settings: Settings, url: str) -> object:
    parts = urlsplit(url)
    # As the sender does: the judged address, and the name that the certificate is for.
    async with new_client(settings.proxy_for) as client:
        judged = f"https://127.0.0.1:{parts.port}/hook"
        return await client.post(judged, content=b"{}", extensions={"sni_hostname": parts.hostname})


async def _tools(settings: Settings, url: str) -> object:
    config = ServerConfig(url=f"{url}/tools", start_s=20)
    proxy = settings.proxy_for(config.url)
    return await ServerConnection(name="ours", config=config, credentials={}, proxy=proxy).tools()


async def _hand_on(settings: Settings, url: str) -> object:
    await ensure_reached(f"{url}/hand-on", "key")
    return await serve_remote(f"{url}/hand-on", "key")


async def _logins(settings: Settings, url: str) -> object:
    async with httpx.AsyncClient(timeout=10.0) as client:
        issuer = Issuer(
            issuer=url, audience="a", jwks_url=f"{url}/keys", algorithms=("ES256",), client=client, default_org="o"
        )
        return await issuer.check(_TOKEN)


async def _bucket(settings: Settings, url: str) -> object:
    place = S3Place(bucket="b", endpoint=f"{url}/bucket", access_key_id="a", secret_access_key=NOTHING, patience_s=1)
    with tempfile.TemporaryDirectory() as folder:
        (source := Path(folder, "x")).write_bytes(b"x")
        return await S3Bucket(place).put("x", source)


_TOKEN = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImsifQ.e30.AA"  # noqa: S105  of nobody
CLIENTS: Final[dict[str, tuple[str, Client]]] = {
    # What it asks for, and the module that makes the client
    "GET /model/models": ("models.clients.http", _model),
    "GET /chat": ("models.clients.openai", _chat),
    "GET /prompts/": ("models.prompts_langfuse", _prompts),
    "GET /scores/": ("telemetry.langfuse.scores", _scores),
    "POST /spans": ("telemetry.otlp", _spans),
    "GET /forge/user": ("forges.registry", _forge),
    "GET /git/info/refs": ("sandbox.source.remote", lambda settings, url: _repository(settings, f"{url}/git")),
    "GET /forge-git/info/refs": ("sandbox.source.push", _forge_repository),
    "POST /deploy": ("forges.deploy", _deploy),
    "POST /hook": ("approvals.channels.sender", _web_hook),
    "POST /tools": ("tools.connection", _tools),
    "GET /hand-on/v1/whoami": ("service.mcp.stdio", _hand_on),
    "POST /hand-on/mcp": ("service.mcp.stdio", _hand_on),
    "GET /keys": ("service.wiring.server", _logins),
    "PUT /bucket/": ("sandbox.content.s3", _bucket),
}


async def main(url: str) -> None:
    settings = read_settings()
    for name in dict.fromkeys(client for _, client in CLIENTS.values()):
        try:
            async with asyncio.timeout(40):
                problem = f"answered {await name(settings, url)}"
        except Exception as error:  # noqa: BLE001  they are asked, not judged
            problem = f"{type(error).__name__}: {error}"
        sys.stdout.write(f"{name.__name__}: {problem[:300]}\n")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
