"""Variables whose values stand in the script itself, wherever they are set in it. Pure."""

from collections.abc import Iterator
from typing import Final

from tree_sitter import Node

from risk.bash.words import Value, Values, Word, one_word, text_of, words_of
from risk.signals import names

_SETS: Final = names("read mapfile readarray getopts printf let wait unset declare local typeset select")
_MOST: Final = 24
_ANYTHING: Final = frozenset(("eval", "source", "."))


def constants(root: Node) -> Values:
    """Return the variables whose every value stands in the script. Where that is not sure, a variable is not named."""
    found: dict[str, Value | None] = {}
    for node in _all(root):
        match node.type:
            case "variable_assignment":
                name = next((child for child in node.children if child.type == "variable_name"), None)
                value = node.child_by_field_name("value")
                plain = any(child.type == "=" for child in node.children) and (value is None or value.type != "array")
                words = [one_word(value, {})] if value is not None else [Word("")]
                if name is not None:
                    _learn(found, text_of(name), words if plain else [], loop=False)
            case "for_statement":
                name = next((child for child in node.children if child.type == "variable_name"), None)
                listed = [
                    child
                    for child in node.children
                    if child.is_named and child.type not in {"variable_name", "do_group"}
                ]
                if name is not None:
                    _learn(found, text_of(name), [word for child in listed for word in words_of(child, {})], loop=True)
            case "command":
                words = [text_of(child) for child in node.children if child.type != "variable_assignment"]
                if words and words[0] in _ANYTHING:
                    return {}
                for word in words[1:] if words and words[0] in _SETS else ():
                    found[word] = None
            case _:
                pass
    # ``IFS=,`` on its own changes how every later expansion becomes words.
    if any(
        node.type == "variable_assignment"
        and text_of(node).startswith("IFS")
        and (node.parent is None or node.parent.type != "command")
        for node in _all(root)
    ):
        return {}
    return {name: value for name, value in found.items() if value is not None}


def alternatives(node: Node, values: Values) -> Iterator[Values]:
    """The ways to read a command in which a variable may hold several things: one for each of them."""
    used = {text_of(each) for each in _all(node) if each.type == "variable_name"}
    many = [name for name in used if name in values and len(values[name].words) > 1]
    if len(many) == 1 and len(values[many[0]].words) <= _MOST:
        value = values[many[0]]
        yield from ({**values, many[0]: Value((word,), loop=value.loop)} for word in value.words)
    else:
        yield {name: value for name, value in values.items() if name not in many}


def _learn(found: dict[str, Value | None], name: str, words: list[Word], *, loop: bool) -> None:
    before = found.get(name)
    if not words or not all(word.known for word in words) or (name in found and before is None):
        found[name] = None
        return
    if before is not None:
        words, loop = [*before.words, *words], False
    found[name] = Value(tuple(words), loop=loop)


def _all(root: Node) -> Iterator[Node]:
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        stack += node.children
