"""The HTTP API: what LangGraph's clients speak, approvals, an OpenAI-compatible chat, and what operators need."""

from service.api.app import create_app

__all__ = ["create_app"]
