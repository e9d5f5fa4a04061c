"""Handles instead of serial numbers: every party its own, so that two parties' data cannot be joined.

A person's handle stays through every renewal of certificates, because it is made from the registry's own id of the
person, which nobody outside ever sees. Without the service's key nobody can tell that two handles are one person.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Handles:
    """Makes handles with a key of 32 octets that never leaves the service. `repr` does not show it."""

    key: bytes

    def __repr__(self) -> str:
        return "Handles(…)"

    def person(self, party: str, person: str) -> str:
        """The handle of a person for `party`: 26 characters."""
        return "p-" + self._of(party, "person", person.encode())

    def certificate(self, party: str, fingerprint: bytes) -> str:
        """The handle of a certificate for `party`."""
        return "c-" + self._of(party, "certificate", fingerprint)

    def signature(self, party: str, signature_id: bytes) -> str:
        """The handle of one act of signing for `party`."""
        return "s-" + self._of(party, "signature", signature_id)

    def _of(self, party: str, kind: str, what: bytes) -> str:
        own = hmac.digest(self.key, b"jitsuin handle v1\0" + kind.encode() + b"\0" + party.encode(), hashlib.sha256)
        return base64.b32encode(hmac.digest(own, what, hashlib.sha256)[:16]).decode().rstrip("=").lower()
