"""Memory in the console: found by filters, seen with where it comes from, changed by those who may."""

import json
from dataclasses import replace
from datetime import timedelta

from database import now
from memory import Citation, Memory, Rejection
from tests.integration.service.test_console import person
from tests.worlds.console import Console, at_the_console, text_of
from tests.worlds.served import Served

WORDS = "Run <b>make db</b> first."
EPISODE = Memory(
    id="feed0123ab",
    kind="episodic",
    repo="/srv/shop",
    title="Mend the total",
    text="Asked: mend the total.",
    run="0123456789abcdef",
    runs=3,
    commit="c0ffee0123456789",
    person="bob",
    status="rejected",
    rejections=(Rejection(by="ann", reason="There is no line in CHANGES.md"),),
    outside=True,
    cites=(Citation(path="shop/prices.py", contents=("a", "b")),),
    learnt_at=now() - timedelta(days=2),
)


async def remembered(service: Served, *memories: Memory) -> None:
    book = service.context.application.memory
    for each in memories:
        await book._put("local", each)


async def written(console: Console, repo: str = "/nowhere", text: str = WORDS) -> str:
    answer = await console.send("/memory", "/memory", repo=repo, title="Database tests", text=text)
    return answer.headers["location"].removeprefix("/console").partition("?")[0]


async def test_a_fact_is_written_corrected_pinned_and_forgotten_with_lines_in_the_audit(service: Served) -> None:
    console = await at_the_console(service)
    assert "Nothing is remembered yet" in await console.see("/memory")
    path = await written(console)
    page = await console.see(path)
    assert "<b>" not in page
    assert "words of ann" in text_of(page)
    assert "pinned by ann" in text_of(page)
    await console.send(path, path, do="unpin")
    await console.send(path, path, do="edit", text="Run make database first.")
    long = await console.send(path, path, 400, do="edit", text="x" * 5_000)
    assert "memory_too_large" in long.text
    assert "x" * 5_000 in long.text  # what was written is not lost
    page = text_of(await console.see(path))
    assert "Run make database first." in page
    assert "pinned by" not in page
    await console.send(path, path, do="pin")
    await console.send(path, path, 422, do="burn")
    await console.send(path, path, do="forget")
    await console.see(path, 404)
    lines = [line async for line in service.context.application.audit.export("local")]
    verbs = [line["verb"] for line in lines if line["verb"].startswith("memory.")]
    assert verbs == [
        "memory.written",
        "memory.unpinned",
        "memory.edited",
        "memory.pinned",
        "memory.forgotten",
    ]
    again = await console.send("/memory", "/memory", 422, repo="/nowhere", title="", text="Kept words")
    assert "Kept words" in again.text


async def test_what_a_run_left_says_where_it_comes_from_and_is_found_by_filters(service: Served) -> None:
    await remembered(service, EPISODE)
    console = await at_the_console(service)
    fact = await written(console)
    page = text_of(await console.see(f"/memory/{EPISODE.id}"))
    for words in ("episodic", "c0ffee012345", "and 2 before it", "asked by bob", "Rejected by ann: There is no line"):
        assert words in page
    assert "It holds with 1 file shop/prices.py" in page
    assert "it is not here any more" in page
    for filters, there in (
        ({}, {"feed0123ab", fact}),
        ({"repo": "/srv/shop"}, {"feed0123ab"}),
        ({"kind": "semantic"}, {fact}),
        ({"mark": "rejected"}, {"feed0123ab"}),
        ({"mark": "outside"}, {"feed0123ab"}),
        ({"mark": "pinned"}, {fact}),
        ({"mark": "person"}, {fact}),
        ({"words": "MEND the"}, {"feed0123ab"}),
        ({"words": "bob"}, {"feed0123ab"}),
        ({"words": "zebra"}, set[str]()),
    ):
        html = await console.see("/memory", **filters)
        shown = {each for each in ("feed0123ab", fact) if f"/memory/{each.rpartition('/')[2]}" in html}
        assert shown == there, filters
    await console.see("/memory", 422, kind="odd")
    await console.see("/memory", 422, mark="odd")
    export = await console.http.get("/console/memory/export", params={"repo": "/srv/shop"})
    assert [json.loads(line)["id"] for line in export.text.splitlines()] == ["feed0123ab"]
    assert "attachment" in export.headers["content-disposition"]


async def test_many_memories_come_in_pages(service: Served) -> None:
    many = [replace(EPISODE, id=f"{n:010x}", learnt_at=now() - timedelta(minutes=n)) for n in range(120)]
    await remembered(service, *many)
    console, seen, address = await at_the_console(service), list[str](), "/memory?mark=outside"
    while address:
        html = await console.see(address)
        seen += [part[:10] for part in html.split('href="/console/memory/')[1:] if part[0] == "0"]
        following = html.split('href="/console/memory?')
        address = f"/memory?{following[1].split(chr(34))[0].replace('&amp;', '&')}" if len(following) > 1 else ""
    assert seen == [each.id for each in many]


async def test_everybody_reads_operators_forget_and_administrators_write(service: Served) -> None:
    ann = await at_the_console(service)
    path = await written(ann)
    # A form of theirs that the page does not show them is refused as over HTTP.
    vic = await at_the_console(service, await person(service, "vic", "viewer"))
    ann = await at_the_console(service)
    page = await vic.see(path)
    assert "<textarea" not in page
    assert "Forget it" not in page
    assert "Write a fact" not in await vic.see("/memory")
    token = [("csrf", page.split('name="csrf" value="')[1].split('"')[0])]
    for do in ("edit", "pin", "unpin", "forget"):
        refused = await vic.post(path, token, 403, do=do, text="mine")
        assert "scope_missing" in refused.text
    await vic.post("/memory", token, 403, repo="/nowhere", title="x", text="y")
    oda = await at_the_console(service, await person(service, "oda", "operator"))
    assert "<textarea" not in await oda.see(path)
    await oda.send(path, path, do="forget")
    await ann.see(path, 404)


async def test_another_organisations_memory_is_not_there(service: Served) -> None:
    await remembered(service, EPISODE)
    key, _ = await service.context.keys.make("other", "eve", roles=("org_admin",), personal=True)
    _, session = await service.context.keys.log_in(key, roles=())
    eve = await at_the_console(service, session)
    await eve.see(f"/memory/{EPISODE.id}", 404)
    assert "Mend the total" not in await eve.see("/memory")
    assert (await eve.http.get("/console/memory/export")).text == ""
