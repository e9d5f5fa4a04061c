"""Where published CRLs lie: every one for ever under a name of its own, the current one under the well-known name.

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
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from ca.crl_reading import Crl
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

    def cache_control(self, at: Instant) -> str:
        """How long a cache may give it out: never past nextUpdate, and no longer than a day."""
        left = min((self.next_update - at) // _SECOND, _LONGEST_CACHE)
        return f"public, max-age={left}, must-revalidate" if left > 0 else "no-cache"


class Shelf(Protocol):
    """Holds published CRLs. `put` is durable when it returns and all or nothing; readers see the old or the new one."""

    def current(self, authority: str, name: str) -> Published | None: ...

    def numbered(self, authority: str, name: str, number: int) -> Published | None: ...

    def put(self, authority: str, name: str, published: Published) -> None: ...

    def locked(self, authority: str, name: str) -> AbstractContextManager[None]: ...


class FolderShelf:
    """A shelf in a folder of a file system, local or shared by several hosts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def current(self, authority: str, name: str) -> Published | None:
        """What verifiers get now."""
        return self._read(self._folder(authority) / f"{_checked(name)}.crl")

    def numbered(self, authority: str, name: str, number: int) -> Published | None:
        """An earlier one by its number."""
        return self._read(self._folder(authority) / f"{_checked(name)}-{number}.crl")

    def put(self, authority: str, name: str, published: Published) -> None:
        """Lay it down under its number, then under its well-known name."""
        folder = self._folder(authority)
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / f"{_checked(name)}-{published.number}.crl", published.der)
        _write(folder / f"{_checked(name)}.crl", published.der)

    @contextmanager
    def locked(self, authority: str, name: str) -> Iterator[None]:
        """Keep other publishers of this name away between look and put."""
        folder = self._folder(authority)
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f".{_checked(name)}.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _folder(self, authority: str) -> Path:
        return self.folder / _checked(authority)

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


def _checked(name: str) -> str:
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
