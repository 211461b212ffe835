from hypothesis import given
from hypothesis import strategies as st
from langfuse import Langfuse
from opentelemetry.context import Context
from opentelemetry.trace import get_current_span

from telemetry import Identity, run_context, trace_id, traceparent
from telemetry.identity import beginning_of, identity_of, part_before, root_span_id


@given(st.text(min_size=1))
def test_the_trace_id_is_the_one_langfuse_makes_from_the_run(run: str) -> None:
    assert f"{trace_id(run):032x}" == Langfuse.create_trace_id(seed=run)


@given(st.text(), st.integers(0, 50))
def test_ids_are_valid_and_the_same_wherever_they_are_made(run: str, part: int) -> None:
    assert 0 < trace_id(run, part=part) < 2**128
    assert 0 < root_span_id(run, part=part) < 2**64
    assert trace_id(run, part=part) == trace_id(run, part=part)


@given(st.text(), st.text(), st.integers(0, 9), st.integers(0, 9))
def test_other_runs_and_other_parts_are_other_traces(one: str, two: str, a: int, b: int) -> None:
    if (one, a) != (two, b) and f"{one}#{a}" != two and f"{two}#{b}" != one:
        assert trace_id(one, part=a) != trace_id(two, part=b)


def test_a_context_hangs_spans_from_the_root_of_the_run() -> None:
    parent = get_current_span(run_context("r1")).get_span_context()
    assert (parent.trace_id, parent.span_id, parent.is_remote) == (trace_id("r1"), root_span_id("r1"), True)
    assert parent.trace_flags.sampled
    assert not get_current_span(run_context("r1", sampled=False)).get_span_context().trace_flags.sampled
    assert get_current_span(run_context("r1", parent_span_id=7)).get_span_context().span_id == 7


def test_a_context_says_whose_work_it_is() -> None:
    identity = Identity(run="r1", org="o", user="u", tier="high")
    assert identity_of(run_context(identity)) == identity
    assert identity_of(run_context("r1")) == Identity(run="r1")
    assert identity_of(Context()) is None
    assert beginning_of(Context()) is None


def test_what_is_not_known_is_not_said() -> None:
    assert "user.id" not in Identity(run="r1").attributes()
    assert Identity(run="r1").attributes()["session.id"] == "r1"


def test_the_traceparent_is_the_w3c_form() -> None:
    version, trace, span, flags = traceparent("r1").split("-")
    assert (version, int(trace, 16), int(span, 16), flags) == ("00", trace_id("r1"), root_span_id("r1"), "01")


def test_a_later_part_is_linked_to_the_one_before() -> None:
    assert part_before("r1", 0) == ()
    (link,) = part_before("r1", 2)
    assert link.context.trace_id == trace_id("r1", part=1)
