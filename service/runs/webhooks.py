"""Webhooks of runs: what a client's address is told when a turn ends and when it pauses, written into the outbox.

The letter is a row of the transaction that ends the turn, and its body stays as it was then; ``approvals.channels``
sends it like every other letter.
"""

import base64
import json
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from approvals.storage import RunNotice, post
from service.runs.documents import run_document
from service.runs.event_log import as_json
from service.runs.streaming import readable
from service.runs.turns import Turn


def webhook_body(turn: Turn, values: Any) -> bytes:
    """What is posted about a turn that has just ended: the run as the API shows it, with its final values."""
    data = as_json({**run_document(turn), "values": readable(values), "error": turn.error_code})
    return b'{"type":' + json.dumps(f"run.{turn.status}").encode() + b',"data":' + data + b"}"


async def post_webhook(conn: AsyncConnection, turn: Turn, body: bytes) -> None:
    """Queue the letter to the address that the turn's client named, inside the transaction that ends the turn."""
    notice = RunNotice(topic=f"run.{turn.status}", run=turn.thread, turn=turn.id)
    await post(conn, notice, org=turn.org, at=turn.updated_at, url=turn.webhook or "", body=body)


def shown_secret(key: bytes) -> str:
    """The installation's key as a receiver verifies with it (Standard Webhooks)."""
    return f"whsec_{base64.b64encode(key).decode()}"
