"""What the path engine says of one certificate, put into the words of a signature's verdict (EN 319 102-1 5.2.6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from pki.certificate import Certificate
from pki.instant import Instant
from pki.revocation import Good, Revoked, Unknown
from verifier.evidence import Evidence
from verifier.indication import SubIndication
from verifier.inputs import PathInputs, Usage
from verifier.policy import Policy
from verifier.report import CheckName, Findings
from verifier.sources import RevocationMode, StatusAnswer, StatusRules
from verifier.validator import Result, Validator

_OF_A_SIGNATURE: Final = {
    # a broken path is no proof against the signature: another path might hold (5.2.6.4)
    SubIndication.EXPIRED: SubIndication.OUT_OF_BOUNDS_NO_POE,
    SubIndication.NOT_YET_VALID: SubIndication.OUT_OF_BOUNDS_NO_POE,
    SubIndication.REVOKED: SubIndication.REVOKED_NO_POE,
    SubIndication.SIG_CRYPTO_FAILURE: SubIndication.CERTIFICATE_CHAIN_GENERAL_FAILURE,
    SubIndication.FORMAT_FAILURE: SubIndication.CERTIFICATE_CHAIN_GENERAL_FAILURE,
    SubIndication.HASH_FAILURE: SubIndication.CERTIFICATE_CHAIN_GENERAL_FAILURE,
}


@dataclass(frozen=True, slots=True)
class CertificateVerdict:
    """Path and status of one certificate at one time."""

    result: Result
    at: Instant
    status_asked: bool
    policies_asked: frozenset[str]
    failures: tuple[str, ...] = ()
    """Sources that did not answer, in words."""

    @property
    def passed(self) -> bool:
        """Whether the certificate may be believed."""
        return self.result.passed

    @property
    def sub_indication(self) -> SubIndication | None:
        """As a doubt about a signature; None when passed."""
        sub = self.result.sub_indication
        return None if sub is None else _OF_A_SIGNATURE.get(sub, sub)

    @property
    def reason(self) -> str:
        """For people."""
        return "; ".join((self.result.reason, *dict.fromkeys(self.failures))) if not self.passed else ""

    @property
    def policies(self) -> tuple[str, ...]:
        """The user-constrained policy set of a path that holds."""
        return self.result.policies

    @property
    def path(self) -> tuple[bytes, ...]:
        """SHA-256 of each certificate, the leaf's first."""
        return tuple(map(bytes.fromhex, self.result.path))

    @property
    def revoked(self) -> Revoked | None:
        """The leaf's revocation when it counts at the time in question."""
        return self.result.revoked if not self.passed else None

    @property
    def without_status(self) -> list[tuple[Certificate, Certificate, bool]]:
        """(certificate, issuer, whether it is the leaf) of those in a path that holds whose status is not known."""
        path = self.result.valid_path
        if path is None or not self.status_asked:
            return []
        wanting = []
        for index, answer in enumerate(self.result.statuses):
            issuer = path.issuer_of(index)[2]
            if isinstance(answer.status, Unknown) and issuer is not None:
                wanting.append((Certificate(path.certificates[index].der), Certificate(issuer.der), index == 0))
        return wanting

    def with_failures(self, failures: Sequence[str]) -> CertificateVerdict:
        """The same, knowing who did not answer."""
        return replace(self, failures=tuple(failures))

    def tell(self, findings: Findings) -> None:
        """Add the checks on path, policy and status."""
        self.tell_path(findings)
        if self.result.valid_path is None:
            return
        if not self.status_asked:
            findings.skipped(CheckName.STATUS, "the status was not asked for")
        elif self.passed:
            findings.passed(CheckName.STATUS, _status_words(self.result.statuses), **self._status_detail())
        else:
            sub = self.sub_indication or SubIndication.TRY_LATER
            findings.failed(CheckName.STATUS, sub, self.reason, **self._status_detail())

    def tell_path(self, findings: Findings) -> None:
        """Add the checks on path and policy only."""
        if self.result.valid_path is None:
            sub = self.sub_indication or SubIndication.CERTIFICATE_CHAIN_GENERAL_FAILURE
            findings.failed(CheckName.PATH, sub, self.reason, path=list(self.result.path), at=self.at.iso())
            return
        findings.passed(CheckName.PATH, "leads to a trust anchor", path=list(self.result.path), at=self.at.iso())
        policies = self.result.valid_path.policies
        if self.policies_asked:
            # an empty intersection has failed the path already (RFC 5280 6.1.5 (g))
            findings.passed(CheckName.CERTIFICATE_POLICY, "as asked for", policies=list(policies))

    def _status_detail(self) -> dict[str, object]:
        return {"certificates": [told(answer, self.at) for answer in self.result.statuses]}


def judge_certificate(
    validator: Validator,
    certificate: Certificate,
    policy: Policy,
    at: Instant,
    evidence: Evidence,
    usage: Usage,
    *,
    policies: frozenset[str] = frozenset(),
    nonce: bytes | None = None,
    known_at: Instant | None = None,
    status: RevocationMode = RevocationMode.REQUIRED,
) -> CertificateVerdict:
    """Path and status of `certificate` at `at`, from the evidence alone.

    `policies`: the path must assert one of these; empty asks for none. `nonce`: an OCSP answer about the certificate
    must carry it. `known_at`: see `Validator.validate`.
    """
    inputs = _inputs(policies, usage, policy.minimum_rsa_bits)
    rules = StatusRules(status, policy.clock_skew, policy.maximum_status_age, nonce=nonce)
    result = validator.validate(certificate, at, evidence, known_at=known_at, inputs=inputs, rules=rules)
    return CertificateVerdict(result, at, status is not RevocationMode.OFF, policies)


@lru_cache(maxsize=64)
def _inputs(policies: frozenset[str], usage: Usage, min_rsa_bits: int) -> PathInputs:
    return PathInputs(
        initial_policies=policies or None,
        require_explicit_policy=bool(policies),
        usage=usage,
        min_rsa_bits=min_rsa_bits,
    )


def _status_words(answers: Sequence[StatusAnswer]) -> str:
    first = answers[0] if answers else None
    if first is None or first.this_update is None:
        return "nothing says that it is revoked"
    return f"not revoked, by {first.source.upper()} of {first.this_update}"


def told(answer: StatusAnswer, at: Instant) -> dict[str, object]:
    """A status with its source and age, as reports carry it."""
    status = answer.status
    row: dict[str, object] = {
        "status": "good" if isinstance(status, Good) else "revoked" if isinstance(status, Revoked) else "unknown",
        "source": answer.source.value,
        "this_update": None if answer.this_update is None else answer.this_update.iso(),
        "next_update": None if answer.next_update is None else answer.next_update.iso(),
        "age_seconds": None if answer.this_update is None else int((at - answer.this_update).total_seconds()),
        "evidence": [fingerprint.hex() for fingerprint in answer.evidence],
    }
    if isinstance(status, Unknown):
        row["why"] = status.why
    if isinstance(status, Revoked):
        row |= {"since": status.since.iso(), "reason": status.reason.standard_name}
    return row
