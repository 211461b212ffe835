"""The small readers that the ratings are made of, each alone."""

import ast

import pytest

from domain import Refused
from risk.bash.pipes import listing_roots, printed_by
from risk.bash.quoting import COMMA, HOLE, brace_options
from risk.bash.script import Invocation, Redirect, Source
from risk.bash.words import Word
from risk.executed import braces_expanded, path_expression
from risk.grammar import ProgramGrammar, read_options
from risk.paths import PathRater, deletion_signs, write_signs
from risk.programs.argument_kinds import KINDS
from risk.programs.arguments import Part
from risk.programs.awk import program_signs
from risk.programs.embedded_code import python_signs, suspicious_names
from risk.programs.find_fd import found_paths, lets_others_through, valued_test
from risk.programs.invocations import Effort, InvocationRater
from risk.programs.launchers import module_signs, startable
from risk.programs.sed import end_of_halves, substitution
from risk.programs.written_scripts import script_language
from risk.rules import Effect, PatternRule, checked_rule, default_rules
from risk.shell import ShellRater, cd_goal, redirect_signs

RULES = default_rules()
RATER = InvocationRater(rules=RULES, paths=PathRater(rules=RULES), shell=ShellRater(rules=RULES).signs, effort=Effort())


def words(text: str) -> tuple[Word, ...]:
    return tuple(Word(each) for each in text.split())


def call(text: str, *sources: Source) -> Invocation:
    return Invocation(words(text), sources=sources)


@pytest.mark.parametrize(
    ("kind", "text", "effects"),
    [
        ("text", "anything at all", set()),
        ("cd", "src", set()),
        ("cd", "/etc", {"look"}),
        ("shell", "rm -rf /", {"destroy"}),
        ("code", "import socket", {"network"}),
        ("perl", "print 1", set()),
        ("script", "https://example.net/x.sh", {"hidden"}),
        ("script", "deploy.sh", {"deploying"}),
        ("target", "publish", {"deploying"}),
        ("target", "SHELL=/bin/x", {"hidden"}),
        ("mode", "u+s", {"escape"}),
        ("gitconfig", "core.pager=cat", set()),
        ("gitconfig", "core.fsmonitor=x", {"hidden"}),
        ("evaluated", "$(id)", {"hidden"}),
        ("date", "+%s", set()),
        ("date", "010100002030", {"system"}),
        ("setting", "vm.x=1", {"system"}),
        ("variable", "PLAIN", set()),
        ("secretname", "API_KEY", {"private"}),
        ("ref", "+main", {"force"}),
        ("pattern", "id_rsa", {"look"}),
        ("pattern", "*.py", set()),
        ("upload", "@/etc/passwd", {"look"}),
        ("upload", "name=value", set()),
        ("url", "ext::sh", {"hidden"}),
        ("sshoption", "ProxyCommand=id", {"hidden"}),
        ("sshoption", "Port=22", set()),
        ("checkpoint", "exec=id", {"hidden"}),
        ("vimcommand", "set number", {"unknown"}),
        ("vimcommand", "!id", {"hidden"}),
        ("makefile", "-", {"hidden"}),
        ("gopackage", "./...", set()),
        ("gopackage", "example.com/x@latest", {"depend"}),
    ],
)
def test_a_kind_of_argument_is_rated_alone(kind: str, text: str, effects: set[str]) -> None:
    found = {sign.effect for sign in KINDS[kind](RATER, Word(text), call("program"), "python")}
    assert found >= effects
    if not effects:
        assert found <= {"read", "unknown"}


@pytest.mark.parametrize(
    ("inner", "options"),
    [
        (f"a{COMMA}b{COMMA}", ["a", "b", ""]),
        ("1..3", ["1", "2", "3"]),
        ("c..a", ["a", "b", "c"]),
        ("1..c", [HOLE]),
        ("1..999999", [HOLE]),
        ("plain", ["{plain}"]),
    ],
)
def test_options_between_braces(inner: str, options: list[str]) -> None:
    assert brace_options(inner) == options


@pytest.mark.parametrize(
    ("command", "text"),
    [("echo -n a b", "a b"), ("printf %s-%s x y z", "x-y z"), ("/bin/echo c", "c"), ("date", None), ("cat", None)],
)
def test_what_a_command_prints_is_known_where_the_script_says_it(command: str, text: str | None) -> None:
    assert printed_by(call(command)) == text


