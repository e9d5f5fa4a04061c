"""The reader agent over a private pcscd and a virtual card: what it does, and what nobody else gets it to do."""

import base64
import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from cardio.agent import door as door_module
from cardio.agent.agent import Agent, Pairing
from cardio.agent.card_thread import CardThread
from cardio.agent.door import MESSAGES_A_SECOND, Door
from cardio.agent.managed_card import AGREED_SECONDS
from cardio.agent.operations import LineOperation, Mode, PageOperation, require_relayable
from cardio.agent.prompts import Asker, PromptKind, Prompts, asking_for
from cardio.agent.readers import Readers
from cardio.agent.refusals import AgentRefused, Refusal
from cardio.agent.wording import LANGUAGES, WORDS, wording
from cardio.card_management import CardManager, Generate, relay
from cardio.channel import Channel
from cardio.private_pcscd import PrivatePcscd
from cardio.virtual_jpki import VirtualJpkiCard
from cardio.watch import Watch
from pki.certificate import Certificate
from pki.purpose import Purpose
from tests.cardio.conftest import Reader
from tests.cardio.jpki_cards import MASTER_KEYS, PIN, MadeCard
from tests.support.chance import SetClock

SITE = "https://desk.example"
PORT = 27980
HERE = f"http://127.0.0.1:{PORT}"
TICKET = "t" * 64
NONCE = base64.b64encode(bytes(33)).decode()


class Beside:
    """An agent with its door, and somebody who types at its page."""

    def __init__(self, mode: Mode, clock: SetClock, patience: float = 5.0) -> None:
        cards = CardThread()
        self.prompts = Prompts(os.urandom, patience)
        self.cards = cards
        self.readers = Readers(cards, Watch(retry=0.05))
        self.agent = Agent(mode, SITE, cards, self.readers, self.prompts, clock, hold_seconds=0.5)
        self.codes: list[str] = []
        door = Door(self.agent, PORT, self._pair, os.urandom)
        self.http = TestClient(door.application(), base_url=HERE, follow_redirects=False)
        self.readers.start()

    def _pair(self, code: str) -> None:
        self.codes.append(code)
        if code != "ABCD2345":
            raise AgentRefused(Refusal.CODE_UNKNOWN)
        self.paired()

    def paired(self) -> "Beside":
        self.agent.pair(Pairing("channel", bytes(32), TICKET))
        return self

    def socket(self, origin: str | None = SITE, host: str = f"127.0.0.1:{PORT}") -> Any:
        headers = {"host": host, **({"origin": origin} if origin else {})}
        return self.http.websocket_connect("/reader", headers=headers)

    def wait_for(self, holds: Callable[[], bool]) -> None:
        until = time.monotonic() + 5
        while not holds():
            assert time.monotonic() < until
            time.sleep(0.01)

    def types(self, **values: str) -> None:
        """Answers the next question."""
        self.wait_for(lambda: self.prompts.open is not None)
        prompt = self.prompts.open
        assert prompt is not None
        self.prompts.answer(prompt.number, values)
        self.wait_for(lambda: self.prompts.open is None or self.prompts.open.number != prompt.number)

    def token(self) -> str:
        page = self.http.get("/").text
        return page.split('name="token" value="')[1].split('"')[0]


@pytest.fixture
def beside(pcscd: PrivatePcscd, clock: SetClock) -> Iterator[Beside]:
    one = Beside(Mode.DESK, clock)
    yield one
    one.agent.close()


def in_background(work: Callable[[], object]) -> Callable[[], Any]:
    """Start `work`; call the result to wait for what it gave or raised."""
    box: list[Any] = []

    def run() -> None:
        try:
            box.append(work())
        except BaseException as error:
            box.append(error)

    thread = threading.Thread(target=run)
    thread.start()

    def result() -> Any:
        thread.join(10)
        assert box, "it hangs"
        if isinstance(box[0], BaseException):
            raise box[0]
        return box[0]

    return result


