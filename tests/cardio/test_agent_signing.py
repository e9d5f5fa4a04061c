"""What an operator does, signed by the card that logged in: one PIN, only records that are known, no other card."""

import base64
import json
import os
import time
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import pytest

from cardio import jpki
from cardio.agent.operations import Mode
from cardio.agent.records import LONGEST_RECORD, parse_record
from cardio.agent.refusals import AgentRefused, Refusal
from cardio.agent.wording_records import EVIDENCE, RECORDS
from cardio.channel import Channel
from cardio.errors import Busy, CardError
from cardio.pcsc import Context
from cardio.private_pcscd import PrivatePcscd
from cardio.throwaway_ca import ThrowawayCa
from cardio.virtual_card import MemoryStorage
from cardio.virtual_jpki import VirtualJpkiCard
from enrollment.act import Act, What
from enrollment.canonical import canonical
from enrollment.evidence import DocumentSeen, InPersonEvidence
from enrollment.person import PersonId
from pki import officer_signature
from pki.algorithms import algorithm_for, load_public_key, verify_raw
from pki.certificate import Certificate
from pki.instant import Instant
from pki.purpose import Purpose
from tests.cardio.conftest import Reader
from tests.cardio.jpki_cards import PIN, MadeCard
from tests.cardio.test_agent import NONCE, SITE, Beside, in_background, ready_card
from tests.support.chance import SetClock

AT = Instant.parse("2026-11-23T01:02:03Z")
ACT = Act(What.SUSPEND, "a" * 32, "b" * 64, "99201-clerk", "99201-main", AT, "c" * 32)
SEEN = InPersonEvidence(
    PersonId("a" * 32), PersonId("a" * 32), "99201-main", "99201-clerk", AT, (DocumentSeen("passport", AT.jst_date()),),
    photo_matched=True,
)  # fmt: skip


@pytest.fixture
def beside(pcscd: PrivatePcscd, clock: SetClock) -> Iterator[Beside]:
    one = Beside(Mode.DESK, clock).paired()
    yield one
    one.agent.close()


@pytest.fixture(scope="session")
def other_card(throwaway_ca: ThrowawayCa) -> MadeCard:
    """A colleague's card, of the next generation."""
    return MadeCard.make(throwaway_ca, "next")


def log_in(beside: Beside, reader: str) -> dict[str, Any]:
    done = in_background(lambda: beside.agent.page("login", {"nonce": NONCE, "reader": reader}))
    beside.types(authentication=PIN)
    token: dict[str, Any] = done()["token"]
    return token


def asked(card: MadeCard, record: bytes = ACT.octets()) -> dict[str, str]:
    return {"record": record.hex(), "fingerprint": sha256(card.certificates[Purpose.AUTHENTICATION]).hexdigest()}


def sign(beside: Beside, card: MadeCard, record: bytes = ACT.octets()) -> bytes:
    return bytes.fromhex(beside.agent.line("sign-record", asked(card, record))["signature"])


def holds(card: MadeCard, signature: bytes, message: bytes) -> bool:
    spki = Certificate(card.certificates[Purpose.AUTHENTICATION]).spki
    return verify_raw(load_public_key(spki), algorithm_for(spki), signature, message)


def test_after_one_pin_the_card_signs_what_its_operator_does_and_nothing_else_is_asked(
    beside: Beside, reader: Reader, jpki_card: VirtualJpkiCard, made_card: MadeCard
) -> None:
    ready_card(beside, reader, jpki_card)
    token = log_in(beside, reader.name)
    for act in (ACT, ACT):
        assert holds(made_card, sign(beside, made_card, act.octets()), act.to_be_signed())
    assert holds(made_card, sign(beside, made_card, SEEN.octets()), SEEN.to_be_signed())
    assert beside.prompts.open is None
    page = beside.http.get("/?lang=en").text
    assert page.count(RECORDS["suspend"][2]) == 2 and RECORDS[EVIDENCE][2] in page
    assert RECORDS["suspend"][0] in beside.http.get("/?lang=ja").text
    for secret in ("99201-clerk", "a" * 32, "b" * 64):
        assert secret not in page, "a resident may see this page"
    # a log-in is no act, an act no evidence and no log-in
    login = base64.b64decode(token["signature"])
    message = sha256(SITE.encode()).digest() + sha256(NONCE.encode()).digest()
    assert holds(made_card, login, message) and len(message) < officer_signature.SHORTEST
    assert not holds(made_card, login, ACT.to_be_signed())
    assert not holds(made_card, sign(beside, made_card), ACT.octets())
    assert not holds(made_card, sign(beside, made_card), officer_signature.EVIDENCE + ACT.octets())


