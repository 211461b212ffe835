"""Redirections, here-strings and here-documents. Pure."""

from typing import Protocol

from tree_sitter import Node

from risk.bash.heredocs import clear
from risk.bash.script import Invocation, Redirect, Script, ScriptPlace, Source
from risk.bash.words import Values, Word, one_word, text_of, words_of

_PLAIN = frozenset(
    ("<<", "<<-", "heredoc_start", "heredoc_end", "heredoc_body", "file_redirect", "herestring_redirect")
)


class Visitor(Protocol):
    """The walk, as far as redirections need it."""

    @property
    def script(self) -> Script: ...

    @property
    def values(self) -> Values: ...

    def plain(self, text: str) -> None: ...

    def visit(self, node: Node, place: ScriptPlace) -> list[Invocation]: ...


def redirected(walk: Visitor, node: Node, place: ScriptPlace) -> tuple[tuple[Source, ...], tuple[Word, ...]]:
    """Note a redirection; return what it makes of standard input, and the files it writes."""
    match node.type:
        case "herestring_redirect":
            parts = [child for child in node.children if child.is_named]
            for part in parts:
                walk.visit(part, place.inner)
            return (Source(text=" ".join(one_word(part, walk.values).text for part in parts)),), ()
        case "heredoc_redirect":
            start = next((text_of(child) for child in node.children if child.type == "heredoc_start"), "")
            body = next((child for child in node.children if child.type == "heredoc_body"), None)
            if body is None:
                walk.script.troubles.append("a here-document without an end")
                return (), ()
            text = text_of(body)
            if not set(start) & set("'\"\\"):
                walk.visit(body, place.inner)
                # The text of a here-document that belongs to none of its nodes, or to a plain one.
                source, first, at = body.text or b"", body.start_byte, 0
                outside: list[bytes] = []
                for child in body.children:
                    outside += [source[at : child.start_byte - first], b" "]
                    at = child.end_byte - first
                walk.plain("".join(piece.decode(errors="replace") for piece in (*outside, source[at:])))
                # All that a backslash quotes in a here-document, besides a line break (bash manual, 3.6.6).
                for escaped in ("\\$", "\\`", "\\\\"):
                    text = text.replace(escaped, escaped[1])
            sinks = tuple(
                word
                for child in node.children
                if child.type == "file_redirect"
                for word in _file(walk, child, place.inner)[1]
            )
            if not clear(node) or any(child.is_error for child in node.children):
                walk.script.troubles.append("a here-document that is not clear")
            return (Source(text=text),), sinks
        case "file_redirect":
            return _file(walk, node, place.inner)
        case _:
            walk.visit(node, place.inner)
            return (), ()


def after_heredoc(walk: Visitor, node: Node, place: ScriptPlace) -> list[Invocation]:
    """Visit what stands on the line of ``<<EOF`` after it: more commands and pipes."""
    return [call for child in node.children if child.type not in _PLAIN for call in walk.visit(child, place)]


def _file(walk: Visitor, node: Node, place: ScriptPlace) -> tuple[tuple[Source, ...], tuple[Word, ...]]:
    operator = next((child.type for child in node.children if not child.is_named), "?")
    words: list[Word] = []
    for target in (child for child in node.children if child.is_named and child.type != "file_descriptor"):
        walk.visit(target, place)
        words += words_of(target, walk.values)
    if operator in {">&", "<&"} and all(word.text.rstrip("-").isdigit() or word.text == "-" for word in words):
        return (), ()
    walk.script.redirects.extend(Redirect(operator, word) for word in words)
    if operator.startswith("<"):
        return tuple(Source(file=word) for word in words), ()
    return (), tuple(words)