def ready_card(beside: Beside, reader: Reader, card: VirtualJpkiCard) -> None:
    reader.insert(card)
    beside.wait_for(lambda: any(one.ours for one in beside.readers.now.readers))


def receive(socket: Any, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    for _ in range(20):
        message: dict[str, Any] = json.loads(socket.receive_text())
        if wanted(message):
            return message
    raise AssertionError("it never came")


# -- what it does --------------------------------------------------------------------------------------------------


def test_a_page_with_the_ticket_hears_of_cards_and_logs_in_with_a_pin_that_it_never_sees(
    beside: Beside, reader: Reader, jpki_card: VirtualJpkiCard, made_card: MadeCard
) -> None:
    beside.paired()
    with beside.socket() as socket:
        socket.send_text(json.dumps({"ticket": TICKET}))
        first = json.loads(socket.receive_text())
        assert first["event"] == "readers" and first["service"] is True
        ready_card(beside, reader, jpki_card)
        seen = receive(socket, lambda m: any(one["ours"] for one in m["readers"]))
        one = next(one for one in seen["readers"] if one["ours"])
        assert one["card"] == made_card.serial
        assert one["fingerprint"] == sha256(made_card.certificates[Purpose.AUTHENTICATION]).hexdigest()
        assert (one["authentication_tries"], one["signature_tries"]) == (3, 5)
        message = {"id": 1, "ticket": TICKET, "operation": "login", "arguments": {"nonce": NONCE}}
        socket.send_text(json.dumps(message))
        beside.wait_for(lambda: beside.prompts.open is not None)
        asked = beside.http.get("/").text
        assert SITE in asked and "<strong>3</strong>" in asked, "site and tries are shown before anything is typed"
        beside.types(authentication="9999")
        beside.wait_for(lambda: beside.prompts.open is not None)
        assert beside.prompts.open is not None
        assert (beside.prompts.open.tries, beside.prompts.open.wrong) == (2, True)
        beside.types(authentication=PIN)
        answer = receive(socket, lambda m: m.get("id") == 1)
        assert PIN not in json.dumps(answer["result"]["token"]["format"])
        token = answer["result"]["token"]
        certificate = Certificate(base64.b64decode(token["unverifiedCertificate"]))
        message_signed = sha256(SITE.encode()).digest() + sha256(NONCE.encode()).digest()
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding

        key = certificate.public_key
        assert not isinstance(key, ec.EllipticCurvePublicKey)
        key.verify(  # type: ignore[union-attr,call-arg]
            base64.b64decode(token["signature"]), message_signed, padding.PKCS1v15(), hashes.SHA256()
        )
        reader.empty()
        receive(socket, lambda m: m.get("event") == "readers" and not any(one["present"] for one in m["readers"]))


def test_the_last_try_needs_an_explicit_word_and_costs_nothing_without(
    beside: Beside, reader: Reader, jpki_card: VirtualJpkiCard
) -> None:
    beside.paired()
    ready_card(beside, reader, jpki_card)
    done = in_background(lambda: beside.agent.page("login", {"nonce": NONCE}))
    beside.types(authentication="9999")
    beside.types(authentication="9998")
    beside.wait_for(lambda: beside.prompts.open is not None)
    assert beside.prompts.open is not None and beside.prompts.open.tries == 1
    assert 'name="last_try"' in beside.http.get("/").text
    beside.types(authentication=PIN)  # right, but without the word: not sent
    beside.wait_for(lambda: beside.prompts.open is not None)
    assert beside.prompts.open.tries == 1
    beside.types(authentication=PIN, last_try="yes")
    assert done()["token"]["algorithm"] == "RS256"


def test_it_goes_on_after_a_restart_of_pcscd(
    beside: Beside, reader: Reader, jpki_card: VirtualJpkiCard, pcscd: PrivatePcscd
) -> None:
    ready_card(beside, reader, jpki_card)
    heard: list[bool] = []
    beside.readers.listen(lambda snapshot: heard.append(snapshot.service))
    reader.forget()
    pcscd.stop()
    beside.wait_for(lambda: False in heard)
    assert "no-service" not in beside.http.get("/").text  # words, not keys
    assert WORDS["no-service"][0] in beside.http.get("/").text
    pcscd.start()
    reader.context.renew()
    beside.wait_for(lambda: heard[-1] is True and bool(beside.readers.now.readers))
    reader.insert(jpki_card, wait=False)
    beside.wait_for(lambda: any(one.ours for one in beside.readers.now.readers))


def test_the_service_manages_a_card_through_it_and_a_held_card_is_let_go(
    beside: Beside, reader: Reader, jpki_card: VirtualJpkiCard
) -> None:
    beside.paired()
    ready_card(beside, reader, jpki_card)

    class Line:
        def transmit(self, command: bytes) -> bytes:
            return bytes.fromhex(beside.agent.line("apdu", {"command": command.hex()})["answer"])

    with pytest.raises(AgentRefused):
        beside.agent.line("apdu", {"command": "00a4040c0ad392f000260100000001"})
    held = beside.agent.line("hold", {})
    assert held == {"card": jpki_card.serial}
    spki = relay(Channel(Line()), CardManager(MASTER_KEYS, os.urandom).begin(Generate(Purpose.SIGNATURE)))
    assert len(spki) > 200
    with pytest.raises(AgentRefused) as twice:
        beside.agent.line("hold", {})
    assert twice.value.refusal is Refusal.BUSY
    time.sleep(0.8)  # the service says nothing any more
    with pytest.raises(AgentRefused) as gone:
        beside.agent.line("apdu", {"command": "00a4040c0ad392f000260100000001"})
    assert gone.value.refusal is Refusal.NOT_HELD


@pytest.mark.parametrize(
    "command",
    [
        "00200080" + "04" + b"1234".hex(),  # VERIFY with a PIN
        "00240180" + "04" + b"4321".hex(),  # CHANGE REFERENCE DATA
        "002c0080" + "08" + b"12345678".hex(),  # RESET RETRY COUNTER
        "802a0080" + "02" + "3051" + "00",  # a signature with the holder's key
        "00a4040005a000000308",  # another application
        "80e2000000",
        "00",
        "",
    ],
)
def test_no_pin_no_signature_and_no_other_application_is_relayed(command: str) -> None:
    with pytest.raises(AgentRefused):
        require_relayable(bytes.fromhex(command))


@pytest.mark.parametrize(
    "command", ["00a4040c0ad392f000260100000001", "00b0000004", "00200080", "8050000008" + 16 * "0"]
)
def test_what_management_needs_is_relayed(command: str) -> None:
    require_relayable(bytes.fromhex(command))


# -- what it does not do -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", None, "https://desk.example.evil", HERE, "http://desk.example"]
)
def test_another_page_gets_no_websocket(beside: Beside, origin: str | None) -> None:
    beside.paired()
    with pytest.raises(WebSocketDisconnect) as shut, beside.socket(origin):
        pass
    assert shut.value.code == 4403