def test_a_card_of_the_next_generation_signs_too(beside: Beside, reader: Reader, other_card: MadeCard) -> None:
    ready_card(beside, reader, VirtualJpkiCard(MemoryStorage(other_card.image), os.urandom))
    assert log_in(beside, reader.name)["algorithm"] == "ES384"
    assert holds(other_card, sign(beside, other_card), ACT.to_be_signed())


def test_no_other_program_finds_the_card_open(
    beside: Beside, reader: Reader, jpki_card: VirtualJpkiCard, made_card: MadeCard, context: Context
) -> None:
    ready_card(beside, reader, jpki_card)
    with context.connect(reader.name) as other:  # it was there before the log-in
        log_in(beside, reader.name)
        with pytest.raises(Busy):
            jpki.sign(Channel(other), Purpose.AUTHENTICATION, bytes(51))
        assert holds(made_card, sign(beside, made_card), ACT.to_be_signed())
        beside.agent.line("forget", {})
        beside.agent._cards.call(lambda _context: None)  # what was to be done before has been done
        with other.transaction():
            assert jpki.token_info(Channel(other)).serial == made_card.serial
            with pytest.raises(CardError, match="6982"):
                jpki.sign(Channel(other), Purpose.AUTHENTICATION, bytes(51))
    with pytest.raises(AgentRefused) as nobody:
        sign(beside, made_card)
    assert nobody.value.refusal is Refusal.NOT_LOGGED_IN


def test_a_card_that_forgot_its_pin_is_asked_for_it_with_what_it_is_for(
    beside: Beside, reader: Reader, jpki_card: VirtualJpkiCard, made_card: MadeCard
) -> None:
    ready_card(beside, reader, jpki_card)
    log_in(beside, reader.name)
    jpki_card._now.verified.clear()  # as after a reset by a reader that lost its power
    done = in_background(lambda: sign(beside, made_card))
    beside.wait_for(lambda: beside.prompts.open is not None)
    page = beside.http.get("/?lang=ja").text
    assert RECORDS["suspend"][0] in page and "99201-main" in page and "<strong>3</strong>" in page
    beside.types(authentication="9999")
    beside.wait_for(lambda: beside.prompts.open is not None)
    assert beside.prompts.open is not None and (beside.prompts.open.tries, beside.prompts.open.wrong) == (2, True)
    beside.types(authentication=PIN)
    assert holds(made_card, done(), ACT.to_be_signed())
    assert holds(made_card, sign(beside, made_card), ACT.to_be_signed()), "and once is enough"
    jpki_card._now.verified.clear()
    refused = in_background(lambda: sign(beside, made_card))
    beside.wait_for(lambda: beside.prompts.open is not None)
    beside.prompts.cancel()
    with pytest.raises(AgentRefused) as cancelled:
        refused()
    assert cancelled.value.refusal is Refusal.CANCELLED


def test_only_the_card_that_logged_in_signs(
    beside: Beside,
    reader: Reader,
    second_reader: Reader,
    jpki_card: VirtualJpkiCard,
    made_card: MadeCard,
    other_card: MadeCard,
) -> None:
    with pytest.raises(AgentRefused) as early:
        sign(beside, made_card)
    assert early.value.refusal is Refusal.NOT_LOGGED_IN
    ready_card(beside, reader, jpki_card)
    log_in(beside, reader.name)
    second_reader.insert(VirtualJpkiCard(MemoryStorage(other_card.image), os.urandom))  # a resident's
    beside.wait_for(lambda: sum(one.ours for one in beside.readers.now.readers) == 2)
    with pytest.raises(AgentRefused) as another:
        sign(beside, other_card)
    assert another.value.refusal is Refusal.ANOTHER_CARD
    assert holds(made_card, sign(beside, made_card), ACT.to_be_signed())
    with pytest.raises(AgentRefused) as own:
        beside.agent.line("hold", {"reader": reader.name})
    assert own.value.refusal is Refusal.BUSY, "the operator's card is not managed while they work"
    assert beside.agent.line("hold", {"reader": second_reader.name})["card"] == other_card.serial


def test_a_card_swapped_after_the_log_in_signs_nothing(
    beside: Beside, reader: Reader, jpki_card: VirtualJpkiCard, made_card: MadeCard, other_card: MadeCard
) -> None:
    ready_card(beside, reader, jpki_card)
    log_in(beside, reader.name)
    reader.empty()
    beside.wait_for(lambda: not any(one.present for one in beside.readers.now.readers))
    with pytest.raises(CardError):
        sign(beside, made_card)
    reader.insert(VirtualJpkiCard(MemoryStorage(other_card.image), os.urandom))
    beside.wait_for(lambda: any(one.card == other_card.serial for one in beside.readers.now.readers))
    with pytest.raises(CardError, match="card"):
        sign(beside, made_card)
    reader.empty()
    beside.wait_for(lambda: not any(one.present for one in beside.readers.now.readers))
    ready_card(beside, reader, jpki_card)  # the right one is back: its PIN is asked for
    done = in_background(lambda: sign(beside, made_card))
    beside.types(authentication=PIN)
    assert holds(made_card, done(), ACT.to_be_signed())


