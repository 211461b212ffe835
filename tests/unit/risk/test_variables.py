"""Variables of a script: a value is believed only where nothing else could have set the variable, and it is set."""

import pytest
from tree_sitter import Parser

from domain import TIERS
from risk import RiskEngine
from risk.bash.variables import places_of, surely_set
from risk.shell import bash

ENGINE = RiskEngine()

OTHERWISE = [
    "x=ls; unset x; $x rm -rf ~",
    "x=ls; x[0]=rm; $x -rf ~",
    'x=ls; read "x" <<< rm; $x -rf ~',
    "x=ls; command read x <<< rm; $x -rf ~",
    "x=ls; builtin read x <<< rm; $x -rf ~",
    "x=ls; \\read x <<< rm; $x -rf ~",
    "x=ls; trap 'x=rm' DEBUG; $x -rf ~",
    "x=ls; declare -n r=x; r=rm; $x -rf ~",
    "x=ls; : ${x:=rm}; $x -rf ~",
    'x=ls; printf -v "x" rm; $x -rf ~',
    "x=ls; command eval x=rm; $x -rf ~",
    "x=ls; 'eval' x=rm; $x -rf ~",
    "x=ls; r=x; read $r <<< rm; $x -rf ~",
    "x=ls; r=x; declare $r=rm; $x -rf ~",
    'x=ls; r=x; export "$r=rm"; $x -rf ~',
    'x=ls; declare "x=rm"; $x -rf ~',
    "x=ls; export 'x=rm'; $x -rf ~",
    "x=ls; declare x\\=rm; $x -rf ~",
    'x="rm,-rf,/home"; read IFS <<< ,; $x',
    "x=ls; mapfile -t x <<< rm; $x -rf ~",
    "x=ls; f() { read $1 <<< rm; }; f x; $x -rf ~",
    "x=ls; select x in rm; do $x -rf ~; done",
    'x=ls; while read y x; do $x -rf ~; done <<< "a rm"',
    "x=ls; IFS=: read -r x <<< rm; $x -rf ~",
    "x=ls; exec 3<<<rm; read -u 3 x; $x -rf ~",
    "x=ls; (( 1 )) && readarray x <<< rm; $x -rf ~",
    "x=ls; x+=; x=(rm -rf); ${x[@]} ~",
    "x=ls; x=(rm); $x -rf ~",
    'set -- rm -rf ~; "$@"',
    "x=ls; wait -n -p x; $x -rf ~",
    "x=ls; read -a x <<< rm; $x -rf ~",
    "x=ls; time read x <<< rm; $x -rf ~",
    "x=ls; ! read x <<< rm; $x -rf ~",
    "x=ls; { read x; } <<< rm; $x -rf ~",
    "x=ls; A=1 read x <<< rm; $x -rf ~",
    "x=ls; >f read x <<< rm; $x -rf ~",
    'x=ls; "read" x <<< rm; $x -rf ~',
    "x=ls; r=read; $r x <<< rm; $x -rf ~",
    "REPLY=ls; read <<< rm; $REPLY -rf ~",
    "_=ls; true rm; $_ -rf ~",
    "PWD=src; cd /; rm -rf $PWD/*",
    "IFS=: true; rm$IFS-rf$IFS~",
    "x=ls true; $x rm -rf ~",
    "false && x=ls; $x rm -rf ~",
    "if false; then x=ls; fi; $x rm -rf ~",
    "$x rm -rf ~; x=ls",
    "(x=ls); $x rm -rf ~",
    "x=ls | true; $x rm -rf ~",
    "x=ls & $x rm -rf ~",
    "f(){ x=ls; }; $x rm -rf ~",
    "while false; do x=ls; done; $x rm -rf ~",
    "local x=ls; $x rm -rf ~",
    "(x=src); rm -rf $x/*",
    "read TMPDIR <<< /; rm -rf $TMPDIR/x",
    "eval TMPDIR=/etc; rm -rf $TMPDIR/x",
    'x=" "; $x rm -rf ~',
    "x=; $x rm -rf ~",
    "{ x=ls; } < /nonexistent; $x rm -rf ~",
    "declare -l x; x=RM; $x -rf ~",
    "hash -p /bin/rm ls; ls -rf ~",
    "f(){ local x; $x rm -rf ~; }; x=ls; f",
    "x=ls; printf -vx rm; $x -rf ~",
    "x=ls; mapfile -C 'eval x=rm #' -c1 y <<< z; $x -rf ~",
    "a && x=ls || b; $x rm -rf ~",
    "a || x=ls && $x rm -rf ~",
    "{ a && x=ls; } ; $x rm -rf ~",
    "{ a && x=ls; } && $x rm -rf ~",
    "a && x=ls; $x rm -rf ~",
    "(a && x=ls) && $x rm -rf ~",
    "for x in a; do { y=ls; } & done; $y rm -rf ~",
    "case a in b) x=ls;; *) $x rm -rf ~;; esac",
    "if a; then x=ls; else $x rm -rf ~; fi",
]
"""Read with the value that stands in them, each looks like a harmless ``ls`` or stays in the workspace."""