@pytest.mark.parametrize("host", ["evil.example", "evil.example:27980", "127.0.0.1:80", "127.0.0.1.evil:27980", ""])
def test_a_name_that_was_rebound_to_us_is_shut_out(beside: Beside, host: str) -> None:
    beside.paired()
    assert beside.http.get("/", headers={"host": host}).status_code == 403
    with pytest.raises(WebSocketDisconnect), beside.socket(SITE, host):
        pass


@pytest.mark.parametrize("ticket", ["", "x" * 64, None, 7, TICKET[:-1]])
def test_without_the_ticket_nothing_is_told(beside: Beside, ticket: object) -> None:
    beside.paired()
    with beside.socket() as socket:
        socket.send_text(json.dumps({"ticket": ticket}))
        assert json.loads(socket.receive_text()) == {"error": "wrong-ticket"}
        with pytest.raises(WebSocketDisconnect):
            socket.receive_text()


def test_unpaired_it_says_so_and_nothing_else(beside: Beside) -> None:
    with beside.socket() as socket:
        socket.send_text(json.dumps({"ticket": TICKET}))
        assert json.loads(socket.receive_text()) == {"error": "not-paired"}


def test_a_second_tab_is_told_and_the_first_goes_on(beside: Beside) -> None:
    beside.paired()
    with beside.socket() as first:
        first.send_text(json.dumps({"ticket": TICKET}))
        assert json.loads(first.receive_text())["event"] == "readers"
        with beside.socket() as second:
            second.send_text(json.dumps({"ticket": TICKET}))
            assert json.loads(second.receive_text()) == {"error": "second-page"}
        first.send_text(json.dumps({"id": 1, "ticket": TICKET, "operation": "look"}))
        assert "readers" in receive(first, lambda m: m.get("id") == 1)["result"]


