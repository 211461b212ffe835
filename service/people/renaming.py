"""Another name for a person in anything that is stored: text, JSON, and the MessagePack of checkpoints. Pure.

A name is replaced where it is a whole value, and where it stands in a text as a word of its own. What has no such name
in it comes back as the same object, so that only what changed is written.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import ormsgpack

SHORTEST_WORD = 3
"""Characters: a shorter name is a word of many languages, and is replaced where it is a whole value only."""
_JSON_BEGINS = ("{", "[", '"')


@dataclass(frozen=True, slots=True)
class _Extension:
    """A value of an application's own type in MessagePack; LangGraph's hold MessagePack again."""

    tag: int
    data: bytes


@dataclass(frozen=True)
class Renaming:
    """``old`` is called ``new`` from now on."""

    old: str
    new: str

    def value(self, value: Any) -> Any:
        """A value with the other name in it, dictionaries' keys too; the same object where there was none.

        Lists, tuples, dictionaries, strings and bytes are gone through; everything else stays as it is.
        """
        match value:
            case str():
                return self.text(value)
            case bytes():
                return self.packed(value)
            case _Extension(tag=tag, data=data):
                changed = self.packed(data)
                return value if changed is data else _Extension(tag, changed)
            case dict():
                entries = [(self.value(key), self.value(entry)) for key, entry in value.items()]
                same = all(key is old and entry is value[old] for (key, entry), old in zip(entries, value, strict=True))
                return value if same else dict(entries)
            case list() | tuple():
                items = [self.value(item) for item in value]
                same = all(new is old for new, old in zip(items, value, strict=True))
                return value if same else type(value)(items)
            case _:
                return value

    def text(self, text: str) -> str:
        """A text with the other name in it; one that is JSON as the values in it, since JSON may spell it otherwise."""
        if text == self.old:
            return self.new
        if text.startswith(_JSON_BEGINS):
            try:
                before = json.loads(text)
            except ValueError:
                return self._words(text)
            after = self.value(before)
            return text if after is before else _dumped(after, like=text)
        return self._words(text)

    def packed(self, data: bytes) -> bytes:
        """MessagePack or UTF-8 with the other name in it; other bytes stay as they are."""
        try:
            before = ormsgpack.unpackb(data, ext_hook=_Extension, option=ormsgpack.OPT_NON_STR_KEYS)
        except ValueError:
            return self._encoded(data)
        # The reader stops where a value ends: the first letter of a text is a whole number to it.
        if not _is_whole(before, data):
            return self._encoded(data)
        after = self.value(before)
        return data if after is before else _whole(after)

    def _encoded(self, data: bytes) -> bytes:
        try:
            before = data.decode()
        except UnicodeDecodeError:
            return data
        after = self.text(before)
        return data if after is before else after.encode()

    def _words(self, text: str) -> str:
        return text if self._word is None else self._word(text)

    @cached_property
    def _word(self) -> Callable[[str], str] | None:
        if len(self.old) < SHORTEST_WORD:
            return None
        # ``ann`` is no part of ``ann@example.org``, ``jo.ann`` or ``ann-marie``, and ends a sentence all the same.
        pattern = re.compile(rf"(?<![\w@])(?<!\w[.-]){re.escape(self.old)}(?![\w@]|[.-]\w)", re.IGNORECASE)

        def replaced(text: str) -> str:
            changed, count = pattern.subn(lambda _: self.new, text)
            return changed if count else text

        return replaced


def _dumped(value: Any, *, like: str) -> str:
    compact = ", " not in like and ": " not in like
    return json.dumps(value, ensure_ascii=like.isascii(), separators=(",", ":") if compact else None)


def _is_whole(value: Any, data: bytes) -> bool:
    try:
        return _whole(value) == data
    except TypeError:  # a tag that is read and cannot be written
        return False


def _whole(value: Any) -> bytes:
    option = ormsgpack.OPT_NON_STR_KEYS | ormsgpack.OPT_PASSTHROUGH_DATACLASS
    return ormsgpack.packb(value, default=lambda extension: ormsgpack.Ext(extension.tag, extension.data), option=option)
