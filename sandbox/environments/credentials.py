"""Credentials of private package indexes: as the files that package managers read, for set-ups alone. Pure.

They are in a set-up sandbox while one of its steps runs, in its home folder, which is no part of an environment. What a
step printed is masked, and a layer in which one of them stands is thrown away.
"""

import json
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from domain import Refused
from domain.masking import Masker, spellings

NETRC, NPMRC, YARNRC = ".netrc", ".npmrc", ".yarnrc.yml"
"""pip, uv, pdm, poetry, pipenv, go and git; npm, pnpm and the old yarn; the new yarn."""
TOKEN_USER = "__token__"  # noqa: S105  a name that indexes agreed on
"""The user that indexes of Python take a token from."""
SHORTEST = 6
"""Characters of a password or a token: shorter ones could not be told from ordinary words in what is printed."""
_PRINTABLE = re.compile(r"[!#-&(-\[\]-~]{1,4096}")
"""No blanks, quotes or backslashes: readers of netrc files do not agree on what they mean."""
_TOKEN_VARIABLE = re.compile(r"^//([^/\s]{1,260})/\S{0,200}:_authToken=\$\{([A-Za-z_]\w{0,80})\??\}", re.MULTILINE)

_UNAUTHORIZED = re.compile(
    r"\b401 (?:Client )?Error|\bE40[13]\b|HTTP (?:status|error)[^\n]{0,60}\b40[13]\b"
    # The sandbox's own proxy says that of hosts that are not allowed.
    r"|(?<!Tunnel connection failed: )40[13] (?:Unauthorized|Forbidden)"
    r"|ERR_PNPM_FETCH_40[13]|Request failed \\?\"40[13]|YN0041|User for \S{1,253}: |status code 40[13]"
    r"|Could not find credentials|authentication required"
)


@dataclass(frozen=True, slots=True)
class IndexCredential:
    """A login at one host: a token, or a user and a password."""

    host: str
    """With its port, where that is not the usual one."""
    secret: str = field(repr=False)
    user: str = ""

    @property
    def name(self) -> str:
        """The host alone."""
        return self.host.partition(":")[0]

    @property
    def login(self) -> tuple[str, str]:
        """User and password of HTTP's basic authentication."""
        return self.user or TOKEN_USER, self.secret


@dataclass(frozen=True)
class Credentials:
    """What set-ups may log in with."""

    logins: tuple[IndexCredential, ...] = ()

    @cached_property
    def _masker(self) -> Masker:
        return Masker(known=dict.fromkeys(self._texts(), "index credential"))

    def masked(self, text: str) -> str:
        """What was printed, without them."""
        return self._masker.text(text) if self.logins else text

    @cached_property
    def needles(self) -> tuple[bytes, ...]:
        """How they are written in files, the longest first."""
        ways = {way.encode() for text in self._texts() for way in (text, *spellings(text))}
        return tuple(sorted(ways, key=lambda way: (-len(way), way)))

    def files(self) -> Mapping[str, str]:
        """What lies in the home folder while a step runs, by name."""
        if not self.logins:
            return {}
        netrc, npmrc, yarnrc = list[str](), list[str](), ["npmRegistries:"]
        for each in self.logins:
            user, password = each.login
            basic = b64encode(f"{user}:{password}".encode()).decode()
            netrc.append(f"machine {each.name} login {user} password {password}")
            npmrc.append(f"//{each.host}/:" + (f"_auth={basic}" if each.user else f"_authToken={password}"))
            ident = ("npmAuthIdent", f"{user}:{password}") if each.user else ("npmAuthToken", password)
            yarnrc += [f'  "//{each.host}":', f"    {ident[0]}: {json.dumps(ident[1])}", "    npmAlwaysAuth: true"]
        return {NETRC: _lines(netrc), NPMRC: _lines(npmrc), YARNRC: _lines(yarnrc)}

    def variables(self, npmrc: str) -> Mapping[str, str]:
        """Variables that a repository's own ``.npmrc`` reads tokens of our hosts from."""
        tokens = {each.host: each.secret for each in self.logins}
        return {found[2]: tokens[found[1]] for found in _TOKEN_VARIABLE.finditer(npmrc) if found[1] in tokens}

    def _texts(self) -> Iterator[str]:
        for each in self.logins:
            yield each.secret
            yield b64encode(":".join(each.login).encode()).decode()


def credential(host: str, text: str) -> IndexCredential:
    """Read ``user:password``, or a token.

    Raises:
        Refused: ``setup_credential_invalid``; the text is not repeated.
    """
    user, colon, password = text.strip().partition(":")
    parts = (user, password) if colon else ("", user)
    if not all(_PRINTABLE.fullmatch(part) for part in parts if part or colon) or len(parts[1]) < SHORTEST:
        raise Refused(
            f"The credential for {host} cannot be used: it is shorter than {SHORTEST} characters, or has blanks, "
            "quotes or backslashes.",
            code="setup_credential_invalid",
            hint="Its variable or file holds user:password, or a token alone.",
        )
    return IndexCredential(host=host, user=parts[0], secret=parts[1])


def unauthorized_host(output: str, hosts: Sequence[str] = ()) -> str | None:
    """Tell which index asked for a login, by what a package manager printed; None: none did; empty: not said.

    Args:
        output: of the step that failed.
        hosts: that logins are known of; where one of these is named, it is the one.
    """
    if (found := _UNAUTHORIZED.search(output)) is None:
        return None
    near = output[max(0, found.start() - 400) : found.end() + 400]
    named = [host for host in hosts if host in near]
    address = re.search(r"https?://(?:[^\s/@'\"]{1,200}@)?([A-Za-z0-9.-]{1,253})", near)
    return named[0] if named else address[1] if address else ""


def _lines(lines: Sequence[str]) -> str:
    return "\n".join(lines) + "\n"
