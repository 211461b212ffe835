"""What is made lazily comes in the same order as if everything had been made first."""

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from models.repair.inside.search.ideas import Unexpanded, best_first

Tree = tuple[float, "list[Tree]"]
TREES = st.recursive(
    st.tuples(st.floats(0, 1), st.just([])),
    lambda inner: st.tuples(st.floats(0, 1), st.lists(inner, max_size=4)),
    max_leaves=30,
)


def leaves(tree: Tree) -> Iterator[float]:
    score, inner = tree
    if not inner:
        yield score
    for each in inner:
        yield from leaves(each)


def entry(tree: Tree, opened: list[Tree]):
    if not tree[1]:
        return (tree[0], "leaf")

    def open_():
        opened.append(tree)
        return [entry(each, opened) for each in tree[1]]

    return Unexpanded(max(leaves(tree)), open_)


@given(st.lists(TREES, max_size=5))
def test_everything_comes_best_first(trees: list[Tree]) -> None:
    found = [score for score, _ in best_first([entry(tree, []) for tree in trees])]
    assert found == sorted((score for tree in trees for score in leaves(tree)), reverse=True)


def test_what_cannot_be_best_stays_closed() -> None:
    opened: list[Tree] = []
    trees: list[Tree] = [(0, [(0.9, []), (0.8, [])]), (0, [(0.7, [])]), (0.85, [])]
    stream = best_first([entry(tree, opened) for tree in trees])
    assert [next(stream)[0] for _ in range(3)] == [0.9, 0.85, 0.8]
    assert opened == trees[:1]


def test_equal_ones_keep_the_order_of_their_coming() -> None:
    assert list(best_first([(0.5, "a"), (0.5, "b"), (0.5, "c")])) == [(0.5, "a"), (0.5, "b"), (0.5, "c")]
