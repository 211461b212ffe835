"""Source texts that take the place of files on disk."""

from __future__ import annotations

import os
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


def read(path: str) -> str:
    """Return the text of a source file as Python reads it, newlines as they are."""
    data = Path(path).read_bytes()
    if data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
    return data.decode()


def has_mark(path: str) -> bool:
    """Tell whether a file starts with a UTF-8 byte order mark."""
    return Path(path).read_bytes().startswith(b"\xef\xbb\xbf")


def patched(part: Message) -> str:
    """Return the whole file with this part's piece replaced, once, also when the file on disk is changed already."""
    text = read(part["path"])
    at = part["at"]
    if len(text) != part["size"]:
        return text
    return text[:at] + part["new"] + text[at + len(part["old"]) :]