BELIEVED = [
    ("PY=python3; $PY -m pytest -q", "medium"),
    ("for f in a b; do cat $f; done", "low"),
    ("x=ls; $x -la", "medium"),
    ("mkdir -p out && D=out && cp x $D", "medium"),
    ("D=build; mkdir -p $D; cp a.txt $D/", "medium"),
    ("export X=1; echo $X", "medium"),
    ("f() { local d=src; ls $d; }; f", "medium"),
    ('while IFS= read -r line; do echo "$line"; done < f.txt', "low"),
    ("printf '%s\\n' \"$x\"", "medium"),
    ('for f in a.txt b.txt; do rm "$f"; done', "medium"),
    ("if [ -d src ]; then D=src; else D=lib; fi; ls $D", "low"),
]


@pytest.mark.parametrize("command", OTHERWISE)
def test_what_may_hold_something_else_is_not_believed(command: str) -> None:
    assert TIERS.index(ENGINE.command(command).tier) >= TIERS.index("high")


@pytest.mark.parametrize(("command", "tier"), BELIEVED)
def test_what_surely_holds_what_stands_there_is_believed(command: str, tier: str) -> None:
    assert ENGINE.command(command).tier == tier


def test_two_that_may_be_empty_are_not_guessed() -> None:
    assert ENGINE.command("a || x=1; a || y=2; rm -rf $x/$y").tier == "high"


def test_many_uses_of_many_assignments_cost_no_square() -> None:
    script = "".join(f"x={n};" for n in range(600)) + "echo $x;" * 600
    assert ENGINE.command(f"{script} rm -rf $x").tier in {"high", "critical"}


@pytest.mark.parametrize(
    ("script", "sure"),
    [
        ("x=1; cat $x", True),
        ("{ x=1; }; cat $x", True),
        ("x=1 && cat $x", True),
        ("a && x=1 && cat $x", True),
        ("f() { local x=1; cat $x; }", True),
        ("for x in 1; do cat $x; done", True),
        ("cat $x; x=1", False),
        ("a || x=1; cat $x", False),
        ("(x=1); cat $x", False),
        ("x=1 | cat $x", False),
        ("x=1 & cat $x", False),
        ("local x=1; cat $x", False),
        ("for x in 1; do :; done; cat $x", True),
        ("if a; then x=1; else cat $x; fi", False),
    ],
)
def test_whether_a_variable_is_surely_set_when_it_is_used(script: str, sure: bool) -> None:
    places = list(places_of(Parser(bash()).parse(script.encode()).root_node))
    assigned = next(p for p in places if p.node.type in {"variable_assignment", "for_statement"})
    used = next(p for p in places if p.node.type == "simple_expansion")
    assert surely_set(assigned, used) is sure