def test_a_filter_prints_what_it_is_given() -> None:
    assert printed_by(call("tac", Source(text="one"))) == "one"


@pytest.mark.parametrize(
    ("command", "roots"),
    [
        ("find /etc -name x", ["/etc/"]),
        ("find . -name x", ["./listed"]),
        ("ls", ["./*"]),
        ("grep -l word", ["./listed"]),
        ("git ls-files", ["./*"]),
        ("git clone", [HOLE]),
    ],
)
def test_a_listing_starts_somewhere(command: str, roots: list[str]) -> None:
    assert [word.text for word in listing_roots(command.split(maxsplit=1)[0], call(command))] == roots


def test_globs_of_the_table_of_files() -> None:
    assert list(braces_expanded("compose.y{a,}ml")) == ["compose.yaml", "compose.yml"]
    assert path_expression("a/*.b") == "a/[^/]*\\.b"
    assert path_expression("**/x/**") == "(?:[^/]+/)*x/.*"


@pytest.mark.parametrize(
    ("code", "effects"),
    [
        ("import os.path", set()),
        ("from subprocess import Popen", {"escape"}),
        ("getattr(x, y)", {"hidden"}),
        ("x.rmtree()", {"destroy"}),
        ("not python (", {"hidden"}),
        ("no python here", {"computed"}),
    ],
)
def test_python_says_what_it_reaches_for(code: str, effects: set[str]) -> None:
    assert {sign.effect for sign in python_signs(code)} == effects


def test_a_node_is_suspicious_by_its_name() -> None:
    assert list(suspicious_names(ast.Name("eval"))) == [("hidden", "eval")]
    assert not list(suspicious_names(ast.Name("evaluate")))


@pytest.mark.parametrize(
    ("expression", "others"),
    [
        ("-name a", False),
        ("-name a -o -name b", True),
        ("( -name a -o -name b )", False),
        ("-name x -prune -o -name b", False),
        ("( -type f -o -name b )", True),
    ],
)
def test_an_alternative_of_find_may_let_others_through(expression: str, others: bool) -> None:
    assert lets_others_through(expression.split()) is others


@pytest.mark.parametrize(
    ("root", "expression", "paths"),
    [
        (".", "-name *.pyc", ["./*.pyc"]),
        ("/", "-name *.log", ["/*.log"]),
        (".", "-mtime +3", ["./selected"]),
        ("/etc", "-mtime +3", ["/etc"]),
        (".", "! -name a", ["."]),
    ],
)
def test_a_search_finds_what_its_tests_leave(root: str, expression: str, paths: list[str]) -> None:
    assert [word.text for word in found_paths(Word(root), list(words(expression)))] == paths


def test_a_word_may_start_a_program() -> None:
    assert startable(RATER, Word("rm"))
    assert startable(RATER, Word("/usr/bin/*", glob=True))
    assert not startable(RATER, Word("notes"))


@pytest.mark.parametrize(
    ("rest", "end"), [("/a/b/g", 5), ("|a|b|", 5), ("/a\\/b/c/", 8), ("/[/]/b/", 0), ("/a", 0), ("", 0)]
)
def test_both_halves_of_a_substitution_end(rest: str, end: int) -> None:
    assert end_of_halves(rest) == end


@pytest.mark.parametrize(
    ("path", "text", "language"),
    [
        ("x.sh", "id", "shell"),
        ("x", "#!/usr/bin/env node\n", "javascript"),
        ("x.py", "#!/bin/bash\n", "shell"),
        ("x.txt", "id", None),
    ],
)
def test_a_written_file_has_a_language(path: str, text: str, language: str | None) -> None:
    assert script_language(Word(path), text) == language


