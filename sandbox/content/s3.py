"""S3 client of the content store, over obstore: any server that speaks Amazon's S3.

Requests are tried again for as long as ``S3Place.patience_s``; what does not get better is named by a code that says
what to mend. Credentials are handed to the client and stand in no message of ours.
"""

import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from sandbox.content.contract import ContentUnavailable, damaged

if TYPE_CHECKING:  # an extra
    from obstore.store import S3Store

PART_BYTES = 8 << 20
"""What one request sends or fetches: a large segment is sent and fetched in parts, each in its own time."""
REQUEST_S = 60
CHECK_S = 5.0
_FORBIDDEN = {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"}
_REGION = ("AuthorizationHeaderMalformed", "PermanentRedirect", "IllegalLocationConstraintException", "redirect")


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Place:
    """A bucket, and how it is reached."""

    bucket: str
    endpoint: str = ""
    """Empty: Amazon's, in the region."""
    region: str = "us-east-1"
    prefix: str = ""
    """What names of our objects begin with, without a slash at its end."""
    access_key_id: str = ""
    """Empty: credentials are found as Amazon's tools find them (environment, web identity, instance)."""
    secret_access_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)
    patience_s: float = 30.0
    """How long a request is tried again."""

    def __str__(self) -> str:
        return "/".join(part for part in (self.endpoint or f"s3 {self.region}", self.bucket, self.prefix) if part)


class S3Bucket:
    """Segments as objects of one bucket."""

    def __init__(self, place: S3Place) -> None:
        self._place = place
        self._client: S3Store = _client(place)

    async def put(self, name: str, source: Path) -> None:
        """See ``ContentBucket.put``."""
        from obstore import put_async  # noqa: PLC0415  an extra

        async with self._named(name, "write"):
            await put_async(self._client, self._key(name), source, chunk_size=PART_BYTES)

    async def get(self, name: str, target: Path, size_bytes: int) -> None:
        """See ``ContentBucket.get``."""
        from obstore import get_async, get_range_async  # noqa: PLC0415

        # Its size first: a range that is not there is an error like any other. HEAD would not say why it is refused.
        async with self._named(name, "read"):
            first = await get_async(self._client, self._key(name), options={"range": (0, 1)})
            there = first.meta["size"]
            await first.bytes_async()
        if there != size_bytes:
            raise damaged(name, f"it has {there} of {size_bytes} bytes")
        with target.open("xb") as file:
            for start in range(0, size_bytes, PART_BYTES):
                length = min(PART_BYTES, size_bytes - start)
                async with self._named(name, "read"):
                    file.write(await get_range_async(self._client, self._key(name), start=start, length=length))

    async def drop(self, prefix: str) -> None:
        """See ``ContentBucket.drop``."""
        import obstore  # noqa: PLC0415

        async with self._named(prefix, "remove"):
            async for objects in obstore.list(self._client, self._key(prefix)):
                await obstore.delete_async(self._client, [each["path"] for each in objects])

    async def try_out(self) -> str:
        """See ``ContentBucket.try_out``."""
        hasty = S3Bucket(replace(self._place, patience_s=min(CHECK_S, self._place.patience_s)))
        folder = f"check-{token_hex(8)}/"
        with tempfile.TemporaryDirectory() as place:
            source, target = Path(place) / "source", Path(place) / "target"
            source.write_bytes(folder.encode())
            await hasty.put(f"{folder}object", source)
            try:
                await hasty.get(f"{folder}object", target, len(folder))
            finally:
                await hasty.drop(folder)
            if target.read_bytes() != source.read_bytes():
                raise damaged(f"{folder}object", "it is not what was written a moment ago")
        return str(self._place)

    def _key(self, name: str) -> str:
        return f"{self._place.prefix}/{name}" if self._place.prefix else name

    @asynccontextmanager
    async def _named(self, name: str, verb: str) -> AsyncGenerator[None]:
        """The client's errors as ours."""
        from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError  # noqa: PLC0415

        place = self._place
        try:
            yield
        except (BaseError, FileNotFoundError, OSError) as error:
            text = str(error)
            answer = text.partition("<Code>")[2].partition("</Code>")[0][:100]
            if answer == "RequestTimeTooSkewed":
                raise ContentUnavailable(
                    f"{place} does not take requests of this machine: its clock and ours differ by too much.",
                    code="bucket_clock",
                    hint="Set the clock of this machine (NTP), or that of the server; then: signoff resume RUN",
                ) from error
            if answer == "NoSuchBucket" or any(word in text for word in _REGION):
                raise ContentUnavailable(
                    f"There is no bucket {place.bucket!r} at {place.endpoint or place.region}.",
                    code="bucket_missing",
                    hint="Make it, or correct SIGNOFF_BUCKET, SIGNOFF_BUCKET_ENDPOINT and SIGNOFF_BUCKET_REGION; then: "
                    "signoff resume RUN",
                ) from error
            if isinstance(error, PermissionDeniedError | UnauthenticatedError) or answer in _FORBIDDEN:
                raise ContentUnavailable(
                    f"{place} does not let us {verb} objects ({answer or 'no reason given'}).",
                    code="bucket_forbidden",
                    hint="Give these credentials the rights to put, get, list and delete objects there, or others in "
                    "SIGNOFF_BUCKET_CREDENTIALS; then: signoff resume RUN",
                ) from error
            if verb == "read" and (isinstance(error, FileNotFoundError) or answer == "InvalidRange"):
                raise damaged(name, "it is empty" if answer == "InvalidRange" else "it is not there") from error
            raise ContentUnavailable(
                f"{place} does not answer: {answer or _first_line(text)}",
                hint="See that the server runs and can be reached: signoff doctor. Runs go on by themselves.",
            ) from error


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0][:300]


def _client(place: S3Place) -> "S3Store":
    from obstore.store import S3Store  # noqa: PLC0415  an extra, and only where there is a bucket

    credentials: dict[str, Any] = {}
    if place.access_key_id:
        credentials = {"access_key_id": place.access_key_id, "secret_access_key": place.secret_access_key}
        if place.session_token:
            credentials["session_token"] = place.session_token
    if place.endpoint:
        credentials["endpoint"] = place.endpoint
    return S3Store(
        place.bucket,
        region=place.region,
        # Servers of one's own have no name for each bucket.
        virtual_hosted_style_request=False,
        client_options={
            "allow_http": place.endpoint.startswith("http://"),
            "connect_timeout": timedelta(seconds=10),
            "timeout": timedelta(seconds=REQUEST_S),
        },
        retry_config={
            "max_retries": 100,
            "retry_timeout": timedelta(seconds=place.patience_s),
            "backoff": {
                "init_backoff": timedelta(milliseconds=100),
                "max_backoff": timedelta(seconds=5),
                "base": 2.0,
            },
        },
        **credentials,
    )
