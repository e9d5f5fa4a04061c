"""Remote procedures: a filing signed with the card changes the address, the certificate and the ledger, or nothing.

One transaction holds the decision, the ledger's place, the end of the old signature certificate (affiliationChanged),
the promise of the new one, the person's new address, the filing itself and what others are to be told. A refusal leaves
no trace but the answer. The authentication certificate stays, and the new certificate does not outlive it; a renewal
alone makes both anew.
"""

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ca.errors import WrongState as IntentNotSignable
from ca.intents import IntentId
from ca.issuance import Registrar
from ca.orders import Assurance
from enrollment import (
    certificates,
    channels,
    issuing,
    ledger,
    outbox,
    protection,
    registry,
    renewals,
    residence,
    transfers,
)
from enrollment.application import Application, ApplicationEvent, ApplicationKind, ApplicationState
from enrollment.canonical import Json, canonical
from enrollment.caps import Decision
from enrollment.card_keys import require_made_on
from enrollment.card_waiting import promise_signature
from enrollment.channels import Channel, Procedure
from enrollment.deadline import online_window
from enrollment.errors import (
    CardNotUsable,
    FilingMalformed,
    FilingMismatch,
    FilingReplayed,
    FilingVoid,
    NothingChanges,
    RemoteBlocked,
    UnknownFiling,
)
from enrollment.events import EventKind
from enrollment.filing import Filing, MoveFiling, ReissueFiling, RenewalFiling, VerifiedFiling, parse_filing
from enrollment.idempotency import answer_to, once
from enrollment.ledger import Happening
from enrollment.person import MINOR_AGE, Person, PersonStatus, Random, age_at, draw_id
from enrollment.proofs import Piece, Proof
from enrollment.signers import signer_of, wait_turn
from enrollment.store import Connection, Database, records
from enrollment.store import people as people_rows
from enrollment.store import work as rows
from enrollment.store.records import StoredFiling
from enrollment.store.work import HeldCertificate
from pki.instant import Instant
from pki.purpose import Purpose
from pki.revocation import Reason

KINDS = {
    "remote-move": (ApplicationKind.REMOTE_MOVE, EventKind.REMOTE_MOVE, Reason.AFFILIATION_CHANGED),
    "remote-reissue": (ApplicationKind.REMOTE_REISSUE, EventKind.REMOTE_REISSUE, Reason.SUPERSEDED),
    "remote-renewal": (ApplicationKind.REMOTE_RENEWAL, EventKind.REMOTE_RENEWAL, Reason.SUPERSEDED),
}
"""Kind of filing → what becomes of it: the application, the ledger's event, why the old certificate ends."""


@dataclass(frozen=True, slots=True)
class FilingResult:
    """Where an accepted filing stands. `certificate`: the new certificate in DER once it is signed; of a renewal
    `authentication_certificate` too.

    `decision` is the decision by which it was accepted, as `Decision.to_json` gives it.
    """

    filing: str
    application: str
    event: str
    state: ApplicationState
    decision: dict[str, Any]
    certificate: bytes | None
    accepted_at: Instant
    authentication_certificate: bytes | None = None


