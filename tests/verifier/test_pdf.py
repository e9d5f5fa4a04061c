"""Signed PDFs: what was signed is what is shown, whatever was added, moved or hidden since."""

import io
import re
import zlib
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from asn1crypto import keys as asn1_keys
from asn1crypto import tsp
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pyhanko.pdf_utils import generic, writer
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import fields, signers
from pyhanko.sign.signers.pdf_signer import PdfSignatureMetadata, PdfSigner
from pyhanko.sign.timestamps import TimeStamper
from pyhanko_certvalidator.registry import SimpleCertificateStore

from tests.verifier.filing_world import AT, Holder, World, build_world, rsa_key
from tests.verifier.test_verify import LATER, PASSED, doubt, failure, said, verify
from verifier import pdf
from verifier.indication import Indication, SubIndication
from verifier.report import CheckName, Report


@pytest.fixture(scope="module")
def world() -> World:
    return build_world()


def blank(text: str = "address: 2-1 Mihon") -> bytes:
    """A PDF of one page with one line of text."""
    made = writer.PdfFileWriter()
    content = generic.StreamObject(stream_data=f"BT /F1 12 Tf 50 700 Td ({text}) Tj ET".encode())
    page = writer.PageObject(contents=made.add_object(content), media_box=(0, 0, 595, 842))
    font = generic.DictionaryObject(
        {
            generic.pdf_name("/Type"): generic.pdf_name("/Font"),
            generic.pdf_name("/Subtype"): generic.pdf_name("/Type1"),
            generic.pdf_name("/BaseFont"): generic.pdf_name("/Helvetica"),
        }
    )
    page["/Resources"] = generic.DictionaryObject(
        {generic.pdf_name("/Font"): generic.DictionaryObject({generic.pdf_name("/F1"): made.add_object(font)})}
    )
    made.insert_page(page)
    out = io.BytesIO()
    made.write(out)
    return out.getvalue()


def signer_of(holder: Holder) -> Any:
    key = holder.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return signers.SimpleSigner(
        signing_cert=asn1_x509.Certificate.load(holder.certificate.der),
        signing_key=asn1_keys.PrivateKeyInfo.load(key),
        cert_registry=SimpleCertificateStore(),
    )


def sign_pdf(holder: Holder, file: bytes, *, field: str = "Signature1", **options: Any) -> bytes:
    """A PAdES-B signature by pyHanko, so that another implementation wrote what ours reads."""
    metadata = PdfSignatureMetadata(
        field_name=field, md_algorithm="sha256", subfilter=fields.SigSeedSubFilter.PADES, **options
    )
    out = io.BytesIO()
    PdfSigner(metadata, signer=signer_of(holder)).sign_pdf(
        IncrementalPdfFileWriter(io.BytesIO(file)), output=out, existing_fields_only=False
    )
    return out.getvalue()


@pytest.fixture(scope="module")
def signed(world: World) -> bytes:
    return sign_pdf(world.signer, blank())


def checked(world: World, file: bytes, **more: Any) -> Report:
    # pyHanko writes the machine's time into /M; only its order with `at` matters, so judge at a later time
    return verify(world, file, None, at=LATER, answers_of=LATER, **more)


READ_FROM_THE_FILE = pdf._claimed_time


@pytest.fixture(autouse=True)
def _written_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """The claimed time that pyHanko writes is the machine's; in this world it is AT."""
    monkeypatch.setattr(pdf, "_claimed_time", lambda _embedded: AT)


def test_the_claimed_time_is_the_one_in_the_file(world: World, signed: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "_claimed_time", READ_FROM_THE_FILE)
    claimed = checked(world, signed).claimed_time
    assert claimed is not None
    (embedded,) = PdfFileReader(io.BytesIO(signed)).embedded_signatures
    assert claimed.datetime == embedded.self_reported_timestamp


def test_a_signed_pdf_passes(world: World, signed: bytes) -> None:
    report = checked(world, signed)
    assert said(report) == PASSED, report.reason
    assert report.format == "pdf"
    assert report.covered is not None
    assert report.covered.whole
    assert f"of {len(signed)}" in report.covered.what


def test_rsa_and_two_signers(world: World) -> None:
    other = world.signature_certificate("RSA signer", rsa_key("RSA signer"))
    twice = sign_pdf(other, sign_pdf(world.signer, blank()), field="Signature2")
    report = checked(world, twice)
    assert len(report.parts) == 2
    # the first signer did not see the second signature's field: said, and not PASSED for the first one's part
    first, second = report.parts
    assert first.signer == world.signer.certificate
    assert second.signer == other.certificate
    assert second.covered is not None
    assert second.covered.whole
    assert first.indication is not Indication.PASSED
    assert "added after signing" in first.reason


