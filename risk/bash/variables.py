"""Variables whose values stand in the script itself, wherever they are set in it. Pure.

What a variable holds decides what a command does, and whoever writes the script would like to be believed. So a value
counts only where everything that could set the variable is understood; where it may not be set yet (a branch, a
function, a subshell, a later line) it may be empty, too; and one command whose effect on variables is unclear makes
every variable of the script unknown.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tree_sitter import Node

from risk.bash.quoting import HOLE
from risk.bash.words import FIXED, Value, Values, Word, one_word, text_of, words_of
from risk.signals import names

_SETS: Final = names(
    "read mapfile readarray getopts let wait unset declare local typeset export readonly coproc compgen"
)
"""Builtins that set variables which their arguments name."""
_RUNS: Final = names("command builtin time jobs")
"""What starts a builtin in this very shell: ``command read x``."""
_ANYTHING: Final = names("eval source . trap alias enable")
"""What runs or defines text that is not looked into here."""
_CALLS_BACK: Final = names("mapfile readarray")
_DECLARES: Final = names("declare local typeset")
_DECLARED: Final = frozenset("-+xrgfFptaA")
"""Options of ``declare`` that leave values alone. ``-n`` renames; ``-i``, ``-l`` and ``-u`` change them."""
_OWN: Final = names(
    "_ REPLY PWD OLDPWD MAPFILE OPTARG OPTIND OPTERR COPROC RANDOM SRANDOM SECONDS LINENO DIRSTACK PIPESTATUS GROUPS"
    " UID EUID PPID FUNCNAME HISTCMD COLUMNS LINES EPOCHSECONDS EPOCHREALTIME SHLVL SHELLOPTS"
)
"""Variables that bash sets by itself, whatever was assigned to them (bash(1), Shell Variables)."""
_CHANGES: Final = names("= += -= *= /= %= **= <<= >>= &= ^= |= ++ --")
_ARITHMETIC: Final = names("binary_expression postfix_expression unary_expression")
_REDIRECTS: Final = names("file_redirect herestring_redirect heredoc_redirect")
_NAME: Final = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_MOST: Final = 24
_LONGEST: Final = 200
_MOST_PAIRS: Final = 20_000
"""Of a use and an assignment of one variable that are compared in one script."""
_UNKNOWN: Final = Value((Word(HOLE, variable=True),))


class _UnclearError(Exception):
    """Something may set any variable."""


@dataclass(frozen=True, slots=True, eq=False)
class _Place:
    """A node and where it stands: tree-sitter looks for a parent from the root on, which is quadratic over a tree."""

    node: Node
    above: "_Place | None"
    index: int


def constants(root: Node) -> Values:
    """Return what the variables of the script may hold; one that may hold anything holds a hole.

    Of a variable that the script does not set, nothing is said.
    """
    if b"$" not in (root.text or b""):
        return {}  # nothing is expanded, so nobody will ask
    reader = _Reader({}, {}, {}, [])
    try:
        for place in places_of(root):
            reader.look(place)
        values = reader.values()
        # A name that a variable holds (``r=read; $r x``) is looked at with what is known of it.
        for command in reader.computed:
            name = one_word(command.children[0] if command.type == "command_name" else command, values)
            if not name.known or name.text in _SETS | _ANYTHING | _RUNS:
                return dict.fromkeys((*reader.found, *FIXED), _UNKNOWN)
    except _UnclearError:
        return dict.fromkeys(FIXED, _UNKNOWN)
    return values


@dataclass(frozen=True, slots=True)
class _Reader:
    found: dict[str, Value | None]
    assigned: dict[str, list[_Place]]
    used: dict[str, list[_Place]]
    computed: list[Node]
    """Names of commands that are put together when they run."""

    def look(self, place: _Place) -> None:
        node = place.node
        match node.type:
            case "variable_assignment":
                self._assignment(place)
            case "for_statement":
                name = next(child for child in node.children if child.type == "variable_name")
                listed = [
                    child
                    for child in node.children
                    if child.is_named and child.type not in {"variable_name", "do_group"}
                ]
                self._learn(text_of(name), [word for child in listed for word in words_of(child, {})], place, loop=True)
            case "simple_expansion" | "expansion":
                name = next((text_of(child) for child in node.children if child.type == "variable_name"), "")
                self.used.setdefault(name, []).append(place)
                if any(child.type in {":=", "="} for child in node.children):
                    self.found[name] = None
            case "declaration_command" | "unset_command":
                self._sets(text_of(node.children[0]), node.children[1:])
            case "command":
                self._command(node)
            case _ if node.type in _ARITHMETIC and any(child.type in _CHANGES for child in node.children):
                self._change_all(text_of(next(child for child in node.children if child.is_named)))
            case _:
                pass

    def _assignment(self, place: _Place) -> None:
        node = place.node
        name = next((text_of(child) for child in node.children if child.type in {"variable_name", "subscript"}), "")
        value = node.child_by_field_name("value")
        plain = any(child.type == "=" for child in node.children) and (value is None or value.type != "array")
        above = place.above.node.type if place.above else ""
        # ``x=1 cmd`` is for that command alone, and what a loop counts is never what it began with.
        if "[" in name or not plain or above in {"command", "c_style_for_statement"}:
            self.found[name.split("[")[0]] = None
            return
        self._learn(name, [one_word(value, {})] if value is not None else [Word("")], place, loop=False)

    def _learn(self, name: str, words: list[Word], place: _Place, *, loop: bool) -> None:
        before = self.found.get(name)
        own = name in _OWN or name.startswith("BASH")
        # ``IFS=,`` on its own changes how every later expansion becomes words.
        if name == "IFS":
            raise _UnclearError
        if own or not words or not all(word.known for word in words) or (name in self.found and before is None):
            self.found[name] = None
            return
        self.assigned.setdefault(name, []).append(place)
        if before is not None:
            words, loop = [*before.words, *words], False
        self.found[name] = Value(tuple(words), loop=loop)

    def _command(self, node: Node) -> None:
        named = node.child_by_field_name("name")
        if named is None:
            return
        # Quotes and backslashes do not keep a name from being that of a builtin: ``\read``, ``'eval'``.
        name = one_word(named, {})
        if not name.known:
            self.computed.append(named)
        elif name.text in _RUNS | _SETS | _ANYTHING or name.text == "printf":
            arguments = [c for c in node.children if c != named and c.type not in {"variable_assignment", *_REDIRECTS}]
            self._sets(name.text, arguments)

    def _sets(self, name: str, arguments: list[Node]) -> None:
        """Forget what a builtin sets, or everything where that is not clear."""
        if name in _ANYTHING:
            raise _UnclearError
        if name == "printf":
            first = words_of(arguments[0], {}) if arguments else []
            if not first or not first[0].text.startswith(("-", HOLE)):
                return  # only ``printf -v name`` sets one
        # An assignment is looked at by itself, and the mere name after ``export`` keeps its value.
        passed_over = {"variable_assignment", *(("variable_name",) if name in {"export", "readonly"} else ())}
        words = [word for child in arguments if child.type not in passed_over for word in words_of(child, {})]
        texts = {word.text for word in words}
        if name in _RUNS and texts & _ANYTHING:
            raise _UnclearError
        if name in _RUNS and all(word.known for word in words) and not texts & (_SETS | {"printf"}):
            return  # ``command ls``
        for word in words:
            if not word.known:
                raise _UnclearError
            self._change_all(word.text)
            if word.text.startswith(("-", "+")):
                declares = name in _DECLARES or name in _RUNS
                # ``declare -n`` and ``mapfile -C`` may set anything.
                if (declares and not set(word.text) <= _DECLARED) or ("C" in word.text and name in _CALLS_BACK):
                    raise _UnclearError
                # The name may stand in the same word: ``printf -vx``, ``read -ax``.
                self.found.update(dict.fromkeys(word.text[start:] for start in range(1, len(word.text))))

    def _change_all(self, text: str) -> None:
        if len(text) > _LONGEST:
            raise _UnclearError
        for name in _NAME.findall(text):
            if name == "IFS":
                raise _UnclearError
            self.found[name] = None

    def values(self) -> Values:
        values: dict[str, Value] = {}
        pairs = 0
        for name, value in self.found.items():
            if value is None:
                values[name] = _UNKNOWN
                continue
            uses, places = self.used.get(name, []), self.assigned[name]
            pairs += len(uses) * len(places)
            if pairs <= _MOST_PAIRS and all(any(surely_set(place, use) for place in places) for use in uses):
                values[name] = value
            else:
                values[name] = Value((*value.words, Word("")), loop=False)
        return values


def surely_set(assigned: _Place, use: _Place) -> bool:
    """Tell whether a variable has surely been set, in the same shell, when it is used."""
    branches: dict[int, _Place] = {}
    place = use
    while place.above is not None:
        branches[id(place.above)] = place
        place = place.above
    if id(assigned) in branches:
        return branches[id(assigned)].node.type == "do_group"  # of a loop over words
    if not _set_here(assigned):
        return False
    place, needs_success = assigned, False
    while (above := place.above) is not None:
        after = above.node.children[place.index + 1 :][:1]
        if any(child.type == "&" for child in after):
            return False  # in the background, so in a shell of its own
        if id(above) in branches:
            branch = branches[id(above)]
            other_way = above.node.type == "pipeline" or branch.node.type in {"elif_clause", "else_clause", "case_item"}
            return place.index < branch.index and not other_way and (_all_of(above) or not needs_success)
        # In ``a && x=1 && cmd $x`` whatever stands last has seen all before it succeed.
        needs_success = needs_success or (above.node.type == "list" and place.index > 0)
        whole = above.node.type in {"compound_statement", "variable_assignments", "declaration_command"}
        if (needs_success or not whole) and not (above.node.type == "list" and (place.index == 0 or _all_of(above))):
            return False  # a branch, a loop, a function, a subshell: it may not have run, or not here
        place = above
    return False


def _all_of(place: _Place) -> bool:
    return place.node.type == "list" and all(child.type != "||" for child in place.node.children)


def _set_here(assigned: _Place) -> bool:
    """``local x=1`` outside of a function is an error and sets nothing."""
    declared = assigned.above
    if declared is None or declared.node.type != "declaration_command":
        return True
    if text_of(declared.node.children[0]) != "local":
        return True
    place = declared.above
    while place is not None and place.node.type != "function_definition":
        place = place.above
    return place is not None


def alternatives(node: Node, values: Values) -> Iterator[Values]:
    """The ways to read a command in which a variable may hold several things: one for each of them."""
    if not values:
        yield values
        return
    used = {text_of(place.node) for place in places_of(node) if place.node.type == "variable_name"}
    many = [name for name in used if name in values and len(values[name].words) > 1]
    if len(many) == 1 and len(values[many[0]].words) <= _MOST:
        value = values[many[0]]
        yield from ({**values, many[0]: Value((word,), loop=value.loop)} for word in dict.fromkeys(value.words))
    else:
        yield {**values, **dict.fromkeys(many, _UNKNOWN)}


def places_of(root: Node) -> Iterator[_Place]:
    """Every node of a tree, each after the one that it lies in."""
    stack = [_Place(root, None, 0)]
    while stack:
        place = stack.pop()
        yield place
        stack += [_Place(child, place, index) for index, child in enumerate(place.node.children)]
