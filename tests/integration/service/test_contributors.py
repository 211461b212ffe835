"""Who shaped a change over HTTP, by a wish or by an answer to its coder, does not sign it in a team."""

from pathlib import Path

from domain import Plan, Step
from models import Scripted
from tests.worlds.house import FIX, OK, QUICK, repository
from tests.worlds.served import Served, served

ASK = "```ask\nAre all prices to be counted?\n```"
EDIT = "```edit shop/prices.py\n<<<<<<< SEARCH\nsum(prices[1:])\n=======\nsum(prices)\n>>>>>>> REPLACE\n```"
PLAN = Plan(goal="Sum all prices", steps=(Step(id="sum", title="Sum all prices"),))
DONE = "```done\nCount the first price too\n```"

OTHERWISE = {
    **FIX,
    "files_to_update": [
        {"path": "shop/prices.py", "search": "    return sum(prices)", "replace": "    return sum(list(prices))"}
    ],
}
"""On top of the first change, and not the bytes that were rejected: those are not asked about again."""


async def test_who_wishes_for_a_change_does_not_sign_it(tmp_path: Path) -> None:
    models = replanned()
    async with served(tmp_path, whole=True, models=models, approvals_mode="team", repos=str(tmp_path)) as service:
        bob, carol = [await logged_in(service, name) for name in ("bob", "carol")]
        thread = (await service.sdk().threads.create())["thread_id"]
        await service.sdk().runs.wait(thread, "coding", input=asked(tmp_path))
        first = await pending(service, thread)
        assert await decide(service, carol, first, "reject") == (200, "rejected")
        await service.sdk(bob).runs.join(thread, (await service.sdk().runs.list(thread))[0]["run_id"])
        wish = {"messages": [{"role": "user", "content": "Do count the first price"}]}
        await service.sdk(bob).runs.wait(thread, "coding", input=wish)
        item = await pending(service, thread)
        assert (item["requester"], item["contributors"]) == ("ann", ["bob"])
        assert await decide(service, bob, item) == (403, "self_approval")
        assert await mine(service, bob) == []
        assert await decide(service, carol, item) == (200, "approved")


async def test_who_answers_the_coder_does_not_sign_its_change(tmp_path: Path) -> None:
    models = {"coder": Scripted([ASK, EDIT, DONE], name="coder"), "reviewer": Scripted([OK])}
    given = {"models": models, "coder_dialect": "text", "approvals_mode": "team", "repos": str(tmp_path)}
    async with served(tmp_path, whole=True, **given) as service:
        bob, carol = [await logged_in(service, name) for name in ("bob", "carol")]
        thread = (await service.sdk().threads.create())["thread_id"]
        await service.sdk().runs.wait(thread, "coding", input=asked(tmp_path))
        await service.sdk(bob).runs.wait(thread, "coding", command={"resume": {"answer": "Yes, all."}})
        item = await pending(service, thread)
        assert (item["requester"], item["contributors"]) == ("ann", ["bob"])
        assert await decide(service, bob, item) == (403, "self_approval")
        assert await decide(service, carol, item) == (200, "approved")


async def test_who_made_the_key_of_a_program_that_wished_does_not_sign_it(tmp_path: Path) -> None:
    models = replanned()
    async with served(tmp_path, whole=True, models=models, approvals_mode="team", repos=str(tmp_path)) as service:
        bob, carol = [await logged_in(service, name) for name in ("bob", "carol")]
        thread = (await service.sdk().threads.create())["thread_id"]
        await service.sdk().runs.wait(thread, "coding", input=asked(tmp_path))
        assert await decide(service, carol, await pending(service, thread), "reject") == (200, "rejected")
        await service.sdk().runs.join(thread, (await service.sdk().runs.list(thread))[0]["run_id"])
        _, robot = await service.context.keys.make("local", "key:robot", roles=("operator",), by="bob")
        wish = {"messages": [{"role": "user", "content": "Do count the first price"}]}
        await service.sdk(robot).runs.wait(thread, "coding", input=wish)
        item = await pending(service, thread)
        assert item["contributors"] == ["key:robot"]
        assert await decide(service, bob, item) == (403, "self_approval")
        assert await decide(service, carol, item) == (200, "approved")


def replanned() -> dict[str, Scripted]:
    """Models that make the change, and once more after a wish."""
    return {
        "planner": Scripted([PLAN, PLAN], name="planner"),
        "coder": Scripted([FIX, OTHERWISE], name="coder"),
        "reviewer": Scripted([OK, OK]),
    }


def asked(folder: Path) -> dict[str, object]:
    """A task of ann's whose branch needs a signature."""
    repo = repository(folder / "repo")
    return {"task": {"text": "Fix the total", "repo": str(repo), "accept": QUICK, "deliver": "branch"}}


async def logged_in(service: Served, name: str) -> str:
    """The session of a person who may run and sign things."""
    roles = ("operator", "approver", "critical_approver")
    key, _ = await service.context.keys.make("local", name, personal=True, roles=roles)
    await service.context.application.people.four_eyes.look()
    _, session = await service.context.keys.log_in(key, roles=())
    return session


async def pending(service: Served, thread: str) -> dict[str, object]:
    """The question that waits on a thread."""
    async with service.http() as http:
        page = (await http.get("/v1/approvals", params={"state": "pending", "run": thread})).json()
    (item,) = page["items"]
    return item


async def mine(service: Served, session: str) -> list[object]:
    """What waits for a person."""
    async with service.http(session) as http:
        return (await http.get("/v1/approvals", params={"mine": "true", "state": "pending"})).json()["items"]


async def decide(service: Served, session: str, item: dict[str, object], choice: str = "approve") -> tuple[int, str]:
    """Status, and code or state, of one decision."""
    async with service.http(session) as http:
        decision = {"decision": choice, "action_digest": item["action_digest"]}
        answer = await http.post(f"/v1/approvals/{item['id']}/decisions", json=decision)
    return answer.status_code, answer.json().get("code") or answer.json()["state"]
