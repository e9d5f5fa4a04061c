"""A file that is there whole or not at all, and stays when the power goes."""

import os
import threading
from pathlib import Path


def write_whole(target: Path, octets: bytes) -> None:
    """Write `target`, over what was there; on the disk under its name when this returns. Its folder must exist."""
    partial = target.with_name(f".{target.name}.{os.getpid()}.{threading.get_ident()}")
    with partial.open("wb") as file:
        file.write(octets)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
