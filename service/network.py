"""Outbound network: the proxy and the certificates of a company, for every HTTP client of this process.

The clients are many and most are not ours (SDKs, git, the bucket's). What all of them read are the variables that the
field has agreed on, so these are made complete when the settings are read, before any client is: both spellings,
loopback left out, one bundle under every name. A client of ours that reads no environment is given ``proxy_for``.
"""

import os
import re
import ssl
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings

from domain import Refused

LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
CERTIFICATES: Final = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO")
"""Who reads them: OpenSSL, httpx and rustls; requests; curl; git."""
_SYSTEM: Final = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
_HOST: Final = re.compile(r"[A-Za-z0-9._:\[\]-]{1,255}")

ProxyFor = Callable[[str], str]
"""An address → the proxy to ask for it, with its login; empty: none."""


class OutboundNetwork(BaseSettings):
    """A part of the settings."""

    https_proxy: SecretStr | None = Field(
        default=None,
        validation_alias="HTTPS_PROXY",
        description="Proxy that https:// addresses are asked through, http://USER:PASSWORD@HOST:PORT: by every client "
        "of Signoff, and by sandboxes that may reach a registry. See docs/proxies.md.",
    )
    http_proxy: SecretStr | None = Field(
        default=None, validation_alias="HTTP_PROXY", description="The same for http:// addresses."
    )
    no_proxy: str = Field(
        default="",
        validation_alias="NO_PROXY",
        description="Hosts that no proxy is asked for, with commas between: names, domains (.example.org), addresses. "
        "Loopback never is.",
    )
    ca: Path | None = Field(
        default=None,
        description="PEM file with certificates that every client of Signoff trusts besides the system's: a company's "
        "own authority.",
    )
    ssl_cert_file: Path | None = Field(
        default=None,
        validation_alias=AliasChoices(*CERTIFICATES),
        description="PEM file with all certificates that are trusted, instead of the system's.",
    )

    @property
    def proxy_for(self) -> ProxyFor:
        """Whom to ask for an address."""
        return proxies(self._proxy_variables)

    @property
    def proxy_passwords(self) -> tuple[str, ...]:
        """Return the passwords in the addresses of proxies, as they are written and as they are meant."""
        parts = [urlsplit(self._proxy_variables[name]) for name in ("HTTPS_PROXY", "HTTP_PROXY")]
        written = [part.password for part in parts if part.password]
        return tuple(dict.fromkeys([*written, *map(unquote, written)]))

    @property
    def _proxy_variables(self) -> dict[str, str]:
        every = {"HTTPS_PROXY": self.https_proxy, "HTTP_PROXY": self.http_proxy}
        plain = {name: secret.get_secret_value() if secret else "" for name, secret in every.items()}
        return {**plain, "NO_PROXY": self.no_proxy}


def proxy_address(name: str, text: str) -> str:
    """Return the address of a proxy as every client reads it. Pure.

    Raises:
        Refused: ``settings_invalid``; the address is not repeated, it may hold a password.
    """
    address = text.strip()
    if not address:
        return ""
    if "://" not in address:
        address = f"http://{address}"
    if _port_of(parts := urlsplit(address)) is None or parts.scheme not in {"http", "https"}:
        raise Refused(
            f"A setting is not valid: {name} is no address of a proxy that can be asked.",
            code="settings_invalid",
            hint=f"Write {name}=http://HOST:PORT, or http://USER:PASSWORD@HOST:PORT; a SOCKS proxy is not possible.",
        )
    return address.rstrip("/")


def exceptions(text: str) -> tuple[str, ...]:
    """Return the hosts that no proxy is asked for: those of NO_PROXY, and loopback always. Pure."""
    named = [part.strip() for part in text.split(",") if part.strip()]
    return (*named, *(host for host in LOOPBACK if host not in named))


def excepted(host: str, port: int | None, no_proxy: tuple[str, ...]) -> bool:
    """Tell whether a host is one that no proxy is asked for: itself, a domain that it ends in, or ``*``. Pure."""
    host = host.lower().strip("[]")
    for entry in no_proxy:
        name = entry.lower().removeprefix("*").lstrip(".")
        if entry == "*":
            return True
        if name.count(":") == 1:  # a name and a port; an address of version 6 has more of them
            name, _, wanted = name.partition(":")
            if wanted != str(port):
                continue
        name = name.strip("[]")
        if host == name or host.endswith(f".{name}"):
            return True
    return False


