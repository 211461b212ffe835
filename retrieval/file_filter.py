"""File filter: which files are worth reading at all, most promising first. Pure."""

import re
from collections.abc import Sequence

from domain.weakening import is_test

MAX_FILES = 5_000
"""Files that are read for one question where there is no index."""
MAX_INDEXED = 100_000
MAX_BYTES = 512 * 1024

_MINIFIED_BYTES, _MINIFIED_LINE = 8_192, 400
"""From which length on a text counts as minified whose lines are longer than this on average."""

_FOLDERS = """
.git .hg .svn node_modules bower_components vendor third_party site-packages .venv venv .tox .nox __pycache__
.mypy_cache .pytest_cache .ruff_cache .next .nuxt .gradle .idea .vscode dist build target coverage htmlcov
"""
_FOREIGN = frozenset(_FOLDERS.split())
"""Folders whose files somebody else wrote, or a tool made."""

_NOT_TEXT = """
png jpg jpeg gif webp ico bmp tiff svg pdf zip gz bz2 xz zst 7z tar whl jar war class pyc pyo so dylib dll exe
a o lib bin dat db sqlite sqlite3 woff woff2 ttf otf eot mp3 mp4 mov avi webm wav ogg npy npz pkl parquet onnx
pem crt cer der p12 pt safetensors gguf wasm map pyd ipynb snap
"""
_BINARY = frozenset(_NOT_TEXT.split())
_LOCK_FILES = """
package-lock.json yarn.lock pnpm-lock.yaml cargo.lock poetry.lock uv.lock pipfile.lock go.sum composer.lock
gemfile.lock
"""
_LOCKS = frozenset(_LOCK_FILES.split())
_SOURCES = """
py pyi pyx js mjs cjs jsx ts mts cts tsx go rs java kt scala c h cc cpp cxx hpp cs rb php swift m lua sh bash
sql vue svelte ex exs erl hs ml clj dart r jl
"""
_CODE = frozenset(_SOURCES.split())


def select_files(files: Sequence[str], *, first: Sequence[str] = (), limit: int = MAX_FILES) -> tuple[str, ...]:
    """Return at most ``limit`` of ``files``: those in ``first``, then code, then other text, shallow ones first.

    What is in ``first`` is kept wherever it lies; it was named by somebody.
    """
    there = frozenset(files)
    chosen = dict.fromkeys(path for path in first if path in there)
    rest: list[str] = []
    for path in files:
        *folders, name = path.split("/")
        lower = name.lower()
        foreign = any(folder in _FOREIGN or folder.endswith(".egg-info") for folder in folders)
        odd = lower in _LOCKS or ".min." in lower or extension(path) in _BINARY
        if path not in chosen and not foreign and not odd:
            rest.append(path)
    rest.sort(key=lambda path: (not is_code(path), path.count("/"), path))
    return (*chosen, *rest)[:limit]


TEST, ASIDE, PROSE = 0.3, 0.6, 0.35
"""What words count in a test, in what stands beside the product (documentation, examples, fixtures), in no code."""
_ASIDE = re.compile(
    r"(^|/)(docs?|examples?|samples?|benches|benchmarks?|fixtures?|testdata|mocks?|stories|scripts)(/|$)"
    r"|(^|/)(setup|conf|noxfile|conftest)\.py$|\.d\.ts$|_bench\.|\.stories\."
)


def path_weight(path: str) -> float:
    """What a file's words count: a test says what the code is for, but is seldom what must change."""
    if is_test(path):
        return TEST
    if _ASIDE.search(path):
        return ASIDE
    return 1.0 if is_code(path) else PROSE


def is_text(data: bytes) -> bool:
    """Tell whether these bytes can be shown and searched."""
    # As git tells it: a zero byte near the start makes a file binary.
    return len(data) <= MAX_BYTES and b"\0" not in data[:8_192]


def is_minified(data: bytes) -> bool:
    """Tell whether a text is too long for its lines to be written by hand: minified code, data on one line."""
    return len(data) > _MINIFIED_BYTES and data.count(b"\n") * _MINIFIED_LINE < len(data)


def extension(path: str) -> str:
    """Return the lower-case extension without its dot."""
    name = path.rsplit("/", 1)[-1]
    return name.rsplit(".", 1)[-1].lower() if "." in name.lstrip(".") else ""


def is_code(path: str) -> bool:
    """Tell whether a path is source code by its name."""
    return extension(path) in _CODE
