"""Archive time-stamps: CAdES archive-time-stamp-v3, XAdES xades141:ArchiveTimeStamp, and what they keep alive.

The structures are taken apart and put together with asn1crypto and lxml, another reading of the standards than ours.
"""

import base64
import copy
import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from asn1crypto import cms as asn1
from asn1crypto import ocsp
from lxml import etree

from ca.tsa import TimestampAuthority
from pki import cms as builder
from pki import der, oids
from pki.instant import Instant
from tests.support.chance import SeededOctets
from tests.verifier.filing_world import (
    ARC,
    AT,
    Holder,
    build_world,
    imprint_of,
    sign_filing,
    time_stamp_certificate,
)
from tests.verifier.test_verify import DOCUMENT, PASSED, POLICY, doubt, said, trust
from tests.verifier.test_xml import EXCLUSIVE, canonical, octets, parsed, properties, sign_xml
from verifier import cms
from verifier.archive import HASH_INDEX_V3
from verifier.cades import DocumentDigest
from verifier.evidence import Evidence
from verifier.indication import SubIndication
from verifier.policy import SignatureLevel
from verifier.report import Report
from verifier.verify import verify_filing
from verifier.xml_document import DS, XADES, XADES_141

ARCHIVED = AT + timedelta(days=50)
OLD_ENDS = AT + timedelta(days=100)
REVOKED = AT + timedelta(days=120)
NOW = AT + timedelta(days=200)
WANTED = replace(POLICY, minimum_level=SignatureLevel.ARCHIVAL)


class Long:
    """A world that goes on: the first time-stamp unit's certificate ends, the signer's is revoked after that."""

    def __init__(self) -> None:
        self.world = build_world()
        self.world.tsa = time_stamp_certificate("Old unit", self.world.tsa_ca, not_after=OLD_ENDS)
        self.young = time_stamp_certificate("Young unit", self.world.tsa_ca)
        self.world.revoke(self.world.signer, REVOKED)

    def stamp(self, unit: Holder, octets: bytes, at: Instant) -> bytes:
        authority = TimestampAuthority(unit.certificate, (), unit.sign, f"{ARC}.5.1", SeededOctets(f"stamp {at}"))
        return authority.token(imprint_of(octets), at)

    def answers(self, at: Instant, *holders: Holder) -> tuple[bytes, ...]:
        tsa = self.world.tsa_ca
        return tuple(
            self.world.ocsp_answer(one, at)
            if one is self.world.signer
            else self.world.ocsp_answer(one, at, issuer=tsa, responder=tsa)
            for one in holders
        )

    def judged(self, file: bytes, document: Any = DOCUMENT, at: Instant = NOW, policy: Any = POLICY) -> Report:
        fresh = Evidence(ocsp=self.answers(at, self.world.signer, self.young))
        return verify_filing(document, file, anchors=trust(self.world), policy=policy, at=at, evidence=fresh)


@pytest.fixture(scope="module")
def long() -> Long:
    return Long()


def _basic(answer: bytes) -> bytes:
    return bytes(ocsp.OCSPResponse.load(answer)["response_bytes"]["response"].parsed.dump())


def long_term(long: Long, content: bytes | None = None) -> bytes:
    """CAdES-LT: time-stamp over the value, revocation values as they were when it was archived."""
    signature = sign_filing(long.world.signer, DOCUMENT)
    info = asn1.ContentInfo.load(signature)["content"]["signer_infos"][0]
    token = long.stamp(long.world.tsa, info["signature"].native, AT)
    values = der.sequence(der.context(1, der.sequence(*map(_basic, long.answers(ARCHIVED, long.world.tsa)))))
    return builder.assemble(
        b"\x31" + info["signed_attrs"].dump()[1:],
        info["signature"].native,
        long.world.signer.certificate,
        unsigned_attributes=[
            builder.attribute(oids.SIGNATURE_TIME_STAMP_TOKEN, token),
            builder.attribute(cms.ATTRIBUTE_REVOCATION_VALUES, values),
        ],
        content=content,
    )


def index_of(file: bytes, hash_name: str = "sha256", without: str = "") -> bytes:
    signed = asn1.ContentInfo.load(file)["content"]
    info = signed["signer_infos"][0]

    def hashes(parts: Any) -> bytes:
        return der.sequence(*(der.octet_string(hashlib.new(hash_name, part).digest()) for part in parts))

    values = [
        attribute["type"].dump() + value.dump()
        for attribute in info["unsigned_attrs"]
        if attribute["type"].dotted != without
        for value in attribute["values"]
    ]
    return der.sequence(
        der.sequence(der.oid({"sha256": oids.SHA256, "sha512": oids.SHA512}[hash_name])),
        hashes(one.dump() for one in signed["certificates"]),
        hashes(()),
        hashes(values),
    )


