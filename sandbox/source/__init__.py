"""Repositories that belong to somebody else, read as data and written without git."""

from sandbox.source.borrow import Borrowed, borrowed
from sandbox.source.push import AuthorisedRemote, branch_moved
from sandbox.source.remote import Permit
from sandbox.source.repository import (
    SourceRepository,
    find,
    is_remote,
    is_url,
    local_path,
    locate,
    object_files,
)

__all__ = [
    "AuthorisedRemote",
    "Borrowed",
    "Permit",
    "SourceRepository",
    "borrowed",
    "branch_moved",
    "find",
    "is_remote",
    "is_url",
    "local_path",
    "locate",
    "object_files",
]
