"""What runs remember, as people have it: over HTTP by role, at the terminal, and gone with threads and people."""

from pathlib import Path
from typing import Any

import pytest

from approvals.storage import forget
from database import erasing
from domain import Refused
from memory import NAMESPACE
from service.memory.erasure import forget_in_memory
from service.settings import Settings
from service.wiring.application import Application, open_application
from service.wiring.coding.memory import shown_kinds
from tests.worlds.cli import Cli
from tests.worlds.house import OK, application, decide, repository, settings, start, task
from tests.worlds.served import Served

EDIT = (
    "```edit shop/prices.py\n<<<<<<< SEARCH\n    return sum(prices[1:])\n=======\n    return sum(prices)\n"
    ">>>>>>> REPLACE\n```\n"
)
RUN = "```run\npython3 -m py_compile tests/test_prices.py\n```\n"
DONE = "```done\nCount the first price too\n```\n"
KNOWN = {"repo": "/nowhere", "title": "Database tests", "text": "They need make db first."}


async def test_everybody_reads_operators_forget_and_administrators_write(service: Served) -> None:
    keys: dict[str, str] = {}
    for role in ("viewer", "operator", "org_admin"):
        _, keys[role] = await service.context.keys.make("local", f"key:{role}", roles=(role,))

    async def ask(role: str, method: str, path: str, **given: Any) -> tuple[int, Any]:
        async with service.http(keys[role]) as http:
            answer = await http.request(method, f"/v1/memory{path}", **given)
        text = not answer.content or "ndjson" in answer.headers["content-type"]
        return answer.status_code, answer.text if text else answer.json()

    for role in ("viewer", "operator"):
        status, problem = await ask(role, "POST", "", json=KNOWN)
        assert (status, problem["code"]) == (403, "scope_missing")
    status, written = await ask("org_admin", "POST", "", json=KNOWN)
    assert (status, written["pinned"], written["edited_by"]) == (201, True, "key:org_admin")
    path = f"/{written['id']}"
    assert (await ask("viewer", "GET", path))[1] == written
    assert (await ask("viewer", "GET", "?repo=/nowhere"))[1] == {"items": [written], "total": 1}
    assert (await ask("viewer", "GET", "?kind=episodic"))[1] == {"items": [], "total": 0}
    assert (await ask("viewer", "GET", "/export"))[1].count("\n") == 1
    assert (await ask("operator", "PATCH", path, json={"pinned": False}))[0] == 403
    status, changed = await ask("org_admin", "PATCH", path, json={"pinned": False, "text": "Run make db."})
    assert (status, changed["pinned"], changed["text"]) == (200, False, "Run make db.")
    assert (await ask("org_admin", "PATCH", path, json={}))[0] == 422
    status, problem = await ask("org_admin", "PATCH", path, json={"text": "x" * 5_000})
    assert (status, problem["code"]) == (400, "memory_too_large")
    assert (await ask("viewer", "DELETE", path))[0] == 403
    assert (await ask("operator", "DELETE", path))[0] == 204
    assert (await ask("viewer", "GET", path))[0] == 404
    lines = [line async for line in service.context.application.audit.export("local")]
    verbs = [line["verb"] for line in lines if line["verb"].startswith("memory.")]
    assert verbs == ["memory.written", "memory.edited", "memory.unpinned", "memory.forgotten"]


async def test_the_store_api_reads_memories_and_writes_none(service: Served) -> None:
    async with service.http() as http:
        written = (await http.post("/v1/memory", json=KNOWN)).json()
        found = (await http.post("/store/items/search", json={"namespace_prefix": [NAMESPACE]})).json()["items"]
        assert [each["value"]["id"] for each in found] == [written["id"]]
        item = {"namespace": found[0]["namespace"], "key": written["id"]}
        for answer in (
            await http.put("/store/items", json={**item, "value": {"text": "poison"}}),
            await http.request("DELETE", "/store/items", json=item),
        ):
            assert (answer.status_code, answer.json()["code"]) == (403, "namespace_reserved")


async def test_a_deleted_thread_leaves_no_memory_from_that_moment_on(service: Served) -> None:
    client, items = service.sdk(), service.context.items
    gone, left = [(await client.threads.create())["thread_id"] for _ in range(2)]
    for thread in (gone, left):
        await items.put("local", [NAMESPACE, "repo", "episodic"], thread, {"run": thread})
    await client.threads.delete(gone)
    found = await items.search("local", [NAMESPACE], having={}, limit=10, offset=0)
    assert [each["key"] for each in found] == [left]


