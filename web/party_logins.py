"""Log-ins with a card for registered parties: a challenge, then the card's signature over it and the party's origin."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pki.instant import Clock
from pki.purpose import Purpose
from verifier.challenge import LIFETIME, NONCE_OCTETS, canonical_origin, parse_token
from verifier.errors import ChallengeRefused, TokenRefused
from web.errors import NotAllowed
from web.filing_check import FilingCheck
from web.handles import Handles
from web.parties import RelyingParty
from web.party_answer import Told, answer, with_assurance
from web.store import Connection, Database
from web.store import relying as rows
from web.subjects import NOTHING_KNOWN, Level, Subjects


@dataclass(frozen=True, slots=True)
class PartyLogins:
    """Challenges live in the database, so that any process may take one that another handed out. Safe for threads."""

    check: FilingCheck
    database: Database
    handles: Handles
    subjects: Subjects
    clock: Clock
    random: Callable[[int], bytes]

    def challenge(self, party: RelyingParty, origin: str) -> dict[str, str]:
        """A challenge for one browser session of the party's page at `origin`. Errors: NotAllowed, InvalidValue."""
        if Purpose.AUTHENTICATION not in party.purposes or canonical_origin(origin) not in party.origins:
            raise NotAllowed("log-ins at that origin")
        now = self.clock.now()
        id_, expires = f"l-{self.random(16).hex()}", now + LIFETIME
        nonce = base64.b64encode(self.random(NONCE_OCTETS)).decode()
        self.database.transaction(lambda conn: rows.put_challenge(conn, id_, party.party, origin, nonce, expires, now))
        return {"id": id_, "nonce": nonce, "origin": origin, "expires": expires.iso()}

    def verify(self, party: RelyingParty, id_: str, token: str, required: Level | None) -> dict[str, Any]:
        """The answer to a log-in. The challenge is gone before anything is looked at.

        Errors: ChallengeRefused, Malformed; TokenRefused when the log-in does not hold.
        """
        now = self.clock.now()
        taken = self.database.transaction(lambda conn: rows.take_challenge(conn, party.party, id_))
        if taken is None:
            raise ChallengeRefused("unknown or already used")
        origin, nonce, expires = taken
        if now > expires:
            raise ChallengeRefused("too old")
        report = self.check.login(parse_token(token), origin, nonce, now)
        if not report.passed or report.signer is None:
            failed = next((check for check in report.checks if check.sub_indication is not None), None)
            raise TokenRefused(failed.name.value if failed else "format", str(report.sub_indication))
        person = self.subjects.person_of(report.signer.fingerprint)
        known, assurance = None, NOTHING_KNOWN
        if person is not None:
            known = self.subjects.record(person, party, "log-in", frozenset(), now, party.legal_basis)
            assurance = self.subjects.assurance_of(known, now)
        told = Told(known, assurance.of_certificate(self.check.issuance_of(report)), required)
        said = {"id": id_, **answer(with_assurance(report, told), party, self.handles, told)}
        fingerprint, call = report.signer.fingerprint.hex(), self.random(8).hex()

        def keep(conn: Connection) -> None:
            rows.keep_handle(conn, party.party, said["certificate"], fingerprint)
            if person is not None:
                rows.keep_handle(conn, party.party, said["person"], person)
            rows.note_call(conn, party.party, call, now, "authentication", id_, str(said["indication"]))

        self.database.transaction(keep)
        if person is not None:
            self.subjects.used(person, now)
        return said
