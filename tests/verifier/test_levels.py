"""PDF and JSON signatures for the long term: what carries its own evidence needs nobody to ask, and what only says so
is not believed."""

import base64
import io
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from asn1crypto import ocsp as asn1_ocsp
from asn1crypto import tsp
from asn1crypto import x509 as asn1_x509
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import signers
from pyhanko.sign.timestamps import TimeStamper
from pyhanko.sign.validation.dss import DocumentSecurityStore

from tests.verifier.filing_world import AT, Holder, World, build_world, imprint_of
from tests.verifier.test_archive import ARCHIVED, NOW, Long
from tests.verifier.test_jws import checked as checked_json
from tests.verifier.test_jws import compact, general
from tests.verifier.test_pdf import blank, sign_pdf
from tests.verifier.test_verify import LATER, PASSED, POLICY, doubt, said
from verifier import pdf
from verifier.indication import SubIndication
from verifier.policy import SignatureLevel


class Unit(TimeStamper):  # type: ignore[misc]
    """A time-stamp unit of ours, as pyHanko asks one."""

    def __init__(self, long: Long, holder: Holder, at: Any) -> None:
        super().__init__()
        self.long, self.holder, self.at = long, holder, at

    async def async_request_tsa_response(self, req: Any) -> Any:
        world = replace(self.long.world, tsa=self.holder)
        return tsp.TimeStampResp.load(world.authority.answer(req.dump(), self.at))


@pytest.fixture(autouse=True)
def _written_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """The claimed time that pyHanko writes is the machine's; in this world it is AT."""
    monkeypatch.setattr(pdf, "_claimed_time", lambda _embedded: AT)


@pytest.fixture(scope="module")
def long() -> Long:
    return Long()


def stamped(long: Long, file: bytes, holder: Holder, at: Any) -> bytes:
    """With a document time-stamp behind everything there is."""
    out = io.BytesIO()
    signers.PdfTimeStamper(Unit(long, holder, at)).timestamp_pdf(
        IncrementalPdfFileWriter(io.BytesIO(file)), "sha256", output=out
    )
    return out.getvalue()


def with_store(long: Long, file: bytes, *answers: bytes) -> bytes:
    """With a DSS that holds these OCSP answers and the certificates above the signer."""
    out = io.BytesIO(file)
    contents = PdfFileReader(io.BytesIO(file)).embedded_signatures[0].pkcs7_content
    DocumentSecurityStore.add_dss(
        out,
        contents,
        certs=[asn1_x509.Certificate.load(one.certificate.der) for one in (long.world.signature_ca, long.world.tsa_ca)],
        ocsps=[asn1_ocsp.OCSPResponse.load(one) for one in answers],
    )
    return out.getvalue()


def test_a_pdf_archived_by_another_library(long: Long) -> None:
    """B, T, LT and LTA of one file, as it grows; the first unit's certificate ends, the signer's is revoked later."""
    signed = sign_pdf(long.world.signer, blank())
    timed = stamped(long, signed, long.world.tsa, AT + timedelta(minutes=1))
    kept = with_store(long, timed, *long.answers(ARCHIVED, long.world.tsa))
    archived = stamped(long, kept, long.young, ARCHIVED)
    report = long.judged(archived, None, policy=replace(POLICY, minimum_level=SignatureLevel.ARCHIVAL))
    assert said(report) == PASSED, report.reason
    assert report.level is SignatureLevel.ARCHIVAL
    assert report.best_signature_time == AT + timedelta(minutes=1)
    assert said(long.judged(kept, None)) == doubt(SubIndication.REVOKED_NO_POE), "the only unit has ended"
    assert said(long.judged(signed, None)) == doubt(SubIndication.REVOKED_NO_POE)
    changed = archived.replace(b"2-1 Mihon", b"9-9 Mihon")
    assert changed != archived
    assert long.judged(changed, None).indication.value == "FAILED"
    assert NOW > ARCHIVED


@pytest.fixture(scope="module")
def world() -> World:
    return build_world()


def _basic(answer: bytes) -> bytes:
    return bytes(asn1_ocsp.OCSPResponse.load(answer)["response_bytes"]["response"].parsed.dump())


def test_json_that_carries_its_evidence(world: World) -> None:
    text = compact(world.signer)
    token = world.authority.token(imprint_of(text.split(".")[2].encode()), AT)

    def b64(octets: bytes) -> str:
        return base64.b64encode(octets).decode()

    answers = [
        world.ocsp_answer(world.signer, AT),
        world.ocsp_answer(world.tsa, AT, issuer=world.tsa_ca, responder=world.tsa_ca),
    ]
    stamp = {"sigTst": {"tstTokens": [{"val": b64(token)}]}}
    values = {"rVals": {"ocspVals": [{"val": b64(_basic(one))} for one in answers]}}
    chain = {"xVals": [{"x509Cert": {"val": b64(world.signature_ca.certificate.der)}}]}
    whole = general(world, text, header={"etsiU": [stamp, chain, values]})
    policy = replace(POLICY, minimum_level=SignatureLevel.LONG_TERM)
    report = checked_json(world, whole, answers_of=None, policy=policy)
    assert said(report) == PASSED, report.reason
    assert report.level is SignatureLevel.LONG_TERM
    empty = general(world, text, header={"etsiU": [stamp, {"rVals": {}}]})
    report = checked_json(world, empty, at=LATER, answers_of=LATER)
    assert report.level is SignatureLevel.TIMESTAMPED, "an empty list is no evidence"
    assert said(checked_json(world, empty, answers_of=LATER, at=LATER, policy=policy)) == doubt(
        SubIndication.SIG_CONSTRAINTS_FAILURE
    )
    assert json.loads(whole if isinstance(whole, str) else whole.decode())