def test_a_page_of_before_the_new_pairing_has_lost_its_powers(beside: Beside) -> None:
    beside.paired()
    with beside.socket() as socket:
        socket.send_text(json.dumps({"ticket": TICKET}))
        socket.receive_text()
        beside.agent.pair(Pairing("another", bytes(32), "u" * 64))
        socket.send_text(json.dumps({"id": 1, "ticket": TICKET, "operation": "look"}))
        assert receive(socket, lambda m: "error" in m) == {"error": "wrong-ticket"}


@pytest.mark.parametrize("operation", ["apdu", "hold", "write-pins", "ask-pins", "release", "sign", "x", "", None, 5])
def test_a_desks_page_has_no_powers_beyond_its_list(beside: Beside, operation: object) -> None:
    """`sign` is a home's; all others are the service's, or nobody's."""
    beside.paired()
    with beside.socket() as socket:
        socket.send_text(json.dumps({"ticket": TICKET}))
        socket.send_text(json.dumps({"id": 1, "ticket": TICKET, "operation": operation, "arguments": {}}))
        refused = receive(socket, lambda m: m.get("id") == 1)["error"]
    assert refused in (Refusal.UNKNOWN_OPERATION.value, Refusal.NOT_IN_THIS_MODE.value)


@pytest.fixture
def home(pcscd: PrivatePcscd, clock: SetClock) -> Iterator[Beside]:
    one = Beside(Mode.HOME, clock).paired()
    yield one
    one.agent.close()


AT_HOME = {LineOperation.LOOK, LineOperation.AGREE, LineOperation.HOLD, LineOperation.APDU, LineOperation.RELEASE}


def test_at_home_the_service_asks_for_no_pin_and_no_signature(home: Beside) -> None:
    for operation in set(LineOperation) - AT_HOME:
        with pytest.raises(AgentRefused) as refused:
            home.agent.line(operation.value, {})
        assert refused.value.refusal is Refusal.NOT_IN_THIS_MODE
    assert home.agent.line("look", {})["service"] is True
    with pytest.raises(AgentRefused) as no_card:
        home.agent.page(PageOperation.SIGN.value, {"document": "00"})
    assert no_card.value.refusal in (Refusal.NO_CARD, Refusal.MALFORMED)


