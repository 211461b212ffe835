"""Whom a set-up may reach is asked of the image that it is made of: each has package managers of its own."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from domain import CommandRun
from domain.evidence import Output
from sandbox import Spec
from service.wiring.environments import default_hosts


def ran(code: int, text: str) -> CommandRun:
    return CommandRun(command="", ended="exit", code=code, stdout=Output(head=text.encode()))


@dataclass
class Answering:
    """A sandbox of an image whose commands print this, by a word that stands in them."""

    printed: dict[str, str]
    closed: int = 0
    leased: list[Spec] = field(default_factory=list[Spec])

    async def lease(self, spec: Spec, *, run: str = "") -> Any:
        self.leased.append(spec)
        return self

    async def run(self, argv: list[str], **_: Any) -> CommandRun:
        text = next((text for word, text in self.printed.items() if word in argv[-1]), None)
        return ran(1, "") if text is None else ran(0, text)

    async def close(self) -> None:
        self.closed += 1

    async def check(self, spec: Spec) -> tuple[()]:
        return ()


@pytest.mark.parametrize(
    ("printed", "hosts"),
    [
        (
            {"PyPI": "index.example files.example\n", "npm": "npm.example\n"},
            ("index.example", "files.example", "npm.example"),
        ),
        ({"GOPROXY": "proxy.example\nsum.example\n"}, ("proxy.example", "sum.example")),
        ({"cargo": "index.crates.example\nstatic.crates.example\n"}, ("index.crates.example", "static.crates.example")),
        ({"maven": "repo.example repo.example\n"}, ("repo.example",)),
        ({"sources.list": "deb.example\n", "npm": "npm error code\n"}, ("deb.example",)),
        ({"PyPI": "Traceback: no such module; rm -rf / *.example\n"}, ()),
    ],
)
async def test_each_package_manager_that_is_there_is_asked(printed, hosts):
    backend = Answering(printed)
    assert await default_hosts(backend, Spec(profile="packages")) == hosts
    assert [spec.profile for spec in backend.leased] == ["sealed"]
    assert backend.closed == 1
