"""What a checkpoint may be made of: our values and nothing else, so that bytes cannot choose a class."""

from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

import domain
import models
import sandbox


def serializer() -> JsonPlusSerializer:
    """The strict serialiser: only values of our own front doors come back as objects."""
    return JsonPlusSerializer(allowed_msgpack_modules=allowed())


def allowed() -> list[tuple[str, str]]:
    """(module, class) of every value that may stand in a state."""
    doors = (domain, models, sandbox)
    found = (getattr(door, name) for door in doors for name in door.__all__)
    kept = {(v.__module__, v.__qualname__) for v in found if isinstance(v, type) and hasattr(v, "__pydantic_fields__")}
    return sorted(kept)
