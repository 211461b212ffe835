"""The console in a real Chromium: keys, touch, axe, hostile text, a lost server, and much of everything."""

import json
import time
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from approvals import Request
from domain import Action, Reason, Requirement, Risk
from tests.integration.service.test_console_notices import went_ahead
from tests.integration.service.test_console_runs import logged, rests
from tests.worlds.asking import paused
from tests.worlds.chromium import PHONE, Tab, phone
from tests.worlds.node import installed_clients
from tests.worlds.served import Served, served

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]
CANARY = "</textarea></script><script>window.hit=1</script><img src=x onerror=window.hit=1>\"'>{{7777*7777}}\u202e"
PAGES = (
    "/",
    "/?show=decided",
    "/runs",
    "/start",
    "/models",
    "/memory",
    "/policy?command=rm+-rf+/",
    "/people",
    "/audit?verify=true",
    "/operation",
    "/me",
)


async def logged_in(tab: Tab, service: Served) -> None:
    await tab.go(f"{service.url}/")
    await tab.type("input[name=key]", service.key)
    await tab.key("Enter")
    await tab.until("document.readyState == 'complete' && document.querySelector('h1')?.textContent == 'Inbox'")


async def question(service: Served, diff: str, words: str = "m", step: str = "s") -> str:
    """A question whose every field that takes any text holds these words."""
    risk = Risk(tier="high", reasons=(Reason(rule="demo", tier="high", message=words),))
    plain = "".join(char for char in words if char.isprintable())
    request = Request(
        run="r",
        step=step,
        action=Action(tool="branch", arguments={"message": words, "branch": words}, target=words, cwd=words),
        risk=risk,
        requirement=Requirement(tier="high", humans=1, allow_self=True, notify=True),
        requester=plain[:300],
        diff=diff,
    )
    return (await service.context.application.ballots.open(request)).id


def diff_of(path: str, lines: list[str]) -> str:
    body = "".join(f"+{line}\n" for line in lines)
    head = f"diff --git a/{path} b/{path}\nnew file mode 100644\n--- /dev/null\n+++ b/{path}\n"
    return f"{head}@@ -0,0 +1,{len(lines)} @@\n{body}"


async def run_with(service: Served, text: str) -> str:
    async with service.http(service.session) as http:
        task = {"text": text, "repo": "/nowhere", "accept": "true", "base": "HEAD"}
        asked = {"input": {"task": task}, "stream_mode": ["custom"]}
        run = (await http.post("/runs", json=asked)).json()["thread_id"]
    await rests(service, run)
    return str(run)


async def fact_of(service: Served, words: str = "Run make db first.") -> str:
    """The page of a fact that somebody wrote."""
    fact = {"title": words[:200], "text": words, "person": "ann"}
    written = await service.context.application.memory_changes.write("local", "/srv/shop", **fact)
    return f"/memory/{written.id}"


async def test_a_browser_tells_of_medium_actions_to_who_chose_it(tmp_path: Path) -> None:
    async with served(tmp_path) as service, phone(tmp_path / "profile", scripts=True, seconds=240) as tab:
        await logged_in(tab, service)
        await tab.send("Browser.grantPermissions", origin=service.url, permissions=["notifications"])
        await tab.go(f"{service.url}/console/me")
        assert await tab.evaluate("document.querySelector('[data-ask-notices]').hidden")
        # By keys: the second choice of the list, and Enter on the button behind it.
        await tab.send("DOM.focus", nodeId=await tab.find("#whose-1"))
        await tab.key("o")
        assert await tab.evaluate("document.querySelector('#whose-1').value") == "own"
        await tab.send("DOM.focus", nodeId=await tab.find("button[value=notices]"))
        await tab.key("Enter")
        await tab.until("document.body.textContent.includes('You are told as you chose.')")
        await tab.go(f"{service.url}/console/runs")  # any page of the console will do
        for number in range(20):
            await went_ahead(service, str(number))
            with suppress(TimeoutError):
                await tab.until("Number(document.body.dataset.notices) > 0", 4)
                break
        assert await tab.evaluate("Number(document.body.dataset.notices) > 0")


