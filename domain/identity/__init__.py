"""Identity of people and places: names as people read them, addresses without credentials, hosts that are public."""

from domain.identity.addresses import ensure_no_credential, redacted, split_credential
from domain.identity.names import alike, confusable, people, person, respelled
from domain.identity.reachable import globally_reachable

__all__ = [
    "alike",
    "confusable",
    "ensure_no_credential",
    "globally_reachable",
    "people",
    "person",
    "redacted",
    "respelled",
    "split_credential",
]
