"""Channels of approvals: signed links and web hooks, outgoing and incoming, a registry of them."""

from approvals.channels.base import Subscriptions, WebhookEndpoint, due_again
from approvals.channels.config import Connections, load_connections
from approvals.channels.github import verify_github
from approvals.channels.inbound import InboundWebhooks, Integration, refused_answer, voted_answer
from approvals.channels.links import Links, LinkTicket
from approvals.channels.page import PAGE_HEADERS, hidden_in, render_page
from approvals.channels.sender import WebhookSender, new_client
from approvals.channels.ssrf_guard import SsrfGuard
from approvals.channels.standard import signed_headers, verify_standard

__all__ = [
    "PAGE_HEADERS",
    "Connections",
    "InboundWebhooks",
    "Integration",
    "LinkTicket",
    "Links",
    "SsrfGuard",
    "Subscriptions",
    "WebhookEndpoint",
    "WebhookSender",
    "due_again",
    "hidden_in",
    "load_connections",
    "new_client",
    "refused_answer",
    "render_page",
    "signed_headers",
    "verify_github",
    "verify_standard",
    "voted_answer",
]
