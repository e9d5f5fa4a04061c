"""Signature schemes: what an AlgorithmIdentifier with its parameters says, the same for certificates and documents.

One table and one reader of parameters: two would let one signature be two things. Until when a scheme is believed for
certificates is `algorithms`' matter, what a relying party accepts for documents its policy's.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Final

from pki import der, oids
from pki.errors import Malformed
from verifier.errors import UnacceptableAlgorithm
from verifier.policy import Policy

HASH_SIZES: Final = {"sha1": 20, "sha224": 28, "sha256": 32, "sha384": 48, "sha512": 64}
"""Octets of each digest."""
HASH_NAMES: Final = {oids.SHA1: "sha1", oids.SHA256: "sha256", oids.SHA384: "sha384", oids.SHA512: "sha512"}
_NULL: Final = b"\x05\x00"


class Kind(StrEnum):
    """How the signature value is computed."""

    PKCS1 = "RSASSA-PKCS1-v1_5"
    PSS = "RSASSA-PSS"
    ECDSA = "ECDSA"
    DSA = "DSA"
    EDDSA = "EdDSA"
    ML_DSA = "ML-DSA"


@dataclass(frozen=True, slots=True)
class Scheme:
    """A signature scheme with everything that its identifier and parameters fix."""

    kind: Kind
    hash_name: str
    """Digest of the message; for EdDSA and ML-DSA the digest that goes with it in CMS (RFC 8419 2.3, RFC 9882 3.3)."""
    salt_length: int = 0

    @property
    def name(self) -> str:
        """For people: `RSASSA-PKCS1-v1_5 with SHA256`."""
        return f"{self.kind} with {self.hash_name.upper()}"


FIXED: Final[dict[str, Scheme]] = {
    oids.SHA1_WITH_RSA: Scheme(Kind.PKCS1, "sha1"),
    "1.2.840.113549.1.1.14": Scheme(Kind.PKCS1, "sha224"),
    oids.SHA256_WITH_RSA: Scheme(Kind.PKCS1, "sha256"),
    oids.SHA384_WITH_RSA: Scheme(Kind.PKCS1, "sha384"),
    oids.SHA512_WITH_RSA: Scheme(Kind.PKCS1, "sha512"),
    oids.ECDSA_WITH_SHA1: Scheme(Kind.ECDSA, "sha1"),
    "1.2.840.10045.4.3.1": Scheme(Kind.ECDSA, "sha224"),
    oids.ECDSA_WITH_SHA256: Scheme(Kind.ECDSA, "sha256"),
    oids.ECDSA_WITH_SHA384: Scheme(Kind.ECDSA, "sha384"),
    oids.ECDSA_WITH_SHA512: Scheme(Kind.ECDSA, "sha512"),
    oids.DSA_WITH_SHA1: Scheme(Kind.DSA, "sha1"),
    oids.DSA_WITH_SHA256: Scheme(Kind.DSA, "sha256"),
    oids.ED25519: Scheme(Kind.EDDSA, "sha512"),
    oids.ED448: Scheme(Kind.EDDSA, "shake256"),
    oids.ML_DSA_44: Scheme(Kind.ML_DSA, "sha512"),
    oids.ML_DSA_65: Scheme(Kind.ML_DSA, "sha512"),
    oids.ML_DSA_87: Scheme(Kind.ML_DSA, "sha512"),
}
"""Every identifier that fixes its scheme. RSA's come with NULL, which readers also miss (RFC 4055 5); all others MUST
come without parameters (RFC 5758, RFC 8410, RFC 9881), and NULL is not none."""
_NOT_IN_DOCUMENTS: Final = frozenset({Kind.DSA})


def algorithm_identifier(node: der.Node) -> tuple[str, bytes | None]:
    """AlgorithmIdentifier ::= SEQUENCE { algorithm OBJECT IDENTIFIER, parameters ANY OPTIONAL }

    The identifier and the encoded parameters. Errors: Malformed.
    """
    parts = node.expect(der.SEQUENCE, "an AlgorithmIdentifier").children()
    if not 1 <= len(parts) <= 2:
        raise Malformed("an AlgorithmIdentifier of one or two parts expected", node.start)
    return parts[0].oid(), parts[1].raw if len(parts) == 2 else None


def hash_named(oid: str, parameters: bytes | None) -> str:
    """The digest of an AlgorithmIdentifier; parameters absent or NULL (RFC 5754 2).

    Errors: UnacceptableAlgorithm for any other.
    """
    if oid not in HASH_NAMES or parameters not in (None, _NULL):
        raise UnacceptableAlgorithm(f"the digest algorithm {oid} is not known here")
    return HASH_NAMES[oid]


def fixed_scheme(oid: str, parameters: bytes | None) -> Scheme:
    """The scheme of an identifier and its encoded parameters, RSASSA-PSS included. Errors: UnacceptableAlgorithm."""
    if oid == oids.RSASSA_PSS:
        return pss_scheme(parameters)
    scheme = FIXED.get(oid)
    if scheme is None:
        raise UnacceptableAlgorithm(f"the signature algorithm {oid} is not accepted")
    if parameters is not None and not (scheme.kind is Kind.PKCS1 and parameters == _NULL):
        raise UnacceptableAlgorithm(f"{scheme.name} with parameters")
    return scheme


def pss_scheme(parameters: bytes | None) -> Scheme:
    """RSASSA-PSS-params (RFC 4055 3.1): one hash for message and mask, a salt as long as it, trailer 0xBC.

    Absent parameters and absent fields mean SHA-1 and a salt of 20 octets. Errors: UnacceptableAlgorithm.
    """
    hash_name, mask, salt, trailer, seen = "sha1", "sha1", 20, 1, -1
    try:
        fields = [] if parameters is None else der.read_whole(parameters).expect(der.SEQUENCE, "parameters").children()
        for field in fields:
            number = field.tag & 0x1F
            (inner,) = field.children()
            if field.tag & 0xE0 != 0xA0 or not seen < number <= 3:
                raise Malformed("a field of RSASSA-PSS-params expected", field.start)
            seen = number
            if number == 0:
                hash_name = hash_named(*algorithm_identifier(inner))
            elif number == 1:
                function, of = algorithm_identifier(inner)
                if function != oids.MGF1 or of is None:
                    raise UnacceptableAlgorithm("RSASSA-PSS with a mask function other than MGF1")
                mask = hash_named(*algorithm_identifier(der.read_whole(of)))
            elif number == 2:
                salt = inner.integer()
            else:
                trailer = inner.integer()
    except (Malformed, ValueError) as bad:
        raise UnacceptableAlgorithm("RSASSA-PSS with parameters that cannot be read") from bad
    if mask != hash_name or salt != HASH_SIZES[hash_name] or trailer != 1:
        # the numbers are not repeated: one of a million digits could not be written
        raise UnacceptableAlgorithm("RSASSA-PSS with mixed hashes, another salt than the hash's length, or a trailer")
    return Scheme(Kind.PSS, hash_name, salt)


def scheme_of(oid: str, parameters: bytes | None, digest: str) -> Scheme:
    """The scheme that a SignerInfo names; `digest` is the name of its digestAlgorithm, which must agree.

    Source: RFC 5652 10.1.2, RFC 5754 3, RFC 4056, RFC 8419, RFC 9882.
    Errors: UnacceptableAlgorithm.
    """
    if oid == oids.RSA_ENCRYPTION and parameters in (None, _NULL):
        return _scheme(Kind.PKCS1, digest)
    scheme = fixed_scheme(oid, parameters)
    if scheme.kind in _NOT_IN_DOCUMENTS:
        raise UnacceptableAlgorithm(f"{scheme.name} is not accepted")
    if scheme.kind is Kind.ML_DSA:
        return _scheme(scheme.kind, digest)  # pure ML-DSA signs the attributes whole; the digest is the message's own
    if scheme.hash_name != digest:
        # the two identifiers of one signature must not disagree: which one a reader believes would decide the verdict
        raise UnacceptableAlgorithm(f"the digest is {digest} but the signature algorithm says {scheme.hash_name}")
    return scheme


@cache
def _scheme(kind: Kind, digest: str) -> Scheme:
    return Scheme(kind, digest)


def check_scheme(scheme: Scheme, policy: Policy) -> None:
    """Errors: UnacceptableAlgorithm when `policy` does not allow the scheme."""
    if scheme.hash_name not in policy.hashes:
        raise UnacceptableAlgorithm(f"{scheme.hash_name.upper()} is not accepted")
    if scheme.kind is Kind.PSS and not policy.allow_pss:
        raise UnacceptableAlgorithm("RSASSA-PSS is not accepted")
