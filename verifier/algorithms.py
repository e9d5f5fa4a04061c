"""Which signature algorithms are believed in certificates, CRLs and OCSP answers, and until when.

An algorithm is judged at the time of the question, not at the date that a certificate claims.
"""

from dataclasses import dataclass
from typing import Final

from pki import der, oids
from pki.errors import Malformed
from verifier.errors import UnacceptableAlgorithm
from verifier.kept import kept
from verifier.keys import END_OF_DSA, END_OF_SHA1, FOREVER, KeyKind
from verifier.schemes import FIXED, Kind, Scheme, algorithm_identifier, fixed_scheme


@dataclass(frozen=True, slots=True)
class Algorithm:
    """How one AlgorithmIdentifier has a signature checked, and until when it is believed (seconds since 1970)."""

    name: str
    kind: KeyKind
    scheme: Scheme
    until: int = FOREVER
    lacks_null: bool = False
    """RSA PKCS#1 without the NULL that RFC 4055 5 has issuers write and readers do without."""


_KEYS: Final = {Kind.PKCS1: KeyKind.RSA, Kind.PSS: KeyKind.RSA, Kind.ECDSA: KeyKind.EC, Kind.DSA: KeyKind.DSA}
_BY_KEY: Final = {
    oids.ED25519: KeyKind.ED25519,
    oids.ED448: KeyKind.ED448,
    oids.ML_DSA_44: KeyKind.ML_DSA_44,
    oids.ML_DSA_65: KeyKind.ML_DSA_65,
    oids.ML_DSA_87: KeyKind.ML_DSA_87,
}
"""Identifiers that name a key's very kind."""


def algorithm_of(identifier: bytes) -> Algorithm:
    """The algorithm of an encoded AlgorithmIdentifier.

    Errors: UnacceptableAlgorithm for one that is not in the tables (MD5 and MD2 are not) or has other parameters than
    its standard gives it.
    """
    return _BY_IDENTIFIER.get(identifier) or _read_algorithm(identifier)


@kept(most=256, octets=256)
def _read_algorithm(identifier: bytes) -> Algorithm:
    try:
        oid, parameters = algorithm_identifier(der.read_whole(identifier))
    except Malformed as bad:
        raise UnacceptableAlgorithm("the signature algorithm cannot be read") from bad
    scheme = fixed_scheme(oid, parameters)
    if oid in _BY_KEY:
        kind = _BY_KEY[oid]
        return Algorithm(kind.name.replace("_", "-"), kind, scheme)
    until = END_OF_DSA if scheme.kind is Kind.DSA else FOREVER
    if scheme.hash_name == "sha1":
        until = END_OF_SHA1
    return Algorithm(scheme.name, _KEYS[scheme.kind], scheme, until, scheme.kind is Kind.PKCS1 and parameters is None)


_BY_IDENTIFIER: Final = {
    encoded: _read_algorithm(encoded)
    for encoded in (
        der.sequence(der.oid(oid), der.null()) if scheme.kind is Kind.PKCS1 else der.sequence(der.oid(oid))
        for oid, scheme in FIXED.items()
    )
}
"""The identifiers as they are meant to be written, so that nothing is read to find them."""
