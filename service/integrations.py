"""Who may send web hooks to us and who wants ours: one YAML file."""

from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from approvals import Integration
from domain import Refused

_MANY = TypeAdapter(tuple[Integration, ...])


def read_integrations(path: Path | None) -> tuple[Integration, ...]:
    """The ``integrations`` of the file; none without a file.

    Raises:
        Refused: ``settings_invalid``, naming the field; secrets stay out of the message.
    """
    if path is None:
        return ()
    try:
        document: Any = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        return _MANY.validate_python(document.get("integrations", []))
    except ValidationError as error:
        what = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False)[:5])
    except (OSError, yaml.YAMLError, AttributeError) as error:
        what = type(error).__name__
    raise Refused(f"{path.name} is not valid: {what}", code="settings_invalid", hint="See docs/webhooks.md.")
