"""Settings: what the environment says, with defaults and meanings. The only module of the product that reads it."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, AliasChoices, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from domain import Refused
from service.lifetimes import Lifetimes
from service.network import OutboundNetwork, network_variables
from service.sandbox_settings import SandboxSettings


class Reporting(BaseSettings):
    """A part of the settings."""

    otlp_endpoint: str | None = Field(
        default=None,
        validation_alias=AliasChoices("SIGNOFF_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"),
        description="OTLP/HTTP collector that spans are sent to.",
    )
    otlp_headers: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("SIGNOFF_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"),
        description="Headers for that collector, as key=value pairs with commas between.",
    )
    langfuse_host: str | None = Field(
        default=None,
        validation_alias=AliasChoices("LANGFUSE_HOST", "LANGFUSE_BASE_URL"),
        description="Langfuse that spans are sent to.",
    )
    langfuse_public_key: str | None = Field(
        default=None, validation_alias="LANGFUSE_PUBLIC_KEY", description="Its public key."
    )
    langfuse_secret_key: SecretStr | None = Field(
        default=None, validation_alias="LANGFUSE_SECRET_KEY", description="Its secret key."
    )
    langfuse_prompts: bool = Field(default=False, description="Prompts are those that the Langfuse project has.")
    prompts: Path | None = Field(default=None, description="Folder with prompts of your own, before ours.")
    prompts_staging_share: float = Field(default=0.0, ge=0, le=1, description="Share of runs that get staged prompts.")
    trace_content: bool = Field(default=False, description="Write prompts and answers (redacted) into spans.")
    editor: str = Field(
        default="vi",
        validation_alias=AliasChoices("SIGNOFF_EDITOR", "VISUAL", "EDITOR"),
        description="What `signoff approvals edit` opens.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="warning", description="Log level.")
    log_json: bool = Field(default=False, description="Logs as JSON lines.")


def _address(text: str) -> str:
    """An address as it is compared and shown: nothing around it, no slash at its end, nobody's password in it."""
    # An address is shown in logs, spans and routes.
    if "@" in urlsplit(text).netloc:
        raise ValueError("it has a user or a password in it; a key is set with SIGNOFF_MODEL_API_KEY")
    return text.strip().rstrip("/")


Place = Annotated[str, AfterValidator(_address)]
"""Of a model endpoint."""


CoderDialect = Literal["auto", "tools", "text", "single"]


