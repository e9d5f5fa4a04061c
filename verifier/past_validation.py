"""A signer's path and status once more, in the light of when the signature existed (EN 319 102-1 5.5.4, 5.6.2).

What is doubtful now may have been good then; what proves the time is found in `proofs_of_time`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pki.certificate import Certificate
from pki.instant import Instant
from pki.revocation import Reason, Revoked
from verifier.certificate_verdict import CertificateVerdict, judge_certificate
from verifier.evidence import Evidence
from verifier.indication import SubIndication
from verifier.report import CheckName, Findings

if TYPE_CHECKING:
    from verifier.judge import Judge


class PastValidation:
    """One signer's certificate; what is found out is added to `findings`."""

    def __init__(self, judge: Judge, findings: Findings, signer: Certificate, evidence: Evidence) -> None:
        self._judge, self._findings, self._signer, self._evidence = judge, findings, signer, evidence

    def settle(
        self, verdict: CertificateVerdict, existed_by: Instant, not_before: Instant | None, claimed: Instant | None
    ) -> CertificateVerdict:
        """The verdict that counts. `verdict` is that of now; `claimed` is the signer's word."""
        late = _later(not_before, claimed if self._judge.policy.believe_claim_of_lateness else None)
        if verdict.revoked is not None:
            return self._revoked(verdict, verdict.revoked, existed_by, late)
        if verdict.sub_indication is SubIndication.OUT_OF_BOUNDS_NO_POE:
            return self._out_of_bounds(verdict, existed_by, late)
        if verdict.sub_indication is SubIndication.CRYPTO_CONSTRAINTS_FAILURE:
            return self._weak(verdict, existed_by)
        if verdict.result.valid_path is not None:
            begins = Instant(verdict.result.valid_path.leaf.not_before)
            if existed_by < begins:
                self._findings.failed(
                    CheckName.PATH, SubIndication.NOT_YET_VALID, f"existed before the certificate began on {begins}"
                )
        verdict.tell(self._findings)
        return verdict

    def _out_of_bounds(
        self, verdict: CertificateVerdict, existed_by: Instant, late: Instant | None
    ) -> CertificateVerdict:
        findings, at = self._findings, self._judge.at
        # read by the engine's own reader: a certificate may end before it begins, and must not make us stumble
        parsed = self._judge.trust.cache.certificate(self._signer.der)
        begins, ends = Instant(parsed.not_before), Instant(parsed.not_after)
        if late is not None and late > ends:
            findings.failed(CheckName.PATH, SubIndication.EXPIRED, f"signed after the certificate had ended on {ends}")
            return verdict
        if existed_by < begins:
            findings.failed(
                CheckName.PATH, SubIndication.NOT_YET_VALID, f"signed before the certificate began on {begins}"
            )
            return verdict
        if existed_by < at and begins <= existed_by <= ends:
            # as known today; or, since responders forget the expired, as it was known then (5.6.2.2)
            earlier = self._as_of(existed_by, at)
            if earlier.revoked is None and not earlier.passed:
                earlier = self._as_of(existed_by, existed_by)
            if earlier.passed:
                findings.passed(
                    CheckName.TIME_OF_SIGNING,
                    f"existed by {existed_by}, while the certificate was valid",
                    existed_by=existed_by.iso(),
                )
                earlier.tell(findings)
                return earlier
        if begins <= ends < at and self._held_until(ends):
            findings.failed(
                CheckName.PATH,
                SubIndication.OUT_OF_BOUNDS_NOT_REVOKED,
                f"the certificate ended on {ends}, was not revoked until then, and nothing proves that the signature is"
                " older",
            )
            return verdict
        verdict.tell(findings)
        return verdict

    def _held_until(self, ends: Instant) -> bool:
        """5.2.6.4: known to be good at its last second, so that only the time of signing is missing."""
        today = self._as_of(ends, self._judge.at)
        return today.passed or (today.result.revoked is None and self._as_of(ends, ends).passed)

    def _weak(self, verdict: CertificateVerdict, existed_by: Instant) -> CertificateVerdict:
        """Algorithms and keys of the path that are not believed now may have been when the signature existed."""
        findings = self._findings
        if existed_by < self._judge.at:
            earlier = self._as_of(existed_by, existed_by)
            if earlier.passed:
                findings.passed(
                    CheckName.TIME_OF_SIGNING,
                    f"existed by {existed_by}, while the algorithms were believed",
                    existed_by=existed_by.iso(),
                )
                earlier.tell(findings)
                return earlier
        begins = Instant(self._judge.trust.cache.certificate(self._signer.der).not_before)
        if self._as_of(begins, begins).sub_indication is SubIndication.CRYPTO_CONSTRAINTS_FAILURE:
            verdict.tell(findings)  # they never were
        else:
            findings.failed(
                CheckName.PATH,
                SubIndication.CRYPTO_CONSTRAINTS_FAILURE_NO_POE,
                "an algorithm of the path is no longer believed, and nothing proves that the signature is older",
            )
        return verdict

    def _revoked(
        self, verdict: CertificateVerdict, revoked: Revoked, existed_by: Instant, late: Instant | None
    ) -> CertificateVerdict:
        findings = self._findings
        detail = {"since": revoked.since.iso(), "reason": revoked.reason.standard_name}
        suspect = revoked.since if revoked.invalidity_date is None else min(revoked.since, revoked.invalidity_date)
        if existed_by < suspect:
            earlier = self._as_of(existed_by, self._judge.at)
            if earlier.passed:
                findings.passed(
                    CheckName.TIME_OF_SIGNING,
                    f"existed by {existed_by}, before the certificate was revoked on {revoked.since}",
                    existed_by=existed_by.iso(),
                    **detail,
                )
                earlier.tell(findings)
                return earlier
        verdict.tell_path(findings)
        if revoked.reason is Reason.CERTIFICATE_HOLD:
            findings.failed(
                CheckName.STATUS,
                SubIndication.TRY_LATER,
                f"the certificate is on hold since {revoked.since}; it may be released or revoked for good",
                **detail,
            )
        elif late is not None and late >= revoked.since:
            findings.failed(
                CheckName.STATUS,
                SubIndication.REVOKED,
                f"signed after the certificate was revoked on {revoked.since} ({revoked.reason.standard_name})",
                not_before=late.iso(),
                **detail,
            )
        else:
            findings.failed(
                CheckName.STATUS,
                SubIndication.REVOKED_NO_POE,
                f"the certificate was revoked on {revoked.since} ({revoked.reason.standard_name})"
                " and nothing proves that the signature is older",
                **detail,
            )
        return verdict

    def _as_of(self, existed_by: Instant, known_at: Instant) -> CertificateVerdict:
        """What is to be said of the certificate for a signature that existed then, as known at `known_at`."""
        judge = self._judge
        return judge_certificate(
            judge.trust.signers,
            self._signer,
            judge.policy,
            existed_by,
            self._evidence,
            judge.usage,
            policies=judge.policy.certificate_policies,
            known_at=known_at,
            status=judge.status_mode(judge.usage),
        )


def _later(one: Instant | None, other: Instant | None) -> Instant | None:
    if one is None or other is None:
        return one or other
    return max(one, other)