async def test_by_keys_alone_from_the_login_to_a_signature(tmp_path: Path) -> None:
    async with served(tmp_path) as service, phone(tmp_path / "profile", scripts=True, seconds=240) as tab:
        await tab.size(1_200, 900)
        thread, item = await paused(service)
        await logged_in(tab, service)
        await tab.key("?")
        assert await tab.evaluate("document.querySelector('#keys').open")
        await tab.key("Escape")
        await tab.until("!document.querySelector('#keys').open")
        await tab.key("g")
        await tab.key("r")
        await tab.until("document.readyState == 'complete' && document.querySelector('h1')?.textContent == 'Runs'")
        await tab.key("g")
        await tab.key("i")
        await tab.until("document.readyState == 'complete' && document.querySelector('h1')?.textContent == 'Inbox'")
        await tab.key("j")
        await tab.key("x")
        assert await tab.evaluate("document.querySelector('#inbox input').checked")
        await tab.key("Enter")
        await tab.until("document.readyState == 'complete' && !!document.querySelector('#approve')")
        await tab.key("a")
        assert await tab.evaluate("document.activeElement.id") == "approve"
        ballots = service.context.application.ballots
        assert (await ballots.get(item["id"], "local")).state == "pending"
        await tab.key("Enter")
        await tab.until("document.body.textContent.includes('Your approval is recorded.')")
        await rests(service, thread)
        assert service.deliveries == [thread]


async def test_by_touch_on_a_phone_and_nothing_runs_off_the_screen(tmp_path: Path) -> None:
    async with served(tmp_path) as service, phone(tmp_path / "profile", scripts=True, seconds=240) as tab:
        await tab.send("Emulation.setTouchEmulationEnabled", enabled=True)
        _, item = await paused(service)
        run = await logged(service, 300)
        wide = await question(service, diff_of("a" * 200, ["x" * 3_000]), "word" * 200)
        planned, fact = await run_with(service, "do nothing, forked"), await fact_of(service)
        await logged_in(tab, service)
        for path in (
            *PAGES,
            f"/runs/{planned}",
            fact,
            f"/runs/{run}",
            f"/approvals/{wide}",
            f"/several?id={item['id']}&id={wide}",
        ):
            await tab.go(f"{service.url}/console{path}")
            assert await tab.width() <= PHONE["width"], path
        await tab.go(f"{service.url}/console/")
        await tab.tap(f"a[href='/console/approvals/{item['id']}']")
        await tab.until("document.readyState == 'complete' && !!document.querySelector('#approve')")
        await tab.tap("#approve")
        await tab.until("document.body.textContent.includes('Your approval is recorded.')")


async def serious(tab: Tab, axe: str) -> list[Any]:
    """What axe finds on the page that is serious or worse."""
    await tab.evaluate(f"{axe}; 0")
    found = json.loads(await tab.evaluate("axe.run(document).then((r) => JSON.stringify(r.violations))"))
    return [
        (each["id"], each["impact"], [node["html"][:160] for node in each["nodes"][:3]])
        for each in found
        if each["impact"] in {"serious", "critical"}
    ]


async def test_axe_finds_nothing_serious_in_either_theme(tmp_path: Path) -> None:
    axe = ((await installed_clients()) / "node_modules" / "axe-core" / "axe.min.js").read_text()
    async with served(tmp_path) as service, phone(tmp_path / "profile", scripts=True, seconds=240) as tab:
        _, item = await paused(service)
        run = await logged(service, 300)
        await service.context.keys.make("local", "robot", name="robot", roles=("viewer",))
        await tab.go(f"{service.url}/console/login")
        assert await serious(tab, axe) == []
        ballot = await question(service, diff_of("x.py", ["one", "\ttwo", "three \u202e"]), "w")
        planned, fact = await run_with(service, "do nothing, forked"), await fact_of(service)
        await logged_in(tab, service)
        pages = (
            *PAGES,
            fact,
            "/operation/machine",
            f"/runs/{planned}",
            f"/runs/{run}",
            f"/runs/{run}?view=split",
            f"/approvals/{item['id']}",
            f"/approvals/{ballot}?view=split",
        )
        more = (
            f"/several?id={item['id']}&id={ballot}",
            f"/compare?run={run}&run={run}",
            "/nothing",
            "/operation?state=done",
        )
        for scheme, size in (("light", (1_200, 900)), ("dark", (390, 844))):
            await tab.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
            await tab.size(*size)
            for path in (*pages, *more):
                await tab.go(f"{service.url}/console{path}")
                assert await serious(tab, axe) == [], (scheme, path)


