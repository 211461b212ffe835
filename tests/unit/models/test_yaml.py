"""Where a fault of a YAML file is."""

import pytest
import yaml

from domain.text import YamlLoader
from models.yaml import mark_of

TREE = yaml.compose("a:\n  - x: 1\n    y: 2\nb: {c: 3}\n'':\n? [1, 2]\n: z\n", Loader=YamlLoader)


@pytest.mark.parametrize(
    ("place", "line", "column"),
    [
        (("a", 0, "y"), 2, 7),
        (("a", 0, "unknown"), 1, 4),
        (("a", 9), 1, 2),
        (("b", "c"), 3, 7),
        (("",), 4, 0),
        (("nowhere", 3), 0, 0),
        ((), 0, 0),
    ],
)
def test_a_fault_is_marked_at_the_deepest_node_on_the_way_to_it(place, line, column):
    mark = mark_of(TREE, place)
    assert (mark.line, mark.column) == (line, column)


def test_an_empty_file_has_no_place():
    assert mark_of(None, ("a",)) is None
