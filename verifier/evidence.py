"""What a verdict was founded on, kept so that anyone can look again later without asking a server."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from pybase64 import b64decode, b64encode_as_string

from pki.errors import Malformed

KINDS: Final = ("certificates", "crls", "ocsp", "timestamps")
MAX_OBJECTS: Final = 256
MAX_OCTETS: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Evidence:
    """Certificates, CRLs, OCSP responses and time-stamp tokens, each as the DER octets that were received.

    Nothing in it is believed for being here: every object is checked again, by signature, whenever it is used.
    """

    certificates: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()
    ocsp: tuple[bytes, ...] = ()
    timestamps: tuple[bytes, ...] = ()

    def __add__(self, other: Evidence) -> Evidence:
        """Both, in order, each object once."""
        return Evidence(*(_unique((*getattr(self, kind), *getattr(other, kind))) for kind in KINDS))

    def __bool__(self) -> bool:
        return any(getattr(self, kind) for kind in KINDS)

    def to_json(self) -> dict[str, list[str]]:
        """{"certificates": [base64 of DER, …], "crls": […], "ocsp": […], "timestamps": […]}"""
        return {kind: [b64encode_as_string(der) for der in getattr(self, kind)] for kind in KINDS}

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> Evidence:
        """What `to_json` wrote. Errors: Malformed for another shape, other keys, bad base64 or too much."""
        if set(data) - set(KINDS):
            raise Malformed("evidence: only certificates, crls, ocsp and timestamps may be given", None)
        kinds: dict[str, tuple[bytes, ...]] = {}
        for kind in KINDS:
            items = data.get(kind, [])
            if not isinstance(items, list) or len(items) > MAX_OBJECTS:
                raise Malformed(f"evidence: {kind} must be a list of at most {MAX_OBJECTS}", None)
            kinds[kind] = tuple(_decoded(kind, item) for item in items)
        if sum(len(der) for ders in kinds.values() for der in ders) > MAX_OCTETS:
            raise Malformed("evidence: too large", None)
        return cls(**kinds)

    def digest(self) -> bytes:
        """SHA-256 over kind and SHA-256 of every object, in order: names this evidence in a signed verdict."""
        whole = hashlib.sha256()
        for kind in KINDS:
            for der in getattr(self, kind):
                whole.update(kind.encode() + b"\0" + hashlib.sha256(der).digest())
        return whole.digest()


def _unique(objects: Iterable[bytes]) -> tuple[bytes, ...]:
    return tuple(dict.fromkeys(objects))


def _decoded(kind: str, item: object) -> bytes:
    if not isinstance(item, str):
        raise Malformed(f"evidence: {kind} must hold base64 text", None)
    try:
        return b64decode(item, validate=True)
    except ValueError as bad:
        raise Malformed(f"evidence: {kind} holds text that is not base64", None) from bad
