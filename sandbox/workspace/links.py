"""Symbolic links in a checkout, resolved as text: which file an edit through one really changes. Pure but ``Look``.

What a sandbox says about its links is not believed further than this: every verb on a file still follows none, so a lie
leads to a refusal, and the real path is what gets rated, shown and signed.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from domain import CodeChange, Refused
from sandbox.contract import REPO
from sandbox.paths import inside_repo

HOPS = 40
"""As many links one after the other as Linux follows."""
_ROUNDS = 50
LOOK = """for path; do
  [ -L "$path" ] || continue
  there=-; [ -e "$path" ] && there=+
  printf '%s\\0%s' "$path" "$there"; readlink -n -- "$path"; printf '\\0'
done"""
"""Shell that prints the links among its arguments, whether they lead to something, and where."""


@dataclass(frozen=True, slots=True)
class Link:
    target: str
    leads: bool
    """Whether there is something at its end."""


Links = Mapping[str, Link | None]
"""Path of the checkout → the link that stands there; None where something else does, or nothing."""
Look = Callable[[Sequence[str]], Awaitable[Mapping[str, Link]]]
"""Finds the links among paths."""


@dataclass(frozen=True, slots=True)
class _Unknown:
    path: str


def links_of(printed: str) -> dict[str, Link]:
    """Read what ``LOOK`` printed."""
    parts = printed.split("\0")[:-1]
    return {path: Link(entry[1:], entry[:1] == "+") for path, entry in zip(parts[::2], parts[1::2], strict=False)}


def prefixes(path: str) -> Iterator[str]:
    """A path and every folder above it."""
    parts = path.split("/")
    return ("/".join(parts[:n]) for n in range(1, len(parts) + 1))


async def resolved(change: CodeChange, look: Look) -> CodeChange:
    """Return the change with the real path of every file; deleting a link is about the link itself.

    Raises:
        Refused: ``link_refused`` for a link that leads out of the repository, into ``.git``, in circles, or nowhere;
            ``path_refused``.
    """
    written = (*(f.path for f in change.files_to_create), *(e.path for e in change.files_to_update))
    asked_for = [(path, True) for path in map(inside_repo, written)]
    asked_for += [(path, False) for path in map(inside_repo, change.files_to_delete)]
    known: dict[str, Link | None] = {}
    for _ in range(_ROUNDS):
        real: dict[tuple[str, bool], str | _Unknown] = {}
        for path, last in asked_for:  # ``last``: the last part is followed, too
            folder, _, name = path.rpartition("/")
            walked = _walked(path, path if last else folder, known)
            if isinstance(walked, _Unknown):
                real[path, last] = walked
            else:
                real[path, last] = _inside(path, walked if last else f"{walked}/{name}".lstrip("/"))
        unknown = {prefix for each in real.values() if isinstance(each, _Unknown) for prefix in prefixes(each.path)}
        if not unknown:
            break
        unseen = sorted(unknown - known.keys())
        known |= dict.fromkeys(unseen) | dict(await look(unseen))
    else:
        raise _refused(asked_for[0][0], "goes on without end")

    def of(path: str, *, last: bool = True) -> str:
        walked = real[inside_repo(path), last]
        return walked if isinstance(walked, str) else path

    return replace(
        change,
        files_to_create=tuple(replace(file, path=of(file.path)) for file in change.files_to_create),
        files_to_update=tuple(replace(edit, path=of(edit.path)) for edit in change.files_to_update),
        files_to_delete=tuple(of(path, last=False) for path in change.files_to_delete),
    )


def _walked(path: str, way: str, known: Links) -> str | _Unknown:
    waiting, real, hops, empty = way.split("/")[::-1], list[str](), 0, ""
    while waiting:
        part = waiting.pop()
        if part == "..":
            if not real:
                raise _refused(path, f"leads out of the repository{empty}")
            real.pop()
        if part in {"", ".", ".."}:
            continue
        here = "/".join([*real, part])
        if here not in known:
            return _Unknown("/".join([here, *waiting[::-1]]))
        link = known[here]
        if link is None:
            real.append(part)
            _inside(path, here)  # a way through .git is refused wherever it leads
            continue
        hops += 1
        detail = f" ({here} is a symbolic link to {link.target!r})"
        if hops > HOPS:
            raise _refused(path, f"goes in circles{detail}")
        # An absolute link counts as seen from the sandbox, where the checkout has one fixed place.
        if link.target.startswith("/") and not f"{link.target}/".startswith(f"{REPO}/"):
            raise _refused(path, f"leads out of the repository{detail}")
        empty = empty or detail * (not link.leads)
        real = [] if link.target.startswith("/") else real
        waiting += link.target.removeprefix(REPO).split("/")[::-1]
    if empty:
        raise _refused(path, f"leads nowhere{empty}")
    return "/".join(real)


def _inside(path: str, real: str) -> str:
    try:
        return inside_repo(real)
    except Refused as error:
        if real == path:
            raise
        raise _refused(path, f"leads to {real or 'the repository itself'}, which may not be changed") from error


def _refused(path: str, why: str) -> Refused:
    return Refused(
        f"{path} {why}.",
        code="link_refused",
        hint="Name the real file, or delete the link and make a file in its place.",
    )