def imprinted(file: bytes, index: bytes, document: bytes = DOCUMENT) -> bytes:
    signed = asn1.ContentInfo.load(file)["content"]
    info = signed["signer_infos"][0]
    names = ("version", "sid", "digest_algorithm", "signed_attrs", "signature_algorithm", "signature")
    return (
        signed["encap_content_info"]["content_type"].dump()
        + hashlib.sha256(document).digest()
        + b"".join(info[name].dump() for name in names)
        + index
    )


def unsigned_of(file: bytes) -> list[tuple[str, bytes]]:
    """The unsigned attributes of the only signer: type, and the whole attribute."""
    attributes = asn1.ContentInfo.load(file)["content"]["signer_infos"][0]["unsigned_attrs"]
    return [(one["type"].dotted, one.dump()) for one in attributes] if attributes else []


def with_attributes(file: bytes, attributes: list[bytes]) -> bytes:
    """The same CMS with these unsigned attributes of its only signer; all else octet for octet."""
    signed = asn1.ContentInfo.load(file)["content"]
    info = signed["signer_infos"][0]
    names = ("version", "sid", "digest_algorithm", "signed_attrs", "signature_algorithm", "signature")
    signer = der.sequence(*(info[name].dump() for name in names), b"\xa1" + der.set_of(*attributes)[1:])
    head = (signed[name].dump() for name in ("version", "digest_algorithms", "encap_content_info", "certificates"))
    return der.sequence(der.oid(oids.CMS_SIGNED_DATA), der.context(0, der.sequence(*head, der.set_of(signer))))


def with_unsigned(file: bytes, oid: str, *values: bytes) -> bytes:
    """The same CMS with one more unsigned attribute of its only signer."""
    if not values:
        return file
    return with_attributes(file, [*(one for _, one in unsigned_of(file)), builder.attribute(oid, *values)])


def archived(long: Long, file: bytes | None = None, **bend: Any) -> bytes:
    """CAdES-LTA: an archive-time-stamp-v3 by the young unit."""
    file = file or long_term(long)
    index = bend.get("index") or index_of(file, without=bend.get("without", ""))
    at, unit = bend.get("at", ARCHIVED), bend.get("unit", long.young)
    token = long.stamp(unit, bend.get("octets") or imprinted(file, index), at)
    token = bend.get("token") or with_unsigned(token, HASH_INDEX_V3, *bend.get("indices", (index,)))
    return with_unsigned(file, cms.ATTRIBUTE_ARCHIVE_TIMESTAMP_V3, token)


def test_an_archived_signature_outlives_its_time_stamps_authority(long: Long) -> None:
    report = long.judged(archived(long), policy=WANTED)
    assert said(report) == PASSED, report.reason
    assert report.level is SignatureLevel.ARCHIVAL
    assert report.best_signature_time == AT
    alone = long.judged(long_term(long))
    assert said(alone) == doubt(SubIndication.REVOKED_NO_POE), "without it, the ended unit proves nothing any more"
    assert said(long.judged(long_term(long), policy=WANTED))[1] is not None


def test_the_digest_of_the_document_is_enough_and_another_document_is_not(long: Long) -> None:
    digest = DocumentDigest("sha256", hashlib.sha256(DOCUMENT).digest())
    assert long.judged(archived(long), digest).level is SignatureLevel.ARCHIVAL
    assert long.judged(archived(long), DOCUMENT + b"!").indication.value == "FAILED"


def test_an_enclosed_document_is_archived_too(long: Long) -> None:
    enclosing = long_term(long, DOCUMENT)
    report = long.judged(archived(long, enclosing), None)
    assert said(report) == PASSED, report.reason
    assert report.level is SignatureLevel.ARCHIVAL


@pytest.mark.parametrize(
    "bend",
    [
        {"octets": b"something else"},
        {"indices": ()},
        {"at": NOW + timedelta(days=1)},
        {"at": REVOKED + timedelta(days=1)},
    ],
    ids=["another imprint", "no index", "from the future",
         "after the revocation, and after the unit's end"],
)  # fmt: skip
def test_archive_time_stamps_that_keep_nothing_alive(bend: dict[str, Any], long: Long) -> None:
    report = long.judged(archived(long, **bend))
    assert said(report) == doubt(SubIndication.REVOKED_NO_POE), report.reason
    assert report.best_signature_time != AT


