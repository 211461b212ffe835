"""Parser of bash: everything a script would run, write and assign. Pure; made of tree-sitter-bash."""

from dataclasses import dataclass
from typing import Final

from tree_sitter import Node

from risk.bash.ambiguities import backticked, doubts, literal, nested
from risk.bash.redirections import after_heredoc, redirected
from risk.bash.script import Assignment, Invocation, Script, ScriptPlace, Source
from risk.bash.variables import alternatives
from risk.bash.words import Values, Word, joined, one_word, text_of, words_of

_STRUCTURE: Final = frozenset(
    (
        "program",
        "list",
        "subshell",
        "compound_statement",
        "do_group",
        "if_statement",
        "elif_clause",
        "else_clause",
        "case_statement",
        "case_item",
        "while_statement",
        "negated_command",
        "command_substitution",
        "string",
        "concatenation",
        "expansion",
        "simple_expansion",
        "arithmetic_expansion",
        "binary_expression",
        "unary_expression",
        "postfix_expression",
        "ternary_expression",
        "parenthesized_expression",
        "word",
        "number",
        "raw_string",
        "ansi_c_string",
        "translated_string",
        "string_content",
        "variable_name",
        "special_variable_name",
        "regex",
        "extglob_pattern",
        "test_operator",
        "brace_expression",
        "comment",
        "heredoc_start",
        "heredoc_content",
        "heredoc_end",
        "heredoc_body",
        "file_descriptor",
        "command_name",
        "array",
        "subscript",
        "c_style_for_statement",
        "for_statement",
    )
)
_REDIRECTS: Final = frozenset(("file_redirect", "herestring_redirect", "heredoc_redirect"))
_ARITHMETIC: Final = frozenset(("binary_expression", "unary_expression", "postfix_expression", "arithmetic_expansion"))


def read_script(root: Node, values: Values, sources: tuple[Source, ...] = ()) -> Script:
    """Collect everything in the tree, however deep, with known variables filled in."""
    script = Script()
    BashParser(script, values).visit(root, ScriptPlace(sources=sources))
    return script


