"""Detached CMS signatures as filings carry them (RFC 5652, CAdES level B of EN 319 122-1), built in two steps.

The card stands between the steps: `to_be_signed` gives the octets whose digest the card signs, `assemble` puts the
signature into its envelope. No key is known here, and no document: only its digest.

    ContentInfo { signedData, [0] SignedData {
        version 1, { digestAlgorithm }, { id-data }, [0] { certificates },
        { SignerInfo { version 1, { issuer, serial }, digestAlgorithm, [0] signedAttrs, signatureAlgorithm,
                       signature, [1] unsignedAttrs } } } }
"""

from collections.abc import Sequence

from pki import der, oids
from pki.algorithms import HASH_OIDS, SignatureAlgorithm, algorithm_for
from pki.certificate import Certificate
from pki.errors import InvalidValue
from pki.instant import Instant

_CMS_HASH = "sha512"
"""Goes with the algorithms that take their message whole (RFC 8419 2.3, RFC 9882 3.3)."""


def digest_name(certificate: Certificate) -> str:
    """The hash that fits the certificate's key: of the document, and of what the card signs. Like `sha256`."""
    return algorithm_for(certificate.spki).hash_name or _CMS_HASH


def attribute(type_: str, *values: bytes) -> bytes:
    """Attribute ::= SEQUENCE { type OBJECT IDENTIFIER, values SET OF ANY }"""
    return der.sequence(der.oid(type_), der.set_of(*values))


def signing_certificate_v2(certificate: Certificate) -> bytes:
    """SigningCertificateV2 (RFC 5035 3) that binds the signature to this very certificate.

    ESSCertIDv2 ::= SEQUENCE { hashAlgorithm DEFAULT id-sha256, certHash, issuerSerial }; SHA-256 is the default and
    so is left out (DER). issuerSerial names the issuer by directoryName.
    """
    issuer_serial = der.sequence(
        der.sequence(der.context(4, certificate.issuer)),
        der.integer(certificate.serial),
    )
    return der.sequence(der.sequence(der.sequence(der.octet_string(certificate.fingerprint), issuer_serial)))


def to_be_signed(
    document_digest: bytes,
    certificate: Certificate,
    at: Instant | None,
    content_type: str = oids.CMS_DATA,
    more: Sequence[bytes] = (),
) -> bytes:
    """The signed attributes as SET OF in DER: these octets are hashed with `digest_name(certificate)` and signed.

    Shapes: `document_digest` is the digest of the document by that same hash. `at` becomes signingTime, which is a
    claim of the signer's side and may be left out; `more` are further encoded attributes.
    """
    attributes = [
        attribute(oids.CONTENT_TYPE, der.oid(content_type)),
        attribute(oids.MESSAGE_DIGEST, der.octet_string(document_digest)),
        attribute(oids.SIGNING_CERTIFICATE_V2, signing_certificate_v2(certificate)),
        *more,
    ]
    if at is not None:
        attributes.append(attribute(oids.SIGNING_TIME, der.time(at)))
    return der.set_of(*attributes)


def assemble(
    signed_attributes: bytes,
    signature: bytes,
    certificate: Certificate,
    extra_certificates: Sequence[Certificate] = (),
    unsigned_attributes: Sequence[bytes] = (),
    algorithm: SignatureAlgorithm | None = None,
    content: bytes | None = None,
    content_type: str = oids.CMS_DATA,
    with_certificates: bool = True,
) -> bytes:
    """The whole signature in DER.

    Shapes: `signed_attributes` as `to_be_signed` gave them; `signature` as the algorithm of the certificate's key
    makes it (ECDSA: DER), unless another `algorithm` is named. `content` makes it enclose the document; detached
    otherwise. `with_certificates` False leaves all certificates out (RFC 3161 certReq).
    Errors: InvalidValue if `signed_attributes` are not a SET.
    """
    if not signed_attributes or signed_attributes[0] != der.SET:
        raise InvalidValue("the signed attributes are a SET OF Attribute")
    algorithm = algorithm or algorithm_for(certificate.spki)
    # RFC 5754: digest algorithms without parameters
    digest_algorithm = der.sequence(der.oid(HASH_OIDS[algorithm.hash_name or _CMS_HASH]))
    signer_info = der.sequence(
        der.integer(1),
        der.sequence(certificate.issuer, der.integer(certificate.serial)),
        digest_algorithm,
        b"\xa0" + signed_attributes[1:],
        algorithm.identifier,
        der.octet_string(signature),
        b"\xa1" + der.set_of(*unsigned_attributes)[1:] if unsigned_attributes else b"",
    )
    certificates = der.set_of(certificate.der, *(extra.der for extra in extra_certificates))
    encapsulated = (
        der.sequence(der.oid(content_type))
        if content is None
        else der.sequence(der.oid(content_type), der.context(0, der.octet_string(content)))
    )
    return der.sequence(
        der.oid(oids.CMS_SIGNED_DATA),
        der.context(
            0,
            der.sequence(
                der.integer(1 if content_type == oids.CMS_DATA else 3),
                der.set_of(digest_algorithm),
                encapsulated,
                b"\xa0" + certificates[1:] if with_certificates else b"",
                der.set_of(signer_info),
            ),
        ),
    )
