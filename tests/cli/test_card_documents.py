"""PDF and XML signed by a card's key: judged by pyHanko's and signxml's own verification, never by ours alone."""

import io
import os
from collections.abc import Callable

import pytest
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext
from signxml.xades.xades import XAdESVerifier

from cardio import jpki
from cardio.card_management import CardManager, MasterKeys
from cardio.jpki_card import JpkiCard
from cardio.personalisation import CardInReader
from cardio.session import CardSession
from cardio.throwaway_ca import ThrowawayCa
from cardio.virtual_card import MemoryStorage
from cardio.virtual_jpki import new_card
from cli.card_documents import sign_pdf, sign_xml
from cli.errors import FileUnusable
from pki.instant import Instant
from pki.purpose import Purpose

SIGN = Purpose.SIGNATURE
CardKey = tuple[bytes, bytes, Callable[[bytes], bytes]]


@pytest.fixture(scope="module", params=["jpki", "next"])
def card(request: pytest.FixtureRequest) -> CardKey:
    """Certificate, CA certificate and signing function of a card of each generation."""
    keys = MasterKeys({1: bytes(16)})
    made = new_card(MemoryStorage(), os.urandom, lambda d: keys.key_set(d, 1), generation=request.param)
    session = CardSession.of_memory(made, jpki.identify)
    slot = CardInReader(session, CardManager(keys, os.urandom))
    ca = ThrowawayCa("Documents CA", Instant.parse("2026-11-23T00:00:00Z"), os.urandom)
    certificate = ca.issue(slot.generate(SIGN), SIGN, "Holder")
    slot.install(SIGN, certificate, ca.certificate)
    slot.set_pins("1234", "ABC123")
    holder, pin = JpkiCard(session), jpki.pin(SIGN, "ABC123")
    return certificate, ca.certificate, lambda message: holder.sign(SIGN, pin, message)


def a_pdf() -> bytes:
    """One empty page, written by hand (ISO 32000-1, 7.5)."""
    objects = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Contents 4 0 R>>",
        b"<</Length 5>>stream\nBT ET\nendstream",
    )
    out, offsets = b"%PDF-1.7\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj%s\nendobj\n" % (number, content)
    table = b"0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return out + b"xref\n0 5\n%strailer<</Size 5/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (table, len(out))


def test_pdf(card: CardKey) -> None:
    certificate, ca, sign = card
    plain = a_pdf()
    signed = sign_pdf(plain, certificate, sign, "filing.pdf")
    assert signed.startswith(plain)
    root = asn1_x509.Certificate.load(ca)

    def judged(octets: bytes) -> bool:
        context = ValidationContext(trust_roots=[root], allow_fetching=False, revocation_mode="soft-fail")
        embedded = PdfFileReader(io.BytesIO(octets)).embedded_signatures[0]
        assert embedded.sig_object["/SubFilter"] == "/ETSI.CAdES.detached"
        status = validate_pdf_signature(embedded, context)
        return bool(status.bottom_line)

    assert judged(signed)
    assert not judged(signed.replace(b"BT ET", b"BT QT", 1))
    for wrong in (b"", b"no pdf", plain[:50]):
        with pytest.raises(FileUnusable):
            sign_pdf(wrong, certificate, sign, "filing.pdf")


def test_xml(card: CardKey) -> None:
    certificate, _, sign = card
    signed = sign_xml("<filing><to>例県実印市</to></filing>".encode(), certificate, sign, "filing.xml")
    # By the certificate itself: signxml's path check wants digitalSignature, which signature certificates lack.
    pem = x509.load_der_x509_certificate(certificate).public_bytes(Encoding.PEM).decode()
    verified = XAdESVerifier().verify(signed, x509_cert=pem)
    element = verified[0].signed_xml
    assert element is not None
    assert "例県実印市" in etree.tostring(element, encoding="unicode")
    with pytest.raises(Exception, match=r"[Dd]igest"):
        XAdESVerifier().verify(signed.replace("例県".encode(), "別県".encode()), x509_cert=pem)
    for wrong in (b"", b"no xml", b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"):
        with pytest.raises(FileUnusable):
            sign_xml(wrong, certificate, sign, "filing.xml")
