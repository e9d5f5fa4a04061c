"""The status of certificates that a party knows by its own handles, one or many, with source and age."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from pki.certificate import Certificate
from pki.instant import Clock, Instant
from pki.purpose import Purpose
from verifier.certificate_verdict import told
from verifier.errors import FetchFailed, FetchRefused
from verifier.evidence import Evidence
from verifier.inquiry import ask_status, crl_urls
from web.filing_check import FilingCheck
from web.parties import RelyingParty
from web.store import Database
from web.store import relying as rows
from web.subjects import Subjects

MOST: Final = 100
AFFAIRS: Final = "status of a certificate"
"""What the person's record says that it was for."""


class Source(StrEnum):
    """Whom to ask about a status."""

    ANY = "any"
    """The OCSP responder, live; its CRL where that does not answer."""
    CRL = "crl"
    """The published CRLs alone: as old as they are, without one question to a responder."""


_SHOWN: Final = ("status", "source", "this_update", "next_update", "age_seconds")


@dataclass(frozen=True, slots=True)
class PartyStatus:
    """Asks live, as a verification would. Safe for threads."""

    check: FilingCheck
    database: Database
    subjects: Subjects
    clock: Clock
    crls: Callable[[], Sequence[bytes]] = tuple
    """The CRLs that this deployment publishes just now."""

    def page(
        self, party: RelyingParty, kind: str, after: str, limit: int, source: Source = Source.ANY
    ) -> dict[str, Any]:
        """The status of every handle of a kind (`c` or `p`) that the party knows, by handle; `next` goes on from here.

        A handle that the party learns meanwhile is met if it sorts behind the page that was asked for last.
        """
        handles = self.database.read(lambda conn: rows.handles_of(conn, party.party, f"{kind}-", after, limit + 1))
        shown, more = handles[:limit], len(handles) > limit
        return {"items": self.of_many(party, shown, source), "next": shown[-1] if more else None}

    def of(self, party: RelyingParty, handle: str, source: Source = Source.ANY) -> dict[str, Any]:
        """The status behind one handle: of a certificate, or of what a person holds now after any renewal.

        Unknown handles, other parties' and forgotten ones look alike: `unknown`. The person can read that it was asked.
        """
        now = self.clock.now()
        subject = self.database.read(lambda conn: rows.subject_of(conn, party.party, handle))
        if subject is None:
            return {"handle": handle, "status": "unknown", "source": "nothing"}
        of_person = handle.startswith("p-")
        person = subject if of_person else self.subjects.person_of(bytes.fromhex(subject))
        if person is None:
            return {"handle": handle, "status": "unknown", "source": "nothing"}
        recorded = self.subjects.record(person, party, AFFAIRS, frozenset(), now, party.legal_basis)
        if of_person:
            octets = self.subjects.current_certificate(recorded, Purpose.SIGNATURE, now)
        else:
            octets = self.subjects.certificate_of(recorded, bytes.fromhex(subject))
        if octets is None:
            return {"handle": handle, "status": "none", "source": "registry"}
        return {"handle": handle, **self._asked(Certificate(octets), now, source)}

    def of_many(self, party: RelyingParty, handles: Sequence[str], source: Source = Source.ANY) -> list[dict[str, Any]]:
        """One answer for each handle, in order."""
        return [self.of(party, handle, source) for handle in handles]

    def _asked(self, certificate: Certificate, now: Instant, source: Source) -> dict[str, Any]:
        for trust in self.check.trust.values():
            result = trust.signers.validate(certificate, now)
            if result.valid_path is None:
                continue
            issuer = result.valid_path.issuer_of(0)[2]
            if source is Source.CRL:
                result = trust.signers.validate(certificate, now, self._lists(certificate))
            elif self.check.fetcher is not None and issuer is not None:
                found = ask_status(certificate, Certificate(issuer.der), self.check.fetcher, self.check.random)
                rules = replace(trust.signers.rules, nonce=found.nonce)
                result = trust.signers.validate(certificate, now, found.evidence, rules=rules)
            if result.statuses:
                row = told(result.statuses[0], now)
                return {name: row[name] for name in _SHOWN}
        return {"status": "unknown", "source": "nothing"}

    def _lists(self, certificate: Certificate) -> Evidence:
        """Our own CRLs, and those that the certificate's addresses give."""
        found = Evidence(crls=tuple(self.crls()))
        fetcher = self.check.fetcher
        if fetcher is not None:
            for url in crl_urls(certificate):
                with suppress(FetchRefused, FetchFailed):
                    found += Evidence(crls=(fetcher.get(url),))
        return found
