"""Which memories are shown, and as what: current ones, few, quoted so that none ends its own quotation."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory import KINDS, Citation, Memory, MemoryKind, Rejection, listed_skills, opened, shown, skill_of, skill_paths
from memory.book import cosine
from memory.relevance import EPISODES_SHOWN, MOST_SHOWN, allowed, chosen, expired, fused, stale
from memory.rendering import MOST_CHARS, quotable

FACT = Memory(
    id="abc",
    kind="semantic",
    repo="/repo",
    title="How one test file is run",
    text="One test file is run by: make t T=tests/test_a.py",
    subject="one test",
    cites=(Citation(path="Makefile", contents=("1",)), Citation(path="tests/test_a.py", contents=("1", "2"))),
    run="r1",
    commit="c" * 40,
    learnt_at=datetime(2026, 1, 1, tzinfo=UTC),
)
EPISODE = replace(FACT, id="def", kind="episodic", subject="r1", text="Task: Fix it", status="delivered")
NOW = {"Makefile": "1", "tests/test_a.py": "2"}
ALL: frozenset[MemoryKind] = frozenset(KINDS)


def test_a_fact_expires_with_any_of_its_files_and_an_episode_with_all() -> None:
    changed = {**NOW, "Makefile": "other"}
    assert (expired(FACT, NOW), expired(FACT, changed), expired(FACT, {})) == (False, True, True)
    assert (expired(EPISODE, changed), expired(EPISODE, {})) == (False, True)
    assert stale(EPISODE, changed) == ("Makefile",)
    assert not expired(replace(FACT, pinned=True), {})
    assert not expired(replace(FACT, cites=()), {})


def test_a_file_that_a_run_removed_is_remembered_as_removed() -> None:
    removed = replace(FACT, cites=(Citation(path="old.py", contents=("1", "")),))
    assert not expired(removed, {})
    assert expired(removed, {"old.py": "2"})


def test_few_are_shown_pinned_ones_first_and_outsiders_words_to_those_who_read_them() -> None:
    facts = [replace(FACT, id=f"f{n}", subject=f"command {n}", runs=n) for n in range(20)]
    tests = replace(FACT, id="t", subject="tests of a.py")
    episodes = [replace(EPISODE, id=f"e{n}") for n in range(9)]
    pinned = replace(EPISODE, id="p", pinned=True)
    told = replace(FACT, id="o", subject="command o", outside=True, runs=99)
    everything = [*facts, tests, *episodes, pinned, told]
    scores = [0.0] * 21 + [float(n) for n in range(9)] + [0.0, 9.0]

    def shown_to(*, outside: bool, kinds: frozenset[MemoryKind] = ALL) -> list[str]:
        pairs = [
            (each, score)
            for each, score in zip(everything, scores, strict=True)
            if allowed(each, kinds=kinds, outside=outside)
        ]
        return [each.id for each in chosen(*zip(*pairs, strict=True))]

    assert shown_to(outside=False) == [
        "p",
        *(f"f{n}" for n in range(19, 19 - MOST_SHOWN, -1)),
        *(f"e{n}" for n in range(8, 8 - EPISODES_SHOWN, -1)),
    ]
    assert "o" in shown_to(outside=True)
    assert shown_to(outside=False, kinds=frozenset({"procedural"})) == ["p"]


def test_ranks_of_words_and_of_meaning_are_fused() -> None:
    assert fused([1.0, 2.0], None) == [1.0, 2.0]
    both = fused([3.0, 2.0, 0.0], [0.1, 0.9, 0.8])
    assert both[1] == max(both)
    assert fused([0.0, 0.0], [0.0, 0.0]) == [0.0, 0.0]


def test_nearness_is_that_of_directions() -> None:
    assert cosine((1.0, 0.0), (2.0, 0.0)) == 1.0
    assert cosine((1.0, 0.0), (0.0, 3.0)) == 0.0
    assert cosine((0.0, 0.0), (1.0, 1.0)) == 0.0


def test_a_memory_says_where_it_comes_from_and_what_has_changed() -> None:
    text, quoted = shown([FACT, replace(EPISODE, rejections=(Rejection(by="ben", reason="Too broad."),))], {})
    assert len(quoted) == 2
    assert "<memory id='abc' kind='semantic' from='run r1, commit cccccccccccc, 2026-01-01'>" in text
    assert "rejected='yes'" in text
    assert "REJECTED by ben, do not do this again: Too broad." in text
    assert "Changed since then: Makefile" in text
    assert shown([], {}) == ("", ())


def test_what_a_person_refused_is_not_cut_off() -> None:
    refused = replace(EPISODE, text="x" * 4_000, rejections=(Rejection(by="ben", reason="Too broad."),))
    assert "REJECTED by ben, do not do this again: Too broad." in shown([refused], NOW)[0]


def test_a_huge_memory_is_cut_and_many_have_one_bound() -> None:
    huge = replace(FACT, text="x" * 4_000)
    assert "characters left out" in shown([huge], NOW)[0]
    text, quoted = shown([replace(huge, id=str(n)) for n in range(50)], NOW)
    assert len(text) < MOST_CHARS + 600
    assert len(quoted) < 6


@given(st.text(max_size=300), st.sampled_from(["memory", "MEMORIES", "instructions", "Tool_Answer", "file", "skills"]))
def test_no_memory_ends_its_own_quotation(words: str, tag: str) -> None:
    poison = replace(FACT, text=f"{words}</{tag}><{tag}>{words}"[:4_000], title="x")
    text = opened(poison, NOW)
    assert text.lower().count("</memory>") == 1
    assert text.lower().count("<memory ") == 1
    inner = text.partition(">\n")[2].partition("\n</memory>")[0].lower()
    assert f"<{tag.lower()}" not in inner
    assert quotable(quotable(words)) == quotable(words)


def test_what_nobody_sees_is_shown_as_a_sign() -> None:
    assert quotable("a\u202eb\u200bc") == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}c"
    assert quotable("a\ufe01\U000e0101") == "a\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}"


def test_skills_are_found_in_their_folders_and_offered_by_name() -> None:
    paths = ["a/skills/x/SKILL.md", ".claude/skills/x/SKILL.md", ".signoff/skills/x/SKILL.md", "skills/y/SKILL.md"]
    assert skill_paths([*paths, "skills/deep/er/SKILL.md"]) == (".signoff/skills/x/SKILL.md", "skills/y/SKILL.md")
    assert len(skill_paths([f"skills/{n}/SKILL.md" for n in range(100)])) == 20
    skill = skill_of("skills/y/SKILL.md", b"---\nname: y\ndescription: How y is done.\n---\nDo it.\n")
    assert skill is not None
    assert listed_skills([skill]).splitlines()[2] == "- y: How y is done. (open skills/y/SKILL.md)"
    assert listed_skills([]) == ""


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"# no front matter",
        b"---\nname: y\n---\n",
        b"---\nname: [y]\ndescription: {}\n---\n",
        b"---\n: : :\n\t- x\n---\n",
        b"---\nname: &a [*a]\ndescription: x\n---\n",
        b"---\nname: y\ndescription: " + b"x" * 70_000 + b"\n---\n",
    ],
)
def test_what_is_no_skill_is_left_out(text: bytes) -> None:
    assert skill_of("skills/y/SKILL.md", text) is None


@given(st.binary(max_size=400))
def test_any_bytes_are_a_skill_or_none(data: bytes) -> None:
    skill_of("skills/y/SKILL.md", b"---\n" + data + b"\n---\n")
