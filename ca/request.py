"""A PKCS#10 certification request (RFC 2986), read strictly, its possession proven.

What the request says of subject and extensions is not read at all: a certificate's contents come from the order and
the profile. The one thing that a request gives is a key, and the proof that its maker holds the private half.
"""

from dataclasses import dataclass

from ca.errors import MalformedRequest, PossessionNotProven
from ca.key_policy import check_key
from ca.profiles import KeyShape
from pki import der, oids
from pki.algorithms import ALGORITHMS, verify_raw
from pki.errors import Malformed

MAX_OCTETS = 16_384

_ACCEPTED: dict[KeyShape, frozenset[str]] = {
    KeyShape.RSA_2048: frozenset({oids.SHA256_WITH_RSA, oids.SHA384_WITH_RSA, oids.SHA512_WITH_RSA}),
    KeyShape.P256: frozenset({oids.ECDSA_WITH_SHA256, oids.ECDSA_WITH_SHA384, oids.ECDSA_WITH_SHA512}),
    KeyShape.P384: frozenset({oids.ECDSA_WITH_SHA256, oids.ECDSA_WITH_SHA384, oids.ECDSA_WITH_SHA512}),
    KeyShape.ML_DSA_65: frozenset({oids.ML_DSA_65}),
}
"""Algorithms a request may be signed with: none with SHA-1."""


@dataclass(frozen=True, slots=True)
class ProvenRequest:
    """A key whose holder proved to have it; made by `prove_possession` only."""

    spki: bytes
    key_shape: KeyShape


def prove_possession(request: bytes, allowed: frozenset[KeyShape]) -> ProvenRequest:
    """The request's key, after all tests of the key and of the signature.

    CertificationRequest ::= SEQUENCE { CertificationRequestInfo, AlgorithmIdentifier, BIT STRING }, RFC 2986 4.2.
    Errors: MalformedRequest, WeakKey, PossessionNotProven.
    """
    if len(request) > MAX_OCTETS:
        raise MalformedRequest(f"it has more than {MAX_OCTETS} octets")
    try:
        info, algorithm, signature = _parts(der.read_whole(request), 3)
        version, _subject, key, *_attributes = info.expect(der.SEQUENCE, "a CertificationRequestInfo").children()
        if version.integer() != 0:
            raise MalformedRequest("its version is not 0")
        signed_with = algorithm.expect(der.SEQUENCE, "an AlgorithmIdentifier").children()[0].oid()
        octets = signature.bits()
    except Malformed as error:
        raise MalformedRequest(error.what) from error
    except (ValueError, IndexError) as error:
        raise MalformedRequest("a part is missing") from error
    public, shape = check_key(key.raw, allowed)
    if signed_with not in _ACCEPTED[shape] or algorithm.raw != ALGORITHMS[signed_with].identifier:
        raise MalformedRequest("it is signed with an algorithm that is not accepted for its key")
    if not verify_raw(public, ALGORITHMS[signed_with], octets, info.raw):
        raise PossessionNotProven
    return ProvenRequest(key.raw, shape)


def accept_shape(proven: ProvenRequest, allowed: frozenset[KeyShape]) -> ProvenRequest:
    """The same request, whose key is also of one of these shapes. Errors: WeakKey."""
    check_key(proven.spki, allowed)
    return proven


def _parts(node: der.Node, count: int) -> list[der.Node]:
    parts = node.expect(der.SEQUENCE, "a SEQUENCE").children()
    if len(parts) != count:
        raise Malformed(f"{count} parts expected", node.start)
    return parts