@dataclass(frozen=True, slots=True)
class BashParser:
    script: Script
    values: Values

    def visit(self, node: Node, place: ScriptPlace) -> list[Invocation]:
        """Visit a node and return the commands whose output is the node's output."""
        self.script.troubles.extend(doubts(node))
        if (script := nested(node)) is not None:
            self.script.scripts.append(script)
        if literal(node):
            self.plain(text_of(node))
        match node.type:
            case "command":
                ways = alternatives(node, self.values)
                return [BashParser(self.script, values).command(node, place) for values in ways]
            case "pipeline":
                return self._pipeline(node, place)
            case "redirected_statement":
                return self._redirected(node, place)
            case "declaration_command" | "unset_command":
                # `export`, `declare` and the like, and `unset`.
                words: list[Word] = []
                exported = text_of(node.children[0]) == "export"
                for child in node.children:
                    if child.type == "variable_assignment":
                        self._assignment(child, ScriptPlace(within=place.within, exported=exported))
                        words.append(Word(text_of(child).split("=")[0]))
                    else:
                        self.visit(child, place.inner)
                        words += words_of(child, self.values)
                return [self._found(Invocation(tuple(words), (), place.sources, place.sinks, place.within))]
            case "process_substitution":
                self._children(node, ScriptPlace(sources=(Source(),), within=place.within))
                return []
            case _:
                return self._other(node, place)

    def plain(self, text: str) -> None:
        """Note the commands between backticks in a text that the parser does not look into."""
        for script in backticked(text) if "`" in text else ():
            if script is None:
                self.script.troubles.append("a backtick without a second one")
            else:
                self.script.scripts.append(script)

    def _other(self, node: Node, place: ScriptPlace) -> list[Invocation]:
        match node.type:
            case "variable_assignment":
                self._assignment(node, place)
            case "function_definition":
                self._function(node, place)
            case "test_command":
                self._test(node, place)
            case "file_redirect" | "herestring_redirect" | "heredoc_redirect":
                redirected(self, node, place)
            case _:
                if node.is_named and node.type not in _STRUCTURE and not node.is_error:
                    self.script.troubles.append(f"{node.type} is not known here")
                if node.type == "expansion":
                    self._evaluating(node)
                if node.type == "for_statement":
                    self._counting(node)
                if node.type in _ARITHMETIC:
                    self.script.tests.extend(w for c in node.children if c.is_named for w in words_of(c, self.values))
                return self._children(node, place.inner if node.type == "command_substitution" else place)
        return []

    def _children(self, node: Node, place: ScriptPlace) -> list[Invocation]:
        return [call for child in node.children if child.is_named for call in self.visit(child, place)]

    def _evaluating(self, node: Node) -> None:
        """``${x@P}`` and ``${!x}`` evaluate what a variable holds; ``${x:=y}`` sets it."""
        if any(text_of(child) in {"@", "!"} for child in node.children):
            self.script.troubles.append("an expansion that evaluates what a variable holds")
        if any(child.type in {":=", "="} for child in node.children):
            self._counting(node)

    def _counting(self, node: Node) -> None:
        """``for x in`` and ``${x:=y}`` set a variable."""
        names = (text_of(child) for child in node.children if child.type == "variable_name")
        self.script.assignments.extend(Assignment(name, Word("")) for name in names)

    def command(self, node: Node, place: ScriptPlace) -> Invocation:
        words: list[Word] = []
        assigned: list[Assignment] = []
        sources, sinks = place.sources, place.sinks
        for child in node.children:
            if child.type == "variable_assignment":
                assigned.append(self._assignment(child, ScriptPlace(within=place.within, prefix=True)))
            elif child.type in _REDIRECTS:
                source, sink = redirected(self, child, place)
                sources, sinks = (*sources, *source), (*sinks, *sink)
            else:
                self.visit(child, place.inner)
                words += words_of(child, self.values)
        return self._found(Invocation(tuple(words), tuple(assigned), sources, sinks, place.within))

    def _found(self, call: Invocation) -> Invocation:
        self.script.invocations.append(call)
        return call

    def _pipeline(self, node: Node, place: ScriptPlace) -> list[Invocation]:
        before: list[Invocation] = []
        for child in node.children:
            if child.type in {"|", "|&"}:
                place = ScriptPlace(
                    sources=(Source(commands=tuple(before)),) if before else place.sources,
                    sinks=place.sinks,
                    within=place.within,
                )
            else:
                before = self.visit(child, place) or before
        return before

    def _redirected(self, node: Node, place: ScriptPlace) -> list[Invocation]:
        body = node.child_by_field_name("body")
        sources, sinks = place.sources, place.sinks
        for child in node.children:
            if child != body:
                source, sink = redirected(self, child, place)
                sources, sinks = (*sources, *source), (*sinks, *sink)
        calls = (
            self.visit(body, ScriptPlace(sources=sources, sinks=sinks, within=place.within)) if body is not None else []
        )
        piped = ScriptPlace(sources=(Source(commands=tuple(calls)), *sources), within=place.within)
        for child in node.children:
            if child.type == "heredoc_redirect":
                calls = after_heredoc(self, child, piped) or calls
        return calls

    def _assignment(self, node: Node, place: ScriptPlace) -> Assignment:
        name = next((text_of(c) for c in node.children if c.type in {"variable_name", "subscript"}), "")
        value = node.child_by_field_name("value")
        for child in node.children:
            self.visit(child, place.inner)
        if value is None:
            word = Word("")
        elif value.type == "array":
            word = Word(joined([w for c in value.children if c.is_named for w in words_of(c, self.values)]))
        else:
            word = one_word(value, self.values)
        assignment = Assignment(name.split("[")[0], word, prefix=place.prefix, exported=place.exported)
        self.script.assignments.append(assignment)
        self.script.tests.extend([Word(name)] if "[" in name else [])
        return assignment

    def _function(self, node: Node, place: ScriptPlace) -> None:
        named = node.child_by_field_name("name")
        name = one_word(named, {}).text if named is not None else ""
        self.script.functions.add(name)
        for child in node.children:
            if child != named:
                self.visit(child, ScriptPlace(within=(*place.within, name)))

    def _test(self, node: Node, place: ScriptPlace) -> None:
        """``[ … ]`` and ``[[ … ]]``: their words are kept, for the shell evaluates some of them as arithmetic."""
        stack = [child for child in node.children if child.is_named]
        while stack:
            child = stack.pop()
            if child.type.endswith("expression"):
                stack += [inner for inner in child.children if inner.is_named]
            else:
                self.script.tests.extend(words_of(child, self.values))
        self._children(node, place.inner)
