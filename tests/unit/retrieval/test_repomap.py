import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.repomap import CHARS_PER_TOKEN, Definition, Symbols, defined_in, file_outline, outline, ranks, references

NAMES = st.sampled_from(["alpha", "beta", "gamma", "delta"])
FILES = st.dictionaries(
    st.sampled_from(["a.py", "b.py", "c.py", "d.py", "e.py"]),
    st.tuples(st.sets(NAMES, max_size=3), st.dictionaries(NAMES, st.integers(1, 5), max_size=3)),
    max_size=5,
)


def symbols(shape: dict[str, tuple[set[str], dict[str, int]]]) -> list[Symbols]:
    return [
        Symbols(path, tuple(Definition(name, n + 1, f"def {name}():") for n, name in enumerate(sorted(defined))), uses)
        for path, (defined, uses) in shape.items()
    ]


@given(FILES, st.dictionaries(st.sampled_from(["a.py", "b.py", "zz"]), st.floats(-1, 5), max_size=3))
def test_ranks_are_a_distribution_over_the_files(shape: dict, focus: dict[str, float]) -> None:
    rank = ranks(symbols(shape), focus)
    assert rank.keys() == shape.keys()
    assert all(value >= 0 for value in rank.values())
    if shape:
        assert sum(rank.values()) == pytest.approx(1)


def test_what_others_use_weighs_more_and_the_focus_more_still() -> None:
    files = symbols(
        {
            "core.py": ({"alpha"}, {}),
            "a.py": ({"beta"}, {"alpha": 3}),
            "b.py": ({"gamma"}, {"alpha": 1}),
        }
    )
    rank = ranks(files, {})
    assert rank["core.py"] > rank["a.py"] == pytest.approx(rank["b.py"])
    assert ranks(files, {"a.py": 1.0})["a.py"] > ranks(files, {})["a.py"]
    assert ranks(files, {"a.py": 1.0})["b.py"] == pytest.approx(0)


def test_a_name_that_many_define_points_nowhere() -> None:
    files = symbols({f"{n}.py": ({"run"}, {"run": 2}) for n in range(8)})
    assert defined_in(files) == {}


@given(FILES, st.integers(0, 300))
def test_the_map_never_overruns_its_budget(shape: dict, budget: int) -> None:
    files = symbols(shape)
    assert len(outline(files, ranks(files, {}), budget_tokens=budget)) <= budget * CHARS_PER_TOKEN


def test_the_map_names_the_heaviest_files_and_their_most_used_names_first() -> None:
    files = symbols(
        {
            "core.py": ({"alpha", "beta"}, {}),
            "a.py": (set(), {"beta": 3}),
        }
    )
    assert outline(files, ranks(files, {}), budget_tokens=100) == ("core.py\n  1: def alpha():\n  2: def beta():\na.py")
    assert outline(files, ranks(files, {}), budget_tokens=8) == "core.py\n  2: def beta():"


def test_of_a_file_the_most_used_names_stay_where_room_is_short() -> None:
    file = symbols({"core.py": ({"alpha", "beta", "gamma"}, {})})[0]
    used = {"gamma": 3, "alpha": 1}
    assert file_outline(file, used, 200, most=2) == "core.py\n  1: def alpha():\n  3: def gamma():"
    assert file_outline(file, used, 30) == "core.py\n  3: def gamma():"
    assert file_outline(file, used, len("core.py")) == "core.py"
    assert file_outline(file, used, len("core.py") - 1) == ""


def test_a_file_refers_to_those_that_define_what_it_uses() -> None:
    files = symbols({"core.py": ({"alpha"}, {"alpha": 9}), "a.py": ({"beta"}, {"alpha": 4}), "b.py": ({"beta"}, {})})
    assert references(files) == {"a.py": {"core.py": 1.0}}
    files = symbols({"core.py": ({"alpha"}, {}), "b.py": ({"beta"}, {}), "a.py": (set(), {"alpha": 4, "beta": 1})})
    assert references(files) == {"a.py": {"core.py": pytest.approx(2 / 3), "b.py": pytest.approx(1 / 3)}}
