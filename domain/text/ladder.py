"""The ladder: edits as a model wrote them, made exact against the files, before anything is rated or signed. Pure.

A path is repaired where one file is meant, a text is found as ``passages`` finds it, a definition alone takes the
place of the one of its name, an edit that leaves code out is refused. Edits that apply are kept when others do not.
What comes out applies as it is: each search is the file's own text and stands there once.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches

from domain.change import CodeChange, FileEdit, NewFile
from domain.coder import EditBlock
from domain.text.definitions import Ambiguous, defines, names, redefined
from domain.text.elision import elision, shortened, with_whole_lines
from domain.text.encoding import universal
from domain.text.passages import Nowhere, Place, exact_edit, find

_NEAR_LINES, _NEAR_WIDTH = 12, 200
_TABS = re.compile(r"(?:^|[/.])(?:[Mm]akefile[\w.-]*|mk|mak|go|tsv|tab|GNUmakefile)$")
"""Files in which a tab is no white space like another."""
_NEAREST = 3
"""Paths that are named where there is no such file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EditProblem:
    """An edit that does not apply, and why, in words for who wrote it."""

    number: int
    """Of the edit in the change, from 1."""
    path: str
    why: str
    near: str = ""
    """The nearest real lines of the file, with their numbers."""

    def __str__(self) -> str:
        lines = f" The nearest lines are:\n{self.near}" if self.near else ""
        return f"Edit {self.number} ({self.path or 'no path'}) was not made: {self.why}.{lines}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberedEdit:
    """An edit and its number in the change, from 1."""

    number: int
    edit: EditBlock


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedChange:
    """A change that applies as it is, and what had to be done for it."""

    change: CodeChange
    repaired: tuple[str, ...] = ()
    """What was overlooked or corrected, for the transcript."""
    problems: tuple[EditProblem, ...] = ()
    """Edits that are not in ``change``."""

    @property
    def lost(self) -> bool:
        """Whether nothing is left of its edits."""
        edits = (self.change.files_to_create, self.change.files_to_update, self.change.files_to_delete)
        return bool(self.problems) and not any(edits)

    @property
    def explained(self) -> str:
        """What does not apply, in words for who wrote it."""
        return "\n".join(map(str, self.problems))


def numbered_edits(change: CodeChange) -> tuple[NumberedEdit, ...]:
    """The edits of a change in the order in which they are made."""
    edits = [EditBlock(path=new.path, content=new.content, language=new.language) for new in change.files_to_create]
    edits += [
        EditBlock(path=edit.path, search=edit.search, replace=edit.replace, content=edit.content)
        for edit in change.files_to_update
    ]
    edits += [EditBlock(path=path, delete=True) for path in change.files_to_delete]
    return tuple(NumberedEdit(number=number, edit=edit) for number, edit in enumerate(edits, 1))


