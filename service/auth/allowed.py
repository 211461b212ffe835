"""Allow-lists: which repositories clients may name, and the public addresses of this service."""

import re
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from approvals import Notification
from approvals.channels import Links
from domain import Refused
from sandbox.source import find, is_remote, local_path
from service.errors import refuse

_SHORT = re.compile(r"^(?:[^/\s:@]+@)?([^/\s:@]+):(?!//)(.+)$")
_HOST = re.compile(r"^(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?|[0-9a-f:.]+)$")
_PORTS = {"http": 80, "https": 443, "ssh": 22, "git": 9418}
_ENCODINGS = 3
"""Rounds of percent encoding that are taken off; what still has some is read differently by different servers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicUrls:
    """Where an approval can be read and decided."""

    links: Links
    home: str

    def __call__(self, letter: Notification) -> str:
        """A link for a letter; it is worth nothing without a login."""
        token = self.links.issue(
            ballot=letter.ballot, org=letter.org, action_digest=letter.action_digest, until=letter.expires_at
        )
        return f"{self.home}/a/{token}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowedRepositories:
    """Which repositories clients may name: a server would read any folder it can for them.

    Compared is what will really be opened: a URL as a server reads it, a folder with all links resolved, and with
    the git folders and object folders that belong to it.
    """

    allowed: tuple[str, ...]
    anything: bool

    @property
    def unlimited(self) -> bool:
        return self.anything and not self.allowed

    def __call__(self, repo: str) -> None:
        """Raise ``repo_refused`` for one that is not allowed."""
        if self.unlimited:
            return
        folders: tuple[Path, ...] = ()
        if not is_remote(repo):
            with suppress(Refused):  # No repository: that is said when it is read.
                folders = find(repo).folders
        self.opened(repo, folders)

    def opened(self, repo: str, folders: tuple[Path, ...]) -> None:
        """Raise ``repo_refused`` when the repository, or a folder that is read for it, is not allowed."""
        if self.unlimited:
            return
        try:
            places = [canonical_url(repo)] if is_remote(repo) else [str(local_path(repo).resolve()), *map(str, folders)]
        except (ValueError, RuntimeError, OSError):
            places = [None]
        entries = [canonical_url(each) if is_remote(each) else str(local_path(each).resolve()) for each in self.allowed]
        allowed = tuple(filter(None, entries))
        for place in places:
            # With the slash: a folder does not allow its neighbour whose name only begins alike.
            if place is None or not any(place == each or place.startswith(each.rstrip("/") + "/") for each in allowed):
                raise refuse("repo_refused", "This service may not use that repository.")


def canonical_url(url: str) -> str | None:
    """Return a URL of git's in the one form that everybody reads alike; None when two readers may differ. Pure.

    ``git@host:path`` is a URL of ssh. Names and passwords are left out.
    """
    # scp's form, which git takes for ssh.
    if short := _SHORT.match(url):
        url = f"ssh://{short[1]}/{short[2].lstrip('/')}"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        path = parts.path
        for _ in range(_ENCODINGS):
            path = unquote(path, errors="strict")  # an overlong dot is no character
    except ValueError:
        return None
    segments = [segment for segment in path.split("/") if segment]
    plain = url.isascii() and url.isprintable() and "\\" not in url and parts.netloc.count("@") < 2  # noqa: PLR2004
    # Some servers read ``.`` or ``..`` here: Windows drops blanks and dots at an end, Tomcat what follows a semicolon.
    climbs = any(not segment.partition(";")[0].strip(". ") for segment in segments)
    odd = parts.query or parts.fragment or not host or not _HOST.match(host) or climbs
    # Still encoded, or with what some server takes for another character.
    forms = {unicodedata.normalize(form, path) for form in ("NFC", "NFKC")}
    ambiguous = len(forms) > 1 or bool({*"%\\?#"} & {*path}) or not path.isprintable()
    if not plain or odd or ambiguous or path.count("/") != parts.path.count("/"):
        return None
    where = host.rstrip(".") if port in {None, _PORTS.get(parts.scheme)} else f"{host.rstrip('.')}:{port}"
    return "/".join((f"{parts.scheme}://{where}", *map(quote, segments)))


def listed(text: str) -> tuple[str, ...]:
    """What stands between the commas of a setting."""
    return tuple(part.strip() for part in text.split(",") if part.strip())
