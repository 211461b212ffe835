"""Text from outside never costs more than its length, and never ends the process that reads it."""

import ast
import contextlib
import gc
import itertools
import subprocess
import sys
import time

import pytest

from domain import Refused
from domain.reports import read_report
from domain.text import json_value, python_tree, yaml_value
from models.policy import parse_policy
from risk import RiskEngine, read_policy
from risk.policy import LONGEST_PATTERN
from tests.architecture.tree import ROOT, module_name, modules, parsed
from tests.worlds.outside import OURS, PARSERS, SHELL, Parser, shapes

SMALL, LARGE, LONG = 2_000, 16_000, 64_000
NOTHING_S, TINY_S = 0.03, 0.002
"""Below this a measurement says little, on a machine that others use; and so it does at four times the length."""
WORST = 3.0
"""How much more than its length a text may cost. Twice the length: linear 2, quadratic 4. Here it is eight times as
long: linear 8, quadratic 64; eight times this would be 24."""
MIXED = 6


def cost(parser: Parser, text: str, times: int = 1) -> float:
    """Seconds of this thread, the least of several times: others on the machine only ever add to it.

    Without the garbage collector: a collection looks at every object of this process, which has nothing to do with
    the text, and comes when it comes.
    """
    least = float("inf")
    gc.disable()
    try:
        for _ in range(times):
            started = time.thread_time()
            with contextlib.suppress(*parser.refuses):
                parser.read(text)
            least = min(least, time.thread_time() - started)
    finally:
        gc.enable()
    return least


def grows(parser: Parser, small: str, large: str) -> float:
    """How much more a letter of the large text costs than one of the small: 1 where the cost is linear."""
    longer = len(large) / len(small)
    before, after = cost(parser, small), cost(parser, large)
    if after < NOTHING_S or after <= WORST * longer * max(before, 1e-4):
        return 1.0
    return cost(parser, large, 3) / max(cost(parser, small, 5), 1e-4) / longer


def named(parser: Parser) -> str:
    return f"{parser.module}-{PARSERS.index(parser)}"


@pytest.mark.slow
@pytest.mark.parametrize("parser", PARSERS, ids=named)
def test_a_text_costs_as_much_more_as_it_is_longer(parser: Parser) -> None:
    sizes = [size for size in (SMALL, LARGE, LONG) if size <= parser.most] or [parser.most // 8, parser.most]
    for name, text in shapes(named(parser), MIXED):
        for small, large in itertools.pairwise(sizes):
            if large == LONG and cost(parser, text(small)) < TINY_S:
                continue
            factor = grows(parser, text(small), text(large))
            assert factor <= WORST, f"{name}: a letter of {large:,} costs {factor:.1f} times one of {small:,}"


USES = {"compile", "search", "match", "fullmatch", "sub", "subn", "split", "findall", "finditer"}


def has_patterns(tree: ast.Module) -> bool:
    calls = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    return any(
        isinstance(called, ast.Attribute)
        and called.attr in USES
        and isinstance(called.value, ast.Name)
        and called.value.id == "re"
        for called in calls
    )


def test_every_module_with_patterns_is_measured_or_reads_nothing_from_outside() -> None:
    """A new one is one line in ``tests/worlds/outside.py``."""
    inside = {"inside", "attacks"}
    found = {module_name(p) for p in modules() if not inside & set(p.parts) and has_patterns(parsed(p))}
    known = {parser.module for parser in PARSERS} | SHELL | OURS.keys()
    assert sorted(found - known) == []
    assert sorted((SHELL | OURS.keys()) - found) == [], "has no patterns any more"


def test_yaml_is_composed_where_it_was_weighed_and_nowhere_else() -> None:
    loads = {"load", "load_all", "safe_load", "safe_load_all", "full_load", "unsafe_load", "compose", "compose_all"}
    found = {
        module_name(path)
        for path in modules()
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Attribute)
        and node.attr in loads
        and isinstance(node.value, ast.Name)
        and node.value.id == "yaml"
    }
    assert found == {"domain.text.untrusted", "models.yaml", "risk.yaml"}


MERGED = "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{<<: [{','.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 10))
"""Nine times nine times nine …: 387,420,489 mappings in 483 bytes."""
BOMBS = {
    "sequences": "[" * 100_000,
    "mappings": "{a: " * 100_000,
    "entries": "- " * 100_000,
    "keys": "? " * 100_000,
    "indented": "\n".join(" " * n + "a:" for n in range(400)),
    "merged": MERGED,
    "laughs": MERGED.replace("{<<: [", "[").replace("]}", "]"),
    "itself": "a: &a [*a]",
    "many": "\n".join(f"k{n}: 1" for n in range(25_000)),
    "chained": "a0: &a0 {x: 1}\n" + "\n".join(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 90)),
    "directives": "%TAG !a! b\n" * 50_000 + "--- a",
    "tag": "a: !!python/object:os.system x",
    "digits": f"a: {'9' * 5_000}",
    "hexadecimal": f"0x{'f' * 5_000}: 1",
    "sexagesimal": "a: 1" + ":59" * 50_000,
    "long": "a: " + "x" * (1 << 20),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_yaml_bomb_is_refused_and_told_with_its_line(bomb: str) -> None:
    started = time.thread_time()
    with pytest.raises(Refused, match=r"line \d+: ") as ours:
        read_policy(BOMBS[bomb])
    with pytest.raises(Refused, match=r"policy.yaml:\d+: ") as theirs:
        parse_policy(BOMBS[bomb])
    with pytest.raises(ValueError, match=r"line \d+"):
        yaml_value(BOMBS[bomb])
    assert ours.value.stable_code == "policy_invalid"
    assert theirs.value.stable_code == "workspace_policy_invalid"
    assert time.thread_time() - started < 3