@dataclass(slots=True, kw_only=True)
class PathLadder:
    """Finds the file that a path means."""

    tree: Sequence[str]
    """Every path of the repository."""
    shown: Sequence[str] = ()
    """Those that the writer of the edits was shown."""
    texts: Mapping[str, str] = field(default_factory=dict[str, str])
    """Of the files that were shown, where an edit has no path."""
    root: str = "/work/repo/"
    """Where the repository lies for commands."""
    _all: frozenset[str] = field(init=False)
    _by_name: dict[str, list[str]] = field(init=False, default_factory=dict[str, list[str]])

    def __post_init__(self) -> None:
        self._all = frozenset(self.tree)

    def place(
        self, edits: Sequence[NumberedEdit]
    ) -> tuple[tuple[NumberedEdit, ...], tuple[str, ...], tuple[EditProblem, ...]]:
        """Return the edits with the paths that they mean, what was repaired, and those of which no file is meant."""
        placed: list[NumberedEdit] = []
        notes: list[str] = []
        problems: list[EditProblem] = []
        written: set[str] = set()
        for each in edits:
            path = self._of(each.edit, written)
            if isinstance(path, EditProblem):
                problems.append(replace(path, number=each.number))
                continue
            if path != each.edit.path:
                notes.append(f"{each.edit.path or 'An edit without a path'} is taken for {path}.")
            written.add(path)
            placed.append(replace(each, edit=replace(each.edit, path=path)))
        return tuple(placed), tuple(dict.fromkeys(notes)), tuple(problems)

    def _of(self, edit: EditBlock, written: Collection[str]) -> str | EditProblem:
        if not edit.path.strip():
            return self._by_text(edit)
        path = edit.path
        if path in self._all or path in written:
            return path
        plain = self._plain(path)
        if plain in self._all or plain in written:
            return plain
        if self.behind_a_link(plain) or ".." in plain.split("/"):
            return path  # who follows links decides, and refuses what leads out
        similar = self._ending(plain)
        if edit.search is None and not edit.delete:
            return self._for_content(path, plain, similar)
        shown = [each for each in similar if each in self.shown]
        if edit.delete:
            similar = [each for each in shown if each.endswith(f"/{plain}")]
        elif len(similar) != 1:
            base = plain.rsplit("/", 1)[-1]
            similar = shown or [each for each in dict.fromkeys(self.shown) if each.rsplit("/", 1)[-1] == base]
        if len(similar) == 1 and similar[0] in self._all:
            return similar[0]
        if edit.search == "" and not similar:
            return plain  # a new file, in the form that some models know
        base = plain.rsplit("/", 1)[-1]
        same = self._by_name.get(base, [])
        close = get_close_matches(base, list(self._by_name)[:20_000], n=_NEAREST, cutoff=0.75) if not same else ()
        near = [*same, *(each for name in close for each in self._by_name[name])][:_NEAREST]
        nearest = f"; the nearest are {', '.join(near)}" if near else ""
        return EditProblem(number=0, path=path, why=f"there is no such file{nearest}")

    def _plain(self, path: str) -> str:
        plain = path.strip().replace("\\", "/") if "\\" in path else path.strip()
        plain = plain.removeprefix(self.root)
        while plain.startswith("./"):
            plain = plain[2:].lstrip("/")
        first, _, rest = plain.partition("/")
        if first in {"a", "b"} and rest and not any(each.startswith(f"{first}/") for each in self.tree):
            plain = rest
        return plain

    def behind_a_link(self, path: str) -> bool:
        """Whether a part of the path is a file of the tree: a symbolic link, then."""
        parts = path.split("/")
        return any("/".join(parts[:n]) in self._all for n in range(1, len(parts)))

    def _ending(self, path: str) -> list[str]:
        """Files one of whose paths ends with the other; of those that are shorter the longest."""
        if not self._by_name:
            for each in self.tree:
                self._by_name.setdefault(each.rsplit("/", 1)[-1], []).append(each)
        there = self._by_name.get(path.rsplit("/", 1)[-1], [])
        path = path.strip("/")
        longer = [each for each in there if each.endswith(f"/{path}")]
        shorter = sorted((each for each in there if path.endswith(f"/{each}")), key=len)
        return longer + shorter[-1:]

    def _for_content(self, path: str, plain: str, similar: Sequence[str]) -> str:
        """Whose content this is: a new file's, unless one that was shown is meant without doubt."""
        shown = [each for each in similar if each in self.shown]
        if len(shown) == 1 and len(similar) == 1:
            top = plain.strip("/").split("/", 1)[0]
            if shown[0].endswith(f"/{plain}") or not any(each.startswith(f"{top}/") for each in self.tree):
                return shown[0]
        return path if path.startswith("/") else plain

    def _by_text(self, edit: EditBlock) -> str | EditProblem:
        """The one file that was shown and has this text, or defines these names."""
        if edit.content is not None:
            defined = names(edit.content, edit.language)
            fitting = [path for path, text in self.texts.items() if defined and defines(text, edit.content, path)]
            what = f"defines {', '.join(defined)}" if defined else "is meant"
        else:
            fitting = [path for path, text in self.texts.items() if edit.search and edit.search.strip() in text]
            what = "has this text"
        if len(fitting) == 1:
            return fitting[0]
        many = f": {', '.join(fitting[:_NEAREST])} do" if fitting else ""
        return EditProblem(
            number=0, path="", why=f"it names no path, and not exactly one of the files you saw {what}{many}"
        )


def fitted_change(change: CodeChange, edits: Sequence[NumberedEdit], texts: Mapping[str, str | None]) -> FittedChange:
    """Make edits exact.

    Args:
        change: whose edits they are; what else it has is kept.
        edits: with the paths that they mean.
        texts: the text of each file, with line feeds; None: there is no such file. A path that is not in it is of a
            file that cannot be read: its edits stay as they are.
    """
    files = dict(texts)
    exact: list[EditBlock] = []
    notes: list[str] = []
    problems: list[EditProblem] = []
    for each in edits:
        edit = each.edit
        if edit.path not in files:
            exact.append(edit)
            continue
        fitted = _fitted(edit, files[edit.path])
        if isinstance(fitted, EditProblem):
            problems.append(replace(fitted, number=each.number))
            continue
        text, exact_edits, note = fitted
        # The next edit of this file is found in what this one left.
        files[edit.path] = text
        exact += exact_edits
        if note:
            notes.append(f"Edit {each.number} ({edit.path}): {note}.")
    if not problems and exact == [each.edit for each in numbered_edits(change)]:
        return FittedChange(change=change)
    return FittedChange(change=change_of_edits(change, exact, texts), repaired=tuple(notes), problems=tuple(problems))


_Fit = tuple[str | None, list[EditBlock], str]
"""The text afterwards, the exact edits, what was overlooked."""


