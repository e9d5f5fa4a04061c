"""What operators do in the demonstration: register, see people, approve, issue; each with their own key."""

import time
from dataclasses import dataclass

from ca.directory import Directory
from ca.intents import IntentId
from cli.demo_world import Seat, World
from cli.deployment import CLERK, MAIN, POST_OFFICE, POSTAL_CLERK, SUPERVISOR, Desks, appoint
from cli.errors import ServiceSilent
from cli.officer_keys import OfficerKeys
from cli.signing import open_signing
from enrollment import confirmations, loss, registry, visits
from enrollment.acts import What
from enrollment.application import Application, ApplicationKind
from enrollment.cards import CardSlot
from enrollment.errors import NotSignedYet
from enrollment.evidence import DocumentSeen, InPersonEvidence
from enrollment.issuing import Issuing
from enrollment.person import PersonId
from enrollment.store import Connection, people, work
from enrollment.visits import Checked
from pki.attributes import Attributes
from pki.instant import Instant, years_later
from pki.purpose import Purpose

__all__ = ["Office"]


@dataclass(frozen=True, slots=True)
class Office:
    """The desks of the municipality and its post office, as staffed by those whom `name` names."""

    world: World
    name: Desks
    issuers: dict[Purpose, bytes]
    officers: OfficerKeys
    """The staff's keys, with which they sign what they do."""

    @classmethod
    def staffed(cls, world: World, at: Instant, suffix: str = "") -> "Office":
        """The staff of the beginning, or with a `suffix` staff who are appointed at `at`."""
        name = Desks(world.settings.municipality.code, suffix)
        if suffix:
            appoint(world.database, world.settings, name, at, world.random)
        return cls(world, name, _issuers(world), OfficerKeys(world.settings, world.random))

    @property
    def owner(self) -> str:
        """The municipality."""
        return self.world.settings.municipality.code

    def register(self, attributes: Attributes, at: Instant) -> PersonId:
        """A resident of this municipality, known from its resident record."""
        world = self.world
        return world.database.transaction(
            lambda conn: registry.register(conn, self.owner, attributes, at, world.random)
        )

    def see(
        self, person: PersonId, desk: str, clerk: str, at: Instant, document: str = "driving-licence"
    ) -> InPersonEvidence:
        """What an officer saw, signed with the officer's key."""
        seen = InPersonEvidence(
            person=person,
            presented_by=person,
            counter=self.name(desk),
            officer=self.name(clerk),
            at=at,
            documents=(DocumentSeen(document, years_later(at.jst_date(), 2)),),
            photo_matched=True,
        )
        return self.officers.evidence(seen)

    def apply(self, kind: ApplicationKind, person: PersonId, card_not_after: Instant, at: Instant) -> Application:
        """An application that a clerk recorded and a second operator approved."""
        evidence = self.see(person, MAIN, CLERK, at)
        database, officers = self.world.database, self.officers
        application = database.transaction(lambda conn: officers.file(conn, kind, evidence, card_not_after, at))
        database.transaction(lambda conn: officers.approve(conn, application, self.name(SUPERVISOR), at))
        return application

    def issue(self, application: Application, card: CardSlot) -> Application:
        """Go on until the certificates are on the card; the service's signing process signs meanwhile."""
        world = self.world
        parts = Issuing(world.database, world.registrar, self.issuers, world.random)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                return parts.continue_(application.application, card, world.clock.now())
            except NotSignedYet:
                time.sleep(0.05)
        raise ServiceSilent("the signing process")

    def issue_then(self, application: Application, seat: Seat, at: Instant) -> Application:
        """The same on an earlier day, when no service runs yet: signed here and then."""
        world = self.world
        with open_signing(world.settings, world.random) as signing:

            def sign(intent: IntentId, then: Instant) -> object:
                return signing.signer.sign(world.database, intent, then)

            parts = Issuing(world.database, world.registrar, self.issuers, world.random, sign)
            return parts.continue_(application.application, seat.slot, at)

    def check_at_post_office(self, person: PersonId, at: Instant) -> Checked:
        """The person comes to the post office; the municipality confirms while they stand there."""
        evidence = self.see(person, POST_OFFICE, POSTAL_CLERK, at, "my-number-card")
        random = self.world.random

        def record(conn: Connection) -> Checked:
            clerk, desk = people.operator_of(conn, self.name(CLERK)), self.name(POST_OFFICE)
            about = confirmations.content_of(person, desk)
            self.officers.act(conn, clerk.operator, What.CONFIRM_CHECK, person, about, at)
            confirmation = confirmations.confirm(conn, clerk, person, desk, at, random)
            return visits.check(conn, evidence, self.name(POSTAL_CLERK), at, random, confirmation.confirmation)

        return self.world.database.transaction(record)

    def report_lost(self, card_id: str, at: Instant) -> int:
        """A card is reported lost by telephone; how many certificates ended."""

        def report(conn: Connection) -> loss.Lost:
            holder = work.card_of(conn, card_id).person
            self.officers.act(conn, self.name(CLERK), What.REPORT_LOSS, holder, loss.content_of(card_id), at)
            return loss.report(conn, card_id, self.name(CLERK), at, self.world.random)

        return len(self.world.database.transaction(report).ended)


def _issuers(world: World) -> dict[Purpose, bytes]:
    directory = Directory()
    found = {}
    for purpose in Purpose:
        authority = world.database.read(lambda conn, purpose=purpose: directory.active(conn, purpose))  # type: ignore[misc]
        assert authority.certificate is not None
        found[purpose] = authority.certificate.der
    return found