def test_every_kind_of_changed_octet_fails(world: World, signed: bytes) -> None:
    changed = signed.replace(b"2-1 Mihon", b"3-1 Mihon")
    assert said(checked(world, changed)) == failure(SubIndication.HASH_FAILURE)


# ---- what was added later


def appended(file: bytes, change: Any) -> bytes:
    update = IncrementalPdfFileWriter(io.BytesIO(file))
    change(update)
    out = io.BytesIO()
    update.write(out)
    return out.getvalue()


def _replace_content(update: Any) -> None:
    page = update.root["/Pages"]["/Kids"][0]
    page["/Contents"] = update.add_object(
        generic.StreamObject(stream_data=b"BT /F1 12 Tf 50 700 Td (address: 9-9 Elsewhere) Tj ET")
    )
    update.update_container(page)


def _add_page(update: Any) -> None:
    update.insert_page(writer.PageObject(contents=update.add_object(generic.StreamObject(stream_data=b"")),
                                         media_box=(0, 0, 595, 842)))  # fmt: skip


def _cover_with_annotation(update: Any) -> None:
    page = update.root["/Pages"]["/Kids"][0]
    annotation = generic.DictionaryObject(
        {
            generic.pdf_name("/Type"): generic.pdf_name("/Annot"),
            generic.pdf_name("/Subtype"): generic.pdf_name("/FreeText"),
            generic.pdf_name("/Rect"): generic.ArrayObject([generic.NumberObject(n) for n in (40, 690, 300, 720)]),
            generic.pdf_name("/Contents"): generic.pdf_string("address: 9-9 Elsewhere"),
        }
    )
    page["/Annots"] = generic.ArrayObject([*page.get("/Annots", ()), update.add_object(annotation)])
    update.update_container(page)


def _attach_file(update: Any) -> None:
    stream = update.add_object(generic.StreamObject(stream_data=b"hidden"))
    update.root["/AF"] = generic.ArrayObject([stream])
    update.update_root()


@pytest.mark.parametrize("change", [_replace_content, _add_page, _cover_with_annotation, _attach_file])
def test_content_changed_by_an_incremental_update_is_told(change: Any, world: World, signed: bytes) -> None:
    """Incremental saving attack: the signed revision is intact, the shown one is another."""
    report = checked(world, appended(signed, change))
    assert said(report) == doubt(SubIndication.SIG_CONSTRAINTS_FAILURE)
    assert report.covered is not None
    assert not report.covered.whole
    assert "added after signing" in report.reason


def test_octets_behind_the_end_are_told(world: World, signed: bytes) -> None:
    for tail in (b"\n", b"%%EOF\n", b"x" * 1000):
        report = checked(world, signed + tail)
        assert report.indication is not Indication.PASSED
        assert report.covered is None or not report.covered.whole


def test_a_shadow_prepared_before_signing_and_switched_after(world: World) -> None:
    """Shadow attack: both contents are signed, an update only chooses the other one."""
    file = blank()

    def prepare(update: Any) -> None:
        update.root["/Shadow"] = update.add_object(
            generic.StreamObject(stream_data=b"BT /F1 12 Tf 50 700 Td (address: 9-9 Elsewhere) Tj ET")
        )
        update.update_root()

    def switch(update: Any) -> None:
        page = update.root["/Pages"]["/Kids"][0]
        page["/Contents"] = update.root.raw_get("/Shadow")
        update.update_container(page)

    shadowed = appended(sign_pdf(world.signer, appended(file, prepare)), switch)
    assert said(checked(world, shadowed)) == doubt(SubIndication.SIG_CONSTRAINTS_FAILURE)


# ---- ByteRange and Contents


def byte_range(file: bytes) -> tuple[re.Match[bytes], list[int]]:
    found = re.search(rb"/ByteRange\s*\[([ \d]+)\]", file)
    assert found is not None
    return found, [int(number) for number in found.group(1).split()]


def with_range(file: bytes, numbers: list[int]) -> bytes:
    found, _ = byte_range(file)
    written = b" ".join(str(number).encode() for number in numbers)
    room = found.end(1) - found.start(1)
    assert len(written) <= room
    return file[: found.start(1)] + written.ljust(room) + file[found.end(1) :]


@pytest.mark.parametrize(
    "bend",
    [
        lambda n: [0, n[1] - 1, n[2], n[3]],  # the gap begins earlier
        lambda n: [0, n[1], n[2] + 1, n[3] - 1],  # the gap ends later
        lambda n: [1, n[1] - 1, n[2], n[3]],  # the beginning is left out
        lambda n: [0, n[1], n[2], n[3] + 1],  # past the end of the file
        lambda n: [0, n[2], n[1], n[3]],
        lambda n: [0, n[1]],
        lambda _n: [0, 0, 0, 0],
        lambda n: [0, n[1], n[2], 0],
    ],
)
def test_a_bent_byte_range_is_refused(bend: Any, world: World, signed: bytes) -> None:
    _, numbers = byte_range(signed)
    report = checked(world, with_range(signed, bend(numbers)))
    assert report.indication is Indication.FAILED
    assert report.sub_indication in (SubIndication.FORMAT_FAILURE, SubIndication.HASH_FAILURE)


