"""Arguments that calls of well-known functions are often missing."""

from __future__ import annotations

import ast

from ..analysis.facts import call_name
from ..analysis.site import Ideas, Site

_MISSING: dict[str, tuple[tuple[str, float], ...]] = {
    "sorted": (("reverse=True", 0.6), ("key=len", 0.35), ("key=lambda item: item[1]", 0.35), ("key=str.lower", 0.25),
               ("key=lambda item: item[0]", 0.25), ("key=lambda item: -item[1]", 0.2), ("key=abs", 0.15)),
    "max": (("default=0", 0.4), ("default=None", 0.3), ("key=len", 0.35), ("key=lambda item: item[1]", 0.3), ("0", 0.3),
            ("key=abs", 0.15)),
    "sum": (("[]", 0.25), ("0.0", 0.1)),
    "enumerate": (("1", 0.7), ("start=1", 0.3)),
    "get": (("0", 0.5), ("''", 0.3), ("[]", 0.35), ("{}", 0.2), ("False", 0.2), ("1", 0.2)),
    "next": (("None", 0.5),),
    "pop": (("None", 0.4),),
    "split": (("1", 0.4), ("' '", 0.2), ("','", 0.25), ("None, 1", 0.2)),
    "replace": (("1", 0.5),),
    "round": (("2", 0.6), ("1", 0.4)),
    "int": (("2", 0.3), ("16", 0.2), ("10", 0.1)),
    "join": (), "getattr": (("None", 0.5),), "zip": (), "accumulate": (("max", 0.2),),
    "dumps": (("sort_keys=True", 0.4), ("indent=2", 0.3)),
    "splitlines": (("True", 0.4), ("keepends=True", 0.2)),
    "strip": (("','", 0.2), ("'\"'", 0.15), ("'/'", 0.2)),
    "isclose": (("abs_tol=1e-9", 0.3),),
    "hypot": (), "log": (("2", 0.4), ("10", 0.3)), "insert": (),
}  # fmt: skip
_SAME = {
    "sort": "sorted",
    "min": "max",
    "rsplit": "split",
    "lstrip": "strip",
    "rstrip": "strip",
    "setdefault": "get",
    "dump": "dumps",
}
_LEAST = {"get": 1, "setdefault": 1, "pop": 1, "replace": 2, "getattr": 2, "next": 1, "int": 1, "round": 1, "log": 1}


def missing(site: Site, node: ast.Call) -> Ideas:
    """One more argument of those that the function is known to take."""
    name = call_name(node)
    name = _SAME.get(name, name)
    count = len(node.args)
    if count > _LEAST.get(name, 1) or (name in _LEAST and count != _LEAST[name]):
        return
    used = {keyword.arg for keyword in node.keywords}
    parts = [site.of(arg) for arg in node.args] + [site.of(keyword) for keyword in node.keywords]
    for text, weight in _MISSING.get(name, ()):
        word, given, _ = text.partition("=")
        if (given and word not in used and not text.startswith("lambda")) or (not given and not used):
            yield site.idea("argument added", weight, f"{site.of(node.func)}({', '.join([*parts, text])})")
    if name in ("strip", "split", "get", "round"):
        for extra in [*(repr(text) for text in site.scope.hints.strings if len(text) == 1)][:4]:
            if not parts or name == "get":
                yield site.idea("argument added", 0.25, f"{site.of(node.func)}({', '.join([*parts, extra])})")
