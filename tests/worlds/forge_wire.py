"""What the local forges speak in: requests, answers, and what both kinds do alike."""

import json
import subprocess
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from forges import ForgeComment, ForgeUser, TwinForge

ANN = ForgeUser(login="ann", id="7")


@dataclass(slots=True)
class Request:
    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body or b"{}")

    def one(self, name: str, default: str = "") -> str:
        return self.query.get(name, [default])[0]


@dataclass(slots=True)
class Response:
    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict[str, str])


Route = tuple[str, str, Callable[..., Awaitable[Response]]]


def note(talks: dict[str, list[Any]]) -> Any:
    return next(iter(talks.values()))[0]


def page(request: Request, entries: list[Any]) -> list[Any]:
    number, size = int(request.one("page", "1")), int(request.one("per_page", "30"))
    return entries[(number - 1) * size : number * size]


def known(server: Any, path: str, commit: str) -> bool:
    done = subprocess.run(
        ["git", "-C", str(server.bare(path)), "cat-file", "-e", f"{commit}^{{commit}}"],
        check=False,
        capture_output=True,
    )
    return done.returncode == 0


def edited(twin: TwinForge, path: str, id_: str, body: str, shape: Callable[[ForgeComment], Any]) -> Response:
    for (of, _, _), talk in twin.notes.items():
        for at, comment in enumerate(talk):
            if of == path and comment.id == id_:
                talk[at] = replace(comment, body=body, updated_at=twin.clock())
                return Response(200, shape(talk[at]))
    return Response(404, {"message": "Not Found"})
