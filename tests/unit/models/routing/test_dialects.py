"""In which dialect the coder works: what a card says, what was probed, what a name is known for."""

from dataclasses import replace

import pytest

from models.routing import load_catalogue
from models.routing.catalogue import KnownDialect


@pytest.mark.parametrize(
    ("model", "dialect"),
    [
        ("Qwen/Qwen2.5-Coder-7B-Instruct", "single"),
        ("qwen2.5-coder:7b", "single"),
        ("Qwen/Qwen3-Coder-30B-A3B-Instruct", "tools"),
        ("qwen3-coder:30b", "tools"),
        ("claude-sonnet-4-5", "tools"),
        ("gpt-oss:20b", "tools"),
        ("deepseek-r1:8b", "text"),
        ("my-own", None),
    ],
)
def test_known_names(model, dialect):
    assert load_catalogue().dialect_of(model) == dialect


def test_a_users_pattern_comes_before_ours(tmp_path):
    own = tmp_path / "catalogue.yaml"
    own.write_text('dialects:\n  - {match: "*qwen3*", dialect: text}\n', encoding="utf-8")
    catalogue = load_catalogue(own)
    assert catalogue.dialect_of("qwen3-coder:30b") == "text"
    assert catalogue.dialect_of("gpt-oss:20b") == "tools"


def test_the_first_pattern_counts():
    both = (KnownDialect(match="a*", dialect="text"), KnownDialect(match="*", dialect="tools"))
    catalogue = replace(load_catalogue(), dialects=both)
    assert [catalogue.dialect_of(name) for name in ("Abc", "b")] == ["text", "tools"]
