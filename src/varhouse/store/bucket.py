"""Objects of a store on S3-compatible storage.

Credentials, region and endpoint come from the environment (`AWS_ACCESS_KEY_ID`,
`AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT_URL`) or from the role of the machine:
nothing of it is an option, so that none of it stands in a log or a configuration.
"""

import os
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from varhouse.errors import AccessError, StoreError, UsageError
from varhouse.files import new_file

_URL = re.compile(
    r"s3:/{1,2}(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(?P<prefix>.*?))?/*\Z"
)
"""With one slash, too: that is what becomes of `s3://` in a path."""


def is_url(path: object) -> bool:
    """Tell whether a path means S3-compatible storage."""
    return str(path).startswith("s3:/")


@dataclass(frozen=True)
class Object:
    """An object: name below the store's root, bytes, tag of its content, seconds of age."""

    name: str
    size: int
    tag: str
    age: float


class Bucket:
    """The objects below a URL `s3://BUCKET/PREFIX`.

    Raises
    ------
    UsageError
        If it is no such URL, or the package that speaks S3 is not installed.
    """

    def __init__(self, url: str) -> None:
        match = _URL.match(url)
        if match is None:
            raise UsageError(f"{url!r} is no place on S3", "write s3://BUCKET/FOLDER")
        prefix = match["prefix"]
        self.url = f"s3://{match['bucket']}" + (f"/{prefix}" if prefix else "")

    @property
    def endpoint(self) -> str:
        """Where the storage is: the same URL may mean another bucket elsewhere."""
        names = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
        return next((os.environ[n] for n in names if os.environ.get(n)), "")

    @cached_property
    def _store(self) -> Any:
        try:
            from obstore.store import S3Store  # noqa: PLC0415 - an extra
        except ImportError:
            raise UsageError(
                f"{self.url}: nothing here speaks S3",
                "pip install '.[s3]' where varhouse was cloned",
            ) from None
        is_plain = self.endpoint.startswith("http://")
        with self._told():
            return S3Store.from_url(
                self.url,
                config={"endpoint": self.endpoint} if self.endpoint else None,
                client_options={"allow_http": is_plain},
            )

    @contextmanager
    def _told(self, *expected: type[Exception]) -> Iterator[None]:
        """Say what the storage refuses as an error of the store; some errors as they are."""
        from obstore.exceptions import (  # noqa: PLC0415
            BaseError,
            PermissionDeniedError,
            UnauthenticatedError,
        )

        try:
            yield
        except expected:
            raise
        except (PermissionDeniedError, UnauthenticatedError) as error:
            raise AccessError(
                f"{self.url}: no permission: {_first_line(error)}",
                "look at the credentials, and ask whoever keeps the bucket what they may read",
            ) from None
        except (BaseError, OSError) as error:
            raise StoreError(
                f"{self.url}: {_first_line(error)}",
                "look at the URL, AWS_ENDPOINT_URL, the credentials and what they may do",
            ) from None

    def objects(self) -> Iterator[Object]:
        """List all objects."""
        with self._told():
            now = datetime.now(UTC)
            for some in self._store.list():
                for found in some:
                    age = (now - found["last_modified"]).total_seconds()
                    yield Object(found["path"], found["size"], found["e_tag"] or "", age)

    def read(self, name: str, path: Path) -> bool:
        """Read an object into a file, which appears whole; False: there is none."""
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with self._told(FileNotFoundError), new_file(path) as made, made.open("wb") as out:
                for piece in self._store.get(name).stream():
                    out.write(piece)
        except FileNotFoundError:
            return False
        return True

    def write(self, what: Path | bytes, name: str) -> None:
        """Write a file, or bytes, as an object, be there one already."""
        with self._told():
            self._store.put(name, what)

    def write_new(self, path: Path, name: str) -> bool:
        """Write a small file as an object that must not be there; False: it is there.

        The storage decides between two who ask at the same time (`If-None-Match: *`).
        """
        from obstore.exceptions import AlreadyExistsError  # noqa: PLC0415

        try:
            with self._told(AlreadyExistsError):
                self._store.put(name, path.read_bytes(), mode="create", use_multipart=False)
        except AlreadyExistsError:
            return False
        return True

    def remove(self, names: list[str]) -> None:
        """Remove objects."""
        if names:
            with self._told():
                self._store.delete(names)

    def check_conditions(self, scratch: Path) -> None:
        """Check that the storage keeps the promise on which a release depends.

        Raises
        ------
        StoreError
            If a second object takes the place of a first one that should have stayed.
        """
        name = f"_store/probe-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        scratch.write_text("probe", encoding="utf-8")
        try:
            kept = self.write_new(scratch, name) and not self.write_new(scratch, name)
        finally:
            self.remove([name])
            scratch.unlink()
        if not kept:
            raise StoreError(
                f"{self.url}: the storage ignores If-None-Match, so that two ingests at once "
                "could both make a release",
                "write to a store on a disk, and give others a copy of it",
            )


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:300]
