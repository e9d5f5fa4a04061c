"""What a relying party is told of a verdict: everything about its document, nothing that names the person elsewhere.

No serial number, no fingerprint, no time that only this person's certificate has: two parties that lay all their
answers side by side must not find the same person by them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from verifier.indication import Indication, SubIndication
from verifier.report import Check, CheckName, Outcome, Report
from verifier.words import MEANINGS
from web.handles import Handles
from web.parties import RelyingParty
from web.subjects import NOTHING_KNOWN, Assurance, Level, Recorded

_SAFE: Final = frozenset({"scheme", "key", "level", "signers", "signatures", "references"})
_STATUS: Final = ("status", "source", "this_update", "age_seconds")


@dataclass(frozen=True, slots=True)
class Told:
    """Beside the verdict: whose it is to this party, and how far from trust."""

    known: Recorded | None
    """Who it is, with the proof that their record says so; the registry's id is never sent."""
    assurance: Assurance = NOTHING_KNOWN
    required: Level | None = None
    attributes: Mapping[str, str] | None = None
    withheld: Mapping[str, str] = field(default_factory=dict)
    """Attributes that were asked for and are not told → `consent` (there is none) or `protection`."""

    @property
    def falls_short(self) -> bool:
        """Whether the party asked for more assurance than there is."""
        return self.required is not None and self.assurance.level.rank < self.required.rank


def with_assurance(report: Report, told: Told) -> Report:
    """`report` with the check of the assurance that was asked for; a signature that holds becomes INDETERMINATE."""
    if told.required is None:
        return report
    why = f"the person's assurance is {told.assurance.level}; {told.required} was asked for"
    short = told.falls_short
    sub = SubIndication.ASSURANCE_NOT_MET if short else None
    outcome = Outcome.INDETERMINATE if short else Outcome.PASSED
    checks = (*report.checks, Check(CheckName.ASSURANCE, outcome, why, sub))
    if short and report.passed:
        return replace(report, indication=Indication.INDETERMINATE, sub_indication=sub, reason=why, checks=checks)
    return replace(report, checks=checks)


def answer(report: Report, party: RelyingParty, handles: Handles, told: Told) -> dict[str, Any]:
    """The answer's JSON; what it says is documented in docs/formats/verification-report.md."""
    indication, sub = report.indication, report.sub_indication
    checks = [_check(check.to_json()) for check in report.checks]
    signer = report.signer if report.signature_id is not None else None
    return {
        "version": 1,
        "indication": indication.value,
        "sub_indication": None if sub is None else sub.value,
        "reason": _reason(sub),
        "policy": report.policy,
        "at": report.at.iso(),
        "best_signature_time": None if report.best_signature_time is None else report.best_signature_time.iso(),
        "claimed_signing_time": None if report.claimed_time is None else report.claimed_time.iso(),
        "format": report.format,
        "level": report.level,
        "certificate_policies": list(report.certificate_policies),
        "covered": None if report.covered is None else report.covered.to_json(),
        "checks": checks,
        "person": None if told.known is None else handles.person(party.party, told.known.person),
        "certificate": None if signer is None else handles.certificate(party.party, signer.fingerprint),
        "signature": None if report.signature_id is None else handles.signature(party.party, report.signature_id),
        "assurance": {
            **told.assurance.to_json(),
            "required": None if told.required is None else told.required.value,
            "met": None if told.required is None else not told.falls_short,
        },
        **({"attributes": dict(told.attributes)} if told.attributes is not None else {}),
        **({"withheld": dict(told.withheld)} if told.withheld else {}),
    }


def _reason(sub: SubIndication | None) -> dict[str, str] | None:
    if sub is None:
        return None
    meaning = MEANINGS[sub]
    return {
        "en": meaning.what.en,
        "ja": meaning.what.ja,
        "todo_en": meaning.todo.en,
        "todo_ja": meaning.todo.ja,
    }


def _check(check: dict[str, Any]) -> dict[str, Any]:
    detail = {name: value for name, value in check["detail"].items() if name in _SAFE}
    rows = check["detail"].get("certificates")
    if isinstance(rows, list) and rows:
        # the signer's own row only: those above belong to the authority and say nothing of the person
        detail |= {name: rows[0].get(name) for name in _STATUS}
    return {
        "name": check["name"],
        "outcome": check["outcome"],
        "clause": check["clause"],
        "sub_indication": check["sub_indication"],
        "detail": detail,
    }
