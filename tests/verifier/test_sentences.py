"""Nothing English is left where Japanese is asked for: every sentence of the checks, and whole pages."""

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from tests.verifier.filing_world import AT, build_world, sign_filing
from tests.verifier.test_archive import Long, archived, xml_archived
from tests.verifier.test_jws import compact
from tests.verifier.test_verify import DOCUMENT, LATER, POLICY, stamped, verify
from tests.verifier.test_xml import octets, parsed, sign_xml
from verifier.cades import DocumentDigest
from verifier.evidence import Evidence
from verifier.indication import SubIndication
from verifier.page import render_page
from verifier.policy import ProofOfExistence, SignatureFormat, SignatureLevel
from verifier.report import CheckName, Outcome, Report
from verifier.sentences import ROWS, in_tongue, japanese, told
from verifier.words import MEANINGS

SOURCES = sorted((Path(__file__).parents[2] / "verifier").glob("*.py"))
ENGLISH = re.compile(r"\b[a-z]{2,} [a-z]{2,}\b")
FINDINGS = {"passed": 1, "note": 1, "skipped": 1, "failed": 2}
REASONS = {"FormatFailure", "UnacceptableAlgorithm", "UnacceptableKey"}
SAMPLES = ("sha256", "2026-11-23T00:00:00Z", "4096", "T")


def _texts(node: ast.expr) -> list[str]:
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.JoinedStr():
            return ["".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)]
        case ast.BinOp(op=ast.Add()):
            return [one + two for one in _texts(node.left) for two in _texts(node.right)]
        case ast.IfExp():
            return _texts(node.body) + _texts(node.orelse)
        case _:
            return []


def _sentences(names: Any) -> Iterator[str]:
    for file in SOURCES:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                place = names.get(name)
                if place is not None and len(node.args) > place:
                    yield from _texts(node.args[place])


def _filled(sentence: str) -> str:
    for sample in SAMPLES * 2:
        sentence = sentence.replace("{}", sample, 1)
    return sentence


CHECKS = sorted({_filled(sentence) for sentence in _sentences(FINDINGS)})
BROKEN = sorted({_filled(sentence) for sentence in _sentences(dict.fromkeys(REASONS, 0))})


def test_the_sentences_were_found() -> None:
    assert len(CHECKS) > 70
    assert len(BROKEN) > 100


@pytest.mark.parametrize("sentence", CHECKS)
def test_every_sentence_of_a_check_has_its_own_in_japanese(sentence: str) -> None:
    said = japanese(sentence)
    assert said is not None, sentence
    assert not ENGLISH.search(said), said


def test_what_breaks_a_format_is_told_by_its_clause() -> None:
    for sentence in BROKEN:
        why = f"the signature breaks its format: {sentence} (RFC 5652 5.3)"
        said = in_tongue(why, "ja", outcome="FAILED", sub_indication="FORMAT_FAILURE")
        assert "RFC 5652 5.3" in said
        assert not ENGLISH.search(said), said
        doubt = in_tongue(sentence, "ja", outcome="INDETERMINATE", sub_indication="CRYPTO_CONSTRAINTS_FAILURE")
        assert not ENGLISH.search(doubt), doubt
        assert in_tongue(why, "en") == why


def test_places_are_as_many_in_both_languages() -> None:
    for english, ja in ROWS.items():
        places = set(range(english.count("{}")))
        assert {int(number) for number in re.findall(r"\{(\d)\}", ja)} <= places, english
        assert re.search(r"[぀-ヿ一-鿿]", ja) or english in ("level {}", "{} with {}"), english


