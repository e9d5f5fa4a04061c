"""Signed documents made with a card's key: PAdES-B in a PDF (pyHanko), XAdES-B in an XML document (signxml).

Both libraries are given a key that asks the card; neither ever sees more than the octets to be signed.
"""

import io
from collections.abc import Callable
from typing import Any

from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from cli.errors import FileUnusable

CardSign = Callable[[bytes], bytes]
"""A signature over a message by the key of the certificate: RSA PKCS#1 v1.5 with SHA-256, or ECDSA (DER) with the
curve's hash: SHA-256 for P-256, SHA-384 for P-384."""


def hash_of(certificate: bytes) -> str:
    """The hash that the card signs with, for the key of that certificate."""
    key = x509.load_der_x509_certificate(certificate).public_key()
    return "sha384" if isinstance(key, ec.EllipticCurvePublicKey) and key.key_size == 384 else "sha256"


def sign_pdf(content: bytes, certificate: bytes, sign: CardSign, name: str) -> bytes:
    """The PDF with a signature appended (EN 319 142-1, level B). Errors: FileUnusable if `name` is no PDF."""
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.pdf_utils.misc import PdfError
    from pyhanko.sign import fields, signers
    from pyhanko_certvalidator.registry import SimpleCertificateStore

    class CardSigner(signers.Signer):
        async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:  # noqa: ARG002
            return bytes(512) if dry_run else sign(data)

    store = SimpleCertificateStore()  # type: ignore[no-untyped-call]
    signer = CardSigner(signing_cert=asn1_x509.Certificate.load(certificate), cert_registry=store, prefer_pss=False)
    metadata = signers.PdfSignatureMetadata(
        field_name="Signature", subfilter=fields.SigSeedSubFilter.PADES, md_algorithm=hash_of(certificate)
    )
    out = io.BytesIO()
    try:
        signers.sign_pdf(IncrementalPdfFileWriter(io.BytesIO(content)), metadata, signer=signer, output=out)
    except (PdfError, ValueError) as error:
        raise FileUnusable(name, f"it is no PDF that can be signed ({type(error).__name__})") from error
    return out.getvalue()


class _CardKey:
    """What signxml takes for a private key: it calls `sign` with the octets of SignedInfo."""

    def __init__(self, certificate: bytes, sign: CardSign) -> None:
        self._public = x509.load_der_x509_certificate(certificate).public_key()
        self._sign = sign

    def public_key(self) -> Any:
        return self._public

    @property
    def key_size(self) -> int:
        size: int = self._public.key_size  # type: ignore[union-attr]
        return size

    def sign(self, data: bytes, **_: object) -> bytes:
        return self._sign(data)


def sign_xml(content: bytes, certificate: bytes, sign: CardSign, name: str) -> bytes:
    """The XML document with an enveloped signature as its last child (EN 319 132-1, level B).

    Errors: FileUnusable if `name` is no XML, or has a document type (entities are never read).
    """
    from lxml import etree
    from signxml.algorithms import DigestAlgorithm, SignatureConstructionMethod, SignatureMethod
    from signxml.xades.xades import XAdESSigner

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise FileUnusable(name, "it is no XML") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise FileUnusable(name, "it has a document type, and such XML is not signed")
    public = x509.load_der_x509_certificate(certificate)
    hashing = hash_of(certificate)
    elliptic = isinstance(public.public_key(), ec.EllipticCurvePublicKey)
    method = SignatureMethod[f"{'ECDSA' if elliptic else 'RSA'}_{hashing.upper()}"]
    signer = XAdESSigner(
        method=SignatureConstructionMethod.enveloped,
        signature_algorithm=method,
        digest_algorithm=DigestAlgorithm[hashing.upper()],
    )
    pem = public.public_bytes(serialization.Encoding.PEM).decode()
    key: Any = _CardKey(certificate, sign)
    signed = signer.sign(root, key=key, cert=pem, always_add_key_value=False)
    return bytes(etree.tostring(signed.getroottree(), xml_declaration=True, encoding="UTF-8"))
