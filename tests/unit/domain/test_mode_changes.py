"""A plain chmod names the files whose mode it changes; nothing else does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.change import mode_changes


@pytest.mark.parametrize(
    ("command", "paths"),
    [
        ("chmod +x tool.sh", ("tool.sh",)),
        ("chmod 755 bin/a 'bin/b c' bin/a", ("bin/a", "bin/b c")),
        ("chmod u+x,g+x tool.sh", ()),
        ("chmod -x run.sh", ("run.sh",)),
        ("chmod 4755 tool.sh", ()),
        ("chmod -R 755 bin", ()),
        ("chmod +x /etc/passwd", ()),
        ("chmod +x ../x", ()),
        ("chmod +x a; rm -rf b", ()),
        ("chmod +x *.sh", ()),
        ("chmod +x 'a", ()),
        ("chmod", ()),
        ("chmod +x", ()),
        ("echo chmod +x a", ()),
    ],
)
def test_what_a_chmod_names(command, paths):
    assert mode_changes(command) == paths


@given(st.text(max_size=80))
def test_no_command_breaks_it_and_no_path_leaves_the_repository(text):
    for path in mode_changes(f"chmod +x {text}"):
        assert path
        assert not path.startswith("/")
        assert ".." not in path.split("/")