def test_something_behind_the_value_is_refused(world: World, signed: bytes) -> None:
    """Universal signature forgery and padding games: Contents holds the CMS and zeros, nothing else."""
    _, numbers = byte_range(signed)
    gap = signed[numbers[1] + 1 : numbers[2] - 1]
    value = gap.rstrip(b"0")
    for filled in (value.ljust(len(gap) - 2, b"0") + b"01", b"00" * (len(gap) // 2), b"zz" * (len(gap) // 2)):
        changed = signed[: numbers[1] + 1] + filled + signed[numbers[2] - 1 :]
        assert said(checked(world, changed)) == failure(SubIndication.FORMAT_FAILURE)


def test_a_value_from_another_file_is_a_hash_failure(world: World, signed: bytes) -> None:
    other = sign_pdf(world.signer, blank("address: 5-5 Other"))
    (_, mine), (_, theirs) = byte_range(signed), byte_range(other)
    value = other[theirs[1] : theirs[2]]
    size = mine[2] - mine[1]
    value = (value.rstrip(b"0>").ljust(size - 1, b"0") + b">")[:size]
    swapped = signed[: mine[1]] + value + signed[mine[2] :]
    assert said(checked(world, swapped)) == failure(SubIndication.HASH_FAILURE)


# ---- what is no signed PDF


def test_files_that_are_no_signed_pdf_are_format_failures(world: World, signed: bytes) -> None:
    for file in (blank(), signed[:500], b"%PDF-1.7\n", b"%PDF-1.7\n%%EOF", signed[: len(signed) // 2]):
        assert said(checked(world, file)) == failure(SubIndication.FORMAT_FAILURE)
    assert said(verify(world, signed, b"another document", at=LATER, answers_of=LATER)) == failure(
        SubIndication.FORMAT_FAILURE
    )


def test_a_header_further_in_is_no_pdf(world: World, signed: bytes) -> None:
    assert said(checked(world, b"#!/bin/sh\n" + signed)) == failure(SubIndication.FORMAT_FAILURE)


def test_a_compressed_bomb_ends_quickly(world: World) -> None:
    """A cross-reference stream that would unfold to fifty megabytes of zeros for each of its filters."""
    packed = zlib.compress(b"\0" * 50_000_000, 9)
    for _ in range(2):
        packed = zlib.compress(packed, 9)
    head = b"%PDF-1.7\n"
    body = (
        b"1 0 obj\n<< /Type /XRef /Size 10 /W [1 4 2] /Root 2 0 R /Filter [/FlateDecode /FlateDecode /FlateDecode]"
        b" /Length " + str(len(packed)).encode() + b" >>\nstream\n" + packed + b"\nendstream\nendobj\n"
    )
    file = head + body + b"startxref\n" + str(len(head)).encode() + b"\n%%EOF\n"
    assert said(checked(world, file)) == failure(SubIndication.FORMAT_FAILURE)


def test_damaged_files_never_crash(world: World, signed: bytes) -> None:
    for step in range(0, len(signed), max(1, len(signed) // 60)):
        damaged = bytearray(signed)
        damaged[step] ^= 0x55
        report = checked(world, bytes(damaged))
        assert report.indication is not Indication.PASSED or bytes(damaged) == signed


def test_the_level_and_its_proof_come_from_a_document_time_stamp(world: World, signed: bytes) -> None:
    """A revocation after the document time-stamp does not hurt the signature before it."""

    class Ours(TimeStamper):
        async def async_request_tsa_response(self, req: Any) -> Any:
            return tsp.TimeStampResp.load(world.authority.answer(req.dump(), AT + timedelta(minutes=1)))

    out = io.BytesIO()
    signers.PdfTimeStamper(Ours()).timestamp_pdf(IncrementalPdfFileWriter(io.BytesIO(signed)), "sha256", output=out)
    fresh = replace(world, revoked={})
    fresh.revoke(world.signer, AT + timedelta(hours=1))
    stamped = checked(fresh, out.getvalue())
    assert said(stamped) == PASSED, stamped.reason
    assert stamped.best_signature_time == AT + timedelta(minutes=1)
    assert said(checked(fresh, signed)) == doubt(SubIndication.REVOKED_NO_POE)
    time_stamp = stamped.check(CheckName.TIME_STAMP)
    assert time_stamp is not None
