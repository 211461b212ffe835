"""What is learnt of a run: facts from commands and proofs, never over a person's words, bounded, the same made anew."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from memory import ChangedFile, Citation, EndedRun, Memory, RanCommand, Rejection, forgotten, learned
from memory.learning import MOST_EPISODES, MOST_FACTS, contradicted, episode, facts
from memory.records import MOST_TEXT

START = datetime(2026, 1, 1, tzinfo=UTC)
FILES = {"pyproject.toml": "m1", "shop/prices.py": "p1", "tests/test_prices.py": "t1"}
ENDED = EndedRun(
    run="r1",
    org="local",
    repo="/repo",
    commit="c1",
    person="ann",
    task="Fix the total\nof all prices",
    status="delivered",
    proof="2 passed; it failed without the change",
    accept="make check",
    commands=(
        RanCommand(command="cd shop && ls -la", code=0),
        RanCommand(command="nosuchtool --check", code=127),
        RanCommand(command="CI=1 python3 tools/check.py tests/test_prices.py", code=0),
        RanCommand(command="make build", code=0),
        RanCommand(command="pytest", code=1),
    ),
    changed=(ChangedFile(path="shop/prices.py", before="p1", after="p2"),),
    files=FILES,
    ended_at=START,
)
WORDS = st.text("ab /='\"&;\n\0\\é\u202e", max_size=40)
RUNS = st.builds(
    EndedRun,
    run=st.sampled_from(["a", "b", "c", "d"]),
    org=st.just("local"),
    repo=st.just("/repo"),
    commit=st.just("c"),
    person=st.sampled_from(["ann", "ben"]),
    task=WORDS,
    outside=st.booleans(),
    status=st.sampled_from(["delivered", "failed", "rejected"]),
    proof=st.sampled_from(["", "1 passed"]),
    accept=st.sampled_from(["", "make check"]),
    commands=st.lists(
        st.builds(
            RanCommand,
            command=st.sampled_from(["make build", "x tests/test_a.py", "y", "ls"]) | WORDS,
            code=st.sampled_from([0, 1, 126, 127, None]),
        ),
        max_size=6,
    ).map(tuple),
    changed=st.lists(st.builds(ChangedFile, path=WORDS, before=st.just("1"), after=st.just("2")), max_size=4).map(
        tuple
    ),
    files=st.just({"tests/test_a.py": "1", "Makefile": "1"}),
    ended_at=st.integers(0, 10_000).map(lambda n: START + timedelta(minutes=n)),
)


def subjects(run: EndedRun) -> dict[str, Memory]:
    return {each.subject: each for each in facts(run)}


def test_facts_are_what_commands_and_the_proof_showed() -> None:
    known = subjects(ENDED)
    assert known["acceptance"].text == "The acceptance command was: make check\nOn a clean checkout: " + ENDED.proof
    assert known["one test"].command == "CI=1 python3 tools/check.py tests/test_prices.py"
    assert known["set-up"].command == "make build"
    assert known["tests of shop/prices.py"].text.startswith("shop/prices.py is tested by tests/test_prices.py")
    missing = known["command nosuchtool --check"]
    assert (missing.works, missing.title) == (False, "Cannot be run: nosuchtool --check")
    assert not any("ls -la" in each.text or "pytest" in each.text for each in known.values())


def test_a_fact_cites_the_manifests_and_the_files_of_its_command() -> None:
    known = subjects(ENDED)
    assert known["one test"].cites == (
        Citation(path="pyproject.toml", contents=("m1",)),
        Citation(path="tests/test_prices.py", contents=("t1",)),
    )
    assert known["tests of shop/prices.py"].cites == (Citation(path="tests/test_prices.py", contents=("t1",)),)
    assert episode(ENDED).cites == (Citation(path="shop/prices.py", contents=("p1", "p2")),)


def test_an_episode_says_what_was_asked_and_what_proved_it() -> None:
    told = episode(replace(ENDED, rejections=(Rejection(by="ben", reason="Too broad."),)))
    assert told.title == "Fix the total"
    assert "Proof: 2 passed; it failed without the change" in told.text
    assert (told.rejected, told.rejections[0].by) == (True, "ben")
    assert "ben" not in told.text


def test_a_claim_of_the_model_is_no_fact() -> None:
    claimed = replace(ENDED, commands=(), changed=(), accept="", proof="", tried=("done: Tests are run by make magic",))
    assert facts(claimed) == ()


def test_a_run_that_a_person_refused_leaves_no_facts_and_a_marked_episode() -> None:
    refused = replace(ENDED, status="rejected")
    assert facts(refused) == ()
    (only,) = learned({}, refused).values()
    assert only.rejected


def test_a_command_that_cannot_be_run_any_more_takes_its_facts_with_it() -> None:
    known = learned({}, ENDED)
    gone = RanCommand(command="CI=1 python3 tools/check.py tests/test_prices.py", code=127)
    later = replace(ENDED, run="r2", commands=(gone,), changed=(), ended_at=START + timedelta(days=1))
    after = learned(known, later)
    assert "one test" not in {each.subject for each in after.values()}
    (fact,) = [each for each in after.values() if each.command == gone.command]
    assert not fact.works
    back = replace(later, run="r3", commands=(replace(gone, code=0),))
    assert [each.works for each in learned(after, back).values() if each.command == gone.command] == [True, True]


def test_only_the_opposite_outcome_contradicts() -> None:
    (fact,) = [each for each in learned({}, ENDED).values() if each.subject == "set-up"]
    for code, expected in ((0, False), (1, False), (None, False), (127, True), (126, True)):
        again = replace(ENDED, commands=(RanCommand(command="make build", code=code),))
        assert contradicted(fact, again) is expected
        assert contradicted(replace(fact, works=False), again) is not expected
    assert not contradicted(replace(fact, command=""), ENDED)


def test_what_a_person_wrote_or_pinned_is_written_over_by_no_run() -> None:
    known = learned({}, ENDED)
    (fact,) = [each for each in known.values() if each.subject == "one test"]
    for mine in (replace(fact, text="Use make t.", edited_by="ann"), replace(fact, pinned=True, pinned_by="ann")):
        gone = replace(ENDED, run="r2", commands=(RanCommand(command=fact.command, code=127),))
        assert learned({**known, fact.id: mine}, replace(ENDED, run="r2"))[fact.id] == mine
        assert learned({**known, fact.id: mine}, gone)[fact.id] == mine


@given(st.lists(RUNS, max_size=8))
def test_memories_are_bounded_and_made_anew_they_are_the_same(runs: list[EndedRun]) -> None:
    known: dict[str, Memory] = {}
    for run in runs:
        known = learned(known, run)
    anew: dict[str, Memory] = {}
    for run in runs:
        anew = learned(anew, run)
    assert anew == known
    assert all(id_ == each.id and len(each.text) <= MOST_TEXT for id_, each in known.items())
    assert {each.subject for each in known.values() if each.kind == "episodic"} == {run.run for run in runs}
    outside = {run.run for run in runs if run.outside}
    assert all(
        each.outside == (each.run in outside) or len({r.run for r in runs}) < len(runs) for each in known.values()
    )


def test_the_oldest_go_first_and_those_of_persons_last() -> None:
    known: dict[str, Memory] = {}
    for n in range(MOST_EPISODES + 20):
        commands = tuple(RanCommand(command=f"tool{n} {m}", code=0) for m in range(6))
        known = learned(
            known,
            replace(ENDED, run=f"r{n}", commands=commands, changed=(), ended_at=START + timedelta(hours=n)),
        )
        if n == 0:
            pinned = next(each for each in known.values() if each.subject == "command tool0 0")
            known[pinned.id] = replace(pinned, pinned=True)
    episodes = {each.run for each in known.values() if each.kind == "episodic"}
    assert (len(episodes), "r0" in episodes) == (MOST_EPISODES, False)
    kept = [each.subject for each in known.values() if each.kind == "semantic"]
    assert (len(kept), "command tool0 0" in kept, "command tool0 1" in kept) == (MOST_FACTS, True, False)


def test_a_person_who_is_forgotten_leaves_no_name_and_no_words() -> None:
    told = episode(replace(ENDED, rejections=(Rejection(by="ben", reason="I, Ben, do not like it."),)))
    without_ben = forgotten(told, "ben", "p_1")
    assert without_ben is not None
    assert without_ben.rejections == (Rejection(by="p_1"),)
    without_ann = forgotten(without_ben, "ann", "p_2")
    assert without_ann is not None
    assert "ann" not in str(without_ann)
    assert "Ben" not in str(without_ann)
    assert forgotten(replace(told, edited_by="ben"), "ben", "p_1") is None
    assert forgotten(told, "eve", "p_3") == told