async def rejected_and_delivered(folder: Path) -> Path:
    """A home with two runs of ann's: one that ben rejected, one that was delivered."""
    repo = repository(folder / "repo")
    answers = {"coder": [EDIT, RUN, DONE, EDIT, RUN, DONE], "reviewer": [OK, OK]}
    async with application(folder, answers, coder_dialect="text") as opened:
        standing, _ = await start(opened, task(repo, deliver="commit"))
        await decide(opened, standing, "reject", "Ask Carla before you sum.", person="ben")
        await opened.engine.advance(standing.run.id, None)
        standing, _ = await start(opened, task(repo, deliver="patch"))
        assert standing.run.status == "delivered", standing.run.ending
    return folder / "home"


async def everything(opened: Application) -> str:
    return str(await opened.memory.all(opened.org))


async def test_a_person_who_is_erased_is_in_no_memory_also_when_it_is_made_anew(tmp_path: Path) -> None:
    await rejected_and_delivered(tmp_path)
    async with open_application(settings(tmp_path), models={}) as opened:
        before = await everything(opened)
        assert "by='ben'" in before
        assert "Ask Carla" in before
        await opened.rebuild_memory("local")
        assert await everything(opened) == before, "made anew it is what it was"
        for person in ("ben", "ann"):
            async with erasing(opened.audit.engine) as conn:
                ref = await opened.audit.erase(conn, "local", person)
                assert ref is not None
                await forget(conn, "local", person, ref)
                assert await forget_in_memory(conn, "local", person, ref) > 0
        for text in (await everything(opened), await _anew(opened)):
            assert "'ben'" not in text
            assert "'ann'" not in text
            assert "Ask Carla" not in text


async def _anew(opened: Application) -> str:
    await opened.rebuild_memory("local")
    return await everything(opened)


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_people_see_and_change_memories_at_the_terminal(tmp_path: Path) -> None:
    home = await rejected_and_delivered(tmp_path)
    cli = Cli(tmp_path, env={"SIGNOFF_HOME": str(home), "SIGNOFF_SANDBOX": "unsafe-local"})
    listed = (await cli.run("memory", "list", "--json")).json
    assert {each["kind"] for each in listed} == {"episodic", "semantic"}
    assert sum(each["rejected"] for each in listed) == 1
    (fact,) = [each for each in listed if each["subject"] == "one test"]
    shown = (await cli.run("memory", "show", fact["id"][:6])).out
    assert "python3 -m py_compile tests/test_prices.py" in shown
    assert "holds while these are as they were: tests/test_prices.py" in shown
    edited = (await cli.run("memory", "edit", fact["id"], "Use make one.", "--json")).json
    assert (edited["text"], edited["cites"]) == ("Use make one.", [])
    assert (await cli.run("memory", "rebuild", "--yes", "--json")).json == {"memories": len(listed)}
    lines = (await cli.run("memory", "export")).out.splitlines()
    assert (len(lines), sum("Use make one." in line for line in lines)) == (len(listed), 1)
    assert (await cli.run("memory", "forget", fact["id"], "--yes")).out.startswith("forgotten: ")
    off = Cli(tmp_path, env={**cli.env, "SIGNOFF_MEMORY": "off"})
    assert (await off.run("memory", "rebuild", "--yes", "--json")).json["error"]["code"] == "memory_off"


def test_kinds_that_are_unknown_are_refused() -> None:
    with pytest.raises(Refused) as refusal:
        shown_kinds(Settings(memory="semantic,telepathy"))
    assert refusal.value.stable_code == "settings_invalid"
    assert shown_kinds(Settings(memory="off")) is None
    assert shown_kinds(Settings(memory="none")) == frozenset()


async def test_a_run_ends_as_it_ends_when_it_cannot_be_remembered(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo")
    async with application(tmp_path, {"coder": [EDIT, DONE], "reviewer": [OK]}, coder_dialect="text") as opened:
        standing, _ = await start(opened, task(repo, deliver="patch"))
        await opened.store.drop(standing.run.id)
        await opened.ended_runs.learn(standing)
        with pytest.raises(Refused):
            await opened.ended_runs.read(standing)
