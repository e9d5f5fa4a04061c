"""PINs at the agent: on the reader's own keys where it has some, checked and changed at home, chosen at a desk."""

import json
import re
from collections.abc import Iterator

import pytest

from cardio import jpki, pcsc
from cardio.agent.operations import Mode
from cardio.agent.prompts import PromptKind
from cardio.agent.refusals import AgentRefused, Refusal
from cardio.card_management import AllowPin, CardManager, relay
from cardio.channel import Channel
from cardio.errors import PinBlocked, PinEntryCancelled, WrongPin
from cardio.jpki_card import JpkiCard
from cardio.private_pcscd import PrivatePcscd
from cardio.session import CardSession
from cardio.virtual_jpki import VirtualJpkiCard
from pki.purpose import Purpose
from tests.cardio.conftest import Reader
from tests.cardio.jpki_cards import MASTER_KEYS, PASSWORD, PIN
from tests.cardio.test_agent import HERE, NONCE, Beside, in_background, ready_card
from tests.cardio.test_pin_pad import Pad
from tests.support.chance import SeededOctets, SetClock

AUTHENTICATION, SIGNATURE = Purpose.AUTHENTICATION, Purpose.SIGNATURE


@pytest.fixture
def pad(monkeypatch: pytest.MonkeyPatch) -> Pad:
    """The reader has keys of its own: `SCardControl` says so and answers for them."""
    one = Pad()
    monkeypatch.setattr(pcsc.scard, "SCardControl", one.control)
    return one


@pytest.fixture
def home(pcscd: PrivatePcscd, clock: SetClock) -> Iterator[Beside]:
    one = Beside(Mode.HOME, clock).paired()
    yield one
    one.agent.close()


@pytest.fixture
def desk(pcscd: PrivatePcscd, clock: SetClock) -> Iterator[Beside]:
    one = Beside(Mode.DESK, clock).paired()
    yield one
    one.agent.close()


def knows(card: VirtualJpkiCard, purpose: Purpose, text: str) -> None:
    """See that this is the card's PIN now."""
    JpkiCard(CardSession.of_memory(card, jpki.identify)).verify_pin(purpose, jpki.pin(purpose, text))


class Slow(Pad):
    """Somebody who types when told to: what the page shows meanwhile can be looked at."""

    def __init__(self, beside: Beside) -> None:
        super().__init__()
        self.beside, self.pages = beside, []

    def control(self, handle: int, code: int, data: list[int]) -> tuple[int, list[int]]:
        if data:
            self.pages.append(self.beside.http.get("/?lang=en").text)
        return super().control(handle, code, data)


