"""Errors of an engine, an image or a runtime, each with its code and what to do."""

import errno

import requests
from docker.errors import APIError

from domain import Refused, SandboxLost, SignoffError
from sandbox.contract import Spec
from sandbox.docker.hardening import runtime_of

_BUILD = "Build it: signoff sandbox build (or name your own with SIGNOFF_SANDBOX_IMAGE)."
_START = "Start Docker: systemctl start docker (in a checkout: make docker). Then: signoff doctor."


def image_missing(spec: Spec) -> Refused:
    return Refused(f"There is no image {spec.image!r} here.", code="image_missing", hint=_BUILD)


def image_unsuitable(spec: Spec, what: str) -> Refused:
    return Refused(
        f"The image {spec.image!r} cannot be a sandbox: {what}.",
        code="image_unsuitable",
        hint="It needs Python 3.9 or newer and git. Add them: signoff sandbox build --base YOUR_IMAGE",
    )


def runtime_unsupported(spec: Spec, what: str) -> Refused:
    return Refused(
        f"The container runtime {runtime_of(spec)!r} does not work here: {what}.",
        code="runtime_unsupported",
        hint="Install a current release and register it with the engine, or set SIGNOFF_SANDBOX_RUNTIME=runc.",
    )


def unhardened(what: str) -> Refused:
    return Refused(
        f"This engine would run commands without a protection that they need: {what}.",
        code="sandbox_unhardened",
        hint="See what is missing: signoff doctor. On a throw-away machine: SIGNOFF_SANDBOX_UNHARDENED=true.",
    )


def by_probe(spec: Spec, kind: str, what: str) -> Refused:
    """Translate what ``found_wrong`` found."""
    if kind == "image":
        return image_unsuitable(spec, what)
    return unhardened(what) if kind == "unhardened" else runtime_unsupported(spec, what)


def not_started(spec: Spec, complaint: bytes) -> SignoffError:
    """Say why PID 1 did not greet us, by what it wrote to stderr."""
    if b"SyntaxError" in complaint or b"ModuleNotFoundError" in complaint or b"ImportError" in complaint:
        return image_unsuitable(spec, "its Python is too old or incomplete")
    return SandboxLost("The sandbox did not start.", hint="Try again; if it stays so: signoff doctor.")


def no_raw_socket() -> Refused:
    return Refused(
        "Docker is reached through a connection that commands cannot be streamed over.",
        code="docker_unsupported",
        hint="Use a unix socket or plain TCP on a private network (DOCKER_HOST).",
    )


def by_engine(spec: Spec, error: APIError) -> SignoffError:
    """Translate what the engine answered."""
    explanation = str(error.explanation or error)
    low = explanation.lower()
    if "executable file not found" in low or ("no such file or directory" in low and "python3" in low):
        return image_unsuitable(spec, "it has no python3")
    if "runtime" in low and ("unknown" in low or "not found" in low):
        return runtime_unsupported(spec, "the engine does not know it")
    if "no space left" in low:
        return Refused("The engine's disk is full.", code="disk_full", hint="Free some: docker system df; then go on.")
    if "oci runtime" in low and runtime_of(spec) != "runc":
        return runtime_unsupported(spec, explanation[-300:])
    return SandboxLost(f"The engine could not start a sandbox: {explanation[-500:]}", hint="See: signoff doctor.")


def unreachable(error: Exception) -> SignoffError:
    """Translate that nobody answered."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, PermissionError):
            return Refused(
                "You may not talk to Docker.",
                code="docker_denied",
                hint="Join its group: sudo usermod -aG docker $USER, then log in again.",
            )
        if isinstance(cause, FileNotFoundError | ConnectionRefusedError):
            return Refused("Docker does not answer.", code="docker_missing", hint=_START)
        if isinstance(cause, requests.Timeout):
            return SandboxLost("Docker takes too long to answer.", hint="Look at the engine's load and its log.")
        # requests and urllib3 carry the cause as an argument
        cause = (
            cause.__cause__
            or cause.__context__
            or next((arg for arg in cause.args if isinstance(arg, BaseException)), None)
        )
    if "permission denied" in str(error).lower():
        return Refused("You may not talk to Docker.", code="docker_denied", hint=_START)
    if errno.errorcode.get(getattr(error, "errno", 0) or 0) == "ENOENT":
        return Refused("Docker does not answer.", code="docker_missing", hint=_START)
    return SandboxLost(f"Docker does not answer: {error}", hint=_START)
