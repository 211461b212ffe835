"""LangGraph Studio's entry, named by ``langgraph.json``: the graph for a LangGraph server, and who may talk to it.

The server brings its own checkpointer, so the graph is served without one. A resume in Studio is the
vote of the person who runs that server: the development server is for one person on loopback.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from graphs import CodingGraph, serializer
from service.auth.four_eyes import local_user
from service.settings import read_settings
from service.wiring.application import open_application


@asynccontextmanager
async def checkpointer() -> AsyncGenerator[BaseCheckpointSaver[str]]:
    """Paused approvals must outlive the server: its own in-memory saver loses them."""
    settings = read_settings()
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A file of its own: the server's threads are not runs of ours.
    async with AsyncSqliteSaver.from_conn_string(str(settings.home / "studio.db")) as saver:
        saver.serde = serializer()
        yield saver


@asynccontextmanager
async def graph() -> AsyncGenerator[CodingGraph]:
    """Open the application for one request of the server, and give out its graph."""
    async with open_application(read_settings(), served_to=local_user()) as application:
        yield application.engine.graph
