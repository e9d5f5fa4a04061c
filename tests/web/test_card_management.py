"""A card managed through the real door: a virtual card in memory, the real router, a PC without any key."""

import contextlib
import hashlib
import itertools
import logging
from datetime import timedelta
from functools import partial

import httpx
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from cardio import jpki
from cardio.card_management import AllowPin, CardManager, Generate, PendingKey, Prove, relay
from cardio.channel import Channel
from cardio.errors import PinBlocked, SecureChannelFailed, TransportFailed, WrongCardState, WrongPin
from cardio.jpki_card import JpkiCard
from cardio.personalisation import CardInReader
from cardio.session import CardSession
from cardio.virtual_card import InMemory, MemoryStorage
from cardio.virtual_jpki import new_card
from cli.card_keeper import CardKeeper
from cli.card_outbox import KeptKeys
from cli.card_talks import kept
from cli.errors import FilingRefused
from cli.remote_cards import RemoteAuthority
from enrollment import conversations, loss
from enrollment.card_keys import CardKeys, evidence_of
from enrollment.conversations import Operation, Task
from enrollment.errors import ManagementRefused
from enrollment.store import permissions, tables_cards
from pki.algorithms import algorithm_for, load_public_key, verify_raw
from pki.certificate import Certificate
from pki.certification_request import assemble_request, certification_request_info
from pki.purpose import Purpose
from tests.cardio.jpki_cards import MASTER_KEYS
from tests.enrollment.office import open_office
from tests.enrollment.officers import officer, permitted
from tests.enrollment.town import AT, resident
from tests.support.chance import SetClock
from web.application import Frame, compose
from web.card_management import PER_CARD, card_management_router
from web.errors import ConversationFailed

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
        self.manager = manager
        self.client = self.worker()
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

    def worker(self):
        """A process of the door. While it waits for the keys, their side works: in a deployment that is another one."""

        def wait(_seconds):
            next(self.keepers).work(self.clock.now())

        router = card_management_router(self.office.database, self.clock, self.office.random, wait)
        return TestClient(compose("cards", [router], Frame(self.office.random, lambda: 0.0)))

    def keeper(self):
        """A process with the cards' keys that has just started."""
        return CardKeeper(self.office.database, self.manager, self.office.random)

    def permission(self, purpose=SIGNATURE):
        """As an officer gives it to the person who stands at the counter."""
        office = self.office
        who = office.database.transaction(lambda conn: officer(conn, office.random(4).hex(), "main"))
        at = self.clock.now()
        return permitted(office.database, who, self.person, self.session.identity, office.random, purpose, at)

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


# -- several processes, and restarts ---------------------------------------------------------------------------------


def test_any_process_takes_the_next_step_and_so_does_one_that_has_just_started(town):
    """Two processes of the door in turn; the keys' side starts anew before every step and knows nothing by itself."""
    town.keepers = iter(town.keeper, None)
    workers = itertools.cycle([town.worker(), town.worker()])
    town.line.client = type("Turns", (), {"post": lambda _self, *a, **more: next(workers).post(*a, **more)})()
    request = town.request()
    verified = town.office.verified(Filer(town), request, "東京都見本区南町１番")
    result = town.office.moves.accept(verified, request, "key-00000001", AT)
    town.home.install(SIGNATURE, result.certificate, town.issuer)
    assert town.active() == result.certificate


def test_an_answer_that_was_sent_twice_is_taken_once(town):
    conversation = town.authority.begin(Generate(SIGNATURE))
    with town.session.work() as channel:
        command = conversation.start()
        answer = channel.send(command).encode().hex()
        body = {"turn": 1, "answer": answer}
        first, again = (town.client.post(conversation.door, json=body).json() for _ in range(2))
    assert first == again and first["turn"] == 2
    other = town.client.post(conversation.door, json={"turn": 1, "answer": "6a82"})
    assert other.json()["code"] == "web.no-such-conversation"
    assert town.client.post(conversation.door, json={"turn": 3, "answer": "9000"}).status_code == 404


def test_two_processes_with_the_keys_write_one_command(town):
    keepers = [town.keeper(), town.keeper()]
    town.keepers = itertools.repeat(type("Both", (), {"work": lambda _self, at: [one.work(at) for one in keepers]})())
    spki = town.home.generate(SIGNATURE)
    assert town.home.pending(SIGNATURE) == spki


