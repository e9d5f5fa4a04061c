"""One way to write a record as octets, so that a hash of it means the same to every reader."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TypeAlias

Json: TypeAlias = bool | int | str | Sequence["Json"] | Mapping[str, "Json"] | None
"""What canonical JSON may hold: no floats."""


def canonical(record: Json) -> bytes:
    """Encode `record` with sorted keys, no blanks, UTF-8 without escapes.

    Floats have no place in it: their shortest form differs between writers.
    """
    return json.dumps(record, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def digest(record: Json) -> str:
    """SHA-256 of the canonical octets, 64 hex digits."""
    return hashlib.sha256(canonical(record)).hexdigest()
