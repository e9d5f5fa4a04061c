"""From an application at a counter to certificates on a card. Every step may be repeated; none is done twice.

    FILED ──approve──▶ APPROVED ──keys on the card, requests kept──▶ KEYS_PROVEN
      ──one transaction: ANCHOR, both intents, card bound, outbox──▶ INTENDED ──the authority signs──▶ SIGNED
      ──written to the card, read back──▶ INSTALLED ──▶ DELIVERED

What a crash leaves behind: before KEYS_PROVEN is kept, pending keys on the card that the next try replaces; after it,
rows from which `continue_` goes on. Nothing is ever promised that is not in the ledger, and nothing in the ledger
without its promise: both are the one transaction.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from ca.intents import IntentId
from ca.issuance import Registrar
from ca.orders import Assurance, Order
from enrollment import (
    acts,
    card_life,
    catalogue,
    certificates,
    channels,
    confirmations,
    deciding,
    ledger,
    outbox,
    registry,
)
from enrollment.application import (
    Application,
    ApplicationEvent,
    ApplicationKind,
    ApplicationState,
    advance,
    content_of,
    filing_content,
    withdrawal_content,
)
from enrollment.approvals import Approved
from enrollment.canonical import Json
from enrollment.card_keys import require_made_on
from enrollment.cards import CardSlot
from enrollment.channels import Channel, Procedure
from enrollment.characters import for_certificate
from enrollment.counters import Affair
from enrollment.counterside import counterside, require_level, require_resident
from enrollment.delivering import deliver_card, end_older_cards, have_signed
from enrollment.errors import (
    AlreadyIssued,
    CardDiffers,
    EvidenceTooWeak,
    EvidenceUsed,
    NeedsApproval,
    NotYours,
    WrongCard,
    WrongState,
)
from enrollment.events import EventKind
from enrollment.evidence import InPersonEvidence
from enrollment.ledger import Happening
from enrollment.officers import require_own_signature
from enrollment.operators import Role
from enrollment.person import MINOR_AGE, Person, PersonId, Random, age_at, draw_id
from enrollment.registry import FOUR_ATTRIBUTES, Access
from enrollment.store import Connection, Database, records
from enrollment.store import people as people_rows
from enrollment.store import work as rows
from enrollment.store.work import HeldCertificate
from pki.algorithms import algorithm_for
from pki.card_state import CardEvent, CardState
from pki.certification_request import assemble_request, certification_request_info
from pki.instant import Instant
from pki.purpose import Purpose
from pki.revocation import Reason

AFFAIRS: Mapping[ApplicationKind, Affair] = {
    ApplicationKind.FIRST_ISSUE: Affair.FIRST_ISSUE,
    ApplicationKind.RENEWAL: Affair.RENEWAL,
    ApplicationKind.REISSUE: Affair.REISSUE,
}
"""What may be applied for at a counter with the person present."""

PROCEDURES: Mapping[ApplicationKind, Procedure] = {
    ApplicationKind.FIRST_ISSUE: Procedure.FIRST_ISSUE,
    ApplicationKind.RENEWAL: Procedure.RENEWAL,
    ApplicationKind.REISSUE: Procedure.REISSUE_AFTER_LOSS,
}


def file(
    conn: Connection,
    kind: ApplicationKind,
    evidence: InPersonEvidence,
    card_not_after: Instant,
    operator: str,
    at: Instant,
    random: Random,
    officer_certificate: bytes | None = None,
    confirmation: str | None = None,
) -> Application:
    """Record an application at a counter, with what was shown in person, and propose it to a second operator.

    `confirmation`: the municipality's, for a post office (`enrollment.confirmations`).

    A signature on the evidence must be by the operator's own card; its certificate (DER) is looked up if not given.
    Errors: those of `Counterside.require`; NotPresent, EvidenceTooWeak, EvidenceUsed,
    SignatureInvalid, NotConfirmed; AlreadyIssued for a first issue
    of somebody who holds certificates, or while another application is under way; UnknownPerson, NotYours.
    """
    at_desk = counterside(conn, operator)
    affair = AFFAIRS[kind]
    at_desk.require(affair, at, evidence.person)
    channels.require(conn, at_desk.operator.owner, PROCEDURES[kind], Channel.IN_PERSON, at)
    if people_rows.hold_person(conn, evidence.person) != at_desk.operator.owner:
        raise NotYours(at_desk.operator.owner)
    require_resident(conn, evidence.person, kind.value)
    if (evidence.officer, evidence.counter) != (operator, at_desk.counter.counter):
        raise EvidenceTooWeak("the check must be recorded by the officer and desk that file the application")
    require_own_signature(conn, evidence, at_desk.operator, at, officer_certificate)
    require_level(conn, evidence, at_desk.counter)
    _require_free(conn, kind, evidence.person)
    application = Application(
        application=draw_id(random),
        owner=at_desk.operator.owner,
        person=evidence.person,
        kind=kind,
        state=ApplicationState.FILED,
        version=1,
        filed_by=operator,
        filed_at=at,
        changed_at=at,
        card_not_after=card_not_after,
        counter=at_desk.counter.counter,
        evidence=evidence.digest(),
    )
    if not records.add_evidence(conn, evidence, application.application):
        raise EvidenceUsed(evidence.digest())
    confirmations.use(conn, confirmation, at_desk.counter, evidence.person, evidence.digest(), at)
    asked = filing_content(kind, evidence.digest(), card_not_after)
    acts.use(conn, at_desk.operator, acts.What.FILE, evidence.person, asked, at)
    approval = deciding.propose(
        conn, at_desk.operator, affair, application.application, content_of(application), at, random, is_signed=True
    )
    application = replace(application, approval=approval.approval)
    rows.add_application(conn, application)
    return application


def _require_free(conn: Connection, kind: ApplicationKind, person: PersonId) -> None:
    for other in rows.applications_of(conn, person):
        if not other.state.is_final and other.kind in AFFAIRS:
            raise AlreadyIssued(other.application)
    held = certificates.held_by(conn, person)
    if kind is ApplicationKind.FIRST_ISSUE and held:
        raise AlreadyIssued(held[0].application)


def approve(conn: Connection, application: str, operator: str, at: Instant) -> Approved:
    """A second operator approves. Errors: those of `deciding.approve`; SelfDealing; WrongState; UnknownApplication."""
    found = rows.application_of(conn, application)
    second = people_rows.operator_of(conn, operator)
    second.require(Role.SUPERVISOR, at, found.person)
    if found.approval is None:
        raise NeedsApproval(found.kind.value)
    approved = deciding.approve(conn, found.approval, second, at)
    certificates.change(conn, found, ApplicationEvent.APPROVE, at)
    return approved


def refuse(conn: Connection, application: str, operator: str, at: Instant, reason: str) -> Application:
    """A second operator refuses, with a reason. Errors: as `approve`."""
    found = rows.application_of(conn, application)
    second = people_rows.operator_of(conn, operator)
    if found.approval is None:
        raise NeedsApproval(found.kind.value)
    deciding.reject(conn, found.approval, second, at, reason)
    return certificates.change(conn, found, ApplicationEvent.REFUSE, at, reason)


def withdraw(
    conn: Connection, application: str, operator: str, at: Instant, reason: str, random: Random
) -> Application:
    """Give up before delivery; what was promised or signed is revoked as unspecified: destroyed before delivery.

    Errors: UnknownApplication, NotYours, WrongState, ActNotSigned.
    """
    found = rows.application_of(conn, application)
    who = people_rows.operator_of(conn, operator)
    if who.owner != found.owner:
        raise NotYours(who.owner)
    who.require(Role.CLERK, at)
    acts.use(conn, who, acts.What.WITHDRAW, found.person, withdrawal_content(application, reason), at)
    changed = certificates.change(conn, found, ApplicationEvent.WITHDRAW, at, reason)
    if found.state.has_intents and found.card_id is not None and found.kind is not ApplicationKind.RENEWAL:
        card = rows.card_of(conn, found.card_id)
        if card.state is CardState.PREPARED:
            card_life.change(conn, card, CardEvent.END, at, "withdrawn", random)
    certificates.end_of_application(conn, changed, at, "withdrawn", random)
    return changed


@dataclass(frozen=True, slots=True)
class Issuing:
    """The parts that issuing needs. `issuers`: the CA certificates in DER that go onto the card.

    `sign` asks the authority to sign an intent at once, where it lives in this process; without it the authority's own
    worker signs, and `continue_` says NotSignedYet until it has.
    """

    database: Database
    registrar: Registrar
    issuers: Mapping[Purpose, bytes]
    random: Random
    sign: Callable[[IntentId, Instant], object] | None = None

    def continue_(self, application: str, card: CardSlot, at: Instant) -> Application:
        """Go on from wherever the application stands until it is DELIVERED; calling it again is harmless.

        Errors: UnknownApplication; NeedsApproval while it is FILED; WrongState once it is refused or withdrawn;
        WrongCard if another card is in the reader than the one with the keys; CardNotUsable; NotSignedYet; CardDiffers;
        whatever the card raises. After any of them the same call goes on from there.
        """
        while True:
            found = self.database.read(lambda conn: rows.application_of(conn, application))
            if found.state is ApplicationState.DELIVERED:
                return found
            if found.state is ApplicationState.FILED:
                raise NeedsApproval(found.kind.value)
            if found.state is ApplicationState.APPROVED and found.kind not in AFFAIRS:
                # it waits for one key only: enrollment.card_waiting begins, and comes back here
                raise WrongState("application", found.state.value, ApplicationEvent.PROVE_KEYS.value)
            self._require_card(found, card)
            steps: Mapping[ApplicationState, Callable[[Application, CardSlot, Instant], None]] = {
                ApplicationState.APPROVED: self._make_keys,
                ApplicationState.KEYS_PROVEN: self._intend,
                ApplicationState.INTENDED: self._have_signed,
                ApplicationState.SIGNED: self._install,
                ApplicationState.INSTALLED: self._deliver,
            }
            step = steps.get(found.state)
            if step is None:
                advance(found.state, ApplicationEvent.DELIVER)  # refused or withdrawn: raises WrongState
                return found
            step(found, card, at)

    def _require_card(self, application: Application, card: CardSlot) -> None:
        if application.card_id is not None and card.card_id() != application.card_id:
            raise WrongCard(application.card_id, card.card_id())

    def _make_keys(self, application: Application, card: CardSlot, at: Instant) -> None:
        card_id = card.card_id()
        self.database.read(lambda conn: card_life.require_usable(conn, application, card_id))
        person = self.database.transaction(lambda conn: self._person(conn, application, "card-application", at))
        requests = {purpose: proven_request(card, purpose) for purpose in purposes_for(person, at)}

        def keep(conn: Connection) -> None:
            now = rows.application_of(conn, application.application)
            card_life.require_usable(conn, now, card_id)
            for purpose, request in requests.items():
                require_made_on(conn, card_id, purpose, request)
            for purpose, request in requests.items():
                rows.put_request(conn, now, purpose, request)
            certificates.change(conn, replace(now, card_id=card_id), ApplicationEvent.PROVE_KEYS, at)

        self.database.transaction(keep)

    def _person(self, conn: Connection, application: Application, reason: str, at: Instant) -> Person:
        return person_for_issuing(conn, application.person, application.owner, reason, at, self.random)

    def _intend(self, application: Application, _card: CardSlot, at: Instant) -> None:
        def promise(conn: Connection) -> None:
            now = rows.application_of(conn, application.application)
            if now.state is not ApplicationState.KEYS_PROVEN:
                return
            if now.approval is None or now.evidence is None or now.card_id is None:
                raise NeedsApproval(now.kind.value)
            people_rows.hold_person(conn, now.person)
            deciding.use(conn, now.approval, AFFAIRS[now.kind], now.application, content_of(now), at)
            card_life.require_usable(conn, now, now.card_id)
            person = self._person(conn, now, now.kind.value, at)
            window = certificates.renewed_in_window(conn, now, at)
            replaced = certificates.held_by(conn, now.person)
            ledger.record(
                conn,
                Happening(
                    person=now.person,
                    kind=EventKind.ANCHOR,
                    actor=now.filed_by,
                    channel=people_rows.counter_of(conn, str(now.counter)).kind.value,
                    level=_level(conn, now.evidence),
                    evidence=(now.evidence,),
                ),
                at,
                self.random,
            )
            for held in replaced:
                certificates.end(conn, held, Reason.SUPERSEDED, at, now.kind.value, self.random)
            for purpose, request in sorted(rows.requests_of(conn, now.application).items()):
                order = Order(
                    purpose=purpose,
                    request=request,
                    attributes=for_certificate(person.attributes) if purpose is Purpose.SIGNATURE else None,
                    municipality=people_rows.municipality_of(conn, person.owner),
                    assurance=Assurance.IN_PERSON,
                    date_of_birth=person.attributes.date_of_birth,
                    card_id=now.card_id,
                    card_not_after=now.card_not_after,
                    not_past=None,
                    renewed_in_window=window,
                    owner=now.person,
                    idempotency_key=f"{now.application}:{purpose.value}",
                )
                intent = self.registrar.intend(conn, order, at)
                held = HeldCertificate(str(intent), now.application, now.person, purpose, now.card_id)
                rows.add_certificate(conn, held)
            if rows.find_card(conn, now.card_id) is None:
                card_life.prepare(conn, now.card_id, now.person, now.owner, now.card_not_after, at)
            certificates.change(conn, now, ApplicationEvent.INTEND, at)
            body: dict[str, Json] = {"application": now.application, "kind": now.kind.value}
            outbox.put(conn, now.person, "application.intended", body, at, self.random)

        self.database.transaction(promise)

    def _have_signed(self, application: Application, _card: CardSlot, at: Instant) -> None:
        have_signed(self.database, application, self.sign, at)

    def _install(self, application: Application, card: CardSlot, at: Instant) -> None:
        def signed(conn: Connection) -> dict[Purpose, bytes]:
            held = rows.certificates_of_application(conn, application.application)
            octets = {purpose: certificates.octets_of(conn, one) for purpose, one in held.items()}
            return {purpose: one for purpose, one in octets.items() if one is not None}

        for purpose, certificate in sorted(self.database.read(signed).items()):
            card.install(purpose, certificate, self.issuers[purpose])
            if card.read(purpose) != certificate:
                raise CardDiffers(purpose.value)
        self._change(application, ApplicationEvent.INSTALL, at)

    def _deliver(self, application: Application, _card: CardSlot, at: Instant) -> None:
        def hand_over(conn: Connection) -> None:
            now = rows.application_of(conn, application.application)
            if now.state is not ApplicationState.INSTALLED:
                return
            certificates.change(conn, now, ApplicationEvent.DELIVER, at)
            deliver_card(conn, str(now.card_id), at, self.random)
            end_older_cards(conn, now, at, self.random)
            outbox.put(conn, now.person, "application.delivered", {"application": now.application}, at, self.random)

        self.database.transaction(hand_over)

    def _change(self, application: Application, event: ApplicationEvent, at: Instant) -> None:
        def write(conn: Connection) -> None:
            now = rows.application_of(conn, application.application)
            if now.state is application.state:
                certificates.change(conn, now, event, at)

        self.database.transaction(write)


def person_for_issuing(
    conn: Connection, person: PersonId, owner: str, reason: str, at: Instant, random: Random
) -> Person:
    """Read all four attributes to make a certificate; the look is recorded first, like any other."""
    access = Access(
        function="certificate-issue",
        reason=reason,
        affairs="jpki",
        provider=owner,
        recipient="certification-authority",
        fields=FOUR_ATTRIBUTES,
        legal_basis="公的個人認証法",
    )
    return registry.whole(conn, registry.record_access(conn, person, access, at, random, result="used-for-certificate"))


def purposes_for(person: Person, at: Instant) -> tuple[Purpose, ...]:
    """Both; below fifteen there is no signature certificate."""
    if age_at(person.attributes.date_of_birth, at.jst_date()) < MINOR_AGE:
        return (Purpose.AUTHENTICATION,)
    return (Purpose.SIGNATURE, Purpose.AUTHENTICATION)


def proven_request(card: CardSlot, purpose: Purpose) -> bytes:
    """PKCS#10 for a new pending key on the card, which proves its possession."""
    spki = card.generate(purpose)
    info = certification_request_info(spki)
    return assemble_request(info, algorithm_for(spki).oid, card.prove(purpose, info))


def _level(conn: Connection, evidence: str) -> str:
    found = records.evidence_of(conn, evidence)
    if found is None:
        raise EvidenceTooWeak("the record of the check is missing")
    return catalogue.level(conn, found).value