def proxies(variables: Mapping[str, str]) -> ProxyFor:
    """Return who is asked for an address, by variables that ``network_variables`` made complete. Pure."""
    no_proxy = exceptions(variables.get("NO_PROXY", ""))

    def proxy_for(url: str) -> str:
        parts = urlsplit(url)
        proxy = variables.get("HTTPS_PROXY" if parts.scheme in {"https", "wss"} else "HTTP_PROXY", "")
        return "" if not proxy or excepted(parts.hostname or "", parts.port, no_proxy) else proxy

    return proxy_for


def network_variables(environment: Mapping[str, str], *, ca: Path | None, bundle: Path) -> dict[str, str]:
    """Return what the environment lacks so that every client has the same proxy and trusts the same certificates.

    Args:
        environment: as it is.
        ca: certificates to trust besides those that are trusted anyway.
        bundle: where both together are written, so that every client reads one file.

    Raises:
        Refused: ``settings_invalid``: a proxy that is none, or certificates that cannot be read.
    """

    def either(*names: str) -> str:
        return next((text for name in names if (text := environment.get(name, "").strip())), "")

    variables: dict[str, str] = {}
    every = either("all_proxy", "ALL_PROXY")
    for name in ("HTTPS_PROXY", "HTTP_PROXY"):
        if proxy := proxy_address(name, either(name.lower(), name) or every):
            # curl and git read http_proxy in small letters only.
            variables |= {name: proxy, name.lower(): proxy}
    if variables:
        unproxied = ",".join(exceptions(either("no_proxy", "NO_PROXY")))
        # Empty: some clients would ask a SOCKS proxy of it, and fail where they lack a package for that.
        variables |= {"NO_PROXY": unproxied, "no_proxy": unproxied, "ALL_PROXY": "", "all_proxy": ""}
    trusted = either(*CERTIFICATES)
    if ca is not None:
        trusted = str(_written(bundle, ca, trusted))
    elif trusted:
        _certificates(Path(trusted), "SSL_CERT_FILE", parsed=False)
    if trusted:
        variables |= {name: trusted for name in CERTIFICATES if ca is not None or not environment.get(name, "").strip()}
    return variables


def _port_of(parts: SplitResult) -> int | None:
    """The port of a proxy; None: it has no host, or something that is no port."""
    try:
        return (parts.port or 80) if parts.hostname and _HOST.fullmatch(parts.hostname) else None
    except ValueError:
        return None


def _certificates(path: Path, setting: str, *, parsed: bool = True) -> str:
    """Read certificates. A system's have milliseconds of them, and every command reads its settings: a look will do."""
    try:
        text = path.read_text(encoding="utf-8")
        if parsed or "BEGIN CERTIFICATE" not in text:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (OSError, ValueError) as error:
        raise Refused(
            f"A setting is not valid: {setting}: the certificates in {path} cannot be read: {error}",
            code="settings_invalid",
            hint=f"{setting} is a PEM file with the certificates of who signed for your servers and proxies.",
        ) from None
    return text


def _written(bundle: Path, ca: Path, trusted: str) -> Path:
    """Write what is trusted anyway and the given certificates into one file; it changes only when they do."""
    import certifi  # noqa: PLC0415  only where a company has an authority of its own

    ours = _certificates(ca, "SIGNOFF_CA")
    # The settings are read once more in a process, or by one that it started.
    if trusted and Path(trusted) == bundle and bundle.is_file() and ours.strip() in bundle.read_text("utf-8"):
        return bundle
    usual = next((name for name in _SYSTEM if Path(name).is_file()), certifi.where())
    before = Path(trusted) if trusted and Path(trusted) != bundle else Path(usual)
    base = _certificates(before, "SSL_CERT_FILE", parsed=False)
    text = f"{base.rstrip()}\n{ours.strip()}\n"
    try:
        if not bundle.is_file() or bundle.read_text("utf-8") != text:
            bundle.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.NamedTemporaryFile("w", dir=bundle.parent, delete=False, encoding="utf-8") as part:
                part.write(text)
            # At once: another process of this home may be reading it.
            os.replace(part.name, bundle)  # noqa: PTH105
    except OSError as error:
        raise Refused(
            f"The certificates of SIGNOFF_CA cannot be put into {bundle}: {error}",
            code="settings_invalid",
            hint="SIGNOFF_HOME has to be a folder that Signoff may write to.",
        ) from None
    return bundle
