"""More slips: of names, attributes, exceptions, defaults, slices, calls and whole statements. Pure."""

import ast
from collections.abc import Callable, Iterator

from benchmarks.repair.mutation import Mutation

_ATTRIBUTES = {
    "append": "extend",
    "extend": "append",
    "add": "discard",
    "pop": "popleft",
    "lower": "upper",
    "upper": "lower",
    "strip": "lstrip",
    "lstrip": "rstrip",
    "rstrip": "strip",
    "split": "rsplit",
    "rsplit": "split",
    "keys": "values",
    "startswith": "endswith",
    "endswith": "startswith",
    "find": "rfind",
    "match": "search",
    "search": "match",
    "items": "keys",
    "values": "keys",
    "get": "pop",
    "update": "setdefault",
    "index": "count",
}
_ERRORS = {
    "ValueError": "TypeError",
    "TypeError": "ValueError",
    "KeyError": "IndexError",
    "IndexError": "KeyError",
    "AttributeError": "KeyError",
    "StopIteration": "ValueError",
    "NotImplementedError": "ValueError",
}
_FUNCTIONS = {
    "min": "max",
    "max": "min",
    "any": "all",
    "all": "any",
    "sorted": "list",
    "int": "float",
    "isinstance": "issubclass",
}

Text = Callable[[ast.AST], str]
Put = Callable[[str, ast.AST, str], Mutation]
_Function = ast.FunctionDef | ast.AsyncFunctionDef


def mutations(tree: ast.AST, text: Text, put: Put) -> Iterator[Mutation]:
    """Every such slip inside the functions of a module."""
    for function in ast.walk(tree):
        if isinstance(function, _Function):
            yield from _defaults(function, text, put)
            parameters = [each.arg for each in function.args.args if each.arg not in ("self", "cls")]
            stored = [n.id for n in _own(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
            names = list(dict.fromkeys([*parameters, *stored]))
            for node in _own(function):
                yield from _statement(node, text, put)
                yield from _expression(node, text, put)
                match node:
                    case ast.Name(id=name, ctx=ast.Load()) if name in names and len(names) > 1:
                        yield put("wrong name", node, names[(names.index(name) + 1) % len(names)])
                    case ast.Name(id=name, ctx=ast.Load()) if name in _FUNCTIONS:
                        yield put("wrong function", node, _FUNCTIONS[name])
                    case _:
                        pass


def _own(function: _Function) -> Iterator[ast.AST]:
    """The nodes of a function without those of functions and classes inside it, annotations and f-strings."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop(0)
        if not isinstance(node, ast.JoinedStr | _Function | ast.ClassDef | ast.AnnAssign):
            yield node
            waiting += ast.iter_child_nodes(node)


def _defaults(function: _Function, text: Text, put: Put) -> Iterator[Mutation]:
    for default in (*function.args.defaults, *(d for d in function.args.kw_defaults if d is not None)):
        match default:
            case ast.Constant(value=bool() as value):
                yield put("default", default, str(not value))
            case ast.Constant(value=int() as value):
                yield put("default", default, str(value + 1))
            case ast.Constant(value=None):
                yield put("default", default, "0")
            case ast.Constant(value=str()):
                yield put("default", default, "''" if text(default)[1:-1] else "' '")
            case _:
                continue


def _statement(node: ast.AST, text: Text, put: Put) -> Iterator[Mutation]:
    match node:
        case ast.Assign() | ast.AugAssign() | ast.Delete():
            yield put("deleted statement", node, "pass")
        case ast.Return(value=ast.expr() as value):
            yield put("missing return", node, text(value))
        case ast.If(body=[ast.Raise() | ast.Return() | ast.Continue() | ast.Break()], test=test, orelse=[]):
            yield put("deleted guard", test, "False")
        case ast.Raise(exc=ast.Call(func=ast.Name(id=name) as error)) if name in _ERRORS:
            yield put("wrong exception", error, _ERRORS[name])
        case ast.ExceptHandler(type=ast.Name(id=name) as error) if name in _ERRORS:
            yield put("wrong exception", error, _ERRORS[name])
        case _:
            return


def _expression(node: ast.AST, text: Text, put: Put) -> Iterator[Mutation]:
    match node:
        case ast.Attribute(value=value, attr=name) if name in _ATTRIBUTES:
            yield put("wrong attribute", node, f"{text(value)}.{_ATTRIBUTES[name]}")
        case ast.Call(func=ast.Name(), args=[argument], keywords=[]) if not isinstance(argument, ast.Starred):
            yield put("dropped call", node, text(argument))
        case ast.Call(func=ast.Attribute(value=value), args=[], keywords=[]):
            yield put("dropped call", node, text(value))
        case ast.Slice(lower=ast.expr() as bound) | ast.Slice(upper=ast.expr() as bound):
            if not isinstance(bound, ast.Constant):
                yield put("off by one", bound, f"{text(bound)} + 1")
        case ast.BoolOp(op=ast.And() | ast.Or(), values=[left, *_]):
            yield put("dropped term", node, text(left))
        case _:
            return
