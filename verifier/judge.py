"""From a signature whose value holds to a verdict: the signer's path and status, and when the signature existed.

EN 319 102-1: X.509 validation (5.2.6), time-stamps (5.4), signatures with time and long-term validation material (5.5).
Nothing is asked of the network before the signature's own value has verified, so that a stranger cannot make us ask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from pki.certificate import Certificate
from pki.errors import Malformed
from pki.instant import Instant
from pki.purpose import Purpose
from verifier.anchors import TrustAnchor
from verifier.candidate import Candidate
from verifier.certificate_verdict import CertificateVerdict, judge_certificate
from verifier.engine_cache import EngineCache
from verifier.evidence import Evidence
from verifier.extensions import CONTENT_COMMITMENT, CRL_SIGN, DIGITAL_SIGNATURE, KEY_CERT_SIGN
from verifier.fetch import Fetcher
from verifier.indication import Indication, SubIndication
from verifier.inputs import Usage
from verifier.inquiry import ask_issuer, ask_status
from verifier.past_validation import PastValidation
from verifier.policy import Policy, ProofOfExistence, SignatureLevel
from verifier.proofs_of_time import Over, prove_times
from verifier.report import CheckName, Findings, Report
from verifier.signature_policy import judge_signature_policy
from verifier.sources import RevocationMode
from verifier.validator import Validator

_MOST_ISSUERS_FETCHED = 4


class Trust:
    """Whom a relying party believes, for what. Make it once: it remembers which certificates it has checked."""

    def __init__(
        self, signers: Iterable[TrustAnchor], time_stamps: Iterable[TrustAnchor] = (), cache: EngineCache | None = None
    ) -> None:
        """Anchors of the certificates that filings are signed with, and of time-stamp authorities.

        Without the latter no time-stamp proves anything. `cache` may be shared with others.
        """
        cache = cache or EngineCache()
        self.cache = cache
        self.signers = Validator(signers, cache=cache)
        self.time_stamps = Validator(time_stamps, cache=cache)


@dataclass(slots=True)
class Judge:
    """Everything one verification knows besides the signature itself. Used for one document, then dropped."""

    trust: Trust
    policy: Policy
    at: Instant
    evidence: Evidence = field(default_factory=Evidence)
    fetcher: Fetcher | None = None
    random: Callable[[int], bytes] | None = None
    """For OCSP nonces; None: none are sent."""
    proof: ProofOfExistence = field(default_factory=ProofOfExistence)
    first_time: Callable[[bytes], bool] | None = None
    """Told the signature's id after everything else held; False: it was handed in before."""

    def judge(self, candidate: Candidate) -> Report:
        """The verdict on `candidate`."""
        findings = candidate.findings
        if not candidate.holds or candidate.signer is None:
            return self._report(candidate, None, None, candidate.evidence)
        if candidate.format not in self.policy.formats:
            findings.failed(
                CheckName.FORMAT, SubIndication.SIG_CONSTRAINTS_FAILURE, f"{candidate.format} is not accepted here"
            )
        evidence = self.evidence + candidate.evidence
        judge_signature_policy(findings, candidate.signature_policy, self.policy)
        self._purpose(findings, candidate.signer)
        existed_by, not_before, evidence = prove_times(self, candidate, evidence)
        verdict, evidence = self.certificate(candidate.signer, self.usage, evidence, self.trust.signers)
        verdict = PastValidation(self, findings, candidate.signer, evidence).settle(
            verdict, existed_by, not_before, candidate.claimed_time
        )
        self._level(candidate)
        self._claim(findings, candidate, existed_by, not_before)
        if findings.verdict[0] is Indication.PASSED and self.first_time is not None and candidate.signature_id:
            if self.first_time(candidate.signature_id):
                findings.passed(CheckName.REPLAY, "handed in for the first time")
            else:
                findings.failed(
                    CheckName.REPLAY,
                    SubIndication.SIG_CONSTRAINTS_FAILURE,
                    "this very signature was handed in before",
                )
        return self._report(candidate, verdict, existed_by, evidence)

    @property
    def usage(self) -> Usage:
        """What the signer's certificate must be for."""
        return Usage.SIGNATURE if self.policy.purpose is Purpose.SIGNATURE else Usage.AUTHENTICATION

    def _purpose(self, findings: Findings, signer: Certificate) -> None:
        """The two certificates of a card must not stand in for each other (JPKI: key usage decides)."""
        try:
            bits = self.trust.cache.certificate(signer.der).key_usage or 0
        except Malformed:
            bits = 0
        wanted = self.policy.purpose
        # without nonRepudiation a key only proves presence; with it, a log-in could be taken for a filing
        fits = bool(bits & DIGITAL_SIGNATURE) and not bits & (KEY_CERT_SIGN | CRL_SIGN)
        if fits and bool(bits & CONTENT_COMMITMENT) == (wanted is Purpose.SIGNATURE):
            findings.passed(CheckName.PURPOSE, f"a certificate for {wanted}")
        else:
            findings.failed(
                CheckName.PURPOSE,
                SubIndication.CHAIN_CONSTRAINTS_FAILURE,
                f"the certificate is not one for {wanted}",
            )

    # ---- certificates

    def certificate(
        self, certificate: Certificate, usage: Usage, evidence: Evidence, validator: Validator
    ) -> tuple[CertificateVerdict, Evidence]:
        """Path and status with the evidence at hand; where it leaves a doubt, with what the sources say."""
        policies = self.policy.certificate_policies if usage is self.usage else frozenset()

        def look(nonce: bytes | None = None) -> CertificateVerdict:
            return judge_certificate(
                validator,
                certificate,
                self.policy,
                self.at,
                evidence,
                usage,
                policies=policies,
                nonce=nonce,
                status=self.status_mode(usage),
            )

        verdict = look()
        if self.fetcher is None:
            return verdict, evidence
        last = certificate
        for _ in range(_MOST_ISSUERS_FETCHED):
            if verdict.sub_indication is not SubIndication.NO_CERTIFICATE_CHAIN_FOUND:
                break
            answers = ask_issuer(last, self.fetcher)
            if not answers.evidence:
                break
            evidence += answers.evidence
            last = Certificate(answers.evidence.certificates[0])
            verdict = look()
        failures: list[str] = []
        nonce = None
        wanting = verdict.without_status
        for asked_about, issuer, is_leaf in wanting:
            answers = ask_status(asked_about, issuer, self.fetcher, self.random if is_leaf else None)
            evidence += answers.evidence
            failures += answers.failures
            nonce = answers.nonce if is_leaf else nonce
        return (look(nonce).with_failures(failures), evidence) if wanting else (verdict, evidence)

    def status_mode(self, usage: Usage) -> RevocationMode:
        """Whether certificates of that use need a status."""
        if usage is self.usage:
            asked = self.policy.require_revocation_information
        else:
            asked = self.policy.require_time_stamp_status
        return RevocationMode.REQUIRED if asked else RevocationMode.OFF

    def _claim(self, findings: Findings, candidate: Candidate, existed_by: Instant, not_before: Instant | None) -> None:
        claimed, skew = candidate.claimed_time, self.policy.clock_skew
        if claimed is None:
            return
        if claimed > existed_by + skew:
            findings.failed(
                CheckName.CLAIMED_TIME,
                SubIndication.SIG_CONSTRAINTS_FAILURE,
                f"the signer claims {claimed}, but the signature existed by {existed_by}",
            )
        elif not_before is not None and claimed + skew < not_before:
            findings.failed(
                CheckName.CLAIMED_TIME,
                SubIndication.SIG_CONSTRAINTS_FAILURE,
                f"the signer claims {claimed}, but the signature cannot be older than {not_before}",
            )
        else:
            findings.note(CheckName.CLAIMED_TIME, f"the signer claims {claimed}; a claim proves nothing")

    # ---- the end

    def _level(self, candidate: Candidate) -> None:
        reached = level_of(candidate)
        order = list(SignatureLevel)
        wanted = self.policy.minimum_level
        if order.index(reached) >= order.index(wanted):
            candidate.findings.passed(CheckName.LEVEL, f"level {reached}", level=reached.value)
        else:
            candidate.findings.failed(
                CheckName.LEVEL,
                SubIndication.SIG_CONSTRAINTS_FAILURE,
                f"level {wanted} is asked for, {reached} is reached",
                level=reached.value,
            )

    def _report(
        self, candidate: Candidate, verdict: CertificateVerdict | None, existed_by: Instant | None, evidence: Evidence
    ) -> Report:
        indication, sub, reason = candidate.findings.verdict
        return Report(
            indication,
            sub,
            reason,
            tuple(candidate.findings.checks),
            candidate.format,
            level_of(candidate) if candidate.holds else None,
            self.policy.name,
            self.at,
            existed_by,
            candidate.claimed_time,
            candidate.signer,
            () if verdict is None else verdict.policies,
            () if verdict is None else verdict.path,
            candidate.covered,
            candidate.signature_id,
            evidence,
        )


def level_of(candidate: Candidate) -> SignatureLevel:
    """The level that the signature's own parts reach: T with a time-stamp that holds, LT with its evidence inside, LTA
    with a time-stamp over both that holds."""
    held = {
        check.detail.get("over")
        for check in candidate.findings.checks
        if check.name is CheckName.TIME_STAMP and check.outcome == "PASSED"
    }
    if not held & {Over.SIGNATURE.value, Over.ARCHIVE.value}:
        return SignatureLevel.BASIC
    if not candidate.long_term:
        return SignatureLevel.TIMESTAMPED
    return SignatureLevel.ARCHIVAL if Over.ARCHIVE.value in held else SignatureLevel.LONG_TERM
