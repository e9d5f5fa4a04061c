"""A card managed through the real door: a virtual card in memory, the real router, a PC without any key."""

import itertools
import logging

import httpx
import pytest
from fastapi.testclient import TestClient

from cardio import jpki
from cardio.card_management import AllowPin, CardManager, Generate, PendingKey, Prove, relay
from cardio.channel import Channel
from cardio.errors import SecureChannelFailed, WrongCardState
from cardio.jpki_card import JpkiCard
from cardio.personalisation import CardInReader
from cardio.session import CardSession
from cardio.virtual_card import InMemory, MemoryStorage
from cardio.virtual_jpki import new_card
from cli.card_keeper import CardKeeper
from cli.card_talks import kept
from cli.errors import FilingRefused
from cli.remote_cards import RemoteAuthority
from enrollment import loss
from enrollment.card_keys import CardKeys
from pki.algorithms import algorithm_for
from pki.certification_request import assemble_request, certification_request_info
from pki.purpose import Purpose
from tests.cardio.jpki_cards import MASTER_KEYS
from tests.enrollment.office import open_office
from tests.enrollment.town import AT, resident
from tests.support.chance import SetClock
from web.application import Frame, compose
from web.card_management import PER_CARD, card_management_router

SIGNATURE = Purpose.SIGNATURE
PASSWORD = "ABC123"


class Watched(httpx.BaseTransport):
    """Keeps all that went over the line, and may change a command's answer on its way."""

    def __init__(self, client):
        self.client, self.said, self.bodies, self.change = client, b"", [], lambda octets: octets

    def handle_request(self, request):
        body = self.change(request.read())
        self.bodies.append(body)
        response = self.client.post(request.url.path, content=body, headers={"content-type": "application/json"})
        self.said += response.content
        return httpx.Response(response.status_code, content=response.content)


class Town:
    """An office, the door, and a person with a card that was issued at the counter."""

    def __init__(self, database, folder, seed):
        self.office = office = open_office(database, folder, seed)
        self.clock = SetClock(AT)
        register = CardKeys(database, self.clock)
        manager = CardManager(
            MASTER_KEYS, office.random, register.made, lambda talk: register.told(kept(talk, self.clock.now()))
        )
        self.keepers = itertools.cycle([CardKeeper(database, manager, office.random)])
        # While the door waits for the keys, their side works: in a deployment these are two processes.
        router = card_management_router(
            database, self.clock, office.random, lambda _seconds: next(self.keepers).work(self.clock.now())
        )
        self.client = TestClient(compose("cards", [router], Frame(office.random, lambda: 0.0)))
        self.line = Watched(self.client)
        self.http = httpx.Client(transport=self.line, base_url="http://service.test")
        keys = lambda diversification: MASTER_KEYS.key_set(diversification, 1)  # noqa: E731
        self.virtual = new_card(MemoryStorage(), office.random, keys, generation="next")
        self.session = CardSession.of_memory(self.virtual, jpki.identify)
        self.counter = CardInReader(self.session, manager)
        self.person = database.transaction(lambda conn: resident(conn, office.random))
        office.issuing.continue_(office.filed(self.person), self.counter, AT)
        self.counter.set_pins("1234", PASSWORD)
        self.holder = JpkiCard(self.session)
        self.authority = RemoteAuthority(self.http, lambda: self.session.identity)
        self.home = CardInReader(self.session, self.authority)

    @property
    def issuer(self):
        return self.office.issuing.issuers[SIGNATURE]

    def active(self):
        return self.holder.read(SIGNATURE, jpki.pin(SIGNATURE, PASSWORD))

    def request(self):
        spki = self.home.generate(SIGNATURE)
        info = certification_request_info(spki)
        return assemble_request(info, algorithm_for(spki).oid, self.home.prove(SIGNATURE, info))

    def begin(self, operation="generate", purpose="signature", **more):
        body = {"card": self.session.identity, "operation": operation, "purpose": purpose, **more}
        return self.client.post("/v1/card-management", json=body)

    def refused(self, go):
        with pytest.raises(FilingRefused) as caught:
            go()
        return caught.value.problem_code


class Filer:
    """The holder's card as the office's `verified` asks for it: the filing's signature is not judged there."""

    def __init__(self, town):
        self.read = lambda _purpose: town.active()
        self.sign = lambda _purpose, _document: b"judged by the verifier, in tests/web/test_filings.py"


@pytest.fixture
def town(sqlite_database, tmp_path, request):
    return Town(sqlite_database, tmp_path, request.node.nodeid)


def test_a_whole_re_issue_through_a_pc_without_keys(town, caplog):
    caplog.set_level(logging.DEBUG)
    before, request = town.active(), town.request()
    verified = town.office.verified(Filer(town), request, "東京都見本区南町１番")
    result = town.office.moves.accept(verified, request, "key-00000001", AT)
    assert town.active() == before, "the old one serves until the new one is there"
    for _ in range(2):  # it may be repeated
        town.home.install(SIGNATURE, result.certificate, town.issuer)
        assert town.active() == result.certificate != before
    assert town.home.pending(SIGNATURE) is None
    keys = MASTER_KEYS.key_set(bytes(2) + bytes.fromhex(town.session.identity), 1)
    said = (town.line.said + b"".join(town.line.bodies)).decode().lower() + caplog.text.lower()
    for secret in (MASTER_KEYS.by_version[1], keys.enc, keys.mac, keys.dek):
        assert secret.hex() not in said
    assert town.session.identity.lower() not in caplog.text.lower()


