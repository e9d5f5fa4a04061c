"""A move filed with a PIV card: by the same program as with a JPKI card, judged by the same door and verifier."""

import base64
import hashlib
import json
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from cardio.errors import PinBlocked, WrongPin
from cardio.evidence import Transcript
from cardio.pin import Pin
from cardio.piv import require_signature
from cardio.piv_commands import PIN_RULE
from cli.card_piv import unblock_by_permission
from cli.card_talks import kept_proof
from cli.errors import FilingRefused
from cli.home_filing import Home
from enrollment.card_keys import CardKeys, proofs_of
from enrollment.errors import PinNotPermitted, PinPermissionUsed
from enrollment.store import people as people_rows
from enrollment.store import permissions
from pki.certificate import Certificate, parse_certificate
from pki.purpose import Purpose
from tests.cardio.piv_cards import NEW_YUBICO, PIN
from tests.cardio.test_piv import World
from tests.enrollment.officers import officer, permitted
from tests.enrollment.town import AT, TOWN, resident
from tests.journeys.test_piv_card import HoldersCard
from tests.web.test_filings import Town

SIGNATURE = Purpose.SIGNATURE


class Line(httpx.BaseTransport):
    """The service, without a socket."""

    def __init__(self, client):
        self.client = client

    def handle_request(self, request):
        headers = {
            name: request.headers[name] for name in ("content-type", "idempotency-key") if name in request.headers
        }
        answer = self.client.request(request.method, request.url.path, content=request.read(), headers=headers)
        return httpx.Response(answer.status_code, content=answer.content)


@pytest.fixture
def town(sqlite_database, tmp_path, request):
    return Town(sqlite_database, tmp_path, request.node.nodeid)


def test_a_piv_pin_is_set_anew_with_a_permission_once(town):
    office, world = town.office, World(NEW_YUBICO)
    card = HoldersCard(world, office)
    person = office.database.transaction(lambda conn: resident(conn, office.random))
    office.issuing.continue_(office.filed(person), card, AT)
    clerk = office.database.transaction(lambda conn: officer(conn, "hana", "main"))
    for _ in range(3):
        with pytest.raises((WrongPin, PinBlocked)):
            world.piv.verify_pin(Pin(PIN_RULE, "000000"), last_try=True)
    given = permitted(office.database, clerk, person, card.card_id(), office.random)
    new = Pin(PIN_RULE, "864209")
    unblock = lambda number, pin=new: unblock_by_permission(  # noqa: E731
        office.database, world.piv, world.secrets, number, pin, AT
    )
    with pytest.raises(PinNotPermitted):
        unblock(given.number + 1)
    unblock(given.number)
    world.piv.verify_pin(new)
    with pytest.raises(PinPermissionUsed):
        unblock(given.number, Pin(PIN_RULE, "111111"))
    world.piv.verify_pin(new)
    kept = office.database.read(lambda conn: permissions.find_permission(conn, given.card_id, given.number))
    assert (kept.spent_by, kept.done_at) == ("piv", AT)


def test_what_a_piv_card_proved_is_kept_with_its_certificates(town):
    """Where its keys were made, by its maker's word; what it signed; and a hash of how it was spoken to."""
    office, world, transcript = town.office, World(NEW_YUBICO), Transcript()
    card, register = HoldersCard(world, office), CardKeys(office.database, town.clock)
    world.session._trace = transcript.trace
    card.slot._witness = replace(
        card.slot._witness, told=lambda proof: register.told(kept_proof(proof, transcript, town.clock.now()))
    )
    person = office.database.transaction(lambda conn: resident(conn, office.random))
    office.issuing.continue_(office.filed(person), card, AT)
    found = office.database.read(lambda conn: proofs_of(conn, person))
    assert len(found) == len(Purpose)
    for proof in found:
        done = {talk.operation: talk for talk in proof.talks}
        assert set(done) == {"generate", "prove", "install"}
        chain = [Certificate(bytes.fromhex(one)) for one in json.loads(done["generate"].attestation)]
        assert hashlib.sha256(chain[0].spki).hexdigest() == proof.spki, "the statement is about this key"
        assert done["prove"].signature and done["prove"].message
        assert len({talk.digest for talk in proof.talks}) == 3
    assert PIN.octets.rstrip(b"\xff").hex(" ") not in transcript.text.lower()


def test_a_move_from_home_with_a_piv_card(town):
    office = town.office
    card = HoldersCard(World(NEW_YUBICO), office)
    person = office.database.transaction(lambda conn: resident(conn, office.random))
    office.issuing.continue_(office.filed(person), card, AT)
    http = httpx.Client(transport=Line(town.client), base_url="http://service.test")
    issuer = office.issuing.issuers[SIGNATURE]
    home = Home(card.world.piv, card.slot, http, office.random, lambda _seconds: None, issuer)
    before, at = card.read(SIGNATURE), AT + timedelta(minutes=1)
    town.clock.advance(seconds=60)
    with pytest.raises(WrongPin):
        home.prepare_move(TOWN, "東京都見本区南町１番", at.jst_date(), Pin(PIN_RULE, "000000"), at)
    prepared = home.prepare_move(TOWN, "東京都見本区南町１番", at.jst_date(), PIN, at)
    answer = home.finish(prepared)
    after = card.read(SIGNATURE)
    assert after == base64.b64decode(answer["certificate"]) != before
    require_signature(parse_certificate(after).spki, card.sign(SIGNATURE, b"x"), b"x")
    kept = office.database.read(lambda conn: people_rows.person_of(conn, person))
    assert kept.attributes.address == "東京都見本区南町１番"
    home.finish(prepared)  # after a crash: nothing happens twice
    assert len(office.certificates(person)) == 3
    with pytest.raises(FilingRefused):  # signed by the old key's certificate, which is revoked
        other = home.prepare_move(TOWN, "東京都見本区北町２番", at.jst_date(), PIN, at)
        home.finish(type(other)(other.filing, other.document, prepared.signature, other.request))