def _fitted(edit: EditBlock, text: str | None) -> _Fit | EditProblem:
    if edit.delete:
        return (None, [edit], "") if text is not None else _problem(edit, "there is no such file")
    if edit.content is not None:
        content = with_whole_lines(edit.content, text.split("\n") if text is not None else ())
        return _content(replace(edit, content=content), content, text)
    if edit.search is None or edit.replace is None:
        return _problem(edit, "an edit needs either content, or search and replace")
    if edit.search.strip():
        rows = text.split("\n") if text is not None else ()
        search, new = (with_whole_lines(_plain(each), rows) for each in (edit.search, edit.replace))
        return _passage(edit, search, new, text)
    if text is None or not text.strip():
        return _plain(edit.replace), [replace(edit, search=None, replace=None, content=edit.replace)], ""
    return _problem(edit, "it searches for nothing: quote the lines where the change belongs")


def _passage(edit: EditBlock, search: str, new: str, text: str | None) -> _Fit | EditProblem:
    """One passage for another."""
    if text is None:
        return _problem(edit, "there is no such file")
    there = frozenset(row.strip() for row in text.split("\n"))
    if (line := elision(new, edit.path, there | {row.strip() for row in search.split("\n")})) != "":
        return _problem(edit, f"the replacement leaves code out ({line[:80]!r}): write all of it")
    tabs = _TABS.search(edit.path) is not None
    place = find(text, search, new, python=edit.path.endswith((".py", ".pyi")), tabs=tabs)
    if isinstance(place, Nowhere):
        if (line := elision(search, edit.path, there)) != "":
            return _problem(edit, f"the searched text leaves lines out ({line[:80]!r}): quote them, or search for less")
        return _problem(edit, place.why, numbered_rows(text, place.first, place.last))
    after = text[: place.start] + place.replacement + text[place.end :]
    if after == text and search != new:
        line = text.count("\n", 0, place.start) + 1
        near = numbered_rows(text, line, line + text.count("\n", place.start, place.end))
        return _problem(edit, "it changes nothing: the lines are there, but with other white space", near)
    if not place.how:
        return after, [replace(edit, search=search, replace=new)], ""
    searched, replaced = exact_edit(text, place)
    return after, [replace(edit, search=searched, replace=replaced)], f"found with other {place.how}"


def _content(edit: EditBlock, content: str, text: str | None) -> _Fit | EditProblem:
    """A whole file, or the definitions that it consists of."""
    there = frozenset(row.strip() for row in (text or "").split("\n"))
    if (line := elision(content, edit.path, there)) != "":
        return _problem(edit, f"the content leaves code out ({line[:80]!r}): write all of it, or search and replace")
    if text is None or not text.strip():
        return content, [edit], ""
    if not content.strip():
        return _problem(edit, "it is empty, and the file is not: delete the file, or write its content")
    try:
        places = redefined(text, _plain(content), edit.path)
    except Ambiguous as error:
        lines = ", ".join(map(str, error.lines))
        return _problem(edit, f"{error.name} is defined more than once (lines {lines}): search and replace instead")
    if not places:
        return content, [edit], ""
    edits: list[EditBlock] = []
    for each in places:
        rows = text.split("\n")
        start = sum(map(len, rows[: each.first])) + each.first
        end = start + sum(map(len, rows[each.first : each.last + 1])) + each.last - each.first
        place = Place(start, end, "\n".join(each.new))
        search, new = exact_edit(text, place)
        text = text[:start] + place.replacement + text[end:]
        edits.append(EditBlock(path=edit.path, search=search, replace=new))
    return text, edits, "only definitions: they take the place of those in the file"


def _plain(text: str) -> str:
    return universal(text.removeprefix("\ufeff"))


def _problem(edit: EditBlock, why: str, near: str = "") -> EditProblem:
    return EditProblem(number=0, path=edit.path, why=why, near=near)


def numbered_rows(text: str, first: int, last: int) -> str:
    """Lines of a text with their numbers; all of a short one where none are named (``first`` is 0)."""
    if not first:
        first, last = (1, text.count("\n") + 1) if text.count("\n") < _NEAR_LINES else (0, 0)
    if not first:
        return ""
    rows = text.split("\n")[first - 1 : min(last, first - 1 + _NEAR_LINES)]
    return "\n".join(f"{number}: {shortened(row, _NEAR_WIDTH)}" for number, row in enumerate(rows, first))


def change_of_edits(change: CodeChange, exact: Sequence[EditBlock], texts: Mapping[str, str | None]) -> CodeChange:
    """The change with these edits: new files apart from those that are there."""
    create: list[NewFile] = []
    update: list[FileEdit] = []
    for edit in exact:
        if edit.delete:
            continue
        new = edit.content is not None and texts.get(edit.path, "") is None
        # What is created comes first: a file that is made and then edited keeps that order only as an update.
        if new and edit.content is not None and edit.path not in {each.path for each in create}:
            create.append(NewFile(path=edit.path, language=edit.language, content=edit.content))
        else:
            update.append(FileEdit(path=edit.path, content=edit.content, search=edit.search, replace=edit.replace))
    return replace(
        change,
        files_to_create=tuple(create),
        files_to_update=tuple(update),
        files_to_delete=tuple(edit.path for edit in exact if edit.delete),
    )