def test_at_home_a_card_is_managed_only_after_its_holder_agreed_and_only_that_card(
    home: Beside, reader: Reader, jpki_card: VirtualJpkiCard
) -> None:
    ready_card(home, reader, jpki_card)

    def refusal(work: Callable[[], object]) -> Refusal:
        with pytest.raises(AgentRefused) as refused:
            work()
        return refused.value.refusal

    assert refusal(lambda: home.agent.line("hold", {})) is Refusal.NOT_AGREED
    asked = in_background(lambda: home.agent.line("agree", {}))
    home.wait_for(lambda: home.prompts.open is not None)
    assert jpki_card.serial in home.http.get("/").text, "which card it is about is shown"
    home.prompts.cancel()
    assert refusal(asked) is Refusal.CANCELLED
    assert refusal(lambda: home.agent.line("hold", {})) is Refusal.NOT_AGREED
    asked = in_background(lambda: home.agent.line("agree", {}))
    home.types()
    assert asked() == {"card": jpki_card.serial}
    for _ in range(2):  # several conversations, one agreement
        assert home.agent.line("hold", {}) == {"card": jpki_card.serial}
        assert refusal(lambda: home.agent.line("apdu", {"command": "0020008004" + b"1234".hex()})) is (
            Refusal.APDU_NOT_RELAYED
        )
        assert home.agent.line("apdu", {"command": "00200080"})["answer"].startswith("6")
        home.agent.line("release", {})
    home.agent.managed._monotonic = lambda: time.monotonic() + AGREED_SECONDS
    assert refusal(lambda: home.agent.line("hold", {})) is Refusal.NOT_AGREED, "for a short time"
    home.agent.managed._monotonic = time.monotonic
    home.agent.line("hold", {})
    home.agent.line("release", {})
    reader.empty()
    home.wait_for(lambda: not any(one.present for one in home.readers.now.readers))
    ready_card(home, reader, jpki_card)
    assert refusal(lambda: home.agent.line("hold", {})) is Refusal.NOT_AGREED, "it went with the card"
    asked = in_background(lambda: home.agent.line("agree", {}))
    home.types()
    asked()
    home.agent.pair(Pairing("another", bytes(32), "u" * 64))
    assert refusal(lambda: home.agent.line("hold", {})) is Refusal.NOT_AGREED, "and it was given to one pairing"


def test_at_a_desk_there_is_nobody_to_agree_at_home(beside: Beside) -> None:
    with pytest.raises(AgentRefused) as refused:
        beside.agent.line("agree", {})
    assert refused.value.refusal is Refusal.NOT_IN_THIS_MODE


def test_a_flood_is_hung_up_on(beside: Beside) -> None:
    beside.paired()
    with beside.socket() as socket:
        socket.send_text(json.dumps({"ticket": TICKET}))
        for number in range(MESSAGES_A_SECOND + 5):
            socket.send_text(json.dumps({"id": number, "ticket": TICKET, "operation": "look"}))
        with pytest.raises(WebSocketDisconnect) as over:
            for _ in range(MESSAGES_A_SECOND + 10):
                socket.receive_text()
    assert over.value.reason == "flood"


@pytest.mark.parametrize("text", ["{", "[]", "7", "null", '{"ticket":', "x" * 600_000, "[" * 20_000])
def test_garbage_and_huge_messages_end_the_line(beside: Beside, text: str) -> None:
    beside.paired()
    with beside.socket() as socket:
        socket.send_text(text)
        assert "error" in json.loads(socket.receive_text())


@pytest.mark.parametrize("nonce", ["", "short", "x" * 200, None, 5])
def test_a_challenge_of_the_wrong_size_is_not_signed(beside: Beside, nonce: object) -> None:
    with pytest.raises(AgentRefused) as refused:
        beside.agent.page("login", {"nonce": nonce})
    assert refused.value.refusal is Refusal.MALFORMED


def test_forms_need_our_own_origin_and_token(beside: Beside) -> None:
    token = beside.token()
    good = {"token": token, "code": "ABCD-2345"}
    for headers in ({}, {"origin": "https://evil.example"}, {"origin": SITE}, {"origin": "null"}):
        assert beside.http.post("/pair", data=good, headers=headers).status_code == 403
    assert beside.http.post("/pair", data={**good, "token": "x"}, headers={"origin": HERE}).status_code == 400
    assert beside.codes == []
    big = {**good, "code": "x" * 9000}
    assert beside.http.post("/pair", data=big, headers={"origin": HERE}).status_code == 400
    assert beside.http.post("/pair", data=good, headers={"origin": HERE}).status_code == 303
    assert beside.codes == ["ABCD2345"] and beside.agent.pairing is not None


