"""A forge on loopback: GitHub's or GitLab's API as their clients see it, and git over real smart HTTP.

Answers have the fields that the published descriptions promise (docs/forges.md says which); what they are about is kept
by the twin, and branches are those of bare repositories that ``git http-backend`` serves.
"""

import asyncio
import base64
import json
import re
import socket
import subprocess
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, unquote

import jwt
import uvicorn

from domain import Refused
from forges import TwinForge
from tests.worlds.forge_wire import Request, Response
from tests.worlds.github_shapes import GitHubShapes
from tests.worlds.gitlab_shapes import GitLabShapes
from tests.worlds.house import git, repository

Kind = Literal["github", "gitlab"]
TOKEN = "ghp_" + "Canary0Canary0Canary0Canary0Canary00"


Fault = Callable[[Request], Response | None]


@dataclass(slots=True, kw_only=True)
class ForgeServer:
    """One running forge. ``twin`` is its state, ``fault`` what goes wrong before an answer is made."""

    kind: Kind
    folder: Path
    port: int
    twin: TwinForge
    token: str = TOKEN
    scopes: str | None = None
    """Of the token: GitHub's classic ones and GitLab's; None: it is fine-grained, or GitLab is older than 15.5."""
    app_key: str = ""
    """Public PEM of an app whose installation asks, instead of a person's token."""
    permissions: dict[str, str] = field(default_factory=dict[str, str])
    """Of that installation."""
    checks: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """Check runs, oldest first."""
    rules_hidden: bool = False
    """GitLab tells of protected branches to maintainers only; GitHub Enterprise before 3.11 knows no rules."""
    fault: Fault = lambda _: None
    asked: list[Request] = field(default_factory=list[Request])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def api(self) -> str:
        return f"{self.url}/api/{'v3' if self.kind == 'github' else 'v4'}"

    def clone_url(self, path: str) -> str:
        return f"{self.url}/{path}.git"

    def bare(self, path: str) -> Path:
        return self.folder / f"{path}.git"

    def branches(self, path: str) -> dict[str, str]:
        lines = git(
            self.bare(path), "for-each-ref", "--format=%(refname:short) %(objectname)", "refs/heads"
        ).splitlines()
        return dict(line.split(" ", 1) for line in lines)

    def history(self, path: str, branch: str, commit: str) -> bool:
        done = subprocess.run(
            ["git", "-C", str(self.bare(path)), "merge-base", "--is-ancestor", commit, f"refs/heads/{branch}"],
            check=False,
            capture_output=True,
        )
        return done.returncode == 0

    def add(self, path: str, files: dict[str, str] | None = None) -> Path:
        """A repository with one commit on main; returns a clone of it to work in."""
        work = repository(self.folder / "work" / path, **({"files": files} if files is not None else {}))
        bare = self.bare(path)
        bare.parent.mkdir(parents=True, exist_ok=True)
        git(work, "clone", "-q", "--bare", str(work), str(bare))
        git(bare, "config", "http.receivepack", "true")
        git(work, "remote", "add", "origin", self.clone_url(path))
        self.twin.add_repository(path)
        return work

    def add_fork(self, path: str, fork: str) -> None:
        """A fork as it was made, of a repository that the token may not push to."""
        bare = self.bare(fork)
        bare.parent.mkdir(parents=True, exist_ok=True)
        git(self.bare(path), "clone", "-q", "--bare", str(self.bare(path)), str(bare))
        git(bare, "config", "http.receivepack", "true")
        git(self.bare(path), "config", "http.receivepack", "false")
        self.twin.add_repository(fork, parent=path)
        self.twin.repositories[path] = replace(self.twin.repositories[path], writable=False)

    def entry(self, *repositories: str, name: str = "forge", token: str | None = None) -> dict[str, Any]:
        """As ``forges.yaml`` has it."""
        return {
            "name": name,
            "kind": self.kind,
            "url": self.url,
            "token": self.token if token is None else token,
            "repositories": list(repositories or ("*/*",)),
        }

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = bytearray()
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {key.decode().lower(): text.decode() for key, text in scope["headers"]}
        raw = scope.get("raw_path", scope["path"].encode()).decode().split("?")[0]
        request = Request(scope["method"], raw, parse_qs(scope["query_string"].decode()), headers, bytes(body))
        self.asked.append(request)
        prefix = f"/api/{'v3' if self.kind == 'github' else 'v4'}"
        response = self.fault(request)
        if response is None and raw.startswith(prefix):
            response = await self._api(request, raw.removeprefix(prefix))
        elif response is None and raw.startswith("/logs/"):
            response = await self._stored_log(request, raw)
        elif response is None:
            response = await self._git(request, unquote(raw))
        data = response.body if isinstance(response.body, bytes) else json.dumps(response.body).encode()
        data = b"" if response.body is None else data
        fields = {"content-type": "application/json", "content-length": str(len(data)), **response.headers}
        await send(
            {
                "type": "http.response.start",
                "status": response.status,
                "headers": [(key.encode(), text.encode()) for key, text in fields.items()],
            }
        )
        await send({"type": "http.response.body", "body": data})

    async def _api(self, request: Request, path: str) -> Response:
        installation = re.fullmatch(r"/app/installations/(\d+)/access_tokens", path)
        if installation and self.app_key and request.method == "POST":
            return self._installation_token(request)
        if request.headers.get("authorization") != f"Bearer {self.token}":
            words = "Bad credentials" if self.kind == "github" else "401 Unauthorized"
            return Response(401, {"message": words})
        shapes: Any = GitHubShapes(self) if self.kind == "github" else GitLabShapes(self)
        for method, pattern, verb in shapes.routes():
            match = re.fullmatch(pattern, path)
            if match and method == request.method:
                try:
                    return await verb(request, *(unquote(part) for part in match.groups()))
                except Refused as error:
                    status = 404 if error.stable_code == "forge_missing" else 422 if self.kind == "github" else 409
                    return Response(status, {"message": "Not Found" if status == 404 else error.message})
        return Response(404, {"message": f"no route: {request.method} {path}"})

    def _installation_token(self, request: Request) -> Response:
        proof = request.headers.get("authorization", "").removeprefix("Bearer ")
        try:
            jwt.decode(proof, self.app_key, algorithms=["RS256"], options={"require": ["iat", "exp", "iss"]})
        except jwt.PyJWTError:
            return Response(401, {"message": "A JSON web token could not be decoded"})
        until = (self.twin.clock() + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        answer = {"token": self.token, "expires_at": until, "permissions": self.permissions}
        return Response(201, {**answer, "repository_selection": "selected"})

    async def _stored_log(self, request: Request, path: str) -> Response:
        """Where GitHub keeps logs: on another host, which must never see the token."""
        if "authorization" in request.headers:
            return Response(400, {"message": "the token was sent to another host"})
        _, _, owner, name, job = path.split("/")
        text = await self.twin.failed_log(f"{owner}/{name}", int(job))
        return Response(200, text.removeprefix("test\n").encode(), {"content-type": "text/plain"})

    async def _git(self, request: Request, path: str) -> Response:
        name = "x-access-token" if self.kind == "github" else "oauth2"
        expected = base64.b64encode(f"{name}:{self.token}".encode()).decode()
        sent = request.headers.get("authorization", "")
        private = any(each.private for each in self.twin.repositories.values() if f"/{each.path}.git/" in path)
        writes = "git-receive-pack" in path or request.one("service") == "git-receive-pack"
        if sent != f"Basic {expected}" and (writes or private or sent):
            return Response(401, b"", {"www-authenticate": 'Basic realm="forge"'})
        query = "&".join(f"{key}={texts[0]}" for key, texts in request.query.items())
        environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "GIT_PROJECT_ROOT": str(self.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": request.method,
            "CONTENT_TYPE": request.headers.get("content-type", ""),
            "CONTENT_LENGTH": str(len(request.body)),
            "HTTP_CONTENT_ENCODING": request.headers.get("content-encoding", ""),
            "GIT_PROTOCOL": request.headers.get("git-protocol", ""),
            "REMOTE_USER": self.twin.user.login,
            "REMOTE_ADDR": "127.0.0.1",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
        }
        process = await asyncio.create_subprocess_exec(
            "git", "http-backend", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, env=environment
        )
        out, _ = await process.communicate(request.body)
        head, _, data = out.partition(b"\r\n\r\n")
        headers = dict(line.decode().split(": ", 1) for line in head.split(b"\r\n") if b": " in line)
        status = int(headers.pop("Status", "200 OK").split()[0])
        return Response(status, data, {key.lower(): text for key, text in headers.items()})


@asynccontextmanager
async def forge_server(kind: Kind, folder: Path, port: int = 0) -> AsyncGenerator[ForgeServer]:
    """A forge that answers until the block ends."""
    bound = socket.socket(proto=socket.IPPROTO_TCP)  # asyncio sends at once only where it is named
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", port))
    twin = TwinForge(numbers_apart=kind == "gitlab")
    server = ForgeServer(kind=kind, folder=folder, port=bound.getsockname()[1], twin=twin)
    twin.branches, twin.history = server.branches, server.history
    running = uvicorn.Server(uvicorn.Config(server, log_level="warning", lifespan="off", timeout_graceful_shutdown=2))
    serving = asyncio.create_task(running.serve(sockets=[bound]))
    try:
        while not running.started:  # noqa: ASYNC110  uvicorn has no event for it
            await asyncio.sleep(0.01)
        yield server
    finally:
        running.should_exit = True
        await serving
        bound.close()
