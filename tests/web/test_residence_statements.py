"""Evidence of residence by card and PIN: signed by the key for log-ins, verified, kept, and used up by a move."""

import base64
import hashlib
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from enrollment import channels, loss, protection
from enrollment.assurance import Signal
from enrollment.channels import Procedure, ProcedurePolicy
from enrollment.events import EventKind
from enrollment.filing import ResidenceStatement
from enrollment.proofs import parse_requirement
from enrollment.residence import address_digest
from enrollment.store import people as people_rows
from enrollment.store import terms
from pki import cms
from pki.certificate import parse_certificate
from pki.purpose import Purpose
from tests.enrollment.town import AT, OTHER_TOWN, TOWN
from tests.web.test_filings import Town
from web.application import Frame, compose
from web.filings import VerifiedByUs
from web.residence import residence_router

NEW = "東京都見本区南町１番"
BOTH = parse_requirement([["card-signature", "card-and-pin"], ["desk"]])
SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


class Home(Town):
    """The town with the door for statements beside that for filings."""

    def __init__(self, database, folder, seed):
        super().__init__(database, folder, seed)
        router = residence_router(database, VerifiedByUs(self.check), self.clock, self.office.random)
        self.door = TestClient(compose("residence", [router], Frame(self.office.random, lambda: 0.0)))

    def statement(self, address=NEW, town=TOWN, **changes):
        filing = self.office.random(16).hex()
        return ResidenceStatement(**{"filing": filing, "municipality": town, "address": address,
                                     "void_after": self.clock.now() + timedelta(hours=1), **changes})  # fmt: skip

    def state(self, said, purpose=Purpose.AUTHENTICATION, document=None):
        octets = said.document()
        certificate = parse_certificate(self.card.read(purpose))
        hashed = hashlib.new(cms.digest_name(certificate), octets).digest()
        attributes = cms.to_be_signed(hashed, certificate, self.clock.now())
        signature = cms.assemble(attributes, self.card.sign(purpose, attributes), certificate)
        parts = {"document": document or octets, "signature": signature}
        body = {name: base64.b64encode(one).decode() for name, one in parts.items()}
        return self.door.post("/v1/residence-statements", json=body)

    def kept(self, address=NEW, town=TOWN):
        digest = address_digest(self.person, address)
        return self.office.database.read(lambda c: terms.unused_pieces(c, self.person, town, digest))


@pytest.fixture
def town(database, tmp_path, request):
    made = Home(database, tmp_path, request.node.nodeid)
    database.transaction(
        lambda c: channels.adopt(c, TOWN, Procedure.MOVE_WITHIN, ProcedurePolicy(residence=BOTH), AT, AT, "boss")
    )
    return made


def code(answer):
    return answer.status_code, answer.json().get("code")


def test_where_card_and_pin_is_asked_for_a_move_needs_the_statement_and_uses_it_up(town):
    assert code(town.post(town.filing(NEW), "key-00000001")) == (422, "enrollment.residence-unproven")
    answer = town.state(town.statement())
    assert answer.status_code == 201, answer.text
    assert answer.json()["proof"] == "card-and-pin"
    assert NEW not in answer.text
    assert len(town.kept()) == 1
    moved = town.post(town.filing(NEW), "key-00000002")
    assert moved.status_code == 201, moved.text
    assert town.kept() == []
    events = town.office.events(town.person)
    assert [one.kind for one in events] == [EventKind.ANCHOR, EventKind.CONTACT, EventKind.REMOTE_MOVE]
    assert events[1].level == Signal.AUTHENTICATED_USE.value


def test_the_same_statement_again_is_the_same_evidence(town):
    said = town.statement()
    first = town.state(said)
    town.clock.advance(hours=2)  # it is void by now, and was taken in time
    assert town.state(said).json() == first.json()
    assert len(town.kept()) == 1


@SQLITE
def test_another_statement_under_the_same_id_is_refused(town):
    said = town.statement()
    town.state(said)
    assert (
        code(town.state(town.statement("東京都見本区北町１番", filing=said.filing)))[1] == "enrollment.filing-replayed"
    )


@SQLITE
def test_for_another_address_or_another_town_it_proves_nothing(town):
    town.state(town.statement("東京都見本区北町１番"))
    town.state(town.statement(NEW, OTHER_TOWN))
    assert code(town.post(town.filing(NEW)))[1] == "enrollment.residence-unproven"


@SQLITE
def test_it_is_fresh_for_a_day(town):
    town.state(town.statement())
    town.clock.advance(days=1, seconds=1)
    assert code(town.post(town.filing(NEW)))[1] == "enrollment.residence-unproven"


@SQLITE
def test_what_is_refused(town):
    said = town.statement()
    assert code(town.state(said, Purpose.SIGNATURE))[1] == "enrollment.filing-rejected", "anchors of one purpose only"
    other = town.statement("東京都見本区北町１番").document()
    assert code(town.state(said, document=other))[1] == "enrollment.filing-rejected"
    assert code(town.state(said, document=said.document() + b" "))[1] == "enrollment.filing-malformed"
    move = town.office.verified(town.card, b"request", NEW, town.clock.now()).filing
    assert code(town.state(move, Purpose.SIGNATURE))[1] == "enrollment.filing-malformed", "a move is for another door"
    assert code(town.state(town.statement(town="99999")))[1] == "enrollment.unknown-municipality"
    assert code(town.state(town.statement(void_after=AT + timedelta(seconds=-1))))[1] == "enrollment.filing-void"
    assert town.kept() == []


@SQLITE
def test_a_statement_does_not_pass_the_door_for_filings(town):
    said = town.statement()
    certificate = parse_certificate(town.card.read(Purpose.AUTHENTICATION))
    hashed = hashlib.new(cms.digest_name(certificate), said.document()).digest()
    attributes = cms.to_be_signed(hashed, certificate, town.clock.now())
    signature = cms.assemble(attributes, town.card.sign(Purpose.AUTHENTICATION, attributes), certificate)
    request = town.office.request(town.card)
    answer = town.post({"document": said.document(), "signature": signature, "request": request})
    assert code(answer)[1] == "enrollment.unknown-certificate"


@SQLITE
def test_a_protected_or_lost_card_s_holder_comes_to_the_counter(town):
    database = town.office.database
    database.transaction(
        lambda c: protection.apply(c, town.person, people_rows.operator_of(c, "clerk"), AT, town.office.random)
    )
    assert code(town.state(town.statement()))[1] == "enrollment.remote-blocked"
    database.transaction(lambda c: loss.report(c, "CARD0001", "clerk", AT, town.office.random))
    assert code(town.state(town.statement()))[1] == "enrollment.filing-rejected", "the certificate is revoked"
    assert town.kept() == []
