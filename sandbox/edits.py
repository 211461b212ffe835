"""Work out what a code change does to files, before any file is touched. Pure."""

from collections.abc import Iterator, Mapping

from domain import CodeChange, FileEdit, Refused
from sandbox.paths import inside_repo

Files = Mapping[str, bytes | None]
"""Path → content; None where there is no file."""


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


def outcome(change: CodeChange, before: Files) -> dict[str, bytes | None]:
    """Return the files as they are after the change: only those whose content differs.

    Args:
        change: what is proposed.
        before: the present content of every path in ``paths_of(change)``.

    Raises:
        Refused: ``edit_does_not_apply``, naming the file and how often the searched text was found.
    """
    after = dict(before)
    for file in change.files_to_create:
        after[inside_repo(file.path)] = file.content.encode()
    for edit in change.files_to_update:
        path = inside_repo(edit.path)
        after[path] = _edited(path, after[path], edit)
    for name in change.files_to_delete:
        path = inside_repo(name)
        if after[path] is None:
            raise _does_not_apply(f"{path} cannot be deleted: there is no such file.")
        after[path] = None
    return {path: data for path, data in after.items() if data != before[path]}


def _edited(path: str, data: bytes | None, edit: FileEdit) -> bytes:
    if edit.content is not None:
        return edit.content.encode()
    if edit.search is None or edit.replace is None or not edit.search:
        raise _does_not_apply(f"{path}: an edit needs either content, or search and replace.")
    if data is None:
        raise _does_not_apply(f"{path} cannot be edited: there is no such file.")
    for search, replace in _spellings(edit.search, edit.replace, data):
        found = data.count(search)
        if found == 1:
            return data.replace(search, replace)
        if found > 1:
            raise _does_not_apply(f"{path}: the searched text was found {found} times, not once.")
    raise _does_not_apply(f"{path}: the searched text was found 0 times, not once.")


def _spellings(search: str, replace: str, data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the edit as it stands, and as it would stand in a file with Windows line ends."""
    yield search.encode(), replace.encode()
    if b"\r\n" in data and "\r" not in search and "\n" in search + replace:
        yield search.replace("\n", "\r\n").encode(), replace.replace("\n", "\r\n").encode()


def _does_not_apply(message: str) -> Refused:
    return Refused(
        message,
        code="edit_does_not_apply",
        hint="Quote the text exactly as it is in the file, with enough lines around it to be found once.",
    )
