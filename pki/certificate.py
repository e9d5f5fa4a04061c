"""A parsed certificate that keeps its original octets."""

import hashlib
from functools import cached_property

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pki import der
from pki.algorithms import PublicKey, load_public_key
from pki.errors import Malformed
from pki.instant import Validity


class Certificate:
    """A certificate (RFC 5280 4.1): the octets as received, and the parts that several packages speak of.

    Equality and hash are those of the octets. Everything but `der` is taken from them when first asked for; fields
    that do not parse raise Malformed at that moment.
    """

    def __init__(self, encoded: bytes) -> None:
        self.der = encoded

    @cached_property
    def _fields(self) -> list[der.Node]:
        parts = der.read_whole(self.der).expect(der.SEQUENCE, "a Certificate").children()
        if len(parts) != 3:
            raise Malformed("a Certificate of three parts expected", 0)
        fields = parts[0].expect(der.SEQUENCE, "a TBSCertificate").children()
        if fields and fields[0].tag == 0xA0:
            fields = fields[1:]
        if len(fields) < 6:
            raise Malformed("a TBSCertificate with its six fields expected", parts[0].start)
        return [parts[0], parts[1], parts[2], *fields]

    @cached_property
    def x509(self) -> x509.Certificate:
        """The certificate as `cryptography` sees it. Errors: Malformed."""
        try:
            return x509.load_der_x509_certificate(self.der)
        except ValueError as error:
            raise Malformed("a certificate in DER expected") from error

    @property
    def tbs(self) -> bytes:
        """The octets that the issuer signed."""
        return self._fields[0].raw

    @property
    def signature_algorithm(self) -> bytes:
        """The outer AlgorithmIdentifier, encoded."""
        return self._fields[1].raw

    @property
    def signature(self) -> bytes:
        """The signature's octets."""
        return self._fields[2].bits()

    @cached_property
    def serial(self) -> int:
        """The serial number as it stands; a foreign one may be negative or too long, so it is a plain int."""
        return self._fields[3].integer()

    @property
    def issuer(self) -> bytes:
        """The issuer's Name, encoded."""
        return self._fields[5].raw

    @property
    def subject(self) -> bytes:
        """The subject's Name, encoded."""
        return self._fields[7].raw

    @property
    def spki(self) -> bytes:
        """SubjectPublicKeyInfo, encoded."""
        return self._fields[8].raw

    @cached_property
    def public_key_bits(self) -> bytes:
        """The octets of the subject's public key: no tag, length or unused-bits octet (RFC 6960 4.1.1)."""
        parts = self._fields[8].children()
        if len(parts) != 2:
            raise Malformed("a SubjectPublicKeyInfo of two parts expected", self._fields[8].start)
        return parts[1].bits()

    @cached_property
    def public_key(self) -> PublicKey:
        """The subject's public key. Errors: Malformed, InvalidValue."""
        return load_public_key(self.spki)

    @cached_property
    def validity(self) -> Validity:
        """notBefore to notAfter, both included."""
        times = self._fields[6].children()
        if len(times) != 2:
            raise Malformed("a Validity of two times expected", self._fields[6].start)
        return Validity(times[0].instant(), times[1].instant())

    @cached_property
    def fingerprint(self) -> bytes:
        """SHA-256 of the certificate, 32 octets."""
        return hashlib.sha256(self.der).digest()

    @cached_property
    def key_identifier(self) -> bytes | None:
        """subjectKeyIdentifier (RFC 5280 4.2.1.2), None if absent."""
        try:
            return self.x509.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
        except x509.ExtensionNotFound:
            return None
        except ValueError as error:
            raise Malformed("extensions that can be read expected") from error

    @cached_property
    def authority_key_identifier(self) -> bytes | None:
        """keyIdentifier of authorityKeyIdentifier (RFC 5280 4.2.1.1), None if absent."""
        try:
            return self.x509.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
        except x509.ExtensionNotFound:
            return None
        except ValueError as error:
            raise Malformed("extensions that can be read expected") from error

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Certificate) and self.der == other.der

    def __hash__(self) -> int:
        return hash(self.der)

    def __repr__(self) -> str:
        # The subject may be a person: a fingerprint names the certificate without telling who it is.
        return f"Certificate(sha256={self.fingerprint.hex()[:16]}…)"


def parse_certificate(octets: bytes) -> Certificate:
    """A certificate from DER or PEM. Errors: Malformed."""
    if octets.lstrip().startswith(b"-----BEGIN"):
        try:
            found = x509.load_pem_x509_certificate(octets)
        except ValueError as error:
            raise Malformed("a certificate in PEM expected") from error
        return Certificate(found.public_bytes(Encoding.DER))
    certificate = Certificate(octets)
    _ = certificate.x509, certificate.serial, certificate.validity
    return certificate
