"""Settings of sandboxes: which backend, how large one is, where pods are claimed, and who may be reached from inside.

A part of ``service/settings.py``, which alone reads the environment.
"""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings


class SandboxSettings(BaseSettings):
    """A part of the settings."""

    sandbox: str = Field(
        default="docker",
        description="Backend: docker; kubernetes, pods claimed from a warm pool of agent-sandbox; or unsafe-local, "
        "which runs commands on this machine without any protection (tests only).",
    )
    sandbox_image: str = Field(default="signoff-sandbox:latest", description="Image that commands run in.")
    sandbox_runtime: str = Field(
        default="",
        description="Runtime of that backend; empty: its first. docker: runc, runsc (gVisor) or kata. "
        "kubernetes: gvisor or kata, which pods of another runtimeClassName are refused for; empty: the template's.",
    )
    sandbox_memory_mb: int = Field(default=2_048, ge=64, description="Memory of one sandbox.")
    sandbox_cpus: float = Field(default=2.0, gt=0, description="CPUs of one sandbox.")
    sandbox_warm: int = Field(
        default=1, ge=0, le=64, description="Sandboxes kept ready; 0: each is started when asked."
    )
    sandbox_warm_most: int = Field(default=8, ge=0, description="The most that are ready in one process, of all kinds.")
    sandbox_idle_minutes: float = Field(default=30.0, gt=0, description="How long one stays ready without being used.")
    sandbox_unhardened: bool = Field(
        default=False, description="Start although the engine lacks a protection; `signoff doctor` says which."
    )
    kubernetes_config: Path | None = Field(
        default=None, description="A kubeconfig; empty: the pod's own, or kubectl's."
    )
    kubernetes_context: str = Field(default="", description="Its context; empty: the current one.")
    kubernetes_namespace: str = Field(default="", description="Where sandboxes are claimed; empty: the context's.")
    kubernetes_pool: str = Field(default="signoff-sandbox", description="The SandboxWarmPool that is claimed from.")
    kubernetes_ready_seconds: float = Field(default=180.0, gt=0, description="How long a claim may take to get ready.")
    egress_hosts: str = Field(
        default="",
        description="Package registries that tasks of the profile `packages` may reach: names, or name:port, with "
        "commas between. Empty: nobody, and such tasks are refused. A mirror of your own is the safest.",
    )
    egress_private: str = Field(
        default="", description="Those among them that may lie on a private address: mirrors of your own."
    )
    egress_env: str = Field(
        default="",
        description="Variables for such tasks, NAME=value with commas between, e.g. PIP_INDEX_URL. Never credentials.",
    )
    egress_ca: Path | None = Field(
        default=None, description="PEM file with certificates that such tasks trust besides the image's own."
    )
    egress_upload_mb: float = Field(
        default=1.0, ge=0, description="What one sandbox may send in its life, TLS handshakes included."
    )
    egress_connections: int = Field(default=400, ge=1, description="Connections one sandbox may make in its life.")
