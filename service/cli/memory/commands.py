"""``signoff memory``: what runs left for later ones, seen, corrected, pinned, forgotten, exported and made anew."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from domain import Refused
from memory import MOST_TEXT, Memory
from service.auth.four_eyes import local_user
from service.cli.tasks import one_of, repository, text_of
from service.cli.terminal import JSON, err, out, print_json
from service.cli.terminal import run as run_async
from service.memory.changes import document
from service.report import harmless
from service.settings import read_settings
from service.wiring.application import open_application

app = typer.Typer(help="What runs remember: see, correct, pin, forget, export, rebuild.", no_args_is_help=True)
ID = typer.Argument(help="Id of the memory, or its beginning; see signoff memory list.")
REPO = typer.Option("--repo", help="Only of this repository: a folder or a URL.")
YES = typer.Option("--yes", help="Do not ask.")
KINDS = ("", "episodic", "semantic")


@app.command("list")
def list_memories(
    repo: Annotated[str, REPO] = "",
    kind: Annotated[str, typer.Option("--kind", help="episodic: runs; semantic: facts.")] = "",
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """List memories, the newest first.

    Example:
      signoff memory list --repo . --kind semantic
    """

    async def work() -> list[Memory]:
        wanted, place = one_of(kind, "--kind", KINDS), repository(repo) if repo else ""
        async with open_application(read_settings()) as application:
            found = await application.memory.all(application.org, repo=place)
        return [each for each in found if not wanted or each.kind == wanted]

    listed = run_async(work, as_json=as_json)
    if as_json:
        print_json([document(each) for each in listed])
        return
    table = Table("id", "kind", "what", "run", "runs", "of", "marks", box=None)
    for each in listed:
        marks = [
            "rejected" if each.rejected else "",
            "outside" if each.outside else "",
            "pinned" if each.pinned else "",
            f"by {each.edited_by}" if each.edited_by else "",
        ]
        table.add_row(
            each.id,
            each.kind,
            harmless(each.title)[:80],
            each.run,
            str(each.runs),
            f"{each.learnt_at:%Y-%m-%d}",
            harmless(", ".join(mark for mark in marks if mark)),
        )
    out().print(table if listed else "Nothing is remembered yet: runs that end leave memories.")


@app.command()
def show(memory: Annotated[str, ID], as_json: Annotated[bool, JSON] = False) -> None:
    """Show one memory with where it comes from."""

    async def work() -> Memory:
        async with open_application(read_settings()) as application:
            return await application.memory.get(application.org, memory)

    found = run_async(work, as_json=as_json)
    if as_json:
        print_json(document(found))
        return
    out().print(f"[bold]{harmless(found.title)}[/]\n\n{harmless(found.text)}", highlight=False)
    for each in found.rejections:
        out().print(f"rejected by {harmless(each.by)}: {harmless(each.reason)}", highlight=False)
    source = [
        f"{found.kind} memory {found.id} of {found.repo}",
        f"run {found.run}, commit {found.commit[:12]}, asked by {found.person or 'nobody known'}" if found.run else "",
        f"shown by {found.runs} runs" if found.runs > 1 else "",
        f"words of {found.edited_by}" if found.edited_by else "",
        f"pinned by {found.pinned_by}" if found.pinned else "",
        "words of outsiders went into it" if found.outside else "",
        f"holds while these are as they were: {', '.join(each.path for each in found.cites)}" if found.cites else "",
    ]
    for line in filter(None, source):
        out().print(f"[dim]{harmless(line)}[/]", highlight=False)


@app.command()
def edit(
    memory: Annotated[str, ID],
    text: Annotated[str, typer.Argument(help="What it is to say from now on; - reads standard input.")],
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Correct a memory: its words are yours from then on, and no run writes over them.

    Example:
      signoff memory edit 3f2a "One test: make test T=tests/test_x.py"
    """
    words = sys.stdin.read(100 * MOST_TEXT) if text == "-" else text

    async def work() -> Memory:
        async with open_application(read_settings()) as application:
            return await application.memory_changes.edit(application.org, memory, words, person=local_user())

    _changed(run_async(work, as_json=as_json), "corrected", as_json=as_json)


