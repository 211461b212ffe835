"""Publishing: deliveries that leave this machine, to a forge or to a deploy hook."""

from nodes.publishing.order import PublishOrder, destination, issue_of, signers
from nodes.publishing.publisher import Publisher, pull_request_closed

__all__ = ["PublishOrder", "Publisher", "destination", "issue_of", "pull_request_closed", "signers"]
