"""OCSP requests for tests, from scratch."""

from ca.crl_encoding import extension
from pki import der, oids
from pki.certid import CertId, certid_of
from pki.certificate import Certificate


def encode_request(*asked: CertId, nonce: bytes | None = None, extensions: bytes = b"") -> bytes:
    """An unsigned OCSPRequest."""
    if nonce is not None:
        extensions += extension(oids.OCSP_NONCE, der.octet_string(nonce))
    return der.sequence(
        der.sequence(
            der.sequence(*(der.sequence(one.der) for one in asked)),
            der.context(2, der.sequence(extensions)) if extensions else b"",
        )
    )


def request_for(issuer: Certificate, *serials: int, hash_name: str = "sha1", nonce: bytes | None = None) -> bytes:
    """A request for serials of one issuer."""
    return encode_request(*(certid_of(serial, issuer, hash_name) for serial in serials), nonce=nonce)
