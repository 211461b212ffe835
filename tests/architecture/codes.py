"""Every error code the house can show, read from its source."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.architecture.tree import modules, name_of, parsed


@dataclass(frozen=True, order=True)
class Coded:
    """A code, where it stands, and the error class that is raised with it ('' where the source does not say)."""

    code: str
    where: str
    raised: str = ""


def texts(node: ast.expr) -> Iterator[str]:
    """The literal texts an expression may come to; what is computed is left out."""
    match node:
        case ast.Constant(value=str(text)) if text:
            yield text
        case ast.IfExp(body=body, orelse=orelse):
            yield from texts(body)
            yield from texts(orelse)
        case ast.BoolOp(values=values):
            for each in values:
                yield from texts(each)
        case _:
            return


def coded() -> Iterator[Coded]:
    for path in modules():
        yield from in_module(path)


def in_module(path: Path) -> Iterator[Coded]:
    name = name_of(path)
    for node in ast.walk(parsed(path)):
        if not isinstance(node, ast.AnnAssign | ast.Assign | ast.Call | ast.ClassDef):
            continue
        where = f"{name}:{node.lineno}"
        match node:
            case ast.AnnAssign(target=ast.Name(id="_KIND"), value=ast.Dict(keys=keys, values=values)):
                for key, value in zip(keys, values, strict=True):
                    raised = value.id if isinstance(value, ast.Name) else ""
                    yield from (Coded(text, where, raised) for text in (texts(key) if key else ()))
            case ast.Call(func=ast.Name(id="refusal" | "refuse"), args=[first, *_]):
                yield from (Coded(text, where) for text in texts(first))
            case ast.Call(func=called, keywords=keywords):
                raised = called.id if isinstance(called, ast.Name) else ""
                given = (keyword.value for keyword in keywords if keyword.arg == "code")
                yield from (Coded(text, where, raised) for value in given for text in texts(value))
            case ast.ClassDef(name=raised, body=body):
                yield from (Coded(text, where, raised) for value in class_codes(body) for text in texts(value))
            case ast.Assign(targets=[ast.Name(id="Code")], value=ast.Subscript(slice=ast.Tuple(elts=parts))):
                yield from (Coded(text, where) for part in parts for text in texts(part))
            case _:
                pass


def class_codes(body: list[ast.stmt]) -> Iterator[ast.expr]:
    for statement in body:
        match statement:
            case ast.Assign(targets=[ast.Name(id="code")], value=value):
                yield value
            case ast.AnnAssign(target=ast.Name(id="code"), value=ast.expr() as value):
                yield value
