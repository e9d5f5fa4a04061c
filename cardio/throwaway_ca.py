"""A certification authority for one afternoon: signs the certificates of virtual cards that nobody relies on.

No policy, no status, no profile of a real authority; its key lives in this object only.
"""

from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from cardio.virtual_card import Random
from pki.instant import Instant
from pki.purpose import Purpose
from pki.serial import SerialNumber


def _name(common_name: str, unit: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "JP"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Jitsuin throw-away"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


class ThrowawayCa:
    """Valid from the day before `at` for ten years; RSA-2048."""

    def __init__(self, name: str, at: Instant, random: Random) -> None:
        self._random = random
        self._key = rsa.generate_private_key(65537, 2048)
        self._name = _name(name, "Test authority")
        self._from = at + timedelta(days=-1)
        builder = self._builder(self._name, self._key.public_key(), timedelta(days=3650))
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(_key_usage(signs_certificates=True), critical=True)
        self.certificate = self._sign(builder)

    def issue(self, spki: bytes, purpose: Purpose, common_name: str) -> bytes:
        """A certificate in DER for the key, for five years: nonRepudiation for signing, digitalSignature for login."""
        key = serialization.load_der_public_key(spki)
        if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
            raise TypeError("neither RSA nor elliptic")
        builder = self._builder(_name(common_name, f"Test card {purpose}"), key, timedelta(days=1825))
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(
            _key_usage(nonrepudiation=purpose is Purpose.SIGNATURE, signs=purpose is Purpose.AUTHENTICATION),
            critical=True,
        )
        return self._sign(builder)

    def _builder(
        self, subject: x509.Name, key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey, lifetime: timedelta
    ) -> x509.CertificateBuilder:
        own = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = (
            x509.CertificateBuilder(issuer_name=self._name, subject_name=subject, public_key=key)
            .serial_number(SerialNumber.draw(self._random))
            .not_valid_before(self._from.datetime)
            .not_valid_after((self._from + lifetime).datetime)
        )
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        return builder.add_extension(own, critical=False)

    def _sign(self, builder: x509.CertificateBuilder) -> bytes:
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def _key_usage(*, signs: bool = False, nonrepudiation: bool = False, signs_certificates: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signs,
        content_commitment=nonrepudiation,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
