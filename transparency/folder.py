"""Where a log is published: a folder that any web server or CDN can serve as it is."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from transparency.durable import write_whole
from transparency.note import Verifier

CHECKPOINT = "checkpoint"
COSIGNED = "cosigned"
KEY = "key"


class Folder:
    """A published log: `checkpoint`, `key`, the tiles below `tile/`, and `cosigned`: the last checkpoint that every
    witness cosigned.

    Tiles never change once they are there; the checkpoint is replaced whole. Each file is flushed to the disk before
    it gets its name, and the checkpoint comes last, so that whatever it speaks of is there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self, verifier: Verifier) -> None:
        """Make the folder, with the log's public key beside it for those who have it from nowhere else."""
        self.path.mkdir(parents=True, exist_ok=True)
        if not (self.path / KEY).exists():
            self._write(KEY, f"{verifier}\n".encode())

    @contextmanager
    def publishing(self) -> Iterator[None]:
        """Held by one publisher at a time: a slower one must not put an older checkpoint over a newer one."""
        descriptor = os.open(self.path / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def checkpoint(self) -> bytes | None:
        """The signed checkpoint as published, None before the first."""
        try:
            return (self.path / CHECKPOINT).read_bytes()
        except FileNotFoundError:
            return None

    def put(self, name: str, load: Callable[[str], bytes]) -> None:
        """Write the tile `name`, unless it is there already as it should be.

        What lies there otherwise was put there by nobody who knew it: no published checkpoint speaks of it yet.
        """
        octets = load(name)
        try:
            there = (self.path / name).read_bytes() == octets
        except OSError:
            there = False
        if not there:
            self._write(name, octets)

    def has(self, name: str) -> bool:
        """Whether a file of that name is there."""
        return (self.path / name).exists()

    def put_checkpoint(self, signed: bytes) -> None:
        """Make a checkpoint known."""
        self._write(CHECKPOINT, signed)

    def cosigned(self) -> bytes | None:
        """The last checkpoint that every witness cosigned, None before the first."""
        try:
            return (self.path / COSIGNED).read_bytes()
        except FileNotFoundError:
            return None

    def put_cosigned(self, signed: bytes) -> None:
        """Make a cosigned checkpoint known."""
        self._write(COSIGNED, signed)

    def _write(self, name: str, octets: bytes) -> None:
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, octets)