@dataclass(frozen=True, slots=True)
class Moves:
    """The parts that remote procedures need. `sign`: as in `enrollment.issuing.Issuing`."""

    database: Database
    registrar: Registrar
    random: Random
    sign: Callable[[IntentId, Instant], object] | None = None

    def answered(
        self, document: bytes, request: bytes, key: str, at: Instant, authentication_request: bytes | None = None
    ) -> FilingResult | None:
        """The result of the same request under the same idempotency key, if it was accepted before; None for a new one.

        To be asked before the signature is verified: an accepted filing has revoked the certificate that signed it.
        Errors: FilingReplayed for an accepted filing under another key; IdempotencyMismatch; FilingMalformed.
        """
        filing = parse_filing(document).filing
        requests = _requests(request, authentication_request)

        def look(conn: Connection) -> bool:
            known = answer_to(conn, _client(filing), key, _asked(document, requests))
            if known is None and records.find_filing(conn, filing) is not None:
                raise FilingReplayed(filing)
            return known is not None

        return self.result(filing, at) if self.database.read(look) else None

    def accept(
        self,
        verified: VerifiedFiling,
        request: bytes,
        key: str,
        at: Instant,
        authentication_request: bytes | None = None,
    ) -> FilingResult:
        """Decide and do. `request`: PKCS#10 in DER by the pending key; `authentication_request`: the other key's, for a
        renewal and for nothing else; `key`: the idempotency key of whoever asks: the
        same request under it again has the same answer and no second effect.

        Errors: CapReached with the decision; FilingReplayed, FilingVoid, FilingMismatch; UnknownCertificate,
        CertificateEnded, CertificateExpired, CardNotUsable; NothingChanges, RemoteBlocked; IdempotencyMismatch;
        FilingTooEarly, FilingTooLate, ResidenceUnproven;
        UnknownMunicipality; what the authority says of the request (WeakKey, PossessionNotProven, KeyAlreadySeen, …).
        After any of them nothing has changed.
        """
        requests = _requests(request, authentication_request)
        asked = _asked(verified.document, requests)
        client = _client(verified.filing.filing)

        def body(conn: Connection) -> dict[str, Any]:
            wait_turn(conn, verified)
            return once(conn, client, key, asked, at, lambda: self._accept(conn, verified, requests, at))

        outcome = self.database.transaction(body)
        return self.result(outcome["filing"], at)

    def _accept(
        self, conn: Connection, verified: VerifiedFiling, requests: dict[Purpose, bytes], at: Instant
    ) -> dict[str, Json]:
        filing = verified.filing
        self._require_fresh(conn, filing, requests, at)
        held = signer_of(conn, verified, at)
        if filing.kind not in KINDS:
            raise FilingMalformed("this document is for another door")
        application_kind, event_kind, reason = KINDS[filing.kind]
        self._settle_card(conn, held, at)
        before = issuing.person_for_issuing(
            conn, held.person, people_rows.owner_of(conn, held.person), filing.kind, at, self.random
        )
        _require_remote(conn, before, filing, at)
        _require_told_in_time(conn, before, filing, held.card_id, at)
        for purpose, request in requests.items():
            require_made_on(conn, held.card_id, purpose, request)
        event, decision = ledger.record(
            conn,
            Happening(
                held.person, event_kind, actor=held.person, evidence=(hashlib.sha256(verified.document).hexdigest(),)
            ),
            at,
            self.random,
        )
        application = Application(
            application=draw_id(self.random),
            owner=before.owner,
            person=held.person,
            kind=application_kind,
            state=ApplicationState.INTENDED,
            version=1,
            filed_by=held.person,
            filed_at=event.at,
            changed_at=event.at,
            card_not_after=rows.card_of(conn, held.card_id).not_after,
            card_id=held.card_id,
        )
        person = self._moved(conn, before, filing, at)
        for old in certificates.held_by(conn, held.person):
            if old.purpose in requests:
                certificates.end(conn, old, reason, at, filing.kind, self.random)
        rows.add_application(conn, application)
        if isinstance(filing, RenewalFiling):
            renewals.promise_both(conn, self.registrar, application, person, requests, at)
        else:
            request = requests[Purpose.SIGNATURE]
            promise_signature(conn, self.registrar, application, person, request, Assurance.REMOTE, at)
        stored = StoredFiling(
            filing.filing,
            held.person,
            application.application,
            event.event,
            verified.document,
            verified.signature,
            verified.report,
            _decision_text(decision),
            at,
        )
        records.add_filing(conn, stored)
        body: dict[str, Json] = {
            "application": application.application,
            "event": event.event,
            "from": before.owner,
            "kind": filing.kind,
            "to": person.owner,
            "version": person.version,
        }
        outbox.put(conn, held.person, "filing.accepted", body, at, self.random)
        return {"filing": filing.filing}

    def _require_fresh(self, conn: Connection, filing: Filing, requests: dict[Purpose, bytes], at: Instant) -> None:
        if records.find_filing(conn, filing.filing) is not None:
            raise FilingReplayed(filing.filing)
        if at > filing.void_after:
            raise FilingVoid(filing.void_after.iso())
        named = {}
        if isinstance(filing, MoveFiling | ReissueFiling | RenewalFiling):
            named[Purpose.SIGNATURE] = filing.request_digest
        if isinstance(filing, RenewalFiling):
            named[Purpose.AUTHENTICATION] = filing.authentication_request_digest
        if named and named != {purpose: hashlib.sha256(octets).hexdigest() for purpose, octets in requests.items()}:
            raise FilingMismatch(filing.filing)

    def _settle_card(self, conn: Connection, held: HeldCertificate, at: Instant) -> None:
        """A signature by the new key proves that the certificate reached the card: an open delivery ends here."""
        application = rows.application_of(conn, held.application)
        if application.state is ApplicationState.SIGNED:
            certificates.change(conn, application, ApplicationEvent.DELIVER, at)
        card = rows.card_of(conn, held.card_id)
        if not card.state.usable:
            raise CardNotUsable(card.card_id, card.state.value)

    def _moved(self, conn: Connection, person: Person, filing: Filing, at: Instant) -> Person:
        if not isinstance(filing, MoveFiling):
            return person
        attributes = person.attributes.moved_to(filing.address, filing.address_substitutes)
        return registry.move(conn, person, filing.municipality, attributes, at, self.random)

    def result(self, filing: str, at: Instant) -> FilingResult:
        """Where a filing stands; what the authority has signed meanwhile is noted first, and asked for where it lives
        in this process. Of a card that was lost meanwhile nothing is signed any more: the application is withdrawn, and
        there is no certificate. Repeatable. Errors: UnknownFiling.
        """
        stored = self.database.read(lambda conn: _stored(conn, filing))
        promised = self.database.read(lambda conn: rows.certificates_of_application(conn, stored.application))
        for held in promised.values():
            if self.sign is not None and not held.is_signed and held.ended_at is None:
                with suppress(IntentNotSignable):  # withdrawn in this very moment
                    self.sign(IntentId(held.intent), at)

        def note(conn: Connection) -> FilingResult:
            return _result(conn, stored, at)

        return self.database.transaction(note)


