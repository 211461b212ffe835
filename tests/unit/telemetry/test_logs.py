import io
import json
import logging

import structlog

from telemetry import Redactor, about_run, logging_as, run_context, trace_id, tracing

CANARY = "canary-7f3a9e"


def test_lines_are_json_with_the_run_and_without_secrets() -> None:
    out = io.StringIO()
    with logging_as(level="info", as_json=True, redactor=Redactor((CANARY,)), stream=out):
        log = structlog.get_logger("signoff.node")
        with about_run("r1", org="acme"):
            log.info("node ended", node="plan", token=CANARY, note=f"it was {CANARY}", ms=3.5)
        log.debug("not shown")
    (line,) = map(json.loads, out.getvalue().splitlines())
    assert line["at"].endswith("Z")
    del line["at"]
    assert line == {
        "event": "node ended",
        "node": "plan",
        "token": "[redacted]",
        "note": "it was [redacted]",
        "ms": 3.5,
        "run": "r1",
        "org": "acme",
        "level": "info",
        "logger": "signoff.node",
    }


def test_exceptions_are_shown_without_secrets_in_both_forms() -> None:
    for as_json in (True, False):
        out = io.StringIO()
        with logging_as(as_json=as_json, redactor=Redactor((CANARY,)), stream=out):
            try:
                int(CANARY)
            except ValueError:
                structlog.get_logger("signoff").exception("went wrong")
        assert "ValueError" in out.getvalue()
        assert CANARY not in out.getvalue()


def test_libraries_are_heard_from_warning_on() -> None:
    out = io.StringIO()
    with logging_as(level="info", as_json=True, redactor=Redactor((CANARY,)), stream=out):
        logging.getLogger("httpx").info("GET %s", CANARY)
        logging.getLogger("httpx").warning("GET %s", CANARY)
    (line,) = map(json.loads, out.getvalue().splitlines())
    assert (line["event"], line["logger"], line["level"]) == ("GET [redacted]", "httpx", "warning")


def test_at_debug_everything_is_heard() -> None:
    out = io.StringIO()
    with logging_as(level="debug", stream=out):
        logging.getLogger("some.library").debug("hello")
    assert "hello" in out.getvalue()


async def test_a_line_names_its_span() -> None:
    out = io.StringIO()
    async with tracing(folder=None) as t:
        with (
            logging_as(as_json=True, stream=out),
            t.tracer.start_as_current_span("run.segment 1", context=run_context("r1")),
        ):
            structlog.get_logger("signoff").warning("here")
    assert json.loads(out.getvalue())["trace_id"] == f"{trace_id('r1'):032x}"


def test_afterwards_everything_is_as_before() -> None:
    root, config = logging.getLogger(), structlog.get_config()
    before = root.handlers[:], root.level
    with logging_as(level="debug", stream=io.StringIO()):
        assert root.handlers != before[0]
    assert (root.handlers, root.level) == before
    assert structlog.get_config() == config
