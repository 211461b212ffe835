"""Import overrides and source encodings: texts that imports see in place of files, and the bytes they are on disk."""

from __future__ import annotations

import io
import os
import tokenize
import warnings
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

from .wire import Message


class Overrides:
    """Source texts that imports see instead of the files on disk."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def install(self) -> None:
        """From now on importing an overridden file compiles the text given here."""
        original = SourceFileLoader.get_code
        texts = self.texts

        def get_code(self: Any, fullname: str) -> Any:
            path = os.path.realpath(self.get_filename(fullname))
            text = texts.get(path)
            if text is None:
                return original(self, fullname)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return compile(text, self.path, "exec", dont_inherit=True)

        SourceFileLoader.get_code = get_code  # pyright: ignore[reportAttributeAccessIssue]

    def put(self, patch: list[Message]) -> None:
        """Override each file of a patch with its new text."""
        for part in patch:
            self.texts[part["path"]] = patched(part)


_UTF8_MARK = b"\xef\xbb\xbf"


def encoding(data: bytes) -> str:
    """What Python reads a source file as (PEP 263): its declaration, else UTF-8.

    Raises:
        SyntaxError: the declaration is none that Python knows, or not that of the mark: it could not run this either.
    """
    return "utf-8" if data.startswith(_UTF8_MARK) else tokenize.detect_encoding(io.BytesIO(data).readline)[0]


def read(path: str) -> str:
    """Return the text of a source file as Python reads it, newlines as they are; those of a Mac of old as line feeds.

    Raises:
        OSError, SyntaxError or ValueError: Python cannot read it either.
    """
    data = Path(path).read_bytes()
    text = data[3 * data.startswith(_UTF8_MARK) :].decode(encoding(_head(data)))
    return text if "\n" in text else text.replace("\r", "\n")


def encoded(path: str, text: str) -> bytes:
    """The bytes that make the file at ``path`` read as ``text``: its encoding, its mark, its line ends.

    Lines that stay keep their bytes: some encodings can write the same character in two ways.

    Raises:
        ValueError: its encoding does not have a character.
    """
    data = Path(path).read_bytes()
    mark, name = _UTF8_MARK * data.startswith(_UTF8_MARK), encoding(_head(data))
    end = "\r" if b"\r" in data and b"\n" not in data else "\n"
    rows = data[len(mark) :].split(end.encode())
    try:
        before = [row.decode(name) for row in rows]
    except ValueError:  # a row begins in the state that the one before it left
        return mark + text.replace("\n", end).encode(name)
    after = text.split("\n")
    most = min(len(before), len(after))
    first = next((place for place in range(most) if before[place] != after[place]), most)
    last = next((place for place in range(most - first) if before[-1 - place] != after[-1 - place]), most - first)
    changed = [row.encode(name) for row in after[first : len(after) - last]]
    return mark + end.encode().join([*rows[:first], *changed, *rows[len(rows) - last :]])


def must_be_writable(patch: list[Message]) -> None:
    """Raise a ValueError where a file's encoding does not have what a candidate puts into it."""
    for part in patch:
        if not part["new"].isascii():
            part["new"].encode(encoding(_head(Path(part["path"]).read_bytes())))


def has_mark(path: str) -> bool:
    """Tell whether a file starts with a UTF-8 byte order mark."""
    return Path(path).read_bytes().startswith(_UTF8_MARK)


def _head(data: bytes) -> bytes:
    """The first lines, as the tokenizer reads them: a carriage return alone ends a line."""
    return data if b"\n" in data else data.replace(b"\r", b"\n")


def patched(part: Message) -> str:
    """Return the whole file with this part's piece replaced, once, also when the file on disk is changed already."""
    text = read(part["path"])
    at = part["at"]
    if len(text) != part["size"]:
        return text
    return text[:at] + part["new"] + text[at + len(part["old"]) :]
