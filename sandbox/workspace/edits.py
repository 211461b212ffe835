"""Edits of files that a code change means, worked out before any file is touched. Pure."""

from collections.abc import Mapping

from domain import CodeChange, Refused
from domain.text import Charsets, NotOnce, decoded, replaced, rewritten, written
from sandbox.paths import inside_repo

Files = Mapping[str, bytes | None]
"""Path → content; None where there is no file."""
_NOTHING_SAID = Charsets()


def paths_of(change: CodeChange) -> tuple[str, ...]:
    """Every path that the change names, in its plain form, once, in the order they are named.

    Raises:
        Refused: ``path_refused``.
    """
    named = (
        *(f.path for f in change.files_to_create),
        *(e.path for e in change.files_to_update),
        *change.files_to_delete,
    )
    return tuple(dict.fromkeys(map(inside_repo, named)))


def outcome(change: CodeChange, before: Files, charsets: Charsets = _NOTHING_SAID) -> dict[str, bytes | None]:
    """Return the files as they are after the change: only those whose content differs.

    Args:
        change: what is proposed.
        before: the present content of every path in ``paths_of(change)``.
        charsets: what the repository says about the encoding of its files.

    Raises:
        Refused: ``edit_does_not_apply``, naming the file and how often the searched text was found; ``file_binary``;
            ``not_encodable``, naming the character, the line and the encoding.
    """
    after = dict(before)
    for file in change.files_to_create:
        path = inside_repo(file.path)
        after[path] = _whole(path, after[path], file.content, charsets)
    for edit in change.files_to_update:
        path = inside_repo(edit.path)
        data = after[path]
        if edit.content is not None:
            after[path] = _whole(path, data, edit.content, charsets)
            continue
        if edit.search is None or edit.replace is None or not edit.search:
            raise _does_not_apply(f"{path}: an edit needs either content, or search and replace.")
        if data is None:
            raise _does_not_apply(f"{path} cannot be edited: there is no such file.")
        text = decoded(data, path, charsets)
        if text is None:
            raise Refused(
                f"{path} is binary: no text in it can be searched or replaced.",
                code="file_binary",
                hint="Leave it alone, or make it anew with a command.",
            )
        try:
            after[path] = replaced(text, edit.search, edit.replace, path)
        except NotOnce as error:
            raise _does_not_apply(f"{path}: the searched text was found {error.times} times, not once.") from error
    for name in change.files_to_delete:
        path = inside_repo(name)
        if after[path] is None:
            raise _does_not_apply(f"{path} cannot be deleted: there is no such file.")
        after[path] = None
    return {path: data for path, data in after.items() if data != before[path]}


def _whole(path: str, data: bytes | None, content: str, charsets: Charsets) -> bytes:
    """A file whose text is given as a whole, in the encoding of the one that was there."""
    file = decoded(data, path, charsets) if data else None
    return written(content, path, charsets) if file is None else rewritten(file, content, path)


def _does_not_apply(message: str) -> Refused:
    return Refused(
        message,
        code="edit_does_not_apply",
        hint="Quote the text exactly as it is in the file, with enough lines around it to be found once.",
    )