def test_without_the_process_with_the_keys_the_door_says_later(town, monkeypatch):
    monkeypatch.setattr("web.card_management._LOOKS", 3)
    idle = type("Away", (), {"work": lambda _self, _at: 0})()
    town.keepers = itertools.repeat(idle)
    answer = town.begin()
    assert (answer.status_code, answer.json()["code"]) == (503, "web.keys-silent")


def test_the_keys_side_asks_again_what_is_allowed(town):
    """Whoever took the door over writes what they like into the table, and gets nothing."""
    tasks = [
        Task(town.session.identity, Operation.READ, SIGNATURE),
        Task(town.session.identity, Operation.PROVE, SIGNATURE, message=b"I owe you a house"),
        Task(town.session.identity, Operation.INSTALL, SIGNATURE, certificate=town.issuer, ca_certificate=town.issuer),
        Task(town.session.identity, Operation.ALLOW_PIN, SIGNATURE, number=1),
        Task("0" * 16, Operation.GENERATE, SIGNATURE),
    ]
    database = town.office.database
    names = [
        database.transaction(lambda conn, t=t: conversations.begin(conn, t, AT, town.office.random)) for t in tasks
    ]
    town.keeper().work(AT)
    found = [database.read(lambda conn, n=n: conversations.look(conn, n, AT)) for n in names]
    assert [(one.state.value, one.turn) for one in found] == [("failed", 0)] * len(tasks)


def test_nothing_of_a_conversation_lies_about_when_it_is_over(town):
    town.home.generate(SIGNATURE)
    later = AT + conversations.LIFE + conversations.KEPT + timedelta(seconds=1)
    town.keeper().work(later)
    for table in (tables_cards.conversations, tables_cards.turns):
        assert town.office.database.read(lambda conn, t=table: conn.execute(select(t)).all()) == []


# -- a counter without keys -------------------------------------------------------------------------------------------


def kept_keys(town, session):
    def wait(_seconds):
        town.keeper().work(town.clock.now())

    return KeptKeys(town.office.database, town.clock, town.office.random, wait, lambda: session.identity)


def test_a_first_issue_at_a_counter_whose_process_has_no_keys(town):
    office = town.office
    keys = lambda diversification: MASTER_KEYS.key_set(diversification, 1)  # noqa: E731
    virtual = new_card(MemoryStorage(), office.random, keys, generation="next")
    session = CardSession.of_memory(virtual, jpki.identify)
    slot = CardInReader(session, kept_keys(town, session))
    for refused in (lambda: slot.read(SIGNATURE), lambda: slot.set_pins("1234", PASSWORD), slot.terminate):
        with pytest.raises((ConversationFailed, ManagementRefused)):
            refused()
    person = office.database.transaction(lambda conn: resident(conn, office.random))
    office.issuing.continue_(office.filed(person), slot, AT)
    slot.set_pins("1234", PASSWORD)
    JpkiCard(session).verify_pin(SIGNATURE, jpki.pin(SIGNATURE, PASSWORD))
    proof = office.database.read(lambda conn: evidence_of(conn, virtual.slots[SIGNATURE].certificate))
    assert {"generate", "prove", "install", "read"} <= {talk.operation for talk in proof.talks}
    town.clock.advance(seconds=3600)
    with pytest.raises(ConversationFailed):  # later nobody sets PINs without a permission
        slot.set_pins("0000", "STOLEN99")


def test_at_a_counter_only_what_was_issued_to_this_card_is_installed(town):
    slot = CardInReader(town.session, kept_keys(town, town.session))
    other = Purpose.AUTHENTICATION
    slot.generate(other)
    for go in (
        lambda: slot.install(other, town.issuer, town.issuer),
        lambda: slot.prove(other, b"I owe you a house"),
        lambda: slot.prove(other, certification_request_info(slot.generate(SIGNATURE))),
    ):
        with pytest.raises(ConversationFailed):
            go()


# -- what is kept with the certificate -------------------------------------------------------------------------------


