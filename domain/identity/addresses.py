"""Addresses of repositories, without the credentials that people put into them. Pure.

A credential is never part of an address: whoever stores, logs or shows the one would keep the other. Git finds
credentials by itself where it fetches (gitcredentials(7)), so an address needs none.
"""

import re

from domain.errors import Refused

MASK = "[redacted]"
_SPACE = r"\s\"'<>`"
_URL = re.compile(
    rf"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]{{0,40}}):(?P<slashes>[/\\]{{2,}})"
    rf"(?P<user>[^{_SPACE}/\\?#]*@|[^{_SPACE}/\\?#@:]*:(?!\d*(?:[/\\?#{_SPACE}]|$))[^{_SPACE}]*@)?"
    rf"(?P<rest>[^{_SPACE}]*)"
)
"""The second form of a user is a password with a slash in it: what stands before the slash is no port."""
_SCP = re.compile(rf"^(?P<name>[^{_SPACE}/\\@:]+):(?P<password>[^{_SPACE}/\\@]+)@(?P<rest>[^/\\@:]+:.*)$", re.DOTALL)
_QUERY = re.compile(
    r"(?i)(?P<name>[?&;#](?:[a-z0-9_.-]*[_.-])?(?:token|password|passwd|pwd|secret|api_?key|auth|credentials?|signature|sig)=)"
    r"(?P<text>[^&;#\s\"'<>`]+)"
)
_NAMED = frozenset({"ssh", "git+ssh", "ssh+git", "sftp"})
"""Where a user's name alone is part of the address and opens nothing."""


def split_credential(url: str) -> tuple[str, str]:
    """An address as it may be kept, and the credential that stood in it (empty: none did)."""
    credentials: list[str] = []

    def without(match: re.Match[str]) -> str:
        user, secret = _user(match)
        rest = _QUERY.sub(lambda part: credentials.append(part["text"]) or part["name"], match["rest"])
        if secret:
            credentials.insert(0, secret)
        return f"{match['scheme']}:{match['slashes']}{user}{rest}"

    address = _URL.sub(without, url)
    # ``name:password@host:path`` has no scheme that the pattern of URLs could begin with.
    if scp := _SCP.match(url):
        address, credentials = f"{scp['name']}@{scp['rest']}", [scp["password"]]
    return address, " ".join(credentials)


def redacted(text: str) -> str:
    """Any text, with the credentials of every URL in it replaced by a mask; twice is the same as once."""

    def masked(match: re.Match[str]) -> str:
        user, secret = _user(match)
        shown = f"{user.rstrip('@')}:{MASK}@" if secret and user else f"{MASK}@" if secret else user
        rest = _QUERY.sub(lambda part: f"{part['name']}{MASK}", match["rest"])
        return f"{match['scheme']}:{match['slashes']}{shown}{rest}"

    return _URL.sub(masked, text)


def ensure_no_credential(repo: str) -> None:
    """Refuse an address with a credential in it, before anything is kept. Raises ``credential_in_url``."""
    address, credential = split_credential(repo)
    if credential:
        raise Refused(
            f"The address of the repository has a password or a token in it: {address}",
            code="credential_in_url",
            hint="Leave it out, and let git find it: git config --global credential.helper store, then "
            "git credential approve; as the user that runs Signoff.",
        )


def _user(match: re.Match[str]) -> tuple[str, str]:
    """The user as it belongs to the address (with its ``@``), and the credential."""
    user = (match["user"] or "").rstrip("@")
    if not user or user.strip(":") in {"", MASK}:
        return match["user"] or "", ""
    name, _, password = user.partition(":")
    # Before the ``@`` of an http address a name alone is a token as a rule: git takes one there.
    if match["scheme"].lower() not in _NAMED:
        return "", user
    return f"{name}@", "" if password == MASK else password