def test_a_wrong_code_is_said_in_words(beside: Beside) -> None:
    beside.http.post("/pair", data={"token": beside.token(), "code": "WRNG-2345"}, headers={"origin": HERE})
    assert beside.agent.pairing is None
    assert WORDS["said-code-unknown"][0] in beside.http.get("/").text


def test_the_preflight_from_a_wider_network_is_for_our_page_alone(beside: Beside) -> None:
    asked = {"access-control-request-private-network": "true", "access-control-request-method": "GET"}
    ours = beside.http.options("/reader", headers={**asked, "origin": SITE})
    assert ours.headers["access-control-allow-private-network"] == "true"
    assert ours.headers["access-control-allow-origin"] == SITE
    theirs = beside.http.options("/reader", headers={**asked, "origin": "https://evil.example"})
    assert theirs.status_code == 403
    assert not any(name.startswith("access-control") for name in theirs.headers)


def test_its_page_cannot_be_framed_and_names_nothing_to_others(beside: Beside) -> None:
    page = beside.http.get("/")
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert page.headers["x-frame-options"] == "DENY"
    read = beside.http.get("/changes", headers={"sec-fetch-site": "cross-site"})
    assert read.status_code == 403


def test_a_question_is_answered_once_and_not_for_ever(clock: SetClock) -> None:
    prompts = Prompts(os.urandom, patience=0.2)
    with pytest.raises(AgentRefused) as late:
        prompts.ask(PromptKind.LOGIN, ("authentication",))
    assert late.value.refusal is Refusal.TIMED_OUT
    asking = in_background(lambda: Prompts.ask(prompts, PromptKind.LOGIN, ("authentication",)))
    while prompts.open is None:
        time.sleep(0.005)
    number = prompts.open.number
    with pytest.raises(AgentRefused) as busy:
        prompts.ask(PromptKind.SIGN, ("signature",))
    assert busy.value.refusal is Refusal.BUSY
    assert not prompts.answer("another", {"authentication": "0000"})
    assert prompts.answer(number, {"authentication": PIN})
    assert not prompts.answer(number, {"authentication": "0000"}), "replayed"
    assert asking() == {"authentication": PIN}


def test_every_sentence_is_there_in_every_language() -> None:
    for key, (ja, easy, en) in WORDS.items():
        assert ja.strip() and easy.strip() and (en.strip() or key == "times"), key
        assert "{" not in ja + en, f"{key}: readings are for easy Japanese"
        left = re.sub(r"\{[^|{}]+\|[^{}]+\}", "", easy)
        assert not re.search(r"[\u4e00-\u9fff]", left), f"{key}: a word without its reading in easy Japanese"
    for language in LANGUAGES:
        assert "{" not in wording(language)("pair-how")
    assert "<ruby>" in wording("easy")("pair-how")


# -- nobody waits in vain ------------------------------------------------------------------------------------------


