"""Signatures of certificates, CRLs and OCSP answers, each checked once."""

from verifier.algorithms import algorithm_of
from verifier.budget import Meter
from verifier.certificate import ParsedCertificate
from verifier.kept import make_room
from verifier.keys import load_key
from verifier.signature import holds


class SignatureCache:
    """What was checked, by SHA-256 of the whole object and the issuer's key.

    Never by a signature's value, a name or a key identifier: an old genuine signature under new octets must miss.
    What is kept is arithmetic, true for ever; whether an algorithm or a key is still believed is asked every time.
    """

    __slots__ = ("_kept", "_most")

    def __init__(self, most: int = 1 << 14) -> None:
        self._most = most
        self._kept: dict[tuple[bytes, bytes], bool] = {}

    def verifies(
        self, fingerprint: bytes, spki: bytes, identifier: bytes, signature: bytes, message: bytes, meter: Meter
    ) -> bool:
        """Whether `signature`, which is a part of the object with this SHA-256, verifies over `message` under `spki`.

        Errors: UnacceptableAlgorithm, UnacceptableKey, BudgetExhausted.
        """
        key = fingerprint, spki
        known = self._kept.get(key)
        if known is None:
            loaded = load_key(spki)
            meter.spend("signatures", loaded.weight)
            known = holds(algorithm_of(identifier), loaded, signature, message)
            make_room(self._kept, self._most)
            self._kept[key] = known
        return known


def is_signed_by(certificate: ParsedCertificate, spki: bytes, meter: Meter, cache: SignatureCache) -> bool:
    """Whether the certificate's signature verifies under `spki`.

    Errors: UnacceptableAlgorithm, UnacceptableKey, BudgetExhausted.
    """
    return cache.verifies(
        certificate.fingerprint, spki, certificate.outer_algorithm, certificate.signature, certificate.tbs, meter
    )