def _reports() -> Iterator[Report]:
    world, long = build_world(), Long()
    signature = sign_filing(world.signer, DOCUMENT)
    gone = build_world()
    gone.revoke(gone.signer, AT)
    yield verify(world, signature)
    yield verify(world, signature, DOCUMENT + b"!")
    yield verify(world, signature, answers_of=None)
    yield verify(world, signature, None)
    yield verify(world, signature, policy=replace(POLICY, require_revocation_information=False), answers_of=None)
    yield verify(world, signature, policy=replace(POLICY, minimum_level=SignatureLevel.LONG_TERM))
    yield verify(world, signature, policy=replace(POLICY, formats=frozenset({SignatureFormat.PDF})))
    yield verify(world, signature, policy=replace(POLICY, certificate_policies=frozenset({"1.2.3"})))
    yield verify(world, signature, first_time=lambda _id: True)
    yield verify(world, signature, first_time=lambda _id: False)
    yield verify(world, sign_filing(world.login, DOCUMENT), holder=world.login)
    yield verify(gone, sign_filing(gone.signer, DOCUMENT), at=LATER, answers_of=LATER)
    yield verify(gone, sign_filing(gone.signer, DOCUMENT, LATER), at=LATER, answers_of=LATER)
    yield verify(gone, signature, at=LATER, answers_of=LATER, proof=ProofOfExistence(AT, AT, "見本市"))
    yield verify(world, stamped(world, AT), at=LATER, answers_of=LATER)
    yield verify(world, signature, DocumentDigest("sha256", bytes(32)))  # type: ignore[arg-type]
    yield verify(world, signature[:-1])
    yield verify(world, b"garbage")
    yield verify(world, b"%PDF-1.7 nothing", None)
    yield verify(world, b"<form><!DOCTYPE x></form>", None)
    form = parsed()
    yield verify(world, octets(sign_xml(world.signer, form)), None)
    part = parsed()
    yield verify(world, octets(sign_xml(world.signer, part, target=part[0], reference="#body")), None)
    yield verify(world, compact(world.signer).encode(), None)
    yield long.judged(archived(long))
    yield long.judged(archived(long, octets=b"other"))
    yield long.judged(octets(xml_archived(long)), None)
    yield verify(world, signature, evidence=Evidence(ocsp=(b"junk",)))


@pytest.fixture(scope="module")
def reports() -> list[Report]:
    return list(_reports())


def _shown(page: str) -> str:
    """What a reader sees, without names, digests and codes."""
    text = re.sub(r"<style>.*?</style>|<code>.*?</code>", "", page, flags=re.DOTALL)
    return unescape(re.sub(r"<[^>]+>", "\n", re.sub(r"</?span[^>]*>", "", text)))


def test_no_page_in_japanese_has_english_left(reports: list[Report]) -> None:
    assert len({report.sub_indication for report in reports}) >= 9, "they differ"
    for report in reports:
        text = _shown(render_page(report.to_json(), "ja"))
        left = [line for line in text.splitlines() if ENGLISH.search(line)]
        assert left == [], report.reason


def test_a_reason_that_says_no_more_than_the_meaning_is_not_said_twice() -> None:
    meaning = MEANINGS[SubIndication.HASH_FAILURE].what.en
    head = {"indication": "FAILED", "sub_indication": "HASH_FAILURE", "checks": []}
    page = render_page({**head, "reason": "the document is not the one that was signed"}, "en")
    assert page.casefold().count(meaning.casefold().rstrip(".")) == 1
    assert "by Tuesday" in render_page({**head, "reason": "it changed by Tuesday"}, "en")


def test_the_english_page_says_exactly_what_the_report_says(reports: list[Report]) -> None:
    for report in reports:
        text = _shown(render_page(report.to_json(), "en"))
        for check in report.checks:
            assert check.why in text
        assert not re.search(r"[぀-ヿ一-鿿]", text.replace("見本市", "")), report.reason


def test_an_unknown_sentence_is_told_by_what_it_means() -> None:
    check = {"why": "something that nobody foresaw", "outcome": Outcome.PASSED, "sub_indication": None}
    assert told(check, "ja") == "確認できました"
    check = {**check, "outcome": Outcome.INDETERMINATE, "sub_indication": SubIndication.TRY_LATER.value}
    assert "失効" in told(check, "ja")
    assert told(check, "en") == "something that nobody foresaw"
    assert not ENGLISH.search(told({**check, "why": "a b c d" * 9999}, "ja"))
    for name in CheckName:
        assert not ENGLISH.search(in_tongue(name.clause, "ja")), name.clause
