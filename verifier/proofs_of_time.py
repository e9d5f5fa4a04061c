"""When a signature existed, from time-stamps: newest first, so that each may vouch for the older ones it covers.

A time-stamp whose authority's certificate has ended since then still proves its time if a newer one that holds covers
it: it existed while that certificate was good (EN 319 102-1 5.6.2.4, past time-stamps). Without such a proof it is told
and proves nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING

from pki.certificate import Certificate
from pki.instant import Instant
from verifier import cms
from verifier.candidate import Candidate, Stamped
from verifier.certificate_verdict import CertificateVerdict, judge_certificate
from verifier.errors import FormatFailure, UnacceptableAlgorithm
from verifier.evidence import Evidence
from verifier.indication import SubIndication
from verifier.inputs import Usage
from verifier.policy import Policy
from verifier.report import CheckName
from verifier.timestamp import parse_info, read_timestamp

if TYPE_CHECKING:
    from verifier.judge import Judge


class Over(StrEnum):
    """What a time-stamp was put on."""

    SIGNATURE = "signature"
    CONTENT = "content"
    ARCHIVE = "archive"


def prove_times(judge: Judge, candidate: Candidate, evidence: Evidence) -> tuple[Instant, Instant | None, Evidence]:
    """The earliest proof that the signature existed, the latest that it did not yet, and the evidence grown."""
    findings = candidate.findings
    proven = [judge.at]
    if judge.proof.existed_by is not None and judge.proof.existed_by <= judge.at:
        proven.append(judge.proof.existed_by)
        findings.note(
            CheckName.TIME_OF_SIGNING,
            f"existed by {judge.proof.existed_by} according to {judge.proof.source or 'the recipient'}",
        )
    stamps = _Stamps(judge, candidate, evidence)
    archive = sorted(candidate.archive_timestamps, key=lambda one: _claimed(one, judge.policy), reverse=True)
    inside = {stamped.token for stamped in candidate.timestamps}
    for stamped in (*archive, *candidate.timestamps):
        # one that leaves the signature's own time-stamps out keeps nothing alive: it proves the value, and no more
        keeps = stamped.token not in inside and inside <= stamped.earlier
        time = stamps.time_of(stamped, Over.ARCHIVE if keeps else Over.SIGNATURE)
        if time is not None:
            proven.append(time)
            stamps.vouch(stamped, time, (*archive, *candidate.timestamps))
    not_before = judge.proof.not_before
    for stamped in candidate.content_timestamps:
        # signed by the signer: whatever proves the signature proves that it existed then
        stamps.existed[stamped.token] = min(proven)
        time = stamps.time_of(stamped, Over.CONTENT)
        if time is not None:
            not_before = time if not_before is None else max(not_before, time)
    if not_before is not None and not_before > min(proven) + judge.policy.clock_skew:
        findings.failed(
            CheckName.TIME_OF_SIGNING,
            SubIndication.TIMESTAMP_ORDER_FAILURE,
            "proofs of time contradict each other: it existed before it could have been made",
        )
    return min(proven), not_before, stamps.evidence


class _Stamps:
    """The time-stamps of one signature; `existed` says by when a token is known to have existed."""

    def __init__(self, judge: Judge, candidate: Candidate, evidence: Evidence) -> None:
        self._judge = judge
        self._findings = candidate.findings
        self.evidence = evidence
        self.existed: dict[bytes, Instant] = {}

    def vouch(self, stamped: Stamped, time: Instant, others: Iterable[Stamped]) -> None:
        """Whatever `stamped` covers existed by its time."""
        for other in others:
            if other.token in stamped.earlier:
                self.existed[other.token] = min(self.existed.get(other.token, self._judge.at), time)

    def time_of(self, stamped: Stamped, over: Over) -> Instant | None:
        """The time of a token that holds; one that does not is told and proves nothing (EN 319 102-1 5.5.4 step 3)."""
        judge, findings = self._judge, self._findings
        token, info = read_timestamp(stamped, judge.policy, self.evidence)
        if info is None or token.signer is None:
            _, sub, why = token.findings.verdict
            findings.note(CheckName.TIME_STAMP, f"a time-stamp does not hold: {why}", sub_indication=str(sub))
            return None
        existed_by = self.existed.get(stamped.token, judge.at)
        verdict = self._authority(token.signer, existed_by, token.evidence)
        self.evidence += Evidence(timestamps=(stamped.token,))
        if not verdict.passed:
            findings.note(
                CheckName.TIME_STAMP,
                f"a time-stamp's authority is not believed: {verdict.reason}",
                sub_indication=str(verdict.sub_indication),
            )
            return None
        if info.time > judge.at + judge.policy.clock_skew:
            findings.note(CheckName.TIME_STAMP, "a time-stamp lies in the future", time=info.time.iso())
            return None
        if info.time > existed_by + judge.policy.clock_skew:
            findings.failed(
                CheckName.TIME_STAMP,
                SubIndication.TIMESTAMP_ORDER_FAILURE,
                f"a time-stamp of {info.time} is covered by one of {existed_by}",
            )
            return None
        findings.passed(
            CheckName.TIME_STAMP, f"a time-stamp of {info.time} holds", time=info.time.iso(), over=over.value
        )
        return info.time

    def _authority(self, signer: Certificate, existed_by: Instant, found: Evidence) -> CertificateVerdict:
        """What is to be said of an authority's certificate for a token that existed by then."""
        judge = self._judge
        validator = judge.trust.time_stamps
        verdict, self.evidence = judge.certificate(signer, Usage.ANY, self.evidence + found, validator)
        if verdict.passed or existed_by >= judge.at:
            return verdict
        revoked = verdict.revoked
        if revoked is not None:
            suspect = revoked.since if revoked.invalidity_date is None else min(revoked.since, revoked.invalidity_date)
            if existed_by >= suspect:
                return verdict
        # as known today; or, since responders forget the expired, as it was known then (5.6.2.2)
        for known_at in (judge.at, existed_by):
            earlier = judge_certificate(
                validator,
                signer,
                judge.policy,
                existed_by,
                self.evidence,
                Usage.ANY,
                known_at=known_at,
                status=judge.status_mode(Usage.ANY),
            )
            if earlier.passed:
                return earlier
            if earlier.revoked is not None:
                break
        return verdict


def _claimed(stamped: Stamped, policy: Policy) -> Instant:
    """The time that a token tells, believed by nobody yet; the beginning of time for what tells none."""
    try:
        content = cms.parse_signed_data(stamped.token, policy.limits).content
        return parse_info(content or b"").time
    except (FormatFailure, UnacceptableAlgorithm):
        return Instant(0)
