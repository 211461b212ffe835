"""What holds for every command, not only for those that somebody thought of."""

import shlex
import time
from functools import cache

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from benchmarks.risk import dangerous, harmless
from domain import TIERS, Reason, Risk
from risk import RiskEngine
from risk.programs.invocations import Effort
from risk.shell import ShellRater

ENGINE = RiskEngine()


@cache
def closed() -> list[str]:
    """The commands of the corpus that stand alone; read when a test needs them, since that takes a second."""
    every = (command for command, _ in (*dangerous(), *harmless()))
    alone = (c for c in every if not set(c) & {"\n", "#"} and "<<" not in c and c.isprintable() and len(c) < 200)
    return [c for c in alone if not any(r.rule == "shell.unparsed" for r in ENGINE.command(c).reasons)]


@cache
def plain() -> list[str]:
    words = {"if", "for", "while", "case", "time", "[", "[["}
    return [c for c in closed() if not set(c) & set("|&;<>()$`\n={}!*") and c.split()[0] not in words]


known = st.deferred(lambda: st.sampled_from(closed()))
reasons = st.builds(
    Reason, rule=st.sampled_from(["a.b", "c.d"]), tier=st.sampled_from(TIERS), message=st.text(max_size=5)
)


def at(command, **options):
    return TIERS.index(ENGINE.command(command, **options).tier)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=300) | st.text(alphabet="$(){}[]<>|&;`'\"\\ \n\t#!*?~=-/abrm0", max_size=200))
@example("\ud800")
@example("\0")
@example("$(" * 400)
@example("`" * 333)
@example("{a,b}" * 60)
@example("(" * 3_000)
@example("a" * 200_000)
@example("<<" * 50)
def test_no_text_raises_and_every_answer_has_a_reason(text):
    risk = ENGINE.command(text)
    assert risk.reasons
    assert risk == ENGINE.command(text)
    assert risk.tier == max((reason.tier for reason in risk.reasons), key=TIERS.index)


@settings(max_examples=150, deadline=None)
@given(known, known, st.sampled_from(["; ", " && ", " || ", " & ", "\n", " | "]))
def test_a_batch_takes_its_highest_member(one, other, separator):
    assert at(f"{one}{separator}{other}") >= max(at(one), at(other))


WRAPPERS = (
    "env {}",
    "nice {}",
    "nohup {}",
    "timeout 5 {}",
    "time {}",
    "sudo {}",
    "setsid {}",
    "stdbuf -oL {}",
    "command {}",
    "unknown-wrapper {}",
    "xargs -a f {}",
    "busybox {}",
    "strace {}",
    "FOO=1 {}",
    "chroot / {}",
)
AROUND = (
    "( {} )",
    "{{ {}; }}",
    "if true; then {}; fi",
    "for x in 1; do {}; done",
    "f() {{ {}; }}; f",
    "! {}",
    "echo $({})",
    "cat <({})",
    "x=$({})",
    'echo "$({})"',
)


@settings(max_examples=150, deadline=None)
@given(st.deferred(lambda: st.sampled_from(plain())), st.sampled_from(WRAPPERS))
def test_wrappers_never_lower_a_tier(command, wrapper):
    assert at(wrapper.format(command)) >= at(command)


@settings(max_examples=150, deadline=None)
@given(known, st.sampled_from(AROUND))
def test_what_stands_around_a_command_never_lowers_its_tier(command, around):
    assert at(around.format(command.rstrip(" &"))) >= at(command.rstrip(" &"))


@settings(max_examples=200, deadline=None)
@given(
    known,
    st.sampled_from(["sh -c {}", "bash -lc {}", "eval {}", "sudo bash -c {}", "watch {}", "env -S {}", "trap {} EXIT"]),
)
def test_a_command_as_a_text_is_still_that_command(command, wrapper):
    assert at(wrapper.format(shlex.quote(command))) >= at(command)


@given(st.lists(st.lists(reasons, max_size=4), max_size=4), reasons)
def test_a_further_reason_never_lowers(groups, further):
    risks = [ENGINE.combine(Risk(tier="low", reasons=tuple(group))) for group in groups]
    before = ENGINE.combine(*risks)
    after = ENGINE.combine(*risks, Risk(tier="low", reasons=(further,)))
    assert TIERS.index(after.tier) >= TIERS.index(before.tier)
    assert set(before.reasons) <= set(after.reasons)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=400))
def test_no_diff_raises(text):
    for diff in (text, f"diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+{text}\n"):
        assert ENGINE.delivery(diff, kind="branch").tier in {"high", "critical"}
        ENGINE.secrets(diff)


UNENDED = ("<>", "a=(", "|| ", "(a)", "$[")


@pytest.mark.parametrize("unit", UNENDED)
def test_scripts_that_are_too_long_together_are_critical(unit: str) -> None:
    """The parser's time grows with the square where a script has no end: only so many squares are spent."""
    inner = unit * (3_000 // len(unit))
    small = ENGINE.command(f"sh -c '{inner}'")
    assert "content.endless" not in {reason.rule for reason in small.reasons}
    effort = Effort(squares=8 * 3_000**2)
    ways = f"for x in {' '.join('abcdefghijklmnop')}; do sh -c '{inner}' $x; done"
    rules = [sign.rule for sign in ShellRater(rules=ENGINE.rules, effort=effort).signs(ways)]
    assert "content.endless" in rules
    assert rules.count("shell.unparsed") <= 8


@pytest.mark.slow
def test_scripts_that_never_end_cost_little_more_within_others() -> None:
    inner = "<>" * 9_900
    spent: list[float] = []
    for command in (inner, f"for x in a b c d e f g h i j k l; do sh -c '{inner}' $x; done"):
        before = time.process_time()
        tier = ENGINE.command(command).tier
        spent.append(time.process_time() - before)
        assert tier in {"high", "critical"}
    assert spent[1] < 3 * spent[0]
