"""Secrets of a deployment: files that only their owner may read."""

import os
import stat
from pathlib import Path

from cli.errors import SecretMissing

_LARGEST = 4096


def write_secret(file: Path, content: bytes) -> None:
    """Make a new file of mode 0600, on the disk when this returns. Errors: OSError, FileExistsError above all."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as secret:
        secret.write(content)
        secret.flush()
        os.fsync(secret.fileno())


def read_secret(file: Path) -> bytes:
    """The file's content without a line end. Errors: SecretMissing if it is absent, empty, or open to others."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise SecretMissing(str(file), os.strerror(error.errno or 0)) from None
    try:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            raise SecretMissing(str(file), "it is no regular file")
        if about.st_mode & 0o077:
            raise SecretMissing(str(file), f"its mode is {stat.S_IMODE(about.st_mode):04o}, open to others")
        content = os.read(descriptor, _LARGEST).rstrip(b"\r\n")
    finally:
        os.close(descriptor)
    if not content:
        raise SecretMissing(str(file), "it is empty")
    return content