def test_a_restart_of_pcscd_costs_one_pin(
    beside: Beside, reader: Reader, jpki_card: VirtualJpkiCard, made_card: MadeCard, pcscd: PrivatePcscd
) -> None:
    ready_card(beside, reader, jpki_card)
    log_in(beside, reader.name)
    reader.forget()
    pcscd.stop()
    beside.wait_for(lambda: not beside.readers.now.service)
    with pytest.raises(CardError):
        sign(beside, made_card)
    pcscd.start()
    reader.context.renew()
    beside.wait_for(lambda: beside.readers.now.service and bool(beside.readers.now.readers))
    reader.insert(jpki_card, wait=False)
    beside.wait_for(lambda: any(one.ours for one in beside.readers.now.readers))
    done = in_background(lambda: sign(beside, made_card))
    beside.types(authentication=PIN)
    assert holds(made_card, done(), ACT.to_be_signed())


def test_at_home_nothing_is_signed_for_a_service(pcscd: PrivatePcscd, clock: SetClock, made_card: MadeCard) -> None:
    home = Beside(Mode.HOME, clock).paired()
    try:
        with pytest.raises(AgentRefused) as refused:
            sign(home, made_card)
        assert refused.value.refusal is Refusal.NOT_IN_THIS_MODE
    finally:
        home.agent.close()


def test_no_page_may_ask_for_it(beside: Beside, made_card: MadeCard) -> None:
    with pytest.raises(AgentRefused) as refused:
        beside.agent.page("sign-record", asked(made_card))
    assert refused.value.refusal is Refusal.UNKNOWN_OPERATION


def changed(**changes: object) -> bytes:
    body: dict[str, Any] = {**ACT.body(), **changes}
    return canonical({name: value for name, value in body.items() if value is not ...})


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"{",
        b"\xff",
        ACT.octets() + b"\n",
        ACT.octets().replace(b":", b": ", 1),
        b"jitsuin act v1\0" + ACT.octets(),
        json.dumps(dict(reversed(ACT.body().items())), separators=(",", ":")).encode(),
        changed(extra="x"),
        changed(nonce=...),
        changed(nonce="C" * 32),
        changed(content="x"),
        changed(type="jitsuin-act-v2"),
        changed(type=...),
        changed(at="yesterday"),
        changed(at=5),
        changed(subject="a b"),
        changed(subject=""),
        changed(operator="x" * 201),
        changed(counter="花"),
        changed(what="SUSPEND"),
        changed(what="pay"),
        changed(what=EVIDENCE),
        changed(operator="x" * LONGEST_RECORD),
        canonical({**SEEN.body(), "photo_matched": "yes"}),
        canonical({**SEEN.body(), "documents": [{"kind": "passport"}]}),
        canonical({**SEEN.body(), "documents": [{"expires_on": None, "kind": "passport"}] * 17}),
        b"[" * 5000,
        sha256(SITE.encode()).digest() + sha256(NONCE.encode()).digest(),
    ],
)
def test_what_is_no_record_is_not_signed(record: bytes) -> None:
    with pytest.raises(AgentRefused) as refused:
        parse_record(record)
    assert refused.value.refusal in (Refusal.MALFORMED, Refusal.UNKNOWN_ACT)


def test_each_act_there_is_can_be_said_in_words_and_signed() -> None:
    assert {one.value for one in What} | {EVIDENCE} == RECORDS.keys()
    assert all(one.strip() for words in RECORDS.values() for one in words)
    for what in What:
        act = Act(what, ACT.subject, ACT.content, ACT.operator, ACT.counter, ACT.at, ACT.nonce)
        parsed = parse_record(act.octets())
        assert parsed.to_be_signed == act.to_be_signed() and parsed.what == what.value
    assert parse_record(SEEN.octets()).to_be_signed == SEEN.to_be_signed()
    empty = InPersonEvidence(PersonId("a"), PersonId("a"), "c", "o", AT, (), photo_matched=False)
    assert len(parse_record(empty.octets()).to_be_signed) >= officer_signature.SHORTEST


def test_a_signature_takes_no_longer_than_the_card(
    beside: Beside, reader: Reader, jpki_card: VirtualJpkiCard, made_card: MadeCard, record_property: Any
) -> None:
    ready_card(beside, reader, jpki_card)
    log_in(beside, reader.name)
    begun = time.perf_counter()
    for _ in range(10):
        sign(beside, made_card)
    record_property("milliseconds", (time.perf_counter() - begun) * 100)
    assert len(beside.agent.operator.signed) == 5, "the page shows the newest"