async def test_script_in_any_field_never_runs(tmp_path: Path) -> None:
    async with served(tmp_path) as service, phone(tmp_path / "profile", scripts=True, seconds=240) as tab:
        ballot = await question(service, diff_of(f"a/{CANARY}.py".replace("\u202e", ""), [CANARY, "two"]), CANARY)
        run = await run_with(service, f"do nothing broken {CANARY}")
        told = await logged(service, 3, words=CANARY)
        other = await run_with(service, f"sign it {CANARY}")
        planned, fact = await run_with(service, "do nothing, forked"), await fact_of(service, CANARY)
        await service.context.keys.make("local", "robot", name=CANARY.replace("\u202e", ""), roles=("viewer",))
        waits = (await service.context.application.ballots.list("local", state="pending", run=other)).items[0]
        await logged_in(tab, service)
        await tab.go(f"{service.url}/console/approvals/{waits.id}")
        await tab.type("#comment", CANARY)
        await tab.key("Tab")
        await tab.press("#reject")
        reflected = quote(CANARY, safe="")
        paths = (
            *PAGES,
            fact,
            f"/memory?words={reflected}&repo={reflected}",
            f"/runs/{planned}",
            f"/approvals/{ballot}",
            f"/approvals/{ballot}?view=split",
            f"/approvals/{waits.id}",
            f"/several?id={ballot}",
            f"/runs/{run}",
            f"/runs/{told}",
            f"/runs/{other}",
            f"/compare?run={run}&run={other}",
            "/?show=open",
            f"/runs?words={reflected}&requester={reflected}",
            f"/audit?words={reflected}",
            f"/policy?command={reflected}",
            f"/models?by={reflected}",
            f"/models?since={reflected}",
            f"/{reflected}",
            f"/runs/{reflected}",
            f"/?done={reflected}",
            f"/login?next={reflected}",
            f"/approvals/{ballot}?view={reflected}",
            f"/operation?state={reflected}",
        )
        for path in paths:
            await tab.go(f"{service.url}/console{path}")
            assert await tab.evaluate("window.hit === undefined"), path
            assert await tab.evaluate("document.querySelectorAll('img, script:not([src]), iframe').length") == 0, path
            assert "60481729" not in (await tab.evaluate("document.title")), path
        # What comes live goes another way into the page.
        await tab.go(f"{service.url}/console/runs/{told}")
        await tab.evaluate(
            "new Promise((done) => { const line = document.querySelector('[data-follow]'); line.replaceChildren();"
            "const source = new EventSource(line.dataset.follow + '?after=0-0');"
            "source.addEventListener('entry', (event) => { line.insertAdjacentHTML('beforeend', event.data);"
            "if (event.data.includes('turn ends')) { source.close(); done(1); } }); })"
        )
        assert await tab.evaluate("window.hit === undefined && document.querySelectorAll('img').length == 0")


async def test_comments_on_lines_stay_until_they_are_sent(tmp_path: Path) -> None:
    async with served(tmp_path) as service, phone(tmp_path / "profile", scripts=True, seconds=240) as tab:
        await tab.size(1_200, 900)
        ballot = await question(service, diff_of("x.py", ["one", "two", "three"]))
        await logged_in(tab, service)
        await tab.go(f"{service.url}/console/approvals/{ballot}")
        await tab.evaluate("document.querySelector('tr[data-line=\"2\"] button').click()")
        await tab.type("tr.comment textarea", "Say second instead.")
        await tab.evaluate("document.querySelector('tr.comment button').click()")
        await tab.go(f"{service.url}/console/approvals/{ballot}?view=split")
        assert "x.py:2 Say second instead." in await tab.evaluate("document.querySelector('.comments').textContent")
        await tab.press("#reject")
        feedback = (await service.context.application.ballots.get(ballot, "local")).feedback
        assert feedback == "On x.py, line 2:\n> two\nSay second instead."
        assert (
            await tab.evaluate(
                "sessionStorage.getItem(Object.keys(sessionStorage).find((key) => key.startsWith('signoff')))"
            )
            is None
        )


