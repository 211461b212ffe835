"""Small things to do with text."""

from .layout import center, columns, truncate
from .words import acronym, count, slug, title

__all__ = ["acronym", "center", "columns", "count", "slug", "title", "truncate"]
