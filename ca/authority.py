"""An authority: one generation of one of the two certification authorities."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from ca.parameters import Parameters
from ca.profiles import KeyShape, Variant
from pki import der
from pki.algorithms import ALGORITHMS, SignatureAlgorithm
from pki.certificate import Certificate
from pki.instant import Validity
from pki.purpose import Purpose


class AuthorityState(StrEnum):
    """`ca.lifecycle` says which follows which."""

    PENDING = "pending"
    ACTIVE = "active"
    RETIRED = "retired"
    ENDED = "ended"


@lru_cache(maxsize=1024)
def key_identifier(spki: bytes) -> bytes:
    """SHA-1 over the key's bits, without tag, length and unused-bits octet: RFC 5280 4.2.1.2, method 1."""
    _, bits = der.read_whole(spki).children()
    return hashlib.sha1(bits.bits(), usedforsecurity=False).digest()


@dataclass(frozen=True, slots=True)
class Authority:
    """What the rest of the package needs to know of an authority; never its private key, only the key's label.

    `id` is `purpose-generation`, like `signature-1`. Two generations of one purpose share `subject`: everything that
    points to an authority does so by id or by key. `certificate` is None until the root certificate is stored.
    """

    id: str
    purpose: Purpose
    generation: int
    variant: Variant
    key_label: str
    key_shape: KeyShape
    subject: bytes
    spki: bytes
    parameters: Parameters
    certificate: Certificate | None
    validity: Validity
    state: AuthorityState

    @property
    def algorithm(self) -> SignatureAlgorithm:
        """What its key signs with."""
        return ALGORITHMS[self.key_shape.signature_algorithm]

    @property
    def key_identifier(self) -> bytes:
        """What its certificates carry as authority key identifier."""
        return key_identifier(self.spki)


@dataclass(frozen=True, slots=True)
class ResponderCertificate:
    """A delegated OCSP signer of one authority (RFC 6960 4.2.2.2)."""

    id: str
    authority: str
    number: int
    key_label: str
    key_shape: KeyShape
    spki: bytes
    certificate: Certificate | None
    validity: Validity
    state: str
