"""Connections of the PostgreSQL driver itself, for libraries that take nothing else.

A door of its own: who has not installed the driver, which is an extra, can have everything else of this room.
"""

from database.pool.rested import pool_counts, pool_of

__all__ = ["pool_counts", "pool_of"]