def test_on_a_reader_with_keys_the_log_in_is_typed_there_and_the_page_says_so(
    home: Beside, reader: Reader, jpki_card: VirtualJpkiCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow(home)
    monkeypatch.setattr(pcsc.scard, "SCardControl", slow.control)
    ready_card(home, reader, jpki_card)
    assert all(one.pin_pad for one in home.readers.now.readers if one.ours)
    slow.pressed = [PIN]
    token = home.agent.page("login", {"nonce": NONCE})["token"]
    assert token["algorithm"] == "RS256"
    (page,) = slow.pages
    assert "Type it on the card reader" in page and "<svg" in page and "<strong>3</strong>" in page
    assert 'type="password"' not in page, "there is nothing to type a PIN into"
    assert "<form" not in page.split('class="prompt"')[1].split("</section>")[0], "a reader is stopped by its own key"
    assert home.prompts.open is None
    assert PIN not in json.dumps(token)


def test_a_wrong_entry_asks_again_and_the_last_try_needs_a_word_on_the_page(
    home: Beside, reader: Reader, jpki_card: VirtualJpkiCard, pad: Pad
) -> None:
    ready_card(home, reader, jpki_card)
    entries = iter((["9999"], ["9998"], [PIN]))
    plain, pressed = pad.verify, []

    def verify(data: bytes) -> bytes:
        pad.pressed = list(next(entries))
        pressed.append(home.prompts.open)
        return plain(data)

    pad.verify = verify  # type: ignore[method-assign]
    done = in_background(lambda: home.agent.page("login", {"nonce": NONCE}))
    home.wait_for(lambda: home.prompts.open is not None and not home.prompts.open.at_reader)
    prompt = home.prompts.open
    assert prompt is not None and prompt.tries == 1 and prompt.fields == () and len(pressed) == 2
    assert 'name="last_try"' in home.http.get("/").text
    home.types()  # without the word the reader is not even asked
    home.wait_for(lambda: home.prompts.open is not None and not home.prompts.open.at_reader)
    assert len(pressed) == 2
    home.types(last_try="yes")
    assert done()["token"]["algorithm"] == "RS256"
    assert [one.tries for one in pressed if one] == [3, 2, 1]


def test_a_password_with_letters_is_typed_on_the_page_whatever_the_reader_has(
    home: Beside, reader: Reader, jpki_card: VirtualJpkiCard, pad: Pad
) -> None:
    ready_card(home, reader, jpki_card)
    done = in_background(lambda: home.agent.page("sign", {"document": "文書".encode().hex()}))
    home.wait_for(lambda: home.prompts.open is not None)
    assert home.prompts.open is not None and not home.prompts.open.at_reader
    home.types(signature=PASSWORD)
    assert len(bytes.fromhex(done()["signature"])) > 500
    assert not pad.asked


def test_who_presses_the_red_key_has_stopped_it(
    home: Beside, reader: Reader, jpki_card: VirtualJpkiCard, pad: Pad
) -> None:
    ready_card(home, reader, jpki_card)
    pad.says = bytes.fromhex("6401")
    with pytest.raises(PinEntryCancelled):
        home.agent.page("login", {"nonce": NONCE})
    assert home.prompts.open is None


def test_a_clerk_logs_in_on_the_readers_keys_too(
    desk: Beside, reader: Reader, jpki_card: VirtualJpkiCard, pad: Pad
) -> None:
    ready_card(desk, reader, jpki_card)
    pad.pressed = [PIN]
    assert desk.agent.page("login", {"nonce": NONCE})["token"]["algorithm"] == "RS256"


def test_a_residents_new_pin_is_entered_at_the_reader_and_the_password_on_the_page(
    desk: Beside, reader: Reader, jpki_card: VirtualJpkiCard, pad: Pad
) -> None:
    ready_card(desk, reader, jpki_card)
    both = {"purposes": [AUTHENTICATION.value, SIGNATURE.value]}
    done = in_background(lambda: desk.agent.line("ask-pins", both))
    desk.wait_for(lambda: desk.prompts.open is not None)
    assert desk.prompts.open is not None and desk.prompts.open.fields == (SIGNATURE.value,)
    desk.types(signature="NEWPASS1", signature_again="NEWPASS1")
    assert done() == {}
    desk.agent.line("hold", {})

    class Line:
        def transmit(self, command: bytes) -> bytes:
            return bytes.fromhex(desk.agent.line("apdu", {"command": command.hex()})["answer"])

    manager = CardManager(MASTER_KEYS, SeededOctets("pins"))
    relay(Channel(Line()), manager.begin(AllowPin((AUTHENTICATION, SIGNATURE), 1)))
    answers = iter((bytes.fromhex("6402"), None))  # the first time both entries differ
    plain = pad.control

    def control(handle: int, code: int, data: list[int]) -> tuple[int, list[int]]:
        if data:
            pad.says, pad.pressed = next(answers), ["2468", "2468"]
        return plain(handle, code, data)

    pcsc.scard.SCardControl = control
    assert desk.agent.line("write-pins", {}) == {"set": [AUTHENTICATION.value, SIGNATURE.value]}
    desk.agent.line("release", {})
    reader.empty()
    knows(jpki_card, AUTHENTICATION, "2468")
    knows(jpki_card, SIGNATURE, "NEWPASS1")


# -- one's own PINs, at home ---------------------------------------------------------------------------------------


def press(beside: Beside, what: str, purpose: Purpose) -> None:
    form = {"token": beside.token(), "what": what, "purpose": purpose.value, "lang": "en"}
    answer = beside.http.post("/own-pin", data=form, headers={"origin": HERE})
    assert (answer.status_code, answer.headers["location"]) == (303, "/?lang=en")
    beside.wait_for(lambda: beside.prompts.open is not None)


def said(beside: Beside) -> str:
    beside.wait_for(lambda: 'role="alert"' in beside.http.get("/?lang=en").text)
    return re.sub(r"<[^>]+>", "", beside.http.get("/?lang=en").text.split('role="alert">')[1].split("</p>")[0])


@pytest.mark.parametrize(("purpose", "old", "new"), [(AUTHENTICATION, PIN, "8642"), (SIGNATURE, PASSWORD, "XYZ9876")])
def test_a_pin_is_changed_at_home(
    home: Beside, reader: Reader, jpki_card: VirtualJpkiCard, purpose: Purpose, old: str, new: str
) -> None:
    ready_card(home, reader, jpki_card)
    name, full = purpose.value, 3 if purpose is AUTHENTICATION else 5
    with home.http:
        press(home, "change", purpose)
        assert home.prompts.open is not None and home.prompts.open.kind is PromptKind.CHANGE_PIN
        page = home.http.get("/?lang=en").text
        assert f"<strong>{full}</strong>" in page and f'id="{name}_new"' in page and f'id="{name}_again"' in page
        home.types(**{name: old, f"{name}_new": new, f"{name}_again": "0000000"[: len(new)]})
        home.wait_for(lambda: home.prompts.open is not None)
        assert home.prompts.open.tries == full and home.prompts.open.wrong, "two that differ cost no try"
        home.types(**{name: "9999999"[: len(old)], f"{name}_new": new, f"{name}_again": new})
        home.wait_for(lambda: home.prompts.open is not None)
        assert home.prompts.open.tries == full - 1
        home.types(**{name: old, f"{name}_new": new, f"{name}_again": new})
        assert said(home) == "It has been changed."
    reader.empty()
    knows(jpki_card, purpose, new)


def test_the_last_try_of_a_change_needs_a_word_and_then_it_is_locked(
    home: Beside, reader: Reader, jpki_card: VirtualJpkiCard
) -> None:
    ready_card(home, reader, jpki_card)
    with home.http:
        press(home, "change", AUTHENTICATION)
        wrong = {"authentication": "9999", "authentication_new": "8642", "authentication_again": "8642"}
        for _ in range(2):
            home.types(**wrong)
            home.wait_for(lambda: home.prompts.open is not None)
        assert home.prompts.open is not None and home.prompts.open.tries == 1
        home.types(**wrong)
        home.wait_for(lambda: home.prompts.open is not None)
        assert home.prompts.open.tries == 1, "not sent without the word"
        home.types(**wrong, last_try="yes")
        assert said(home).startswith("The authentication PIN is locked and cannot be entered any more.")


def test_whether_a_pin_is_known_can_be_checked_at_home_and_nobody_is_told(
    home: Beside, reader: Reader, jpki_card: VirtualJpkiCard
) -> None:
    ready_card(home, reader, jpki_card)
    with home.http:
        for purpose, right in ((AUTHENTICATION, PIN), (SIGNATURE, PASSWORD)):
            press(home, "check", purpose)
            home.types(**{purpose.value: right})
            assert said(home) == "That was right."
            token = home.token()
            home.http.post("/unpair", data={"token": token}, headers={"origin": HERE})
            assert "That was right." not in home.http.get("/?lang=en").text, "said once, not for ever"
        press(home, "check", AUTHENTICATION)
        home.prompts.cancel()
        assert said(home) == "Stopped. Nothing has changed."


def test_at_home_alone_and_with_a_card(home: Beside, desk: Beside) -> None:
    for beside, refusal in ((home, Refusal.NO_CARD), (desk, Refusal.NOT_IN_THIS_MODE)):
        with pytest.raises(AgentRefused) as refused:
            beside.agent.own_pin("change", AUTHENTICATION.value)
        assert refused.value.refusal is refusal
    assert "/own-pin" in home.http.get("/").text and "/own-pin" not in desk.http.get("/").text


def test_a_blocked_pin_is_not_asked_for(home: Beside, reader: Reader, jpki_card: VirtualJpkiCard, pad: Pad) -> None:
    ready_card(home, reader, jpki_card)
    card = JpkiCard(CardSession.of_memory(jpki_card, jpki.identify))
    reader.empty()
    for _ in range(3):
        with pytest.raises((WrongPin, PinBlocked)):
            card.verify_pin(AUTHENTICATION, jpki.pin(AUTHENTICATION, "9999"), last_try=True)
    ready_card(home, reader, jpki_card)
    with pytest.raises(PinBlocked):  # at once: whoever waits for it need not be told by somebody who presses a button
        home.agent.page("login", {"nonce": NONCE})
    assert home.prompts.open is None and not pad.asked
    assert "Ask a counter for a PIN reset" in said(home)
    reader.empty()
    home.wait_for(lambda: 'role="alert"' not in home.http.get("/?lang=en").text)  # it went with its card


def test_a_blocked_staff_card_says_who_gives_another_and_a_new_question_takes_its_place(
    desk: Beside, reader: Reader, jpki_card: VirtualJpkiCard
) -> None:
    ready_card(desk, reader, jpki_card)
    done = in_background(lambda: desk.agent.page("login", {"nonce": NONCE}))
    for left in (3, 2, 1):
        desk.wait_for(lambda left=left: desk.prompts.open is not None and desk.prompts.open.tries == left)  # type: ignore[misc]
        desk.types(authentication="9999", last_try="yes")
    with pytest.raises(PinBlocked):
        done()
    assert "your administrator" in said(desk) and "counter" not in said(desk)
    resident = in_background(lambda: desk.agent.line("ask-pins", {"purposes": ["authentication"]}))
    desk.wait_for(lambda: desk.prompts.open is not None)
    assert "your administrator" not in desk.http.get("/?lang=en").text
    desk.prompts.cancel()
    with pytest.raises(AgentRefused):
        resident()
