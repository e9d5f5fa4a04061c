"""Where published CRLs lie: every one under a name of its own, the current one under the well-known name.

    FOLDER/AUTHORITY/NAME-NUMBER.crl     written once, never changed: may be cached for ever
    FOLDER/AUTHORITY/NAME.crl            the current one, replaced as a whole; its ETag is the SHA-256 of its octets

NAME is `full`, a partition's number, or one of these with `-delta` behind it. Any static web server can serve it.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from ca.crl_reading import Crl
from ca.status_errors import ShelfUnavailable
from pki.instant import Instant

_LONGEST_CACHE = 24 * 3600
FOREVER = "public, max-age=31536000, immutable"
"""Cache-Control of a name that holds its number."""


@dataclass(frozen=True, slots=True)
class Published:
    """A CRL as it lies on the shelf."""

    der: bytes
    number: int
    this_update: Instant
    next_update: Instant
    etag: str

    @classmethod
    def of(cls, der: bytes) -> "Published":
        """Read what HTTP needs from the CRL itself. Errors: Malformed."""
        crl = Crl(der)
        until = crl.this_update if crl.next_update is None else crl.next_update
        return cls(der, crl.number or 0, crl.this_update, until, f'"{hashlib.sha256(der).hexdigest()}"')

    @property
    def expires(self) -> str:
        """nextUpdate as HTTP writes it (RFC 9110 8.8.2)."""
        return formatdate(self.next_update.seconds, usegmt=True)

    @property
    def stored_cache_control(self) -> str:
        """Cache-Control for a store that sends the same header whenever it is asked.

        A quarter of the whole life: a new CRL is there after half of it, so what a cache still gives out a quarter
        later is good for another quarter.
        """
        life = (self.next_update - self.this_update) // _SECOND
        return f"public, max-age={max(0, min(life // 4, _LONGEST_CACHE))}, must-revalidate"

    def cache_control(self, at: Instant) -> str:
        """How long a cache may give it out: never past nextUpdate, and no longer than a day."""
        left = min((self.next_update - at) // _SECOND, _LONGEST_CACHE)
        return f"public, max-age={left}, must-revalidate" if left > 0 else "no-cache"


class Shelf(Protocol):
    """Holds published CRLs. `put` is durable when it returns and all or nothing; readers see the old or the new one.

    Without `current` it is laid down under its number only. `drop` takes one away that has no more use.
    """

    def current(self, authority: str, name: str) -> Published | None: ...

    def numbered(self, authority: str, name: str, number: int) -> Published | None: ...

    def put(self, authority: str, name: str, published: Published, *, current: bool = True) -> None: ...

    def drop(self, authority: str, name: str, number: int) -> None: ...

    def locked(self, authority: str, name: str) -> AbstractContextManager[None]: ...


class FolderShelf:
    """A shelf in a folder of a file system, local or shared by several hosts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def current(self, authority: str, name: str) -> Published | None:
        """What verifiers get now."""
        return self._read(self._folder(authority) / f"{checked_name(name)}.crl")

    def numbered(self, authority: str, name: str, number: int) -> Published | None:
        """An earlier one by its number."""
        return self._read(self._folder(authority) / f"{checked_name(name)}-{number}.crl")

    def put(self, authority: str, name: str, published: Published, *, current: bool = True) -> None:
        """Lay it down under its number, then under its well-known name. Errors: ShelfUnavailable (a full disk, say)."""
        folder = self._folder(authority)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _write(folder / f"{checked_name(name)}-{published.number}.crl", published.der)
            if current:
                _write(folder / f"{checked_name(name)}.crl", published.der)
        except OSError as error:
            raise ShelfUnavailable(error.strerror or type(error).__name__) from error

    def drop(self, authority: str, name: str, number: int) -> None:
        """Take an earlier one away; one that is not there is away."""
        (self._folder(authority) / f"{checked_name(name)}-{number}.crl").unlink(missing_ok=True)

    @contextmanager
    def locked(self, authority: str, name: str) -> Iterator[None]:
        """Keep other publishers of this name away between look and put."""
        folder = self._folder(authority)
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f".{checked_name(name)}.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _folder(self, authority: str) -> Path:
        return self.folder / checked_name(authority)

    def _read(self, path: Path) -> Published | None:
        try:
            stamp = path.stat()
        except FileNotFoundError:
            return None
        return _load(path, stamp.st_mtime_ns, stamp.st_ino, stamp.st_size)


_SECOND = Instant(1) - Instant(0)


@lru_cache(maxsize=256)
def _load(path: Path, _changed: int, _inode: int, _size: int) -> Published:
    return Published.of(path.read_bytes())


def checked_name(name: str) -> str:
    """A name that is one plain file name: letters, digits and hyphens."""
    if not name or not name.isascii() or not name.replace("-", "").isalnum() or name.startswith("-"):
        raise ValueError("names on the shelf have letters, digits and hyphens only")
    return name


def _write(path: Path, octets: bytes) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with draft.open("wb") as file:
        file.write(octets)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
