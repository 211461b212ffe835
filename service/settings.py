"""The settings of logs, traces and prompts: who is told what. ``service/settings.py`` reads them."""

from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings


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
