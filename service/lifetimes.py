"""Lifetimes of what is kept to be quicker, and of sessions: one setting each, a part of ``service.settings``.

What there is, and how much, ``signoff cache list`` says; what is kept because it is needed, ``service.retention``.
"""

from datetime import timedelta

from pydantic import Field
from pydantic_settings import BaseSettings


class Lifetimes(BaseSettings):
    """A part of the settings."""

    cache_answers_minutes: float = Field(
        default=60.0, gt=0, description="Minutes an answer of a model may be used again (SIGNOFF_MODEL_CACHE)."
    )
    cache_plans_minutes: float = Field(
        default=60.0, gt=0, description="Minutes a plan may be used again for the same wish in other words."
    )
    cache_answers_most: int = Field(
        default=20_000, ge=1, description="Answers and plans kept in the database; those that end soonest go first."
    )
    cache_embeddings_days: float = Field(
        default=30.0, gt=0, description="Days the vector of a text is kept after it was used last."
    )
    cache_embeddings_most: int = Field(default=20_000, ge=1, description="Vectors kept in the database.")
    cache_rebuild_hours: float = Field(
        default=24.0,
        gt=0,
        description="Hours after which the vectors of plans that may be used again are asked for anew: those of a new "
        "version of an embedding model take their place.",
    )
    session_hours: float = Field(default=12.0, gt=0, le=720, description="Hours a login session lives.")
    setup_keep_days: float = Field(
        default=90.0, gt=0, description="Days an environment is kept after it was used last (SIGNOFF_SETUP_STORE_GB)."
    )

    @property
    def session_for(self) -> timedelta:
        """How long a session lives."""
        return timedelta(hours=self.session_hours)