async def test_a_run_of_5000_events_opens_in_under_a_second(tmp_path: Path) -> None:
    async with served(tmp_path) as service, phone(tmp_path / "profile", scripts=True, seconds=240) as tab:
        run = await logged(service, 5_000)
        await logged_in(tab, service)
        took = list[float]()
        for _ in range(3):
            began = time.perf_counter()
            await tab.go(f"{service.url}/console/runs/{run}")
            took.append(time.perf_counter() - began)
            assert await tab.evaluate("document.querySelectorAll('.timeline li').length") > 190
        assert min(took) < 1.0, took
        await tab.evaluate("document.querySelector('.timeline .more button').click()")
        await tab.until("document.querySelectorAll('.timeline li').length > 390")


async def test_a_large_change_is_opened_file_by_file(tmp_path: Path) -> None:
    async with served(tmp_path) as service, phone(tmp_path / "profile", scripts=True, seconds=240) as tab:
        files = [diff_of(f"f{n}.txt", [f"line {n} {'x' * 60}"] * 4_000) for n in range(12)]
        ballot = await question(service, "".join(files))
        await logged_in(tab, service)
        began = time.perf_counter()
        await tab.go(f"{service.url}/console/approvals/{ballot}")
        assert time.perf_counter() - began < 4
        assert await tab.evaluate("document.querySelectorAll('details.file').length") == 12
        assert await tab.evaluate("document.querySelectorAll('tr[data-line]').length") == 0
        await tab.evaluate("document.querySelectorAll('details.file summary')[7].click()")
        await tab.until("document.querySelectorAll('tr[data-line]').length == 1499")
        assert "line 7 " in await tab.evaluate("document.querySelector('tr[data-line=\"1\"]').textContent")
        await tab.evaluate("document.querySelector('tr.more button').click()")
        await tab.until("document.querySelectorAll('tr[data-line]').length == 2999")


async def test_a_server_that_comes_back_leaves_no_gap(tmp_path: Path) -> None:
    async with phone(tmp_path / "profile", scripts=True, seconds=240) as tab:
        async with served(tmp_path) as service:
            await logged_in(tab, service)
            async with service.http(service.session) as http:
                task = {"text": "slow nothing", "repo": "/nowhere", "accept": "true"}
                asked = {"input": {"task": task}, "stream_mode": ["custom"]}
                run = (await http.post("/runs", json=asked)).json()["thread_id"]
            await tab.go(f"{service.url}/console/runs/{run}")
            await tab.until("document.querySelector('.timeline').textContent.includes('→ execute')")
            await service.stop()
        await tab.until("!document.querySelector('#link-lost').hidden")
        async with served(tmp_path, port=service.port) as again:
            again.gate.set()
            await tab.until("document.querySelector('.timeline').textContent.includes('turn ends success')", 60)
            assert await tab.evaluate("document.querySelector('#link-lost').hidden")
            shown = await tab.evaluate("[...document.querySelectorAll('.timeline > li')].map((each) => each.id)")
            await tab.go(f"{again.url}/console/runs/{run}")
            whole = await tab.evaluate("[...document.querySelectorAll('.timeline > li')].map((each) => each.id)")
        assert shown == whole
        assert len(set(shown)) == len(shown)


async def test_what_somebody_else_decided_says_so_without_being_asked(tmp_path: Path) -> None:
    async with served(tmp_path) as service, phone(tmp_path / "profile", scripts=True, seconds=240) as tab:
        _, item = await paused(service)
        await logged_in(tab, service)
        await tab.go(f"{service.url}/console/approvals/{item['id']}")
        async with service.http(service.session) as http:
            decision = {"decision": "reject", "action_digest": item["action_digest"], "comment": "elsewhere"}
            await http.post(f"/v1/approvals/{item['id']}/decisions", json=decision)
        await tab.until("document.body.textContent.includes('This is decided: it is rejected')")