def test_cd_goes_somewhere() -> None:
    assert [cd_goal(words(text)) for text in ("", "-", "-P src", "a b")] == ["~", HOLE, "src", "a"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"effect": "other"}, "no effect 'other'"),
        ({"pattern": "("}, "not a regular expression"),
        ({"match": ("zzz",)}, "its own example 'zzz' does not match"),
        ({"not_match": ("abc",)}, "'abc' must not match"),
    ],
)
def test_a_rule_is_tried_on_its_own_examples(change: dict[str, object], message: str) -> None:
    rule = PatternRule(
        rule="a.b", kind="code", effect="one", pattern="abc", message="m", match=("abc",), not_match=("xyz",)
    )
    effects = {"one": Effect(sealed="low", packages="low", host="low", message="m")}
    assert checked_rule(rule, effects) is rule
    with pytest.raises(Refused, match=message):
        checked_rule(PatternRule(**{**rule.model_dump(by_alias=True), **change}), effects)


def test_a_redirection_is_rated_by_its_operator_and_its_file() -> None:
    def effects(operator: str, path: str) -> set[str]:
        return {sign.effect for sign in redirect_signs(Redirect(operator, Word(path)), PathRater(rules=RULES))}

    assert effects(">", "/dev/null") == set()
    assert effects(">", "out.txt") == {"write"}
    assert "network" in effects(">", "/dev/tcp/h/1")
    assert effects("<", "out.txt") == set()


@pytest.mark.parametrize(
    ("path", "effects"), [("src/a", set()), ("/etc/x", {"outside"}), ("../x", {"outside"}), (f"a{HOLE}", {"computed"})]
)
def test_where_a_write_goes(path: str, effects: set[str]) -> None:
    assert {sign.effect for sign in write_signs(path, path)} == effects


@pytest.mark.parametrize(
    ("path", "effects"),
    [("src/a", set()), (".", {"destroy"}), ("/etc/x", {"destroy"}), (HOLE, {"destroy"}), (f"a{HOLE}", {"computed"})],
)
def test_what_a_deletion_takes(path: str, effects: set[str]) -> None:
    assert {sign.effect for sign in deletion_signs(Word(path), path, path)} == effects


@pytest.mark.parametrize(
    ("program", "effects"),
    [
        ("{ print $1 }", set()),
        ("/a|b/ { print }", set()),
        ('BEGIN { system("rm -rf src/") }', {"hidden", "write"}),
        ('{ print > "out" }', {"write"}),
        ("{ getline x }", {"computed"}),
        ("{ print ENVIRON[1] }", {"dump"}),
    ],
)
def test_what_a_program_of_awk_does(program: str, effects: set[str]) -> None:
    assert {sign.effect for sign in program_signs(RATER, program)} == effects


@pytest.mark.parametrize(
    ("rest", "end", "effects"),
    [
        ("/a/b/", 5, set()),
        ("/a/b/gp; p", 7, set()),
        ("/a/b/e", 0, {"hidden"}),
        ("/a/b", 0, {"unknown"}),
        ("/a/b/w out", 10, {"write"}),
        ("/a/b/?", 0, {"unknown"}),
    ],
)
def test_what_a_substitution_of_sed_does(rest: str, end: int, effects: set[str]) -> None:
    at, signs = substitution(RATER, rest)
    assert (at, {sign.effect for sign in signs}) == (end, effects)


@pytest.mark.parametrize(
    ("test", "value", "effects"),
    [
        ("-fprint", "out", {"write"}),
        ("-name", "*.py", set()),
        ("-name", "id_rsa", {"look"}),
        ("-perm", "-4000", {"look"}),
        ("-perm", "0644", set()),
    ],
)
def test_what_the_value_of_a_test_of_find_means(test: str, value: str, effects: set[str]) -> None:
    assert {sign.effect for sign in valued_test(RATER, test, Word(value), call("find"))} == effects


def test_a_module_of_python_is_the_program_of_its_name() -> None:
    def effects(name: str) -> set[str]:
        part = Part("module", Word(name), words("x"), ProgramGrammar())
        return {sign.effect for sign in module_signs(RATER, part, call("python"))}

    assert "unknown" in effects("no_such_module")
    assert "unknown" not in effects("pytest")
    assert "network" in effects("http.server") | effects("pip")


def test_options_are_read_from_a_line() -> None:
    options, lenient = read_options("-a -o=write --color=?text --force:destroy *", 3)
    assert (options["-o"].value, options["--color"].inline, options["--force"].effect) == ("write", True, "destroy")
    assert lenient
    with pytest.raises(Refused, match="line 3"):
        read_options("-o=nonsense", 3)
