"""Content store as the settings say: a folder, or a folder in front of a bucket that all machines share."""

from importlib.util import find_spec
from typing import TYPE_CHECKING, cast

from approvals import Clock
from domain import Refused
from domain.errors import extra_command
from sandbox import Store
from sandbox.content import ContentUnavailable, Replica, S3Bucket, S3Place
from service.settings import Settings
from service.storage.open import Storage
from service.storage.segments import StoredSegments

if TYPE_CHECKING:  # its driver is an extra
    from service.storage.postgres_checkpoints import FencedPostgres


def open_content(settings: Settings, storage: Storage, clock: Clock) -> Store:
    """Return the store of the files of runs.

    With a bucket they are in it before a checkpoint names them.

    Raises:
        Refused: ``settings_invalid``.
    """
    folder = settings.home / "store"
    if not settings.bucket:
        return Store(folder)
    if storage.server is None:
        raise Refused(
            "SIGNOFF_BUCKET is for several machines, and the database is a file of this one.",
            code="settings_invalid",
            hint="Set SIGNOFF_DATABASE_URL, too, or leave SIGNOFF_BUCKET empty.",
        )
    segments = StoredSegments(engine=storage.engine, clock=clock)
    store = Store(folder, replica=Replica(bucket=S3Bucket(place_of(settings)), segments=segments))
    cast("FencedPostgres", storage.saver).before = store.push
    return store


def place_of(settings: Settings) -> S3Place:
    """Return where the bucket is, and the login for it.

    Raises:
        Refused: ``settings_invalid``; no value of a login is repeated.
    """
    if find_spec("obstore") is None:
        raise Refused(
            "SIGNOFF_BUCKET needs a package that is not installed: obstore.",
            code="settings_invalid",
            hint=f"Install it: {extra_command('s3')}",
        )
    login = settings.bucket_login()
    if login is None:
        raise Refused(
            "The login for the bucket is not where SIGNOFF_BUCKET_CREDENTIALS says.",
            code="settings_invalid",
            hint="Write env:NAME for a variable of this process, or file:PATH for a file it can read, with "
            "KEY_ID:SECRET in it.",
        )
    key_id, secret, token = (*login, "", "", "")[:3]
    return S3Place(
        bucket=settings.bucket,
        endpoint=settings.bucket_endpoint.strip().rstrip("/"),
        region=settings.bucket_region,
        prefix=settings.bucket_prefix.strip("/"),
        access_key_id=key_id,
        secret_access_key=secret,
        session_token=token,
    )


async def ensure_reachable(store: Store) -> None:
    """Say at the start of a server or worker what nobody but a person can mend about its bucket.

    Raises:
        ContentUnavailable: any code but ``content_unavailable``: a server that is away is waited for.
    """
    try:
        await store.try_out()
    except ContentUnavailable as error:
        if error.stable_code != "content_unavailable":
            raise
