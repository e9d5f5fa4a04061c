"""The verdict on one signature: every check with its clause and its outcome, and the evidence it was founded on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from pki.attributes import Attributes
from pki.certificate import Certificate
from pki.instant import Instant
from verifier.evidence import Evidence
from verifier.indication import Indication, SubIndication
from verifier.person import read_attributes
from verifier.policy import SignatureFormat, SignatureLevel

VERSION = 1
"""Of the JSON form; docs/formats/verification-report.md."""


class Outcome(StrEnum):
    """How one check ended. NOTE says something that people should know and decides nothing."""

    PASSED = "PASSED"
    FAILED = "FAILED"
    INDETERMINATE = "INDETERMINATE"
    SKIPPED = "SKIPPED"
    NOTE = "NOTE"


class CheckName(StrEnum):
    """Every check there is, in the order in which a report lists them."""

    FORMAT = "format"
    SIGNING_CERTIFICATE = "signing-certificate"
    SIGNED_ATTRIBUTES = "signed-attributes"
    SIGNATURE_POLICY = "signature-policy"
    CONTENT_TYPE = "content-type"
    ALGORITHMS = "algorithms"
    KEY = "key"
    DOCUMENT_DIGEST = "document-digest"
    SIGNATURE_VALUE = "signature-value"
    COVERAGE = "coverage"
    PATH = "path"
    PURPOSE = "purpose"
    CERTIFICATE_POLICY = "certificate-policy"
    STATUS = "status"
    TIME_STAMP = "time-stamp"
    TIME_OF_SIGNING = "time-of-signing"
    CLAIMED_TIME = "claimed-time"
    LEVEL = "level"
    ASSURANCE = "assurance"
    REPLAY = "replay"

    @property
    def clause(self) -> str:
        """The rule that asks for this check."""
        return _CLAUSES[self]


_CLAUSES: Mapping[CheckName, str] = {
    CheckName.FORMAT: "EN 319 102-1 5.2.2",
    CheckName.SIGNING_CERTIFICATE: "EN 319 102-1 5.2.3",
    CheckName.SIGNED_ATTRIBUTES: "EN 319 122-1 6.3; RFC 5652 5.3",
    CheckName.SIGNATURE_POLICY: "EN 319 102-1 5.2.4",
    CheckName.CONTENT_TYPE: "RFC 5652 11.1",
    CheckName.ALGORITHMS: "EN 319 102-1 5.2.8.4.2; TS 119 312",
    CheckName.KEY: "EN 319 102-1 5.2.8.4.2; TS 119 312",
    CheckName.DOCUMENT_DIGEST: "EN 319 102-1 5.2.7.4 1)",
    CheckName.SIGNATURE_VALUE: "EN 319 102-1 5.2.7.4 2)",
    CheckName.COVERAGE: "EN 319 102-1 5.2.7.4; what was signed is what was shown",
    CheckName.PATH: "EN 319 102-1 5.2.6; RFC 5280 6.1",
    CheckName.PURPOSE: "RFC 5280 4.2.1.3, 4.2.1.12; JPKI profile",
    CheckName.CERTIFICATE_POLICY: "RFC 5280 6.1.5 (g)",
    CheckName.STATUS: "RFC 6960 3.2; RFC 5280 6.3",
    CheckName.TIME_STAMP: "EN 319 102-1 5.4; RFC 3161 2.4.2",
    CheckName.TIME_OF_SIGNING: "EN 319 102-1 5.5.4",
    CheckName.CLAIMED_TIME: "EN 319 102-1 5.2.8.4.1",
    CheckName.LEVEL: "EN 319 122-1 6; EN 319 132-1 6; EN 319 142-1 6; TS 119 182-1 6",
    CheckName.ASSURANCE: "the relying party's policy",
    CheckName.REPLAY: "the relying party's policy",
}


@dataclass(frozen=True, slots=True)
class Check:
    """One check. `detail` holds numbers, names of algorithms, fingerprints and times: no attribute of a person."""

    name: CheckName
    outcome: Outcome
    why: str
    sub_indication: SubIndication | None = None
    detail: Mapping[str, object] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """{"name", "outcome", "clause", "why", "sub_indication", "detail"}"""
        return {
            "name": self.name.value,
            "outcome": self.outcome.value,
            "clause": self.name.clause,
            "why": self.why,
            "sub_indication": None if self.sub_indication is None else self.sub_indication.value,
            "detail": dict(self.detail),
        }


@dataclass(frozen=True, slots=True)
class Covered:
    """Exactly what the signature covers."""

    what: str
    """In words: `the whole document`, `octets 0–8191 and 12288–20480 of 20480`, `the element /form/body[1]`."""
    whole: bool
    """Whether nothing that a reader is shown lies outside."""
    sha256: bytes
    """Of the covered octets as they were digested."""
    octets: int
    warnings: tuple[str, ...] = ()
    """Everything about the document that lies outside, one sentence each."""

    @classmethod
    def document(cls, document: bytes) -> Covered:
        """The whole of `document`."""
        return cls("the whole document", True, hashlib.sha256(document).digest(), len(document))

    def to_json(self) -> dict[str, object]:
        """{"what", "whole", "sha256", "octets", "warnings"}"""
        return {
            "what": self.what,
            "whole": self.whole,
            "sha256": self.sha256.hex(),
            "octets": self.octets,
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True, slots=True)
class Report:
    """The verdict on one signature, or, with `parts`, on a document with several."""

    indication: Indication
    sub_indication: SubIndication | None
    reason: str
    """One sentence for people; empty when PASSED."""
    checks: tuple[Check, ...]
    format: SignatureFormat | None
    level: SignatureLevel | None
    policy: str
    at: Instant
    """The time for which the question was asked."""
    best_signature_time: Instant | None
    """The signature existed at this time at the latest; None when no verdict got so far."""
    claimed_time: Instant | None
    """What the signer says; no proof."""
    signer: Certificate | None
    """The signing certificate, once the signature names it unambiguously."""
    certificate_policies: tuple[str, ...]
    """Policies that the whole path asserts (RFC 5280 6.1.6, user-constrained-policy-set)."""
    path: tuple[bytes, ...]
    """SHA-256 of each certificate from the signer's to the anchor."""
    covered: Covered | None
    signature_id: bytes | None
    """SHA-256 that names this act of signing: over what was signed and the signer's key, so that neither re-encoding
    nor another form of the same ECDSA value makes it another one. None before the signature verified."""
    evidence: Evidence
    parts: tuple[Report, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the signature may be relied upon."""
        return self.indication is Indication.PASSED

    def check(self, name: CheckName) -> Check | None:
        """The last check of that name."""
        return next((check for check in reversed(self.checks) if check.name is name), None)

    @property
    def attributes(self) -> Attributes | None:
        """The person's four attributes as the signature certificate has them; None for another certificate.

        Only for callers that may have them: neither `to_json` nor the page shows them unless asked.
        Errors: Malformed when the certificate's attributes cannot be read.
        """
        return None if self.signer is None else read_attributes(self.signer)

    def to_json(self, *, evidence: bool = True) -> dict[str, object]:
        """The stable JSON form (docs/formats/verification-report.md); without the person's attributes.

        `evidence`: whether to carry the octets of certificates, CRLs, OCSP answers and time-stamps along.
        """
        return {
            "version": VERSION,
            "indication": self.indication.value,
            "sub_indication": None if self.sub_indication is None else self.sub_indication.value,
            "reason": self.reason,
            "policy": self.policy,
            "at": self.at.iso(),
            "best_signature_time": _iso(self.best_signature_time),
            "claimed_signing_time": _iso(self.claimed_time),
            "format": None if self.format is None else self.format.value,
            "level": None if self.level is None else self.level.value,
            "signer": None
            if self.signer is None
            else {"sha256": self.signer.fingerprint.hex(), "serial": f"{self.signer.serial:040x}"},
            "certificate_policies": list(self.certificate_policies),
            "path": [fingerprint.hex() for fingerprint in self.path],
            "covered": None if self.covered is None else self.covered.to_json(),
            "signature_id": None if self.signature_id is None else self.signature_id.hex(),
            "checks": [check.to_json() for check in self.checks],
            "evidence_sha256": self.evidence.digest().hex(),
            **({"evidence": self.evidence.to_json()} if evidence else {}),
            **({"parts": [part.to_json(evidence=evidence) for part in self.parts]} if self.parts else {}),
        }


def _iso(at: Instant | None) -> str | None:
    return None if at is None else at.iso()


class Findings:
    """Checks as they are made. The verdict: a proof of failure before any doubt, else the first doubt, else PASSED."""

    def __init__(self) -> None:
        self.checks: list[Check] = []

    def passed(self, name: CheckName, why: str, **detail: object) -> None:
        """The check holds."""
        self.checks.append(Check(name, Outcome.PASSED, why, None, detail))

    def note(self, name: CheckName, why: str, **detail: object) -> None:
        """Worth telling; decides nothing."""
        self.checks.append(Check(name, Outcome.NOTE, why, None, detail))

    def skipped(self, name: CheckName, why: str) -> None:
        """Not asked for, or not reached."""
        self.checks.append(Check(name, Outcome.SKIPPED, why))

    def failed(self, name: CheckName, sub: SubIndication, why: str, **detail: object) -> None:
        """The check does not hold; `sub` says whether that is a proof of failure or a doubt."""
        outcome = Outcome.FAILED if sub.indication is Indication.FAILED else Outcome.INDETERMINATE
        self.checks.append(Check(name, outcome, why, sub, detail))

    @property
    def verdict(self) -> tuple[Indication, SubIndication | None, str]:
        """Indication, sub-indication and reason over all checks so far."""
        for outcome, indication in (
            (Outcome.FAILED, Indication.FAILED),
            (Outcome.INDETERMINATE, Indication.INDETERMINATE),
        ):
            for check in self.checks:
                if check.outcome is outcome:
                    return indication, check.sub_indication, check.why
        return Indication.PASSED, None, ""


def worst(reports: Sequence[Report]) -> Report:
    """The report that decides over several: FAILED before INDETERMINATE before PASSED, the first of its kind."""
    order = (Indication.FAILED, Indication.INDETERMINATE, Indication.PASSED)
    return min(reports, key=lambda report: order.index(report.indication))
