"""Configuration that people write, read as a value: secrets in files of their own, faults that repeat none. Pure."""

from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from domain.text.untrusted import yaml_value

_FILE = "file:"
T = TypeVar("T")


def configured(shape: type[T], text: str, read: Callable[[str], str]) -> T:
    """YAML as a value of ``shape``, with what ``file:/run/secrets/ci`` names in place of it.

    ``read`` gives the text of a file that is named so.

    Raises:
        ValueError: what is wrong and where, without repeating what might be a secret.
    """
    try:
        raw = yaml_value(text) or {}
    except ValueError:
        raise ValueError("this is not YAML") from None
    try:
        return TypeAdapter[T](shape).validate_python(_with_secrets(raw, read))
    except ValidationError as error:
        # ``from None``: pydantic's own error repeats what it was given.
        raise ValueError(explained(error)) from None
    except UnicodeError:
        raise ValueError("the file of a secret is not UTF-8") from None


def explained(error: ValidationError, *, most: int = 5) -> str:
    """What is wrong and where, for people: the first faults, and no value."""
    return "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()[:most])


def _with_secrets(node: Any, read: Callable[[str], str]) -> Any:
    if isinstance(node, dict):
        return {key: _with_secrets(part, read) for key, part in node.items()}
    if isinstance(node, list):
        return [_with_secrets(part, read) for part in node]
    if isinstance(node, str) and node.startswith(_FILE):
        return read(node.removeprefix(_FILE)).strip()
    return node