@app.command()
def add(
    title: Annotated[str, typer.Argument(help="What it is about, in a few words.")],
    text: Annotated[str, typer.Argument(help="What is to be known.")],
    repo: Annotated[str, typer.Option("--repo", help="A folder or a URL.")] = ".",
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Write a fact that you know; it is pinned.

    Example:
      signoff memory add "Database tests" "They need PostgreSQL, started by tools/db.sh."
    """

    async def work() -> Memory:
        place, words = repository(repo), text_of(title)
        async with open_application(read_settings()) as application:
            return await application.memory_changes.write(
                application.org, place, title=words[:200], text=text, person=local_user()
            )

    _changed(run_async(work, as_json=as_json), "kept", as_json=as_json)


@app.command()
def pin(
    memory: Annotated[str, ID],
    off: Annotated[bool, typer.Option("--off", help="Let it go again.")] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Have a memory shown first and kept, whatever later runs find."""

    async def work() -> Memory:
        async with open_application(read_settings()) as application:
            return await application.memory_changes.pin(application.org, memory, pinned=not off, person=local_user())

    _changed(run_async(work, as_json=as_json), "let go" if off else "pinned", as_json=as_json)


@app.command()
def forget(
    memory: Annotated[str, ID], yes: Annotated[bool, YES] = False, as_json: Annotated[bool, JSON] = False
) -> None:
    """Remove a memory; a run may learn the same again."""
    if not yes:
        typer.confirm(f"Forget {memory}?", abort=True, err=True)

    async def work() -> Memory:
        async with open_application(read_settings()) as application:
            return await application.memory_changes.forget(application.org, memory, person=local_user())

    _changed(run_async(work, as_json=as_json), "forgotten", as_json=as_json)


@app.command()
def export(
    repo: Annotated[str, REPO] = "",
    to: Annotated[Path | None, typer.Option("--to", help="File; standard output if empty.")] = None,
) -> None:
    """Write memories as JSON lines."""

    async def work() -> list[Memory]:
        place = repository(repo) if repo else ""
        async with open_application(read_settings()) as application:
            return await application.memory.all(application.org, repo=place)

    text = "".join(f"{json.dumps(document(each), ensure_ascii=False)}\n" for each in run_async(work))
    if to is None:
        sys.stdout.write(text)
    else:
        to.write_text(text, encoding="utf-8")


@app.command()
def rebuild(
    repo: Annotated[str, REPO] = "", yes: Annotated[bool, YES] = False, as_json: Annotated[bool, JSON] = False
) -> None:
    """Make all memories anew from the runs that are still here; what people wrote or pinned stays."""
    if not yes:
        typer.confirm("Make the memories anew?", abort=True, err=True)

    async def work() -> int:
        place = repository(repo) if repo else ""
        async with open_application(read_settings()) as application:
            if application.nodes.plan.recall.book is None:
                raise Refused(
                    "Nothing is remembered here: SIGNOFF_MEMORY is off.",
                    code="memory_off",
                    hint="Set it to the kinds that are to be shown, or to none.",
                )
            return await application.rebuild_memory(application.org, repo=place, progress=_shown_on(err()))

    count = run_async(work, as_json=as_json)
    if as_json:
        print_json({"memories": count})
    else:
        out().print(f"{count:,} memories")


def _changed(memory: Memory, how: str, *, as_json: bool) -> None:
    if as_json:
        print_json(document(memory))
    else:
        out().print(f"{how}: {memory.id} ({harmless(memory.title)})", highlight=False)


def _shown_on(console: Console) -> Callable[[int, int], None]:
    """Says every hundredth run."""

    def progress(done: int, of: int) -> None:
        if done % 100 == 0:
            console.print(f"[dim]{done:,} of {of:,} runs read[/]", highlight=False)

    return progress