def test_an_answer_changed_on_the_way_ends_it(town):
    number = 0

    def change(body):
        nonlocal number
        number += b'"answer"' in body
        last = body.rindex(b'"')  # the last octet before the status word
        flipped = b"0" if body[last - 5 : last - 4] != b"0" else b"1"
        return body[: last - 5] + flipped + body[last - 4 :] if number == 4 and b'"answer"' in body else body

    town.line.change = change
    with pytest.raises(SecureChannelFailed):
        town.home.generate(SIGNATURE)
    assert number == 4
    assert town.office.database.read(lambda conn: town.counter.pending(SIGNATURE)) is not None
    name = town.begin().json()["conversation"]
    failed = town.client.post(f"/v1/card-management/{name}", json={"turn": 1, "answer": "6a82"})
    assert (failed.status_code, failed.json()["fields"]) == (422, {"cause": "cardio.refused"})
    assert town.client.post(f"/v1/card-management/{name}", json={"turn": 1, "answer": "9000"}).status_code == 404


def test_two_conversations_at_once_do_not_mix(town):
    first, second = town.authority.begin(Generate(SIGNATURE)), town.authority.begin(PendingKey(SIGNATURE))
    first.start(), second.start()
    with town.session.work() as channel:
        spki = relay(channel, town.authority.begin(Generate(SIGNATURE)))
        assert relay(channel, town.authority.begin(PendingKey(SIGNATURE))) == spki
    many = [town.begin().status_code for _ in range(PER_CARD)]
    assert many == [201, 201, 503, 503]


def test_another_card_than_the_one_named(town):
    keys = lambda diversification: MASTER_KEYS.key_set(diversification, 1)  # noqa: E731
    other = new_card(MemoryStorage(), town.office.random, keys, generation="next")
    with pytest.raises(FilingRefused) as caught:
        relay(Channel(InMemory(other)), town.authority.begin(Generate(SIGNATURE)))
    assert caught.value.problem["fields"] == {"cause": "cardio.swapped"}


def test_a_conversation_waits_a_minute_and_is_over_once_done(town):
    name = town.begin().json()["conversation"]
    town.clock.advance(seconds=60)
    late = town.client.post(f"/v1/card-management/{name}", json={"turn": 1, "answer": "9000"})
    assert (late.status_code, late.json()["code"]) == (404, "web.no-such-conversation")
    town.home.generate(SIGNATURE)
    done = str(
        town.line.client.post("/v1/card-management/" + "0" * 32, json={"turn": 1, "answer": "9000"}).json()["code"]
    )
    assert done == "web.no-such-conversation"


@pytest.mark.parametrize(
    ("operation", "purpose"),
    [("read", one.value) for one in Purpose] + [("generate", "authentication")],
)
def test_what_is_never_done_from_afar(town, operation, purpose):
    answer = town.begin(operation, purpose)
    assert (answer.status_code, answer.json()["code"]) == (403, "enrollment.management-refused")


def test_the_pending_key_signs_only_its_own_request(town):
    spki = town.home.generate(SIGNATURE)
    info = certification_request_info(spki)
    strange = certification_request_info(town.counter.generate(Purpose.AUTHENTICATION))
    prove = lambda message: lambda: town.home.prove(SIGNATURE, message)  # noqa: E731
    assert town.refused(prove(b"I owe you a house")) == "pki.malformed"
    assert town.refused(prove(info + b"\0")) == "pki.malformed"
    assert town.refused(prove(b"\x30\x03\x02\x01\x00")) == "enrollment.management-refused"
    assert town.refused(prove(strange)) == "enrollment.key-not-from-card"
    assert town.home.prove(SIGNATURE, info)
    assert isinstance(Prove(SIGNATURE, info), Prove)


def test_only_a_certificate_of_this_card_is_installed(town):
    town.home.generate(SIGNATURE)
    strange, other = town.issuer, town.office.issuing.issuers[Purpose.AUTHENTICATION]
    assert town.refused(lambda: town.home.install(SIGNATURE, strange, town.issuer)) == "enrollment.management-refused"
    assert town.refused(lambda: town.home.install(SIGNATURE, town.active(), other)) == "enrollment.management-refused"


def test_a_card_that_is_not_in_use(town):
    town.office.database.transaction(
        lambda conn: loss.report(conn, town.session.identity, "clerk", AT, town.office.random)
    )
    assert town.refused(lambda: town.home.generate(SIGNATURE)) == "enrollment.card-not-usable"
    unknown = town.client.post(
        "/v1/card-management", json={"card": "0" * 16, "operation": "generate", "purpose": "signature"}
    )
    assert (unknown.status_code, unknown.json()["code"]) == (404, "enrollment.unknown-card")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"card": "x"},
        {"turn": 1, "answer": "9"},
        {"turn": 1, "answer": "zz00"},
        {"turn": 1, "answer": "90" * 5000},
        {"answer": "9000"},
    ],
)
def test_garbage(town, body):
    name = town.begin().json()["conversation"]
    assert town.client.post("/v1/card-management", json=body).status_code in (400, 422)
    assert town.client.post(f"/v1/card-management/{name}", json=body).status_code in (400, 422)


def test_the_pc_asks_for_nothing_that_needs_an_officer(town):
    with pytest.raises(WrongCardState):
        town.authority.begin(AllowPin((SIGNATURE,)))
