"""Pages of memory: what runs left for later ones, found, seen with its source, corrected, pinned, forgotten, exported.

The rights are those of ``/v1/memory``: words that steer everybody's runs are for administrators to write.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import ValidationError

from domain import SignoffError
from memory import MOST_TEXT, Memory
from service.api.memory import routes
from service.console.pages import HEADERS, PageRoute, page, to
from service.console.session import PATH, ConsoleVisitor, ReadsRuns, Sent
from service.errors import refuse
from service.wiring.coding.memory import shown_kinds

router = APIRouter(prefix=f"{PATH}/memory", route_class=PageRoute, include_in_schema=False)
PAGE = 50
KINDS: tuple[str, ...] = ("episodic", "semantic")
MARKS: Mapping[str, str] = {
    "pinned": "pinned",
    "person": "a person's words",
    "rejected": "rejected",
    "outside": "from outside",
}
"""What a memory can be marked as, and how the filter calls it."""
Words = Annotated[str, Query(max_length=2_000)]


def marks_of(memory: Memory) -> list[str]:
    """The names of its marks."""
    borne = {
        "pinned": memory.pinned,
        "person": bool(memory.edited_by),
        "rejected": memory.rejected,
        "outside": memory.outside,
    }
    return [name for name in MARKS if borne[name]]


@router.get("")
async def list_memories(
    who: ReadsRuns,
    repo: Words = "",
    kind: str = "",
    mark: str = "",
    words: Words = "",
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> Response:
    """The newest memories, those that a filter lets through."""
    if kind not in {"", *KINDS} or mark not in {"", *MARKS}:
        raise refuse("request_invalid", "There is no such filter.", hint="Choose one of the list.")
    chosen = {"repo": repo.strip(), "kind": kind, "mark": mark, "words": words.strip()}
    return await _list(who, chosen, offset)


async def _list(
    who: ConsoleVisitor,
    chosen: Mapping[str, str],
    offset: int = 0,
    error: SignoffError | None = None,
    filled: Mapping[str, str] | None = None,
) -> Response:
    everything = await who.at.application.memory.all(who.org)
    words = chosen["words"].casefold()
    fitting = [
        each
        for each in everything
        if (not chosen["repo"] or each.repo == chosen["repo"])
        and (not chosen["kind"] or each.kind == chosen["kind"])
        and (not chosen["mark"] or chosen["mark"] in marks_of(each))
        and (not words or words in f"{each.title}\n{each.text}\n{each.person}".casefold())
    ]
    return page(
        who,
        "memories.html",
        title="Memory",
        here="memory",
        error=error,
        memories=[(each, [MARKS[mark] for mark in marks_of(each)]) for each in fitting[offset : offset + PAGE]],
        total=len(fitting),
        following=offset + PAGE if len(fitting) > offset + PAGE else 0,
        repos=sorted({each.repo for each in everything}),
        kinds=KINDS,
        marks=MARKS,
        chosen=chosen,
        filters={name: text for name, text in chosen.items() if text},
        filled=filled or {"repo": chosen["repo"], "title": "", "text": ""},
        writing=filled is not None,
        learns=shown_kinds(who.at.settings) is not None,
        most=MOST_TEXT,
    )


@router.get("/export")
async def export(who: ReadsRuns, repo: Words = "") -> Response:
    """All of them, or a repository's, as a file of JSON lines."""
    answer = await routes.export(who.principal, who.at, repo)
    headers = {**HEADERS, "content-disposition": 'attachment; filename="memories.jsonl"'}
    return Response(answer.body, media_type="application/x-ndjson", headers=headers)


@router.post("")
async def write(who: ReadsRuns, form: Sent) -> Response:
    """Keep a fact about a repository; it is pinned."""
    filled = {name: form.text(name) for name in ("repo", "title", "text")}
    try:
        who.principal.need("admin")
        try:
            asked = routes.NewMemory.model_validate(filled)
        except ValidationError:
            raise refuse(
                "request_invalid", f"A fact has a repository, a title, and up to {MOST_TEXT:,} characters."
            ) from None
        written = await who.at.application.memory_changes.write(
            who.org, asked.repo, title=asked.title, text=asked.text, person=who.principal.subject
        )
    except SignoffError as no:
        return await _list(who, dict.fromkeys(("repo", "kind", "mark", "words"), ""), error=no, filled=filled)
    return to(f"{PATH}/memory/{written.id}", "kept")


@router.get("/{memory_id}")
async def show(who: ReadsRuns, memory_id: str) -> Response:
    """One memory, with where it comes from and how long it holds."""
    return await _show(who, memory_id)


async def _show(who: ConsoleVisitor, memory_id: str, error: SignoffError | None = None, text: str = "") -> Response:
    memory = await who.at.application.memory.get(who.org, memory_id)
    # A run may be gone, with its thread, before what was learnt from it is.
    run = await who.at.application.engine.runs.exactly(memory.run, org=who.org) if memory.run else None
    told: dict[str, Any] = {"memory": memory, "marks": [MARKS[each] for each in marks_of(memory)], "run": run}
    return page(
        who,
        "memory.html",
        title="A memory",
        here="memory",
        error=error,
        text=text or memory.text,
        most=MOST_TEXT,
        **told,
    )


@router.post("/{memory_id}")
async def change(who: ReadsRuns, form: Sent, memory_id: str) -> Response:
    """Correct its words, pin it, let it go, or forget it. Each is a line in the audit."""
    memory = await who.at.application.memory.get(who.org, memory_id)
    changes, person, here = who.at.application.memory_changes, who.principal.subject, f"{PATH}/memory/{memory.id}"
    try:
        do = form.text("do")
        who.principal.need("runs:write" if do == "forget" else "admin")
        match do:
            case "edit":
                await changes.edit(who.org, memory.id, form.text("text"), person=person)
                return to(here, "corrected")
            case "pin" | "unpin":
                await changes.pin(who.org, memory.id, pinned=do == "pin", person=person)
                return to(here, "pinned" if do == "pin" else "unpinned")
            case "forget":
                await changes.forget(who.org, memory.id, person=person)
                return to(f"{PATH}/memory", "forgotten")
            case _:
                raise refuse("request_invalid", "This form asks for nothing that there is.")
    except SignoffError as no:
        return await _show(who, memory.id, no, form.text("text"))