class Settings(SandboxSettings, Reporting, Lifetimes, OutboundNetwork):
    """Every setting, its default and its meaning; ``docs/configuration.md`` is made from this class."""

    model_config = SettingsConfigDict(env_prefix="SIGNOFF_", env_file=None, extra="ignore", frozen=True)

    home: Path = Field(
        default_factory=lambda: Path.home() / ".local" / "share" / "signoff",
        description="Folder of the database, the content store, the keys and the traces. Several servers share one, "
        "unless SIGNOFF_BUCKET is set.",
    )
    database_url: SecretStr | None = Field(
        default=None, description="postgresql://user:password@host/database. Empty: SQLite in the home folder."
    )
    database_connections: int = Field(
        default=15, ge=1, le=1_000, description="Connections of one process to that database, for its rows."
    )
    bucket: str = Field(
        default="",
        description="Bucket of an S3-compatible server that has the content store, so that servers and workers need no "
        "folder in common; with SIGNOFF_DATABASE_URL only. Empty: the home folder has it.",
    )
    bucket_endpoint: str = Field(
        default="", description="Address of that server, e.g. https://minio.example:9000. Empty: Amazon's."
    )
    bucket_region: str = Field(default="us-east-1", description="Region of the bucket.")
    bucket_prefix: str = Field(
        default="signoff", description="What the names of our objects in the bucket begin with: a folder of it."
    )
    bucket_credentials: str = Field(
        default="",
        description="Where the login for the bucket is: env:NAME or file:PATH. The variable or file holds "
        "KEY_ID:SECRET, or KEY_ID:SECRET:SESSION_TOKEN. Empty: as Amazon's own tools find one.",
    )
    org: str = Field(default="local", description="Organisation that runs belong to on this machine.")
    approvals_mode: Literal["solo", "team"] = Field(
        default="solo",
        description="solo: the requester may sign high. With OIDC, a second person, beyond loopback: team, four eyes.",
    )
    approvers: str = Field(default="", description="Who may sign, names with commas between; team mode needs them.")

    model_base_url: Place | None = Field(
        default=None, description="OpenAI-compatible endpoint, e.g. http://127.0.0.1:8000/v1. Empty: no model."
    )
    model: str | None = Field(
        default=None, description="One model for everything, whatever strategy and catalogue say. Empty: they choose."
    )
    model_api_key: SecretStr | None = Field(default=None, description="Key of that endpoint, if it wants one.")
    model_keys: dict[str, SecretStr] = Field(
        default_factory=dict[str, SecretStr],
        description='Keys of other endpoints by name, as JSON: {"cloud": "sk-…"}; entries of the catalogue name theirs '
        "with `key:`, a role's endpoint has the role's name.",
    )
    model_cache: Literal["off", "exact", "similar"] = Field(
        default="exact",
        description="Answers that may be used again for an hour, within one organisation. similar: a plan also for the "
        "same wish in other words.",
    )
    model_embedding: str | None = Field(
        default=None,
        description="Embedding model at SIGNOFF_MODEL_BASE_URL, for SIGNOFF_MODEL_CACHE=similar: then wishes are "
        "compared by meaning, not only by their words.",
    )
    mask_personal: bool = Field(
        default=False,
        description="Personal data (mail addresses, telephone, card and national numbers) is masked for models, too. "
        "A repository may switch it on for itself in .signoff/risk.yaml, never off.",
    )
    coder_dialect: CoderDialect = Field(
        default="auto",
        description="How the coder works: tools (calls functions, turn by turn), text (writes a block a turn), single "
        "(answers once with the whole change), auto: as its model is known to do best.",
    )
    model_timeout_s: float = Field(default=300.0, gt=0, description="Seconds one answer may take.")
    model_planner: str | None = Field(default=None, description="Model id for the planner. Empty: SIGNOFF_MODEL.")
    model_coder: str | None = Field(default=None, description="Model id for the coder. Empty: SIGNOFF_MODEL.")
    model_reviewer: str | None = Field(default=None, description="Model id for the reviewer. Empty: SIGNOFF_MODEL.")
    model_planner_base_url: Place | None = Field(default=None, description="Endpoint for the planner, when another.")
    model_coder_base_url: Place | None = Field(default=None, description="Endpoint for the coder, when another.")
    model_reviewer_base_url: Place | None = Field(default=None, description="Endpoint for the reviewer, when another.")
    catalogue: Path | None = Field(default=None, description="YAML with models, strategies and experts of your own.")
    strategy: str = Field(default="balanced", description="balanced, quality, fast, low_ram, single or your own.")
    repair_seconds: float = Field(default=60.0, gt=0, description="Seconds the built-in repair engine may search.")

    memory: str = Field(
        default="episodic,semantic,procedural",
        description="Kinds of memories that planner and coder are shown, with commas between: episodic, semantic, "
        "procedural. none: runs are remembered for people only; off: nothing is remembered. See docs/memory.md.",
    )
    memory_vectors: bool = Field(
        default=False,
        description="Memories are compared by meaning, too, with SIGNOFF_MODEL_EMBEDDING; without it by words alone.",
    )

    setup_network: Literal["off", "hosts", "registries"] = Field(
        default="off",
        description="Whether environments are set up before a run, by commands of the repository that may reach "
        "package registries. off: never; hosts: those of SIGNOFF_EGRESS_HOSTS; registries: also those that the "
        "package managers of the image (pip, npm, apt, go, cargo, Maven) use by themselves.",
    )
    setup_credentials: str = Field(
        default="",
        description="Where logins for private package indexes are, for set-ups alone: HOST=env:NAME or HOST=file:PATH, "
        "with commas between. The variable or file holds user:password, or a token. The hosts have to be allowed, too.",
    )
    setup_images: str = Field(
        default="signoff-sandbox-build:latest,signoff-sandbox-node:latest,signoff-sandbox-go:latest,"
        "signoff-sandbox-rust:latest,signoff-sandbox-java:latest",
        description="Images besides SIGNOFF_SANDBOX_IMAGE that an environment may be put on, with commas between: the "
        "first that is there and has the programs is taken.",
    )
    setup_minutes: float = Field(default=15.0, gt=0, description="How long setting up one environment may take.")
    setup_mb: int = Field(
        default=3_072, ge=64, description="What one environment may hold; while it is built it lies in memory."
    )
    setup_store_gb: float = Field(
        default=20.0, gt=0, description="What all environments may take on disk; the one used longest ago goes first."
    )
    setup_upload_mb: float = Field(default=64.0, ge=0, description="What one set-up may send, TLS handshakes included.")
    setup_connections: int = Field(default=20_000, ge=1, description="Connections one set-up may make.")

    test_minutes: float = Field(
        default=20.0,
        gt=0,
        description="How long the acceptance command may take before anything is changed. Later runs of it may take "
        "three times as long as that one did, ten minutes at least.",
    )

    host: str = Field(default="127.0.0.1", description="Address that `signoff serve` binds to.")
    port: int = Field(default=2024, ge=0, le=65_535, description="Port of it; 0: any free one.")
    metrics_port: int | None = Field(
        default=None,
        ge=0,
        le=65_535,
        description="Port on which `signoff serve` and `signoff worker` answer Prometheus at `/metrics` without a key; "
        "0: any free one. Empty: none; a server still answers auditors at its own port.",
    )
    metrics_host: str = Field(
        default="127.0.0.1",
        description="Address of that port. Beyond loopback everybody who reaches it reads the numbers of all "
        "organisations.",
    )
    workers: int = Field(
        default=8,
        ge=0,
        le=1_000,
        description="Runs that one process advances at the same time. 0: none, that is for `signoff worker` to do.",
    )
    lease_s: float = Field(
        default=30.0, ge=1, description="Seconds after which a worker that says nothing has lost its run to another."
    )
    drain_s: float = Field(
        default=30.0, ge=0, description="Seconds a stopping process gives its runs to come to the next step."
    )
    keep_days: float = Field(
        default=30.0,
        gt=0,
        description="Days until a deleted thread is erased, and that streams, failed jobs, and letters that were sent "
        "or are dead are kept.",
    )
    repos: str = Field(
        default="",
        description="Folders and URL prefixes that clients may name as repositories, with commas between. "
        "Empty: any on loopback, none elsewhere.",
    )
    default_repo: str | None = Field(default=None, description="Repository of chat requests that name none.")
    public_url: str | None = Field(default=None, description="Where people reach this service; links start with it.")
    console: bool = Field(default=True, description="Whether `signoff serve` shows the web console to people, at /.")
    cors_origins: str = Field(
        default="http://localhost:3000,http://127.0.0.1:3000,https://smith.langchain.com",
        description="Browser origins that may call the API, with commas between.",
    )
    oidc_issuer: str | None = Field(default=None, description="Issuer of the JWTs that people log in with.")
    oidc_audience: str | None = Field(default=None, description="Audience those tokens must name.")
    oidc_jwks_url: str | None = Field(default=None, description="Where the issuer publishes its keys.")
    oidc_algorithms: str = Field(default="RS256,ES256", description="Signature algorithms that are accepted.")
    key_pepper: SecretStr | None = Field(
        default=None, description="Mixed into stored API keys. Empty: made on first use, in the home folder."
    )
    mcp_url: str | None = Field(
        default=None, description="Server that `signoff mcp` hands tasks on to. Empty: it does them itself."
    )
    mcp_key: SecretStr | None = Field(default=None, description="API key for that server.")
    mcp_servers: Path | None = Field(
        default=None,
        description="YAML file: MCP servers whose tools the coder may use, and how each is rated; see docs/mcp.md.",
    )
    mcp_credentials: dict[str, SecretStr] = Field(
        default_factory=dict[str, SecretStr],
        description='Credentials of those servers by name, as JSON: {"tickets": "…"}; the file says which server gets '
        "which one.",
    )
    rate_per_minute: int = Field(default=600, ge=1, description="Requests a minute for one key or person.")
    rate_per_minute_ip: int = Field(default=1_200, ge=1, description="Requests a minute for one address.")
    max_body_mb: float = Field(default=16.0, gt=0, description="Largest request body.")
    forges: Path | None = Field(
        default=None,
        description="YAML file: forges with their tokens, where pull requests may be opened, what may come in, and "
        "deploy hooks; see docs/forges.md.",
    )
    connections: Path | None = Field(
        default=None, description="YAML file: who is told of approvals and who may answer; see docs/webhooks.md."
    )
    plans: Path | None = Field(
        default=None, description="YAML file: plans with limits of a month, and who pays; see docs/plans.md."
    )

    audit_witness: Path | None = Field(
        default=None, description="Folder for signed checkpoints of the audit, away from the database's owner."
    )

    @property
    def signers(self) -> tuple[str, ...]:
        """Who may sign."""
        return tuple(name.strip() for name in self.approvers.split(",") if name.strip())

    @property
    def loopback(self) -> bool:
        """True while nobody but this machine can reach the service."""
        return self.host in {"127.0.0.1", "::1", "localhost"}

    @property
    def mode(self) -> Literal["solo", "team"]:
        """Four eyes as soon as others can reach the service or log in, whatever the setting says."""
        return "solo" if self.approvals_mode == "solo" and self.loopback and not self.oidc_issuer else "team"

    @property
    def home_url(self) -> str:
        """Where people reach this service, without a slash at the end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (self.public_url or f"http://{host}:{self.port}").rstrip("/")

    def index_logins(self) -> Mapping[str, str | None]:
        """Host of a package index → what its variable or file holds now; None where there is no such thing."""
        pairs = [part.strip().partition("=") for part in self.setup_credentials.split(",") if part.strip()]
        return {host.strip().lower(): _referenced(where.strip()) for host, _, where in pairs}

    def bucket_login(self) -> tuple[str, ...] | None:
        """Key id, secret and perhaps a session token of the bucket as they are now; empty: none is named.

        None: they are not where SIGNOFF_BUCKET_CREDENTIALS says, or no such thing.
        """
        if not self.bucket_credentials:
            return ()
        parts = tuple((_referenced(self.bucket_credentials.strip()) or "").strip().split(":", 2))
        return parts if len(parts) > 1 and all(parts) else None

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every secret value known here, for redaction."""
        fields = (
            self.model_api_key,
            *self.model_keys.values(),
            self.otlp_headers,
            self.langfuse_secret_key,
            self.key_pepper,
            self.mcp_key,
            *self.mcp_credentials.values(),
        )
        # What the percent signs of the URL stand for; the redactor knows the other spellings.
        password = urlsplit(self.database_url.get_secret_value()).password if self.database_url else None
        values = tuple(secret.get_secret_value() for secret in fields if secret and secret.get_secret_value())
        for login in filter(None, self.index_logins().values()):
            values = (*values, login.rpartition(":")[2].strip(), login.strip())
        values = (*values, *(self.bucket_login() or ())[1:], *self.proxy_passwords)
        return (*values, unquote(password)) if password else values


def _referenced(where: str) -> str | None:
    """The text that ``env:NAME`` or ``file:PATH`` stands for."""
    kind, _, name = where.partition(":")
    if kind == "env":
        return os.environ.get(name)
    try:
        return Path(name).read_text(encoding="utf-8").strip() if kind == "file" else None
    except (OSError, ValueError):
        return None


def read_settings() -> Settings:
    """Read the environment once.

    Raises:
        Refused: ``settings_invalid``, naming the variable.
    """
    try:
        settings = Settings()
        # Clients that are not ours read the environment: it says the same to all of them before the first one is made.
        network = network_variables(os.environ, ca=settings.ca, bundle=settings.home / "trusted-certificates.pem")
        os.environ.update(network)
        return Settings() if network else settings
    except ValidationError as error:
        what = "; ".join(f"SIGNOFF_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors())
    except SettingsError as error:
        what = f"{error} is no JSON"  # it does not repeat the value
    raise Refused(
        f"A setting is not valid: {what}", code="settings_invalid", hint="See docs/configuration.md for what it may be."
    )