def _client(filing: str) -> str:
    """Idempotency keys are told apart by filing: nobody can use up another's key."""
    return f"filing:{filing}"


def _requests(request: bytes, authentication_request: bytes | None) -> dict[Purpose, bytes]:
    requests = {Purpose.SIGNATURE: request}
    return requests if authentication_request is None else {**requests, Purpose.AUTHENTICATION: authentication_request}


_NAMES = {Purpose.SIGNATURE: "request", Purpose.AUTHENTICATION: "authentication_request"}


def _asked(document: bytes, requests: dict[Purpose, bytes]) -> dict[str, Json]:
    digests = {_NAMES[purpose]: hashlib.sha256(octets).hexdigest() for purpose, octets in requests.items()}
    return {"document": hashlib.sha256(document).hexdigest(), **digests}


def _stored(conn: Connection, filing: str) -> StoredFiling:
    stored = records.find_filing(conn, filing)
    if stored is None:
        raise UnknownFiling(filing)
    return stored


def _result(conn: Connection, stored: StoredFiling, at: Instant) -> FilingResult:
    application = certificates.note_signed(conn, rows.application_of(conn, stored.application), at)
    held = rows.certificates_of_application(conn, stored.application)
    octets = {purpose: certificates.octets_of(conn, one) for purpose, one in held.items() if one.is_signed}
    if protection.standing(conn, stored.person) is not None:
        octets.pop(Purpose.SIGNATURE, None)  # a signature certificate carries the address
    return FilingResult(
        stored.filing,
        stored.application,
        stored.event,
        application.state,
        json.loads(stored.decision),
        octets.get(Purpose.SIGNATURE),
        stored.accepted_at,
        octets.get(Purpose.AUTHENTICATION),
    )


def _decision_text(decision: Decision | None) -> str:
    return canonical(decision.to_json() if decision else None).decode()


def _require_remote(conn: Connection, person: Person, filing: Filing, at: Instant) -> None:
    if person.status is not PersonStatus.RESIDENT:
        raise RemoteBlocked("the record has ended")
    if protection.standing(conn, person.person) is not None:
        # Whoever files may not be the holder: the answer does not say that there is a flag.
        raise RemoteBlocked("it needs a look at a counter")
    if age_at(person.attributes.date_of_birth, at.jst_date()) < MINOR_AGE:
        raise RemoteBlocked("the person is under fifteen")
    if isinstance(filing, MoveFiling):
        people_rows.municipality_of(conn, filing.municipality)
        if (filing.municipality, filing.address) == (person.owner, person.attributes.address):
            raise NothingChanges(filing.filing)


def _require_told_in_time(conn: Connection, person: Person, filing: Filing, card_id: str, at: Instant) -> None:
    """The channel is open, the time is right, and the new address is proven as the municipality there asks.

    Errors: RemoteBlocked, FilingTooEarly, FilingTooLate, ResidenceUnproven.
    """
    if isinstance(filing, RenewalFiling):
        channels.require(conn, person.owner, Procedure.REMOTE_RENEWAL, Channel.ONLINE, at)
        renewals.require_window(conn, person.person, card_id, at)
        return
    if not isinstance(filing, MoveFiling):
        channels.require(conn, person.owner, Procedure.REMOTE_REISSUE, Channel.ONLINE, at)
        return
    procedure, planned_on = Procedure.MOVE_WITHIN, None
    if filing.municipality != person.owner:
        procedure = Procedure.MOVE_IN
        told = transfers.announced(conn, person.person, filing.municipality)
        planned_on = told.planned_on if told else None
        if told is None:
            channels.require(conn, person.owner, Procedure.MOVE_OUT, Channel.ONLINE, at)
    online_window(procedure, filing.moved_on, planned_on).require(at)
    signed = Piece(Proof.CARD_SIGNATURE, at)
    residence.require(
        conn, person.person, filing.municipality, procedure, Channel.ONLINE, filing.address, [signed], filing.filing, at
    )
