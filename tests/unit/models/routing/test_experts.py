"""What a repository is made of comes before the words of a task. The trees are those of real source distributions."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.experts import made_of, word_pattern
from models.routing.catalogue import load_catalogue

OURS = load_catalogue()
TREES = Path("tests/corpus/trees")


def tree(name: str) -> list[str]:
    return (TREES / f"{name}.txt").read_text(encoding="utf-8").split()


@pytest.mark.parametrize(
    ("name", "text", "expert"),
    [
        ("attrs", "evolve() loses the layout of slotted classes", "code_python"),
        (
            "attrs",
            "The repr of a component in HTML notebooks is wrong, the browser shows a button twice",
            "code_python",
        ),
        ("attrs", "fields() of a frozen class has the wrong order", "code_python"),
        ("jsonschema", "$ref in a schema is not resolved when the index of a query is a number", "code_python"),
        ("jsonschema", "Draft 7 schema: an error in the tree of errors has the wrong index", "code_python"),
        ("jsonschema", "iter_errors is quadratic: a transaction of schemas takes minutes", "code_python"),
        ("go_module", "The pipeline drops the last item of a stage", "code_general"),
        ("go_module", "CI is red: TestStage fails", "code_general"),
        ("go_module", "Deploy fails since the stages run in another order", "code_general"),
        # Telling words are heard anywhere, and others where the repository has what they speak of.
        ("attrs", "Write tests for evolve()", "code_testing"),
        ("attrs", "Add a Dockerfile and GitHub Actions for the release", "code_infra"),
        ("jsonschema", "Store results in PostgreSQL with SQLAlchemy and a migration", "code_database"),
        ("go_module", "Pin the base image in the Dockerfile", "code_infra"),
    ],
)
def test_the_expert_for_a_task_in_a_real_tree(name, text, expert):
    assert OURS.choose_expert(text, tree(name)).id == expert


@pytest.mark.parametrize(
    ("name", "home"),
    [
        ("attrs", "code_python"),
        ("jsonschema", "code_python"),
        ("go_module", "code_general"),
    ],
)
def test_what_a_tree_is_made_of(name, home):
    shares = made_of(OURS.experts, tree(name))
    assert max(shares, key=lambda each: shares[each]) == home
    assert all(0 < share <= 1 for share in shares.values())


def test_a_manifest_says_which_of_two_languages_it_is():
    scripts = [f"tools/{n}.sh" for n in range(6)]
    assert OURS.choose_expert("It is slow", ["go.mod", "main.go", *scripts]).id == "code_general"
    assert OURS.choose_expert("It is slow", ["pyproject.toml", "a.py", *scripts]).id == "code_python"
    assert OURS.choose_expert("It is slow", ["package.json", "a.ts", *scripts]).id == "code_ts"
    assert OURS.choose_expert("It is slow", ["package.json", "a.js", *scripts]).id == "code_js"
    assert OURS.choose_expert("It is slow", scripts).id == "code_infra"


def test_what_others_wrote_and_what_is_written_about_it_say_nothing():
    page = [f"docs/_static/{n}.css" for n in range(9)] + [f"vendor/lib/{n}.go" for n in range(9)]
    assert OURS.choose_expert("It is slow", ["a.py", *page]).id == "code_python"


@given(
    st.text(max_size=200),
    st.lists(st.from_regex(r"[a-z]{1,4}(/[a-z]{1,4})?\\.(py|go|ts|css|sql|sh|md)", fullmatch=True)),
)
def test_one_doubtful_word_never_outweighs_what_the_repository_is(text, paths):
    """Whatever else is in it, a repository of Python alone stays Python's for a word that may mean anything."""
    only = [path for path in paths if path.endswith(".py")] + ["main.py"]
    doubtful = [word for expert in OURS.experts for word in expert.doubtful]
    for word in doubtful[:: 1 + len(text) % 7]:
        assert OURS.choose_expert(f"The {word} is wrong", only).id == "code_python"


@pytest.mark.parametrize(
    ("word", "text", "stands"),
    [
        ("C++", "a c++ program", True),
        ("c", "a cc program", False),
        (".d.ts", "the .d.ts files", True),
        ("sql", "nosql", False),
        ("data model", "our data model is odd", True),
    ],
)
def test_words_of_experts_are_whole_words(word, text, stands):
    assert (word_pattern(word).search(text) is not None) == stands
