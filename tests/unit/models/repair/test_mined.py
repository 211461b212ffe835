"""Guards and statements that were lost are looked for in what the repository's people wrote elsewhere."""

import ast

from hypothesis import given
from hypothesis import strategies as st

from models.repair.inside.analysis.facts import Hints
from models.repair.inside.analysis.history import Template, mined, tailored
from models.repair.inside.analysis.source import Code
from models.repair.inside.search.ideas import EditGenerator


def hunk(before: str, after: str) -> dict[str, str]:
    return {"path": "other.py", "before": before, "after": after, "commit": "c", "subject": "s"}


GUARD = hunk(
    "def ship(order):\n    box = pack(order)\n",
    "def ship(order):\n    if order.closed:\n        raise Closed(order)\n    box = pack(order)\n",
)


def test_the_statements_of_changed_lines_are_templates_and_those_around_them_are_not():
    assert [(t.text, t.guard) for t in mined([GUARD])] == [("if order.closed:\n    raise Closed(order)", True)]
    step = hunk("    x = 1\n    return x\n", "    x = 1\n    audit.note(x)\n    return x\n")
    assert [(t.text, t.guard, sorted(t.names)) for t in mined([step])] == [("audit.note(x)", False, ["audit", "x"])]
    taken = hunk("    log(x)\n    y = 2\n", "    y = 2\n")
    assert [t.text for t in mined([taken, taken])] == ["log(x)"]


def test_strange_names_become_names_of_the_function():
    (guard,) = mined([GUARD])
    assert list(tailored(guard, {"Closed", "order"}, ["a"])) == [guard.text]
    assert list(tailored(guard, {"Closed"}, ["bill", "n"])) == [
        "if bill.closed:\n    raise Closed(bill)",
        "if n.closed:\n    raise Closed(n)",
    ]
    three = Template("a = f(b, c)", frozenset("abcf"), guard=False)
    assert not list(tailored(three, {"x"}, ["x", "y"]))


def edited(text: str, *hunks: dict[str, str]) -> set[str]:
    code = Code("x.py", text)
    found = EditGenerator(code, Hints(history=mined(hunks))).candidates(lambda _: 1.0, range(1, text.count("\n") + 2))
    return {text[: one.idea.start] + one.idea.text + text[one.idea.end :] for one in found}


LOST = (
    "class Closed(Exception):\n    pass\n\n\ndef send(bill, by):\n    stamp = by.now()\n    return post(bill, stamp)\n"
)


def test_a_lost_guard_comes_back_as_others_have_it():
    right = LOST.replace("    stamp =", "    if bill.closed:\n        raise Closed(bill)\n    stamp =")
    assert right not in edited(LOST)
    assert right in edited(LOST, GUARD)


def test_a_lost_guard_comes_back_behind_what_it_asks_about():
    text = "def sizes(paths):\n    for path in paths:\n        found = look(path)\n        yield found.size\n"
    right = text.replace("        yield", "        if found.link:\n            continue\n        yield")
    skip = hunk("    e = stat(p)\n", "    e = stat(p)\n    if e.link:\n        continue\n")
    assert right not in edited(text)
    assert right in edited(text, skip)


def test_a_lost_statement_comes_back_as_others_have_it():
    right = LOST.replace("    return", "    by.journal.append((stamp, bill))\n    return")
    step = hunk("    at = who.now()\n", "    at = who.now()\n    who.journal.append((at, item))\n")
    known = hunk("    at = by.now()\n", "    at = by.now()\n    by.journal.append((stamp, bill))\n")
    assert right not in edited(LOST)
    assert right in edited(LOST, known)
    assert right not in edited(LOST, step), "three names that are not known are too many"


@given(st.lists(st.builds(hunk, st.text("ab=():\n if", max_size=30), st.text("ab=():\n if", max_size=30)), max_size=4))
def test_whatever_a_history_holds_templates_are_python(hunks: list[dict[str, str]]):
    for template in mined(hunks):
        assert len(ast.parse(template.text).body) == 1
        for text in tailored(template, {"known"}, ["x", "y"]):
            ast.parse(text)
