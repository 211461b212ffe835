"""What a function lost is looked for in the rest of its file."""

import pytest

from tests.unit.models.repair.editing import repaired

LOST = [
    (
        "def bump_a(n):\n    return str(n.bump_a())\n\n\ndef bump_b(n):\n    return None\n",
        "def bump_a(n):\n    return str(n.bump_a())\n\n\ndef bump_b(n):\n    return str(n.bump_b())\n",
    ),
    (
        (
            "class A:\n"
            "    def added(self):\n"
            "        return sum(x.is_added for x in self)\n"
            "\n"
            "    def lost(self):\n"
            "        return None\n"
        ),
        (
            "class A:\n"
            "    def added(self):\n"
            "        return sum(x.is_added for x in self)\n"
            "\n"
            "    def lost(self):\n"
            "        return sum(x.is_lost for x in self)\n"
        ),
    ),
    ("def join(path, one, other):\n    return None\n", "def join(path, one, other):\n    return one + other\n"),
    ("def keys(table):\n    return None\n", "def keys(table):\n    return sorted(table)\n"),
    (
        (
            "class A:\n"
            "    default_depth = 3\n"
            "\n"
            "    def f(self, **options):\n"
            "        return depth\n"
            "\n"
            "    def depth(self):\n"
            "        pass\n"
        ),
        (
            "class A:\n"
            "    default_depth = 3\n"
            "\n"
            "    def f(self, **options):\n"
            "        depth = options.pop('depth', self.default_depth)\n"
            "        return depth\n"
            "\n"
            "    def depth(self):\n"
            "        pass\n"
        ),
    ),
    (
        "def norm_a(x):\n    return x.lower()\n\n\ndef norm_b(y):\n    return None\n",
        "def norm_a(x):\n    return x.lower()\n\n\ndef norm_b(y):\n    return y.lower()\n",
    ),
    (
        "class A:\n    def __init__(self):\n        self._n = 1\n\n    def n(self):\n        return None\n",
        ("class A:\n    def __init__(self):\n        self._n = 1\n\n    def n(self):\n        return self._n\n"),
    ),
    (
        "def clean(path, mode):\n    pass\n\n\ndef f(path, mode):\n    g(path)\n",
        "def clean(path, mode):\n    pass\n\n\ndef f(path, mode):\n    clean(path, mode)\n    g(path)\n",
    ),
    (
        "class A:\n    def _cull(self):\n        pass\n\n    def f(self):\n        self.n = 1\n",
        (
            "class A:\n"
            "    def _cull(self):\n"
            "        pass\n"
            "\n"
            "    def f(self):\n"
            "        self.n = 1\n"
            "        self._cull()\n"
        ),
    ),
    (
        "def f(option):\n    if nargs == 1:\n        return option\n",
        "def f(option):\n    nargs = option.nargs\n    if nargs == 1:\n        return option\n",
    ),
    (
        (
            "from t import now\n"
            "\n"
            "\n"
            "class A:\n"
            "    def a(self):\n"
            "        self.last = now()\n"
            "\n"
            "    def b(self):\n"
            "        self.n += 1\n"
        ),
        (
            "from t import now\n"
            "\n"
            "\n"
            "class A:\n"
            "    def a(self):\n"
            "        self.last = now()\n"
            "\n"
            "    def b(self):\n"
            "        self.n += 1\n"
            "        self.last = now()\n"
        ),
    ),
    (
        "class A:\n    def __init__(self, x):\n        pass\n\n    def f(self):\n        return self._x\n",
        (
            "class A:\n"
            "    def __init__(self, x):\n"
            "        self._x = x\n"
            "        pass\n"
            "\n"
            "    def f(self):\n"
            "        return self._x\n"
        ),
    ),
    (
        "def f():\n    out = []\n    g('')\n    return out\n",
        "def f():\n    out = []\n    out.append('')\n    g('')\n    return out\n",
    ),
    (
        (
            "def a(size, most):\n"
            "    if size > most:\n"
            "        raise E\n"
            "\n"
            "\n"
            "def b(size, most):\n"
            "    if False:\n"
            "        raise E\n"
        ),
        (
            "def a(size, most):\n"
            "    if size > most:\n"
            "        raise E\n"
            "\n"
            "\n"
            "def b(size, most):\n"
            "    if size > most:\n"
            "        raise E\n"
        ),
    ),
    (
        "def tidy(path):\n    return path\n\n\ndef f(path):\n    path = path\n",
        "def tidy(path):\n    return path\n\n\ndef f(path):\n    path = tidy(path)\n",
    ),
    (
        "def a(x):\n    return x.lower()\n\n\ndef b(x, n):\n    return x[:n]\n",
        "def a(x):\n    return x.lower()\n\n\ndef b(x, n):\n    return x[:n].lower()\n",
    ),
    (
        "def f(k):\n    raise k\n",
        "def f(k):\n    raise IndexError(k)\n",
    ),
    (
        "def f(obj):\n    doc = obj.doc\n",
        "def f(obj):\n    doc = obj.doc or ''\n",
    ),
    (
        "class A:\n    def f(self, dest):\n        port = dest.port\n",
        "class A:\n    def f(self, dest):\n        port = dest.port or self.port\n",
    ),
]
"""What is broken and what is right."""


@pytest.mark.parametrize(("broken", "right"), LOST)
def test_what_was_lost_is_borrowed_from_the_rest_of_the_file(broken: str, right: str) -> None:
    assert right in repaired(broken)
