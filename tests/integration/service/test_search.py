"""``signoff search`` and ``GET /v1/search``: the same index, from a terminal and over HTTP."""

from pathlib import Path

import pytest

from service.wiring.application import Application, open_application
from service.wiring.search import SearchAnswer
from tests.worlds.cli import Cli
from tests.worlds.house import git, repository, settings
from tests.worlds.served import Served, served

FILES = {
    "shop/pool.py": "def reclaim(connection):\n    '''Return a closed connection.'''\n    return connection\n",
    "shop/sale.py": "from shop.pool import reclaim\n\n\ndef sell(lot):\n    return reclaim(lot)\n",
    "web/app.min.js": "var a=1;" * 2_000,
    "README.md": "# Shop\n\nSells lots.\n",
}
QUESTION = "a connection is reclaimed too late"


async def asked(application: Application, repo: Path) -> SearchAnswer:
    return await application.search.in_repository(str(repo), QUESTION, org="local", budget_tokens=2_500)


async def test_the_second_question_reads_nothing_and_the_next_commit_what_changed(tmp_path: Path) -> None:
    repo = repository(tmp_path / "shop", FILES)
    async with open_application(settings(tmp_path), models={}) as application:
        first = await asked(application, repo)
    assert (first.passages[0].path, first.passages[0].start_line) == ("shop/pool.py", 1)
    assert "def reclaim" in first.passages[0].text
    assert (first.files, first.added, first.complete) == (3, 3, True)
    async with open_application(settings(tmp_path), models={}) as application:
        again = await asked(application, repo)
        (repo / "shop" / "sale.py").write_text("def sell(lot):\n    return lot\n")
        git(repo, "commit", "-qam", "less")
        later = await asked(application, repo)
    assert (again.passages, again.added) == (first.passages, 0)
    assert (later.files, later.added) == (3, 1)


async def test_a_secret_is_masked_and_in_no_file_of_the_index(tmp_path: Path) -> None:
    secret = "AKIA" + "Q7RZ3XTB5WNKEJ2V"
    text = f"def reclaim(connection):\n    return sign(connection, key='{secret}')\n"
    repo = repository(tmp_path / "shop", {**FILES, "shop/pool.py": text})
    async with open_application(settings(tmp_path), models={}) as application:
        answer = await asked(application, repo)
    assert secret not in str(answer.document())
    words = [file.read_bytes().lower() for file in (tmp_path / "home" / "index").rglob("words.db*")]
    assert words
    assert all(secret.lower().encode() not in each for each in words)


@pytest.mark.slow
async def test_a_person_searches_at_the_terminal(tmp_path: Path) -> None:
    repo, cli = repository(tmp_path / "shop", FILES), Cli(tmp_path)
    shown = await cli.run("search", QUESTION, "--repo", str(repo))
    assert "shop/pool.py:1-3" in shown.out
    assert "3 files searched" in shown.err
    nowhere = await cli.run("search", "x", "--repo", str(tmp_path), "--json")
    assert (nowhere.code, nowhere.json["error"]["code"]) == (2, "not_a_repository")


@pytest.mark.slow
async def test_brackets_of_the_code_are_shown_as_they_are(tmp_path: Path) -> None:
    lines = ("def reclaim(pool: list[str]) -> str:", "    return pool[i] + '[/bold]' + \"[red]\"")
    repo = repository(tmp_path / "shop", {"shop/pool.py": "\n".join(lines) + "\n"})
    shown = await Cli(tmp_path).run("search", "reclaim a pool", "--repo", str(repo))
    assert shown.code == 0, shown.err
    assert all(line in shown.out for line in lines)


async def test_over_http_a_repository_is_searched_by_who_may_run_something_there(tmp_path: Path) -> None:
    repo = repository(tmp_path / "allowed" / "shop", FILES)
    other = repository(tmp_path / "other", FILES)
    async with served(tmp_path, repos=str(tmp_path / "allowed")) as service:
        _, viewer = await service.context.keys.make("local", "vic", name="vic", roles=("viewer",), personal=True)
        async with service.http() as ann, service.http(viewer) as vic:
            asked = {"query": QUESTION, "repo": str(repo)}
            said = await ann.get("/v1/search", params=asked)
            assert said.status_code == 200, said.text
            assert said.json()["passages"][0]["path"] == "shop/pool.py"
            assert (await vic.get("/v1/search", params=asked)).json()["code"] == "scope_missing"
            refused = await ann.get("/v1/search", params={**asked, "repo": str(other)})
            assert refused.json()["code"] == "repo_refused"
            both = await ann.get("/v1/search", params={**asked, "thread_id": "x"})
            assert both.json()["code"] == "request_invalid"
            assert (await ann.get("/v1/search", params={"query": ""})).status_code == 422


async def test_a_thread_is_searched_as_it_stands(tmp_path: Path) -> None:
    repo = repository(tmp_path / "shop", FILES)
    async with served(tmp_path, whole=True, models={}) as service:
        task = {"text": QUESTION, "repo": str(repo), "accept": "true"}
        thread = (await service.sdk().threads.create())["thread_id"]
        await service.sdk().runs.wait(thread, "coding", input={"task": task}, raise_error=False)
        async with service.http() as http:
            said = await http.get("/v1/search", params={"query": QUESTION, "thread_id": thread})
            assert said.status_code == 200, said.text
            assert said.json()["passages"][0]["path"] == "shop/pool.py"
            assert "reclaim" in said.json()["passages"][0]["text"]


@pytest.fixture
async def empty(service: Served) -> str:
    return (await service.sdk().threads.create())["thread_id"]


async def test_a_thread_on_which_nothing_was_done_has_nothing_to_search(service: Served, empty: str) -> None:
    async with service.http() as http:
        said = await http.get("/v1/search", params={"query": "x", "thread_id": empty})
        assert (said.status_code, said.json()["code"]) == (404, "run_not_found")
