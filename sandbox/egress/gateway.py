"""Egress gateway of one sandbox: shut, or open to the registries of the configuration."""

from typing import Protocol

from domain import CommandRun, SandboxLost
from sandbox.channel import RunnerChannel
from sandbox.egress.policy import Egress, check_rules
from sandbox.egress.proxy import Proxy, Resolve, Witness, resolve
from sandbox.egress.tunnel import EgressTunnel
from sandbox.egress.upstream import ProxyFor, direct
from sandbox.inside.tunnel import PORT

_CA = "/work/.signoff/ca.pem"
_BUNDLES = "/etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem"
_TRUST = (
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "PIP_CERT",
    "NODE_EXTRA_CA_CERTS",
    "GIT_SSL_CAINFO",
    "CARGO_HTTP_CAINFO",
)


class CommandRunner(Protocol):
    """As much of a sandbox as is needed here."""

    @property
    def id(self) -> str: ...

    async def run(self, argv: list[str], *, cwd: str, stdin: bytes, timeout_s: float) -> CommandRun: ...


class EgressGateway:
    """Opens and shuts the way, and says what commands must know about it."""

    def __init__(
        self, rules: Egress | None, witness: Witness, resolve: Resolve = resolve, proxy_for: ProxyFor = direct
    ) -> None:
        self._rules, self._witness, self._resolve, self._proxy_for = rules, witness, resolve, proxy_for
        self._proxy: Proxy | None = None
        self._tunnel: EgressTunnel | None = None
        self.environment: dict[str, str] = {}

    async def open(self, sandbox: CommandRunner, channel: RunnerChannel, run: str) -> None:
        """Let commands reach what the rules allow. Raises ``Refused`` or ``SandboxLost``."""
        rules = check_rules(self._rules)
        if self._proxy is None:
            proxy = Proxy(
                rules,
                run=run,
                sandbox=sandbox.id,
                witness=self._witness,
                resolve=self._resolve,
                proxy_for=self._proxy_for,
            )
            self._tunnel = EgressTunnel(channel, proxy.serve)
            await self._tunnel.open()
            if rules.ca:
                # The image's certificates and the given ones together.
                script = f"mkdir -p /work/.signoff; {{ cat {_BUNDLES} 2>/dev/null; echo; cat; }} >{_CA}"
                ran = await sandbox.run(["sh", "-c", script], cwd="/", stdin=rules.ca.encode(), timeout_s=10.0)
                if not ran.ok:
                    raise SandboxLost("The certificates could not be put into the sandbox.")
            self._proxy = proxy
        self._proxy.open = True
        here = f"http://127.0.0.1:{PORT}"
        names = {"HTTP_PROXY": here, "HTTPS_PROXY": here, "NO_PROXY": "localhost,127.0.0.1,::1"}
        # Both spellings: curl reads ``http_proxy`` in small letters only, others the capitals.
        lower = {name.lower(): text for name, text in names.items()}
        self.environment = {**names, **lower, **(dict.fromkeys(_TRUST, _CA) if rules.ca else {}), **rules.env}

    def shut(self) -> None:
        """Let commands reach nobody any more; the budget is not given back by opening again."""
        if self._proxy is not None:
            self._proxy.open = False
        self.environment = {}

    async def close(self) -> None:
        """End every connection."""
        if self._tunnel is not None:
            await self._tunnel.close()
