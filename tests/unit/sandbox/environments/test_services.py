"""Which services tests speak to, and the Debian packages of a set-up: from dependencies and hints alone."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.environments import SETUP_SCRIPT, detect, wanted_files
from sandbox.environments.services import LocalServer, hinted, services
from sandbox.environments.system_packages import downloaded

GITHUB = """
jobs:
  test:
    runs-on: ubuntu-latest
    services:
      db:
        image: postgis/postgis:16-3.4
        env: {POSTGRES_USER: shop, POSTGRES_PASSWORD: hush, POSTGRES_DB: shop_test}
        ports: ["5432:5432"]
      cache: {image: "redis:7-alpine"}
    steps: [{run: pytest}]
"""
GITLAB = """
test:
  image: python:3.12
  services: ["postgres:15", redis]
  variables: {POSTGRES_DB: own}
  script: [pytest]
"""
COMPOSE = """
services:
  web: {build: ., depends_on: [postgres], environment: {DB: postgres, CACHE: redis}}
  pg: {image: postgres, environment: [POSTGRES_USER=ann, POSTGRES_DB=ann_db]}
"""
PYPROJECT = '[project]\nname = "shop"\nversion = "1"\ndependencies = ["psycopg2"]\n'


def test_workflows_say_which_and_how_tests_log_in():
    database, cache = services((), {".github/workflows/ci.yml": GITHUB})
    assert (database.kind, database.user, database.password, database.database) == (
        "postgresql",
        "shop",
        "hush",
        "shop_test",
    )
    assert dict(database.variables)["DATABASE_URL"] == "postgresql://shop:hush@localhost:5432/shop_test"
    assert dict(cache.variables)["REDIS_URL"] == "redis://localhost:6379/0"


def test_other_files_are_read_too_and_words_that_only_look_like_images_are_not():
    assert [(each.kind, each.database) for each in services((), {".gitlab-ci.yml": GITLAB})] == [
        ("postgresql", "own"),
        ("redis", "test"),
    ]
    assert [(each.kind, each.user, each.database) for each in services((), {"compose.yaml": COMPOSE})] == [
        ("postgresql", "ann", "ann_db")
    ]


@pytest.mark.parametrize(
    ("named", "modules", "kinds"),
    [
        ({"psycopg2-binary"}, "", ["postgresql"]),
        ({"ioredis", "pg"}, "", ["postgresql", "redis"]),
        ({"redis", "fakeredis"}, "", []),
        ((), "require github.com/jackc/pgx/v5 v5.5.0\n", ["postgresql"]),
        ((), 'redis = "0.25"\ngo-redis\n', ["redis"]),
        ({"django"}, "", []),
    ],
)
def test_dependencies_say_which(named, modules, kinds):
    assert [each.kind for each in services(named, {}, modules)] == kinds


def test_a_recipe_unpacks_packages_first_and_prepares_services_last():
    files = {"pyproject.toml": PYPROJECT, ".github/workflows/ci.yml": GITHUB, "a.py": ""}
    recipe = detect({path: text.encode() for path, text in files.items()}, [*files])
    titles = [step.title for step in recipe.steps]
    assert titles[0] == "Unpack libpq-dev, postgresql, redis-server"
    assert titles[-1] == "Prepare PostgreSQL and Redis"
    words = shlex.split(recipe.steps[-1].commands[0].rpartition(" || {")[0])
    assert words[-2:] == ["postgresql:shop:shop_test", "redis"]
    assert dict(recipe.variables)["PGDATABASE"] == "shop_test"
    assert recipe.path[-2:] == ("debian/usr/bin", "debian/usr/sbin")
    own = detect({path: text.encode() for path, text in {**files, SETUP_SCRIPT: ":"}.items()}, [*files])
    assert "DATABASE_URL" not in dict(own.variables)
    assert "compose.yaml" in wanted_files(["compose.yaml"])


def test_what_wheels_hold_and_what_images_have_is_not_downloaded():
    hints = {"Dockerfile": "RUN apt-get install -y gcc git libxslt1-dev"}
    assert downloaded({"lxml", "mysqlclient"}, hints, ("postgresql",), native=True) == (
        "default-libmysqlclient-dev",
        "libxslt1-dev",
        "pkg-config",
        "postgresql",
    )


@given(st.text(max_size=300) | st.sampled_from([GITHUB, GITLAB, COMPOSE]))
def test_no_hint_breaks_it_and_no_login_is_more_than_a_word(text):
    for each in hinted(text):
        assert shlex.split(each.word) == [each.word]
        assert each.word.count(":") in {0, 2}


def test_a_name_that_a_shell_or_an_address_would_read_otherwise_is_not_taken():
    odd = "jobs: {t: {services: {p: {image: 'postgres:16', env: {POSTGRES_USER: 'a:b; rm', POSTGRES_DB: '${{ x }}'}}}}}"
    assert [*hinted(odd)] == [LocalServer(kind="postgresql")]