@pytest.mark.parametrize(
    "bend",
    [
        {"without": oids.SIGNATURE_TIME_STAMP_TOKEN},
        {"index": der.sequence(der.sequence(der.oid(oids.SHA256)), *[der.sequence()] * 3)},
    ],
    ids=["the value's time-stamp left out", "nothing listed"],
)
def test_an_index_that_leaves_the_time_stamp_out_proves_the_value_alone(bend: dict[str, Any], long: Long) -> None:
    report = long.judged(archived(long, **bend))
    assert said(report) == PASSED, "the value existed when it was archived, before the revocation"
    assert report.best_signature_time == ARCHIVED
    assert report.level is SignatureLevel.LONG_TERM, "it is no archival signature"


def test_what_was_archived_must_still_be_there(long: Long) -> None:
    """The index lists a certificate and attributes that somebody took out, or an attribute's value was exchanged."""
    whole = archived(long)
    kept = [one for oid, one in unsigned_of(whole) if oid != cms.ATTRIBUTE_REVOCATION_VALUES]
    report = long.judged(with_attributes(whole, kept))
    assert said(report) == doubt(SubIndication.REVOKED_NO_POE)
    assert any("is missing" in check.why for check in report.checks)
    added = with_unsigned(whole, "1.2.840.113549.1.9.16.2.99", der.integer(1))
    assert long.judged(added).level is SignatureLevel.ARCHIVAL, "what was added later is not covered, and harms nothing"


def test_a_second_archive_time_stamp_covers_the_first(long: Long) -> None:
    """Renewed before the first unit's end by a third one; the first archive time-stamp's unit has ended too."""
    middle = time_stamp_certificate("Middle unit", long.world.tsa_ca, not_after=AT + timedelta(days=150))
    values = der.sequence(der.context(1, der.sequence(*map(_basic, long.answers(AT + timedelta(days=140), middle)))))
    once = archived(long, unit=middle)
    later = with_unsigned(once, "1.2.840.113549.1.9.16.2.24.1", values)  # evidence of a kind we do not read
    twice = archived(long, later, at=AT + timedelta(days=140))
    fresh = Evidence(
        ocsp=(*long.answers(NOW, long.world.signer, long.young), *long.answers(AT + timedelta(days=140), middle))
    )

    def judged(file: bytes) -> Report:
        return verify_filing(DOCUMENT, file, anchors=trust(long.world), policy=POLICY, at=NOW, evidence=fresh)

    report = judged(twice)
    assert said(report) == PASSED, report.reason
    assert report.best_signature_time == AT
    assert said(judged(once)) == doubt(SubIndication.REVOKED_NO_POE)


def test_a_time_stamp_younger_than_the_one_that_covers_it_is_a_contradiction(long: Long) -> None:
    """The covered token says a time after the covering one's: one of the authorities lies."""
    signature = sign_filing(long.world.signer, DOCUMENT)
    info = asn1.ContentInfo.load(signature)["content"]["signer_infos"][0]
    young = long.stamp(long.young, info["signature"].native, AT + timedelta(days=60))
    stamped = builder.assemble(
        b"\x31" + info["signed_attrs"].dump()[1:],
        info["signature"].native,
        long.world.signer.certificate,
        unsigned_attributes=[builder.attribute(oids.SIGNATURE_TIME_STAMP_TOKEN, young)],
    )
    report = long.judged(archived(long, stamped), at=AT + timedelta(days=70))
    assert report.sub_indication is SubIndication.TIMESTAMP_ORDER_FAILURE


def test_garbage_where_an_archive_time_stamp_should_be(long: Long) -> None:
    for junk in (b"\x04\x00", b"\x30\x00", der.sequence(der.oid(oids.CMS_SIGNED_DATA)), der.octet_string(b"x" * 99)):
        report = long.judged(archived(long, token=junk))
        assert said(report) == doubt(SubIndication.REVOKED_NO_POE)


# ---- XAdES


def xml_long_term(long: Long) -> Any:
    root = sign_xml(long.world.signer, parsed())
    value = root.find(f".//{{{DS}}}SignatureValue")
    unsigned = etree.SubElement(properties(root), f"{{{XADES}}}UnsignedProperties")
    unsigned = etree.SubElement(unsigned, f"{{{XADES}}}UnsignedSignatureProperties")
    put(unsigned, f"{{{XADES}}}SignatureTimeStamp", long.stamp(long.world.tsa, canonical(value, EXCLUSIVE), AT))
    held = etree.SubElement(etree.SubElement(unsigned, f"{{{XADES}}}RevocationValues"), f"{{{XADES}}}OCSPValues")
    for answer in long.answers(ARCHIVED, long.world.tsa):
        etree.SubElement(held, f"{{{XADES}}}EncapsulatedOCSPValue").text = base64.b64encode(answer).decode()
    return root