def test_every_certificate_has_its_proof_from_the_counter_and_from_afar(town):
    request = town.request()
    verified = town.office.verified(Filer(town), request, "東京都見本区南町１番")
    result = town.office.moves.accept(verified, request, "key-00000001", AT)
    town.home.install(SIGNATURE, result.certificate, town.issuer)
    at_counter = town.counter.read(Purpose.AUTHENTICATION)
    for certificate in (at_counter, town.active()):
        proof = town.office.database.read(lambda conn, c=certificate: evidence_of(conn, c))
        spki = Certificate(certificate).spki
        assert proof.spki == hashlib.sha256(spki).hexdigest()
        done = {talk.operation: talk for talk in proof.talks}
        assert {"generate", "prove", "install"} <= set(done)
        signed = certification_request_info(spki)
        assert done["prove"].message == hashlib.sha256(signed).hexdigest()
        assert verify_raw(load_public_key(spki), algorithm_for(spki), done["prove"].signature, signed)
        assert all(len(bytes.fromhex(talk.digest)) == 32 and talk.commands >= 4 for talk in proof.talks)
        assert len({talk.digest for talk in proof.talks}) == len(proof.talks)


# -- a PIN set anew ----------------------------------------------------------------------------------------------------


def test_a_pin_set_anew_by_permission_never_leaves_the_pc(town, caplog):
    caplog.set_level(logging.DEBUG)
    for _ in range(5):
        with pytest.raises((WrongPin, PinBlocked)):
            town.holder.verify_pin(SIGNATURE, jpki.pin(SIGNATURE, "WRONG99"), last_try=True)
    given = town.permission()
    assert town.home.reset_pin(SIGNATURE, "NEWPASS9", given.number)
    town.holder.verify_pin(SIGNATURE, jpki.pin(SIGNATURE, "NEWPASS9"))
    kept_row = town.office.database.read(lambda conn: permissions.find_permission(conn, given.card_id, given.number))
    assert kept_row.done_at == AT
    said = (town.line.said + b"".join(town.line.bodies)).decode() + caplog.text
    assert "NEWPASS9" not in said and b"NEWPASS9".hex() not in said.lower()
    assert town.refused(lambda: town.home.reset_pin(SIGNATURE, "OTHER999", given.number)) == (
        "enrollment.pin-permission-used"
    )
    town.holder.verify_pin(SIGNATURE, jpki.pin(SIGNATURE, "NEWPASS9"))


def test_a_permission_opens_only_its_own_pin(town):
    given = town.permission(Purpose.AUTHENTICATION)
    refused = town.refused(lambda: town.home.reset_pin(SIGNATURE, "NEWPASS9", given.number))
    assert refused == "enrollment.pin-not-permitted"
    assert town.home.reset_pin(Purpose.AUTHENTICATION, "4321", given.number)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_torn_at_every_command_of_a_reset_from_afar(town, after):
    """The PC dies at each command; a minute later somebody repeats, with the same permission, and it is done."""
    spoken = count_of(town, lambda: town.home.reset_pin(SIGNATURE, "FIRST111", town.permission().number))
    assert spoken > 10
    codes = []
    for position in range(spoken):
        given = town.permission()
        with torn(town, position, after=after), pytest.raises(TransportFailed):
            town.home.reset_pin(SIGNATURE, f"TORN{position:04}", given.number)
        town.clock.advance(seconds=61)
        new = f"DONE{position:04}"
        try:
            entered = new if town.home.reset_pin(SIGNATURE, new, given.number) else f"TORN{position:04}"
        except FilingRefused as refused:  # the card's word had come through, its answer to the PC had not
            codes.append(refused.problem_code)
            entered = f"TORN{position:04}"
        town.holder.verify_pin(SIGNATURE, jpki.pin(SIGNATURE, entered))
    assert set(codes) <= {"enrollment.pin-permission-used"}


def count_of(town, go):
    """How many commands the card gets."""
    with torn(town, -1) as counted:
        go()
    return counted.count


@contextlib.contextmanager
def torn(town, position, *, after=False):
    """The card leaves its reader at that command, before or after it was done."""

    class Tearing:
        count = 0

        def transmit(self, original, command):
            here, self.count = self.count == position, self.count + 1
            if here and not after:
                raise TransportFailed("an APDU")
            answer = original(command)
            if here:
                raise TransportFailed("an APDU")
            return answer

    tearing, original = Tearing(), InMemory.transmit
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(InMemory, "transmit", lambda self, command: tearing.transmit(partial(original, self), command))
        yield tearing
    town.virtual.power()
