"""Grammars of tree-sitter: which one reads which file, and what counts as a definition there."""

from collections.abc import Callable
from dataclasses import dataclass, field

import tree_sitter_go
import tree_sitter_javascript
import tree_sitter_python
import tree_sitter_rust
import tree_sitter_typescript
from tree_sitter import Language, Node, Parser

from retrieval.file_filter import extension

_PIECE = 64 << 10
_FIRST_REPORTS, _REPORTS_PER_KIB = 500, 40
"""How often the parser reports that it is still at work (every hundred steps). Minified code: 19 times a KiB."""
_NONE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Grammar:
    """A tree-sitter grammar and the names of its nodes that matter here."""

    load: Callable[[], object]
    leaves: frozenset[str]
    """Definitions that are kept whole."""
    containers: frozenset[str] = field(default=_NONE)
    """Definitions that hold others."""
    wrappers: frozenset[str] = field(default=_NONE)
    """Nodes that a definition may be wrapped in: decorators, ``export``, ``const f = …``."""

    def parse(self, source: bytes) -> Node | None:
        """Return the root; broken code gives a tree with error nodes, never an exception.

        None where it takes the parser far more steps than its length explains: 80 KB of ``<!--`` take it minutes.
        """
        reports, most = 0, _FIRST_REPORTS + len(source) * _REPORTS_PER_KIB // 1_024

        def too_many(_at: int, _has_error: bool) -> bool:
            nonlocal reports
            reports += 1
            return reports > most

        def read(at: int, _point: object) -> bytes:
            return source[at : at + _PIECE]

        try:
            # Read by a callback, because only then the parser takes one for its progress, too.
            return Parser(Language(self.load())).parse(read, progress_callback=too_many).root_node
        except ValueError:
            return None


_PYTHON = Grammar(
    load=tree_sitter_python.language,
    leaves=frozenset({"function_definition"}),
    containers=frozenset({"class_definition"}),
    wrappers=frozenset({"decorated_definition", "if_statement", "block", "try_statement", "else_clause"}),
)
_SCRIPT_LEAVES = frozenset(
    {
        "function_declaration",
        "generator_function_declaration",
        "method_definition",
        "arrow_function",
        "function_expression",
        "interface_declaration",
        "type_alias_declaration",
        "enum_declaration",
        "abstract_method_signature",
        "function_signature",
    }
)
_SCRIPT_CONTAINERS = frozenset({"class_declaration", "abstract_class_declaration", "class", "internal_module"})
_SCRIPT_WRAPPERS = frozenset(
    {
        "export_statement",
        "lexical_declaration",
        "variable_declaration",
        "variable_declarator",
        "expression_statement",
        "public_field_definition",
        "field_definition",
        "assignment_expression",
        "object",
        "pair",
        "ambient_declaration",
    }
)


def _script(load: Callable[[], object]) -> Grammar:
    return Grammar(load=load, leaves=_SCRIPT_LEAVES, containers=_SCRIPT_CONTAINERS, wrappers=_SCRIPT_WRAPPERS)


_GO = Grammar(
    load=tree_sitter_go.language,
    leaves=frozenset({"function_declaration", "method_declaration", "type_declaration"}),
)
_RUST = Grammar(
    load=tree_sitter_rust.language,
    leaves=frozenset(
        {
            "function_item",
            "function_signature_item",
            "struct_item",
            "enum_item",
            "union_item",
            "type_item",
            "macro_definition",
        }
    ),
    containers=frozenset({"impl_item", "trait_item", "mod_item"}),
)


def grammar_for(path: str) -> Grammar | None:
    """Return the grammar for a file by its extension; None where there is none."""
    match extension(path):
        case "py" | "pyi":
            return _PYTHON
        case "js" | "mjs" | "cjs" | "jsx":
            return _script(tree_sitter_javascript.language)
        case "ts" | "mts" | "cts":
            return _script(tree_sitter_typescript.language_typescript)
        case "tsx":
            return _script(tree_sitter_typescript.language_tsx)
        case "go":
            return _GO
        case "rs":
            return _RUST
        case _:
            return None
