"""Addresses as settings have them."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator


def _address(text: str) -> str:
    """An address as it is compared and shown: nothing around it, no slash at its end, nobody's password in it."""
    if "@" in urlsplit(text).netloc:
        raise ValueError("it has a user or a password in it; a key is set with SIGNOFF_MODEL_API_KEY")
    return text.strip().rstrip("/")


Place = Annotated[str, AfterValidator(_address)]
"""Of a model endpoint."""
