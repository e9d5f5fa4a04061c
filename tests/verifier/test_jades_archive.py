"""JAdES for the archive: what an arcTst covers, what it keeps alive, and what it does not (TS 119 182-1 5.3.6).

The imprint is put together here from the texts of the file, by hand; the reader has its own way.
"""

import base64
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.verifier.filing_world import AT
from tests.verifier.test_archive import ARCHIVED, NOW, REVOKED, WANTED, Long, _basic
from tests.verifier.test_jws import DOCUMENT, compact, url
from tests.verifier.test_verify import PASSED, POLICY, doubt, failure, said
from verifier.indication import SubIndication
from verifier.policy import SignatureLevel


@pytest.fixture(scope="module")
def long() -> Long:
    return Long()


def b64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def text_of(element: Any) -> str:
    return url(json.dumps(element).encode())


class Jades:
    """A flattened JWS whose etsiU grows; elements are texts unless `in_clear`."""

    def __init__(self, long: Long, *, detached: bool = False, **header: Any) -> None:
        self.long, self.detached, self.in_clear = long, detached, False
        self.protected, self.payload, self.value = compact(long.world.signer, **header).split(".")
        self.elements: list[Any] = []

    def add(self, element: Any) -> "Jades":
        self.elements.append(element if self.in_clear else text_of(element))
        return self

    def stamped(self) -> "Jades":
        token = self.long.stamp(self.long.world.tsa, self.value.encode(), AT)
        return self.add({"sigTst": {"tstTokens": [{"val": b64(token)}]}})

    def kept(self) -> "Jades":
        """LT: what is known of the signer and of the first unit when it is archived."""
        answers = self.long.answers(ARCHIVED, self.long.world.signer, self.long.world.tsa)
        return self.add({"rVals": {"ocspVals": [{"val": b64(_basic(one))} for one in answers]}})

    def covered(self) -> bytes:
        payload = self.payload or url(DOCUMENT)
        texts = [one if isinstance(one, str) else json.dumps(one) for one in self.elements]
        return f"{payload}.{self.protected}.{self.value}.{''.join(texts)}".encode()

    def archived(self, covered: bytes | None = None, at: Any = ARCHIVED, unit: Any = None, **more: Any) -> "Jades":
        token = self.long.stamp(unit or self.long.young, covered or self.covered(), at)
        return self.add({"arcTst": {"tstTokens": [{"val": b64(token)}], **more}})

    def file(self) -> bytes:
        payload = {} if self.detached else {"payload": self.payload}
        whole = {**payload, "protected": self.protected, "signature": self.value, "header": {"etsiU": self.elements}}
        return json.dumps(whole).encode()

    def judged(self, policy: Any = POLICY, document: bytes | None = None) -> Any:
        return self.long.judged(self.file(), document, policy=policy)


def test_an_archived_json_signature_outlives_its_time_stamps_authority(long: Long) -> None:
    report = Jades(long).stamped().kept().archived().judged(WANTED)
    assert said(report) == PASSED, report.reason
    assert (report.level, report.best_signature_time) == (SignatureLevel.ARCHIVAL, AT)
    alone = Jades(long).stamped().kept().judged()
    assert said(alone) == doubt(SubIndication.REVOKED_NO_POE), "without it, the ended unit proves nothing any more"


def test_a_detached_document_is_archived_too(long: Long) -> None:
    jades = Jades(long, detached=True).stamped().kept().archived()
    assert said(jades.judged(WANTED, DOCUMENT)) == PASSED
    assert said(jades.judged(WANTED, DOCUMENT + b" ")) == failure(SubIndication.SIG_CRYPTO_FAILURE)


def test_an_unencoded_document_is_covered_as_it_is(long: Long) -> None:
    jades = Jades(long, detached=True, b64=False, crit=["b64"], payload=b"a plain document").stamped().kept()
    jades.payload = "a plain document"
    assert said(jades.archived().judged(WANTED, b"a plain document")) == PASSED


@pytest.mark.parametrize(
    "bend",
    [
        {"covered": b"something else"},
        {"at": NOW + timedelta(days=1)},
        {"at": REVOKED + timedelta(days=1)},
        {"timeStamped": "previousArcTst"},
        {"timeStamped": 5},
    ],
    ids=["another imprint", "from the future", "after revocation and the unit's end", "of the last one only", "junk"],
)
def test_archive_time_stamps_that_keep_nothing_alive(bend: dict[str, Any], long: Long) -> None:
    report = Jades(long).stamped().kept().archived(**bend).judged()
    assert said(report) == doubt(SubIndication.REVOKED_NO_POE), report.reason
    assert report.best_signature_time != AT


def test_what_it_covers_must_stand_before_it_unchanged(long: Long) -> None:
    whole = Jades(long).stamped().kept().archived()
    good = list(whole.elements)
    moved = [good[0], good[2], good[1]]
    shuffled = [good[1], good[0], good[2]]
    dropped = [good[0], good[2]]
    rewritten = [url(base64.urlsafe_b64decode(good[0] + "==") + b" "), *good[1:]]
    for elements in (moved, shuffled, dropped, rewritten):
        whole.elements = elements
        assert said(whole.judged()) == doubt(SubIndication.REVOKED_NO_POE)
    whole.elements = [*good, text_of({"xVals": []})]
    assert whole.judged().level is SignatureLevel.ARCHIVAL, "what was added later is not covered, and harms nothing"


def test_elements_in_clear_have_no_one_form(long: Long) -> None:
    """The very elements, but as JSON: their octets are whoever writes the file's, so that nothing is proven."""
    clear = Jades(long)
    clear.in_clear = True
    report = clear.stamped().kept().archived().judged()
    assert said(report) == doubt(SubIndication.REVOKED_NO_POE)
    assert any("no one form" in check.why for check in report.checks)
    assert said(Jades(long).stamped().kept().add({}).archived().judged(WANTED)) == PASSED


def test_one_that_leaves_the_values_time_stamp_out_proves_the_value_alone(long: Long) -> None:
    report = Jades(long).kept().archived().stamped().judged()
    assert said(report) == PASSED, "the value existed when it was archived, before the revocation"
    assert report.best_signature_time == ARCHIVED
    assert report.level is SignatureLevel.LONG_TERM, "it is no archival signature"


def test_a_second_one_covers_the_first_and_brings_its_evidence(long: Long) -> None:
    """The middle unit's status travels in tstVD, which is of the time-stamp and not of the signature."""
    middle, renewed = long.world.tsa, ARCHIVED + timedelta(days=10)
    values = {"rVals": {"ocspVals": [{"val": b64(_basic(one))} for one in long.answers(renewed, middle)]}}
    twice = Jades(long).stamped().kept().archived(unit=middle).add({"tstVD": values})
    twice.archived(at=renewed)
    report = twice.judged(WANTED)
    assert (said(report), report.best_signature_time) == (PASSED, AT)
    only = Jades(long).stamped().add({"tstVD": values}).archived()
    assert only.judged().level is SignatureLevel.TIMESTAMPED, "evidence about a time-stamp makes no LT"


def test_more_time_stamps_than_are_looked_at(long: Long) -> None:
    few = replace(POLICY, limits=replace(POLICY.limits, timestamps=2))
    jades = Jades(long).stamped().kept().archived()
    assert said(jades.judged(few)) == PASSED
    assert said(jades.archived().judged(few)) == failure(SubIndication.FORMAT_FAILURE)
