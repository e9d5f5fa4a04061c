"""Octets signed by a municipality's own system: who it is, and that it was them."""

from collections.abc import Mapping
from dataclasses import dataclass

from enrollment.errors import SignatureInvalid
from pki.algorithms import algorithm_for, load_public_key, verify_raw


@dataclass(frozen=True, slots=True)
class OwnerKeys:
    """The registered public keys of municipalities' systems: code → SubjectPublicKeyInfo in DER."""

    keys: Mapping[str, bytes]

    def verify(self, owner: str, octets: bytes, signature: bytes) -> None:
        """Errors: SignatureInvalid, also for a municipality without a key."""
        spki = self.keys.get(owner)
        if spki is None or not verify_raw(load_public_key(spki), algorithm_for(spki), signature, octets):
            raise SignatureInvalid(owner)