def test_a_question_comes_between_two_parts_of_rendering(beside: Beside, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page that was being made when the question came has the older version, and so looks again."""
    beside.paired()
    result: list[Callable[[], Any]] = []

    def slow(language: str) -> Any:
        asked = {"site": SITE}
        result.append(in_background(lambda: beside.prompts.ask(PromptKind.LOGIN, ("authentication",), told=asked)))
        beside.wait_for(lambda: beside.prompts.open is not None)
        return wording(language)

    monkeypatch.setattr(door_module, "wording", slow)
    page = beside.http.get("/").text
    monkeypatch.undo()
    version = int(re.search(r'data-version="(\d+)"', page)[1])  # type: ignore[index]
    assert 'id="asked"' not in page
    seen = beside.http.get(f"/changes?since={version}").json()
    assert beside.prompts.open is not None
    assert seen["version"] > version and seen["face"] == beside.prompts.open.number
    beside.prompts.cancel()
    with pytest.raises(AgentRefused):
        result[0]()


def test_a_page_that_went_while_the_card_was_slow_leaves_no_question_behind(
    beside: Beside, reader: Reader, jpki_card: VirtualJpkiCard
) -> None:
    """It would be there for minutes, and whoever comes next would be told that we are busy."""
    beside.paired()
    ready_card(beside, reader, jpki_card)
    go_on = threading.Event()
    beside.cards.submit(lambda _context: go_on.wait(10))  # a slow card
    with beside.http:  # one event loop, as in a server: it does not wait for the old page's thread
        with beside.socket() as socket:
            socket.send_text(json.dumps({"ticket": TICKET}))
            socket.receive_text()
            message = {"id": 1, "ticket": TICKET, "operation": "login", "arguments": {"nonce": NONCE}}
            socket.send_text(json.dumps(message))
            socket.send_text(json.dumps({**message, "id": 2}))
            assert receive(socket, lambda m: m.get("id") == 2)["error"] == "busy"
        go_on.set()
        beside.cards.call(lambda _context: None)
        beside.cards.call(lambda _context: None)
        time.sleep(0.3)  # long enough for a question that nobody waits for to come
        assert beside.prompts.open is None
    done = in_background(lambda: beside.agent.page("login", {"nonce": NONCE}))
    beside.types(authentication=PIN)
    assert done()["token"]["algorithm"] == "RS256"


def test_a_pulled_card_takes_its_question_along(beside: Beside, reader: Reader, jpki_card: VirtualJpkiCard) -> None:
    beside.paired()
    ready_card(beside, reader, jpki_card)
    done = in_background(lambda: beside.agent.page("login", {"nonce": NONCE}))
    beside.wait_for(lambda: beside.prompts.open is not None)
    reader.empty()
    with pytest.raises(AgentRefused) as refused:
        done()
    assert refused.value.refusal is Refusal.CANCELLED
    assert beside.prompts.open is None


def test_what_one_asks_is_not_taken_back_by_the_end_of_another(beside: Beside) -> None:
    page, line = Asker(), Asker()

    def ask() -> dict[str, str]:
        with asking_for(page):
            return beside.prompts.ask(PromptKind.LOGIN, ("authentication",))

    done = in_background(ask)
    beside.wait_for(lambda: beside.prompts.open is not None)
    beside.prompts.withdraw(line)
    beside.types(authentication=PIN)
    assert done() == {"authentication": PIN}
    beside.prompts.withdraw(page)
    with pytest.raises(AgentRefused) as late:
        ask()
    assert late.value.refusal is Refusal.CANCELLED


def test_the_late_end_of_an_old_pairing_does_not_end_the_new_one(beside: Beside) -> None:
    old, new = (Pairing(name, bytes(32), TICKET) for name in ("old", "new"))
    beside.agent.pair(old)
    beside.agent.pair(new)
    beside.agent.end(old)
    assert beside.agent.pairing is new
    beside.agent.end(new)
    assert beside.agent.pairing is None


def test_a_card_that_comes_back_while_the_service_held_it_is_known_again(
    beside: Beside, reader: Reader, jpki_card: VirtualJpkiCard
) -> None:
    beside.paired()
    ready_card(beside, reader, jpki_card)
    beside.agent.line("hold", {})
    reader.empty()
    beside.wait_for(lambda: not any(one.present for one in beside.readers.now.readers))
    ready_card(beside, reader, jpki_card)
    assert beside.agent.line("hold", {}) == {"card": jpki_card.serial}
    with pytest.raises(AgentRefused) as busy:  # and asks nothing of a card that it holds itself
        beside.agent.page("login", {"nonce": NONCE})
    assert busy.value.refusal is Refusal.BUSY
    beside.agent.line("release", {})