def test_what_people_write_is_read() -> None:
    text = "version: 1\ntighten:\n- &a {command: 'x', because: 'y'}\n- {<<: *a, command: z}\n"
    assert [wish.command for wish in read_policy(text).tighten] == ["x", "z"]
    assert yaml_value("{a: &a [1, 'b'], c: *a, d: !!str 5}") == {"a": [1, "b"], "c": [1, "b"], "d": "5"}


DEEP = {
    "json": "from domain.text import json_value as read; text = '[' * n",
    "objects": "from domain.text import json_value as read; text = '{\"a\":' * n",
    "brackets": "from domain.text import python_tree as read; text = '(' * n",
    "signs": "from domain.text import python_tree as read; text = '-' * n + '1'",
    "sums": "from domain.text import python_tree as read; text = '1' + '+1' * n",
    "calls": "from domain.text import python_tree as read; text = 'f' + '()' * n",
    "branches": "from domain.text import python_tree as read; text = 'if a: pass\\n' + 'elif a: pass\\n' * n",
    "policy": "from risk import read_policy as read; text = '[' * n",
    "package": "from domain.acceptance import find_acceptance; text = '{\"scripts\":' * n;"
    "read = lambda text: find_acceptance((), {'package.json': text})",
    "pyproject": "from sandbox import requirements; text = 'x = ' + '[' * n;"
    "read = lambda text: requirements({'pyproject.toml': text})",
    "setup": "from sandbox import requirements; text = 'setup(install_requires=' + '-' * n + '1)';"
    "read = lambda text: requirements({'setup.py': text})",
}


@pytest.mark.slow
@pytest.mark.parametrize("deep", DEEP)
def test_depth_ends_no_process(deep: str) -> None:
    """In a thread, whose stack is all there is, and in another process, which may end as it likes."""
    code = f"""
import threading
from domain import Refused
n = 200_000
{DEEP[deep]}
def work():
    try:
        read(text)
    except (Refused, ValueError):
        pass
    print("lives")
thread = threading.Thread(target=work)
thread.start()
thread.join()
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "lives\n", "")


@pytest.mark.parametrize(
    "text",
    [
        f"{'1' * 5_000} passed in 0.1s",
        f"Ran {'1' * 5_000} tests in 0.1s\n\nFAILED (failures={'2' * 5_000})",
        f"test result: ok. {'1' * 5_000} passed; 0 failed; 0 ignored",
        f"# pass {'1' * 5_000}\n# fail 0",
        f"Tests:  {'1' * 5_000} passed, 1 total",
    ],
)
def test_a_count_of_5000_digits_is_a_very_large_count(text: str) -> None:
    report = read_report(text)
    assert report is not None
    assert report.passed < 2**31


def test_600_kb_of_blank_lines_are_read_at_once() -> None:
    started = time.thread_time()
    assert read_report("\n" * 600_000) is None
    assert time.thread_time() - started < 1


HOSTILE = ("(a+)+$", "(a|a)*$", "(a|aa)+$", "([a-z]+)*$", "(.*a){20}$", "(a?){50}a{50}")


@pytest.mark.parametrize("pattern", HOSTILE)
def test_patterns_of_a_policy_are_matched_in_linear_time(pattern: str) -> None:
    engine = RiskEngine(policy=read_policy(f"tighten: [{{command: '{pattern}', because: x}}]"))
    started = time.thread_time()
    engine.command("echo " + "a" * 1_900 + "!")
    assert time.thread_time() - started < 1


@pytest.mark.parametrize(
    "pattern", ["(?=a)b", r"(a)\1", "a*+", "[", "(", "(a{1000}){1000}", "a" * (LONGEST_PATTERN + 1)]
)
def test_a_pattern_that_has_no_linear_form_is_refused_with_its_line(pattern: str) -> None:
    with pytest.raises(Refused, match="line 2: ") as no:
        read_policy(f"tighten:\n- {{command: '{pattern}', because: x}}\n")
    assert no.value.stable_code == "bad_rules"


def test_patterns_that_are_too_large_together_are_refused() -> None:
    wishes = "".join(f"- {{command: '(x{n}|y){{500}}', because: x}}\n" for n in range(60))
    with pytest.raises(Refused, match="too large together"):
        read_policy(f"tighten:\n{wishes}")


@pytest.mark.parametrize(
    "command",
    [
        "xargs " * 12,
        "eval -x " * 200,
        "busybox " * 200,
        "sudo xargs " * 100,
        f"cat /etc/{'*' * 30}Z",
        f"cat /etc/{'*[a-z]' * 30}Z",
        "echo " + ("{" + ",".join("ab" * 30) + "}") * 8,
    ],
)
def test_a_short_command_is_rated_in_time(command: str) -> None:
    started = time.thread_time()
    RiskEngine().command(command)
    assert time.thread_time() - started < 3


@pytest.mark.parametrize("text", ["(" * 200_000, "\0", "é" * 10, "\ud800", "[" * 5_000, "if a:\n" * 10])
def test_what_is_no_python_has_no_tree(text: str) -> None:
    assert python_tree(text) is None or text.startswith("é")


@pytest.mark.parametrize("text", ["[" * 200_000, "1" * 5_000, "", "nul"])
def test_what_is_no_json_is_said_like_any_other_mistake(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        json_value(text)
