"""Logs: JSON lines or a console, secrets taken out, the run's id on every line."""

import logging
from collections.abc import Generator, MutableMapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Literal, TextIO

import structlog
from opentelemetry.trace import get_current_span

from telemetry.redact import Redactor

Level = Literal["debug", "info", "warning", "error"]
Line = MutableMapping[str, Any]


def about_run(run: str, **more: str) -> AbstractContextManager[None]:
    """Put ``run`` (and more) on every line that is logged inside, also by tasks started inside."""
    return structlog.contextvars.bound_contextvars(run=run, **more)


@contextmanager
def logging_as(
    *, level: Level = "warning", as_json: bool = False, redactor: Redactor | None = None, stream: TextIO
) -> Generator[None]:
    """Log to ``stream`` inside the block; afterwards everything is as before.

    Lines of Signoff are shown from ``level`` on; those of libraries from *warning* on (all of them at
    *debug*). A line carries the time (UTC), the level, the logger, the run and, inside a span, its ids.
    """
    shared = (
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        _with_span,
        # Text first: a renderer that formats exceptions itself would do so after the secrets were taken out.
        structlog.processors.format_exc_info,
        Redacted(redactor or Redactor()),
    )
    last = structlog.processors.JSONRenderer(default=str) if as_json else structlog.dev.ConsoleRenderer(colors=False)
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    before = structlog.get_config()
    with _handled_by(handler, logging.getLevelNamesMapping()[level.upper()]):
        structlog.configure(
            processors=[
                structlog.stdlib.filter_by_level,
                *shared,
                structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
            ],
            logger_factory=structlog.stdlib.LoggerFactory(),
            wrapper_class=structlog.stdlib.BoundLogger,
            # A library's logger lives as long as its module, and would keep this configuration after the block.
            cache_logger_on_first_use=False,
        )
        try:
            yield
        finally:
            structlog.configure(**before)


@contextmanager
def _handled_by(handler: logging.Handler, level: int) -> Generator[None]:
    root, ours = logging.getLogger(), logging.getLogger("signoff")
    handlers, levels = root.handlers[:], (root.level, ours.level)
    # The only one: what another handler prints would go out with its secrets in it.
    root.handlers[:] = [handler]
    root.setLevel(level if level == logging.DEBUG else max(level, logging.WARNING))
    ours.setLevel(level)
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(levels[0])
        ours.setLevel(levels[1])


@dataclass(frozen=True, slots=True)
class Redacted:
    """A structlog processor that takes secrets out of every field of a line."""

    redactor: Redactor

    def __call__(self, _logger: Any, _method: str, line: Line) -> Line:
        """Return the line without secrets; what structlog itself put there stays as it is."""
        return {k: entry if k.startswith("_") else self.redactor.value(entry, key=k) for k, entry in line.items()}


def _with_span(_logger: Any, _method: str, line: Line) -> Line:
    """Name the span that the line was logged in, so that logs and traces find each other."""
    context = get_current_span().get_span_context()
    if context.is_valid:
        line["trace_id"], line["span_id"] = f"{context.trace_id:032x}", f"{context.span_id:016x}"
    return line
