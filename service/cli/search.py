"""``signoff search``: the passages of a repository that a question is about, as the planner and the coder find them."""

from collections.abc import Callable
from typing import Annotated

import typer
from rich.console import Console

from service.cli.tasks import repository, text_of
from service.cli.terminal import JSON, err, out, print_json
from service.cli.terminal import run as run_async
from service.report import harmless
from service.search import MOST_TOKENS, SearchAnswer
from service.settings import read_settings
from service.wiring.application import open_application

TOLD_FROM = 2_000
"""Files from which on the progress of a first index is shown."""


def search(
    query: Annotated[str, typer.Argument(help="Words, a sentence, or the output of a command that failed.")],
    repo: Annotated[str, typer.Option(help="A folder or a URL.")] = ".",
    rev: Annotated[str, typer.Option(help="What names a commit; what is not committed is not searched.")] = "HEAD",
    tokens: Annotated[int, typer.Option(min=100, max=MOST_TOKENS, help="How much is shown.")] = 2_500,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Find the passages of a repository that a question is about.

    The first question of a repository reads it; the next one reads what changed since.

    Examples:
      signoff search "where is the session cookie signed"
      signoff search "$(pytest 2>&1 | tail -50)" --repo ../shop --json
    """

    async def work() -> SearchAnswer:
        asked, place = text_of(query), repository(repo)
        async with open_application(read_settings()) as application:
            return await application.search.in_repository(
                place,
                asked,
                rev=rev,
                org=application.org,
                budget_tokens=tokens,
                progress=_shown_on(err()),
            )

    answer = run_async(work, as_json=as_json)
    if as_json:
        print_json(answer.document())
        return
    for passage in answer.passages:
        out().print(f"[bold]{harmless(passage.cite)}[/]  [dim]{harmless(passage.why)}[/]", highlight=False)
        for number, line in enumerate(passage.text.split("\n"), passage.start_line):
            out().print(f"[dim]{number:>6}[/] {harmless(line)}", highlight=False, soft_wrap=True)
        out().print()
    left = ", ".join(f"{count:,} {reason}" for reason, count in answer.skipped.items())
    counted = (
        f"{answer.files:,} files searched at {answer.commit[:12]}, {answer.added:,} of them read for this question"
    )
    err().print(f"[dim]{counted}{f'; not searched: {left}' if left else ''}[/]", highlight=False)
    if not answer.complete:
        err().print("Time was up before all files were read: ask again, and it goes on from there.")


def _shown_on(console: Console) -> Callable[[int, int], None]:
    """Says every tenth part of a long first index."""
    shown = 0

    def progress(done: int, of: int) -> None:
        nonlocal shown
        if of >= TOLD_FROM and (tenth := done * 10 // of) > shown:
            shown = tenth
            console.print(f"[dim]{done:,} of {of:,} files indexed[/]", highlight=False)

    return progress
