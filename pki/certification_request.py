"""PKCS#10 certification requests (RFC 2986), made on the card's side of the counter.

    CertificationRequest ::= SEQUENCE { CertificationRequestInfo, AlgorithmIdentifier, BIT STRING }
    CertificationRequestInfo ::= SEQUENCE { version 0, subject Name, SubjectPublicKeyInfo, [0] attributes }

The subject is empty and no extension is asked for: what a certificate says is the profile's business, never the
applicant's. The request proves one thing: whoever made it holds the private key.
"""

from pki import der
from pki.algorithms import ALGORITHMS


def certification_request_info(spki: bytes) -> bytes:
    """The part that the new key signs. Shape: `spki` is a SubjectPublicKeyInfo in DER."""
    return der.sequence(der.integer(0), der.sequence(), spki, der.context(0))


def assemble_request(info: bytes, algorithm_oid: str, signature: bytes) -> bytes:
    """The request in DER, from what was signed, by which algorithm, and the signature's octets."""
    return der.sequence(info, ALGORITHMS[algorithm_oid].identifier, der.bit_string(signature))
