from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from telemetry import Span, Totals, render
from telemetry.rendering import duration, label
from telemetry.span_tree import build_tree, spans_of

IDS = st.sampled_from("abcdefgh")


def line(span: str, name: str, parent: str | None = None, start: int = 0, end: int = 5, **more: Any) -> dict[str, Any]:
    told = {"at": "end", "trace": "t", "span": span, "parent": parent, "name": name, "start_ns": start, "end_ns": end}
    return {**told, "attributes": {}, **more}


def chat(span: str, parent: str, tokens_in: int, tokens_out: int, cost: float = 0.0) -> dict[str, Any]:
    used = {"gen_ai.usage.input_tokens": tokens_in, "gen_ai.usage.output_tokens": tokens_out, "app.cost": cost}
    return line(span, "chat m", parent, attributes=used)


@given(st.dictionaries(IDS, st.tuples(st.none() | IDS | st.just("lost"), st.integers(0, 9)), max_size=8))
def test_every_span_is_in_the_tree_exactly_once_whatever_its_parent(shape: dict[str, tuple[str | None, int]]) -> None:
    spans = spans_of(line(id_, "x", parent, start) for id_, (parent, start) in shape.items())
    tree = build_tree("r", spans)
    assert sorted(b.span.id for b in tree.walk() if b.span.id) == sorted(shape)


@given(st.dictionaries(IDS, st.none() | IDS, max_size=8), st.dictionaries(IDS, st.integers(0, 99), max_size=8))
def test_what_a_run_used_is_what_its_model_calls_used(shape: dict[str, str | None], used: dict[str, int]) -> None:
    nodes = [line(id_, "invoke_agent x", parent) for id_, parent in shape.items()]
    chats = [chat(f"c{id_}", id_, tokens, 1) for id_, tokens in used.items()]
    total = build_tree("r", spans_of([*nodes, *chats])).totals
    assert (total.tokens_in, total.tokens_out) == (sum(used.values()), len(used))


KEYS = st.sampled_from(["at", "span", "name", "parent", "start_ns", "end_ns", "attributes", "status"])
ANYTHING = st.none() | st.text(max_size=3) | st.integers() | st.just("end")


@given(st.lists(st.dictionaries(KEYS, ANYTHING, max_size=8), max_size=6))
def test_no_line_breaks_the_reading(records: list[dict[str, Any]]) -> None:
    render(build_tree("r", spans_of(records)))


def test_a_start_without_an_end_is_work_that_never_ended() -> None:
    tree = build_tree("r", spans_of([{"at": "start", "span": "a", "name": "invoke_agent plan", "start_ns": 1}]))
    assert (tree.span.state, tree.duration_ms) == ("open", None)
    assert "did not end" in label(tree).plain


def test_an_end_wins_over_its_start_in_any_order() -> None:
    start = {"at": "start", "span": "a", "name": "x", "start_ns": 1}
    for records in ([start, line("a", "x")], [line("a", "x"), start]):
        assert spans_of(records)[0].state == "ok"


def test_a_nodes_own_count_stands_in_only_where_no_model_call_is_below() -> None:
    counted = {"app.tokens_in": 50, "app.tokens_out": 7, "app.model_calls": 2}
    alone = build_tree("r", spans_of([line("a", "invoke_agent plan", attributes=counted)]))
    assert alone.totals == Totals(tokens_in=50, tokens_out=7, model_calls=2)
    both = build_tree("r", spans_of([line("a", "invoke_agent plan", attributes=counted), chat("b", "a", 40, 6, 0.5)]))
    assert both.totals == Totals(tokens_in=40, tokens_out=6, cost=Decimal("0.5"), model_calls=1)


def test_segments_of_a_run_hang_from_its_root_and_its_time_is_theirs() -> None:
    tree = build_tree(
        "r",
        spans_of(
            [
                line("root", "invoke_workflow coding_run", start=0, end=1),
                line("s1", "run.segment 1", "root", 0, 2_000_000),
                line("s2", "run.segment 2", "root", 9_000_000, 10_000_000),
                line("x", "run.segment 3", "elsewhere", 20_000_000, 21_000_000),
            ]
        ),
    )
    assert [child.span.name for child in tree.children] == ["run.segment 1", "run.segment 2", "run.segment 3"]
    assert tree.duration_ms == 4.0


def test_the_tree_is_printed_with_what_matters() -> None:
    tree = build_tree(
        "r",
        spans_of(
            [
                line("s", "run.segment 1", end=1_230_000_000),
                line("n", "invoke_agent plan", "s", 1, status="error", attributes={"error.type": "llm_unavailable"}),
                chat("c", "n", 1_812, 96, 0.0031),
                line("e", "sandbox.exec", "s", 2, attributes={"app.command.ended": "exit", "app.command.code": 1}),
                line(
                    "t", "sandbox.exec", "s", 3, attributes={"app.command.ended": "timeout", "app.clean_checkout": True}
                ),
                line("r", "risk.classify", "s", 4, attributes={"app.tier": "high", "app.rules": ["a[1]", "b"]}),
                line("w", "invoke_agent wait", "s", 5, status="error", attributes={"app.paused": True}),
            ]
        ),
    )
    console = Console(width=140, record=True, file=None, force_terminal=False)
    with console.capture() as captured:
        console.print(render(tree))
    shown = captured.get()
    assert "run.segment 1  1.23 s  1,812→96 tokens · $0.0031" in shown
    assert "✗ llm_unavailable" in shown
    assert "exit 1\n" in shown.replace(" \n", "\n")
    assert "timeout  clean checkout" in shown
    assert "tier high  rules a[1], b" in shown
    assert "✗" not in shown.split("invoke_agent wait")[1]


def test_json_is_complete() -> None:
    tree = build_tree("r", spans_of([line("s", "run.segment 1"), chat("c", "s", 3, 4, 0.25)])).to_json()
    assert (tree["name"], tree["tokens_in"], tree["cost"]) == ("run.segment 1", 3, "0.25")
    assert tree["children"][0]["attributes"]["gen_ai.usage.output_tokens"] == 4


def test_durations_are_written_for_people() -> None:
    told = {
        None: "did not end",
        0.04: "0.0 ms",
        3.14: "3.1 ms",
        999.4: "999 ms",
        999.6: "1.00 s",
        59_994: "59.99 s",
        59_996: "1 min 00 s",
        125_000: "2 min 05 s",
        3_780_000: "1 h 03 min",
    }
    assert {ms: duration(ms) for ms in told} == told


def test_an_empty_run_is_a_tree_too() -> None:
    assert build_tree("r", ()).span == Span(
        id="", name="invoke_workflow coding_run", start_ns=0, end_ns=0, state="ok", attributes={"app.run.id": "r"}
    )
