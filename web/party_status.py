"""The status of certificates that a party knows by its own handles, one or many, with source and age."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from pki.certificate import Certificate
from pki.instant import Clock, Instant
from pki.purpose import Purpose
from verifier.certificate_verdict import told
from verifier.inquiry import ask_status
from web.filing_check import FilingCheck
from web.parties import RelyingParty
from web.store import Database
from web.store import relying as rows
from web.subjects import Subjects

MOST: Final = 100
_SHOWN: Final = ("status", "source", "this_update", "next_update", "age_seconds")


@dataclass(frozen=True, slots=True)
class PartyStatus:
    """Asks live, as a verification would. Safe for threads."""

    check: FilingCheck
    database: Database
    subjects: Subjects
    clock: Clock

    def of(self, party: RelyingParty, handle: str) -> dict[str, Any]:
        """The status behind one handle: of a certificate, or of what a person holds now after any renewal.

        Unknown handles, other parties' and forgotten ones look alike: `unknown`.
        """
        now = self.clock.now()
        subject = self.database.read(lambda conn: rows.subject_of(conn, party.party, handle))
        if subject is None:
            return {"handle": handle, "status": "unknown", "source": "nothing"}
        if handle.startswith("p-"):
            octets = self.subjects.current_certificate(subject, Purpose.SIGNATURE, now)
            if octets is None:
                return {"handle": handle, "status": "none", "source": "registry"}
        else:
            octets = self.subjects.certificate_of(bytes.fromhex(subject))
            if octets is None:
                return {"handle": handle, "status": "unknown", "source": "nothing"}
        return {"handle": handle, **self._asked(Certificate(octets), now)}

    def of_many(self, party: RelyingParty, handles: list[str]) -> list[dict[str, Any]]:
        """One answer for each handle, in order."""
        return [self.of(party, handle) for handle in handles]

    def _asked(self, certificate: Certificate, now: Instant) -> dict[str, Any]:
        for trust in self.check.trust.values():
            result = trust.signers.validate(certificate, now)
            if result.valid_path is None:
                continue
            issuer = result.valid_path.issuer_of(0)[2]
            if self.check.fetcher is not None and issuer is not None:
                found = ask_status(certificate, Certificate(issuer.der), self.check.fetcher, self.check.random)
                rules = replace(trust.signers.rules, nonce=found.nonce)
                result = trust.signers.validate(certificate, now, found.evidence, rules=rules)
            if result.statuses:
                row = told(result.statuses[0], now)
                return {name: row[name] for name in _SHOWN}
        return {"status": "unknown", "source": "nothing"}
