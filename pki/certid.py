"""How an OCSP request names a certificate (RFC 6960 4.1.1)."""

import hashlib
from dataclasses import dataclass

from pki import der
from pki.algorithms import HASH_OIDS
from pki.certificate import Certificate
from pki.errors import InvalidValue

_SIZES = {"sha1": 20, "sha256": 32, "sha384": 48, "sha512": 64}


@dataclass(frozen=True, slots=True)
class CertId:
    """Two hashes of the length that `hash_name` makes them, and a serial number."""

    hash_name: str
    name_hash: bytes
    key_hash: bytes
    serial: int

    def __post_init__(self) -> None:
        if len(self.name_hash) != _SIZES.get(self.hash_name) or len(self.key_hash) != _SIZES[self.hash_name]:
            raise InvalidValue("the hashes of a CertID have the length of their algorithm")

    @property
    def der(self) -> bytes:
        """The CertID, encoded; the hash algorithm carries NULL parameters as deployed requesters send them."""
        return der.sequence(
            der.sequence(der.oid(HASH_OIDS[self.hash_name]), der.null()),
            der.octet_string(self.name_hash),
            der.octet_string(self.key_hash),
            der.integer(self.serial),
        )


def certid_of(serial: int, issuer: Certificate, hash_name: str = "sha1") -> CertId:
    """Name the certificate `serial` of `issuer` as an OCSP request does.

    Source: RFC 6960 4.1.1. The name hash covers the issuer's subject Name; the key hash covers the bits of the
    issuer's key: no tag, length or unused-bits octet. Errors: InvalidValue for an unknown hash.
    """
    if hash_name not in _SIZES:
        raise InvalidValue("a CertID is made with sha1, sha256, sha384 or sha512")
    return CertId(
        hash_name,
        hashlib.new(hash_name, issuer.subject).digest(),
        hashlib.new(hash_name, issuer.public_key_bits).digest(),
        serial,
    )
