"""Does a question find the code it is about? ``python -m benchmarks retrieval``.

The test: take an installed package, take every function's docstring out of its code, ask with the docstring,
and look whether the function is among the first five chunks. Every docstring of the package is gone before
anything is indexed, so no function is found by the words of its neighbour's. The packages are those of the
lock, so the test is the same everywhere; ``TUNED`` may inform the ranking, ``HELD`` only judges it.
"""

import ast
import asyncio
import importlib.util
import math
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from retrieval import CodeIndex, Finder
from retrieval.file_filter import path_weight
from retrieval.file_reader import LoadedTexts
from retrieval.index import index_file

TUNED = ("jinja2", "httpx", "langgraph", "alembic")
HELD = ("rich", "docker", "hypothesis", "sqlalchemy")
QUERIES = 150
"""Questions a package, drawn with a fixed seed."""
FIRST = 5
FEWEST_WORDS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A docstring, and the line where its function begins."""

    text: str
    path: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How one package did."""

    package: str
    chunks: int
    questions: int
    recall: float
    mrr: float
    index_s: float
    question_ms: float


def measure() -> dict[str, float]:
    """Return recall at five over the packages that were held back, and over those that were not."""
    held, tuned = [trial(package) for package in HELD], [trial(package) for package in TUNED]
    show(held, tuned)
    return {
        "retrieval.recall_at_5": mean(held),
        "retrieval.recall_at_5_tuned": mean(tuned),
        "retrieval.question_ms": sum(r.question_ms for r in held) / len(held),
        "retrieval.chunks": sum(r.chunks for r in held),
    }


def mean(results: Sequence[Result]) -> float:
    """Every package counts alike."""
    return sum(r.recall for r in results) / len(results)


def trial(package: str, *, queries: int = QUERIES) -> Result:
    """Ask the questions of one package."""
    began = time.perf_counter()
    asked: list[Question] = []
    texts: dict[str, bytes] = {}
    for path, text in sources(package):
        bare, questions = without_docstrings(path, text)
        asked += questions
        texts[path] = bare.encode()
    chunks = sum(len(index_file(path, data.decode()).chunks) for path, data in texts.items())
    with CodeIndex(weigh=path_weight, most_records=1 << 30) as index:
        finder = Finder(LoadedTexts(texts), index=index, seconds=math.inf)
        drawn = sample(asked, queries)
        began = time.perf_counter()
        places = [asyncio.run(place(finder, drawn[0]))]
        index_s = time.perf_counter() - began
        began = time.perf_counter()
        places += [asyncio.run(place(finder, question)) for question in drawn[1:]]
    return Result(
        package=package,
        chunks=chunks,
        questions=len(drawn),
        recall=sum(p <= FIRST for p in places) / len(places),
        mrr=sum(1 / p for p in places) / len(places),
        index_s=index_s,
        question_ms=(time.perf_counter() - began) / len(places[1:]) * 1_000,
    )


async def place(finder: Finder, question: Question) -> float:
    """At which place the function came; infinity when it did not."""
    for number, (c, _, _) in enumerate((await finder.ranked(question.text)).chunks, 1):
        if c.path == question.path and c.start_line <= question.line <= c.end_line:
            return number
    return math.inf


def sources(package: str) -> Iterator[tuple[str, str]]:
    """The Python files of an installed package, in a fixed order."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"{package} is not installed: run make setup")
    root = Path(next(iter(spec.submodule_search_locations)))
    for path in sorted(root.rglob("*.py")):
        yield path.relative_to(root.parent).as_posix(), path.read_text(encoding="utf-8")


def without_docstrings(path: str, text: str) -> tuple[str, list[Question]]:
    """Blank every function's docstring, line numbers kept, and return the docstrings as questions."""
    lines, questions = text.split("\n"), list[Question]()
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        docstring = ast.get_docstring(node)
        body = node.body[0]
        if not docstring or body.lineno == node.lineno or body.end_lineno is None:
            continue
        indent = " " * body.col_offset
        lines[body.lineno - 1 : body.end_lineno] = [""] * (body.end_lineno - body.lineno + 1)
        if len(node.body) == 1:
            lines[body.lineno - 1] = f"{indent}..."
        questions.append(Question(text=docstring, path=path, line=node.lineno))
    return "\n".join(lines), questions


def sample(asked: Sequence[Question], most: int) -> list[Question]:
    """Questions of some length that only one function answers, drawn with a fixed seed."""
    texts = [q.text for q in asked]
    alone = [q for q in asked if texts.count(q.text) == 1 and len(q.text.split()) >= FEWEST_WORDS]
    return random.Random(7).sample(alone, min(most, len(alone)))  # noqa: S311 a fixed draw, no secret


def show(held: Sequence[Result], tuned: Sequence[Result]) -> None:
    """Print both halves."""
    table = Table(title=f"docstring → function, recall at {FIRST}", title_justify="left")
    for column in ("package", "half", "chunks", "questions", "recall", "MRR", "index s", "ms a question"):
        table.add_column(column, justify="left" if column in {"package", "half"} else "right")
    for half, results in (("held", held), ("tuned", tuned)):
        for r in results:
            table.add_row(
                r.package,
                half,
                f"{r.chunks:,}",
                str(r.questions),
                f"{r.recall:.3f}",
                f"{r.mrr:.3f}",
                f"{r.index_s:.1f}",
                f"{r.question_ms:.0f}",
            )
        table.add_row("mean", half, "", "", f"{mean(results):.3f}", "", "", "", end_section=True)
    Console().print(table)
