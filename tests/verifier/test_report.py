"""Reports: every word exists, the page says what the JSON says and nothing runs in it."""

import json
import re
from dataclasses import replace
from datetime import timedelta
from html import escape
from typing import Any

import pytest

from tests.verifier.filing_world import AT, World, build_world, sign_filing
from tests.verifier.test_verify import LATER, verify
from verifier.evidence import Evidence
from verifier.indication import Indication, SubIndication
from verifier.page import render_page
from verifier.report import Check, CheckName, Covered, Findings, Outcome, worst
from verifier.words import CHECKS, MEANINGS, OUTCOMES, VERDICTS, Tongue

DOCUMENT = b"form"


@pytest.fixture(scope="module")
def world() -> World:
    return build_world()


@pytest.fixture(scope="module")
def told(world: World) -> dict[str, Any]:
    return verify(world, sign_filing(world.signer, DOCUMENT), DOCUMENT).to_json()


def test_every_word_exists_in_both_languages() -> None:
    assert set(MEANINGS) == set(SubIndication)
    assert set(CHECKS) == set(CheckName)
    assert set(OUTCOMES) == set(Outcome)
    assert set(VERDICTS) == set(Indication)
    said = [*CHECKS.values(), *OUTCOMES.values(), *VERDICTS.values()]
    said += [part for meaning in MEANINGS.values() for part in (meaning.what, meaning.todo)]
    for words in said:
        assert re.search(r"[\u3040-\u9fff]", words.ja), words
        assert words.en.isascii()
        assert words.en.strip()


def test_every_check_has_a_clause_and_every_sub_indication_its_place() -> None:
    assert all(name.clause for name in CheckName)
    failed = {sub for sub in SubIndication if sub.indication is Indication.FAILED}
    assert failed == {
        SubIndication.FORMAT_FAILURE,
        SubIndication.HASH_FAILURE,
        SubIndication.SIG_CRYPTO_FAILURE,
        SubIndication.REVOKED,
        SubIndication.EXPIRED,
        SubIndication.NOT_YET_VALID,
    }
    assert Indication.PASSED.urn == "urn:etsi:019102:mainindication:total-passed"
    assert Indication.INDETERMINATE.urn == "urn:etsi:019102:mainindication:indeterminate"
    assert SubIndication.NO_POE.urn == "urn:etsi:019102:subindication:NO_POE"


def test_a_proof_of_failure_outweighs_a_doubt_and_a_doubt_a_pass() -> None:
    findings = Findings()
    findings.passed(CheckName.FORMAT, "fine")
    findings.note(CheckName.CLAIMED_TIME, "noted")
    assert findings.verdict == (Indication.PASSED, None, "")
    findings.failed(CheckName.STATUS, SubIndication.TRY_LATER, "first doubt")
    findings.failed(CheckName.PATH, SubIndication.NO_CERTIFICATE_CHAIN_FOUND, "second doubt")
    assert findings.verdict == (Indication.INDETERMINATE, SubIndication.TRY_LATER, "first doubt")
    findings.failed(CheckName.DOCUMENT_DIGEST, SubIndication.HASH_FAILURE, "proof")
    assert findings.verdict == (Indication.FAILED, SubIndication.HASH_FAILURE, "proof")


def test_the_worst_of_several_decides(world: World) -> None:
    good = verify(world, sign_filing(world.signer, DOCUMENT), DOCUMENT)
    bad = verify(world, sign_filing(world.signer, DOCUMENT), b"other")
    unknown = verify(world, sign_filing(world.signer, DOCUMENT), DOCUMENT, answers_of=None)
    assert worst([good, unknown, bad]) is bad
    assert worst([good, unknown]) is unknown
    assert worst([good, good]) is good


def test_evidence_survives_json_and_nothing_else_does(world: World) -> None:
    evidence = Evidence((b"c",), (b"l",), (b"o", b"p"), (b"t",))
    assert Evidence.from_json(json.loads(json.dumps(evidence.to_json()))) == evidence
    assert (evidence + evidence) == evidence
    assert evidence.digest() != replace(evidence, ocsp=(b"p", b"o")).digest()
    assert not Evidence()
    assert world


def test_the_report_can_be_told_without_its_evidence(told: dict[str, Any], world: World) -> None:
    report = verify(world, sign_filing(world.signer, DOCUMENT), DOCUMENT)
    short = report.to_json(evidence=False)
    assert set(report.to_json()) - set(short) == {"evidence"}
    assert short["evidence_sha256"] == report.evidence.digest().hex()
    assert report.evidence == Evidence.from_json(report.to_json()["evidence"])  # type: ignore[arg-type]
    assert told["version"] == 1


@pytest.mark.parametrize("tongue", ["ja", "en"])
def test_the_page_tells_every_check(tongue: Tongue, told: dict[str, Any]) -> None:
    page = render_page(told, tongue)
    assert f'<html lang="{tongue}">' in page
    assert VERDICTS[Indication.PASSED].in_(tongue) in page
    for check in told["checks"]:
        assert escape(CHECKS[CheckName(check["name"])].in_(tongue)) in page
    assert told["signer"]["sha256"] in page
    assert "<script" not in page
    assert not re.search(r"(src|href|url|import)\s*[=(]", page)


def test_the_page_of_a_doubt_says_what_to_do(world: World) -> None:
    world = replace(world, revoked={})
    world.revoke(world.signer, AT + timedelta(hours=1))
    report = verify(world, sign_filing(world.signer, DOCUMENT), DOCUMENT, at=LATER, answers_of=LATER)
    page = render_page(report.to_json(), "ja")
    assert "失効より前である証拠がありません" in page
    assert "タイムスタンプや受付記録" in page
    assert "REVOKED_NO_POE" in page


def test_nothing_that_is_told_can_become_markup(told: dict[str, Any]) -> None:
    evil = '<script>alert(1)</script>"&'
    poisoned = json.loads(json.dumps(told))
    poisoned["reason"] = poisoned["policy"] = evil
    poisoned["checks"][0]["why"] = evil
    poisoned["covered"]["what"] = evil
    poisoned["covered"]["warnings"] = [evil]
    poisoned["indication"], poisoned["sub_indication"] = "FAILED", "HASH_FAILURE"
    for tongue in ("ja", "en"):
        page = render_page(poisoned, tongue)  # type: ignore[arg-type]
        assert "<script>" not in page
        assert page.count("&lt;script&gt;") == 5


@pytest.mark.parametrize("bend", [{"indication": "MAYBE"}, {"checks": [{"name": "x"}]}, {"sub_indication": "x"}])
def test_what_is_no_report_makes_no_page(bend: dict[str, Any], told: dict[str, Any]) -> None:
    with pytest.raises((KeyError, ValueError)):
        render_page({**told, **bend}, "ja")


def test_a_document_with_several_signatures_is_told_part_by_part(world: World) -> None:
    good = verify(world, sign_filing(world.signer, DOCUMENT), DOCUMENT)
    bad = verify(world, sign_filing(world.signer, DOCUMENT), b"other")
    whole = replace(bad, parts=(good, bad))
    page = render_page(whole.to_json(), "en")
    assert page.count("<h1") == 3
    assert "Signature 2" in page
    assert not whole.passed


def test_covered_and_checks_in_json() -> None:
    covered = Covered.document(b"abc")
    assert covered.to_json()["octets"] == 3
    check = Check(CheckName.PATH, Outcome.PASSED, "fine", None, {"path": []}).to_json()
    assert check == {
        "name": "path",
        "outcome": "PASSED",
        "clause": CheckName.PATH.clause,
        "why": "fine",
        "sub_indication": None,
        "detail": {"path": []},
    }
