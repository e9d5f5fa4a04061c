"""A witness's memory in a folder: one note a log, replaced whole, flushed before anybody is answered."""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from transparency.durable import write_whole


class FolderMemory:
    """One file a log, named by the hash of the log's name, and one lock beside it for all processes of the witness."""

    def __init__(self, path: Path) -> None:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = path

    @contextmanager
    def held(self, origin: str) -> Iterator[None]:
        """As `transparency.witness.Memory`; also between the threads of one process (each opens the lock anew)."""
        descriptor = os.open(self._file(origin).with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def last(self, origin: str) -> bytes | None:
        """As `transparency.witness.Memory`."""
        try:
            return self._file(origin).read_bytes()
        except FileNotFoundError:
            return None

    def keep(self, origin: str, signed: bytes) -> None:
        """As `transparency.witness.Memory`. Called while held."""
        write_whole(self._file(origin), signed)

    def _file(self, origin: str) -> Path:
        return self._path / f"{hashlib.sha256(origin.encode()).hexdigest()[:32]}.note"