def put(unsigned: Any, tag: str, token: bytes) -> Any:
    stamp = etree.SubElement(unsigned, tag)
    etree.SubElement(stamp, f"{{{DS}}}CanonicalizationMethod").set("Algorithm", EXCLUSIVE)
    etree.SubElement(stamp, f"{{{XADES}}}EncapsulatedTimeStamp").text = base64.b64encode(token).decode()
    return stamp


def xml_imprint(root: Any, skip: Callable[[Any], bool] = lambda _element: False) -> bytes:
    """EN 319 132-1 5.5.2.2 by hand: references, SignedInfo, SignatureValue, KeyInfo, unsigned properties, Objects."""
    signature = root.find(f".//{{{DS}}}Signature")
    bare = copy.deepcopy(root)
    bare.remove(bare.find(f"{{{DS}}}Signature"))
    unsigned = signature.find(f".//{{{XADES}}}UnsignedSignatureProperties")
    elements = [
        signature.find(f".//{{{XADES}}}SignedProperties"),
        *(signature.find(f"{{{DS}}}{name}") for name in ("SignedInfo", "SignatureValue", "KeyInfo")),
        *(child for child in unsigned if not skip(child)),
        *(one for one in signature.findall(f"{{{DS}}}Object") if one.find(f"{{{XADES}}}QualifyingProperties") is None),
    ]
    return canonical(bare, EXCLUSIVE) + b"".join(canonical(one, EXCLUSIVE) for one in elements)


def xml_archived(long: Long, root: Any | None = None, imprint: bytes | None = None, at: Instant = ARCHIVED) -> Any:
    root = xml_long_term(long) if root is None else root
    token = long.stamp(long.young, imprint or xml_imprint(root), at)
    unsigned = root.find(f".//{{{XADES}}}UnsignedSignatureProperties")
    put(unsigned, f"{{{XADES_141}}}ArchiveTimeStamp", token)
    return root


def test_an_archived_xml_signature_outlives_its_time_stamps_authority(long: Long) -> None:
    report = long.judged(octets(xml_archived(long)), None, policy=WANTED)
    assert said(report) == PASSED, report.reason
    assert (report.level, report.best_signature_time) == (SignatureLevel.ARCHIVAL, AT)
    assert said(long.judged(octets(xml_long_term(long)), None)) == doubt(SubIndication.REVOKED_NO_POE)


def test_xml_archive_time_stamps_that_keep_nothing_alive(long: Long) -> None:
    without_values = xml_imprint(xml_long_term(long), lambda child: child.tag.endswith("RevocationValues"))
    assert said(long.judged(octets(xml_archived(long, imprint=without_values)), None)) == doubt(
        SubIndication.REVOKED_NO_POE
    )
    exchanged = xml_archived(long)
    answer = exchanged.find(f".//{{{XADES}}}EncapsulatedOCSPValue")
    answer.text = base64.b64encode(long.answers(ARCHIVED + timedelta(seconds=1), long.world.tsa)[0]).decode()
    assert said(long.judged(octets(exchanged), None)) == doubt(SubIndication.REVOKED_NO_POE)
    moved = xml_archived(long)
    unsigned = moved.find(f".//{{{XADES}}}UnsignedSignatureProperties")
    unsigned.insert(0, unsigned[-1])
    assert said(long.judged(octets(moved), None)) == doubt(SubIndication.REVOKED_NO_POE), "it covers what stands before"


def test_a_second_xml_archive_time_stamp_and_what_is_added_behind_it(long: Long) -> None:
    twice = xml_archived(long, xml_archived(long), at=AT + timedelta(days=60))
    report = long.judged(octets(twice), None)
    assert (said(report), report.level) == (PASSED, SignatureLevel.ARCHIVAL)
    unsigned = twice.find(f".//{{{XADES}}}UnsignedSignatureProperties")
    etree.SubElement(unsigned, f"{{{XADES}}}CertificateValues")
    assert long.judged(octets(twice), None).level is SignatureLevel.ARCHIVAL


def test_an_include_that_names_what_is_covered_is_refused(long: Long) -> None:
    root = xml_archived(long)
    stamp = root.find(f".//{{{XADES_141}}}ArchiveTimeStamp")
    etree.SubElement(stamp, f"{{{XADES}}}Include", URI="#props")
    assert long.judged(octets(root), None).sub_indication is SubIndication.FORMAT_FAILURE
