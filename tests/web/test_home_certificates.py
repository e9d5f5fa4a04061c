"""The new certificate on the card at home: only for the own accepted filing, onto the card with which it was filed, and
finished whatever is torn on the way. The card is a real virtual one, its keys are in another process's hands.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cardio import jpki
from cardio.agent.operations import require_relayable
from cardio.jpki_card import JpkiCard
from cardio.session import CardSession
from cardio.virtual_card import InMemory
from cli.card_outbox import KeptKeys
from cli.desk_cards import LineCards
from enrollment import card_waiting
from enrollment.application import Application, ApplicationKind, ApplicationState
from enrollment.errors import NotSignedYet
from enrollment.filing import HouseholdFiling
from enrollment.households import HouseholdAssertion, Households, Relation
from enrollment.person import PersonId
from enrollment.signed import OwnerKeys
from enrollment.store import work
from pki.certificate import Certificate
from pki.purpose import Purpose
from tests.enrollment.town import AT, TOWN
from tests.web.test_card_management import PASSWORD, Filer, Town
from tests.web.test_citizen import Pages, Visitor, open_pages
from web.citizen.certificates import HomeCards
from web.errors import ConversationFailed, ReaderRefused
from web.readers.lines import Lines, ReaderNow, ReadersNow

SIGNATURE = Purpose.SIGNATURE
LATER = AT + timedelta(days=1)


@dataclass
class HomeLine:
    """The line to an agent at home with the town's card in its reader; `tear_at` is the APDU at which it breaks."""

    town: Town
    tear_at: int = 0
    after: bool = False
    agreed: bool = True
    count: int = 0
    commands: list[bytes] = field(default_factory=list)
    readers: ReadersNow = field(init=False)
    _memory: InMemory | None = None

    def __post_init__(self) -> None:
        card = self.town.session.identity
        self.readers = ReadersNow(True, (ReaderNow("reader", True, True, card, "", 3, 5, ""),))

    def call(self, operation: str, arguments: dict[str, Any], _patience: float = 0) -> dict[str, Any]:
        match operation:
            case "agree" if not self.agreed:
                raise ReaderRefused("cancelled")
            case "agree" | "hold":
                self._memory = InMemory(self.town.virtual)  # powered anew
                return {"card": self.town.session.identity}
            case "release":
                return {}
        assert operation == "apdu", operation
        command = bytes.fromhex(arguments["command"])
        require_relayable(command)
        self.commands.append(command)
        self.count += 1
        if self.count == self.tear_at and not self.after:
            raise ReaderRefused("cardio.removed")
        assert self._memory is not None
        answer = self._memory.transmit(command)
        if self.count == self.tear_at:
            raise ReaderRefused("cardio.removed")
        return {"answer": answer.hex()}

    def slot(self) -> Any:
        return home_cards(self.town).slot(self, "reader")  # type: ignore[arg-type]


def home_cards(town: Town, *, at_home: bool = True) -> LineCards:
    def wait(_seconds: float) -> None:
        next(town.keepers).work(town.clock.now())

    database, clock, random = town.office.database, town.clock, town.office.random
    return LineCards(lambda session: KeptKeys(database, clock, random, wait, lambda: session.identity, at_home=at_home))


def filed(town: Town) -> str:
    """The person's own move, accepted; the application that waits for their card."""
    office = town.office
    households = Households(office.database, office.moves.registrar, OwnerKeys({}), office.random)
    filing = HouseholdFiling(
        office.random(16).hex(), TOWN, "東京都架空区１番", AT.jst_date(), (town.person,), AT + timedelta(days=1)
    )
    template = office.verified(Filer(town), b"request", "東京都見本区１番")  # type: ignore[arg-type]
    verified = replace(template, filing=filing, document=filing.document())
    known = HouseholdAssertion(TOWN, {town.person: Relation.HEAD}, 0, AT + timedelta(days=1))
    (result,) = households.accept_known(verified, known, {}, "key-0001", AT)
    assert result.application is not None, result
    return result.application


def state(town: Town, application: str) -> ApplicationState:
    return town.office.database.read(lambda conn: work.application_of(conn, application)).state


def sound(town: Town) -> None:
    """What must hold after every tear: the card answers, no try is lost, at most one certificate is promised."""
    memory = CardSession.of_memory(town.virtual, jpki.identify)
    card = JpkiCard(memory)
    assert card.tries_left(Purpose.AUTHENTICATION) == 3 and card.tries_left(SIGNATURE) == 5
    assert card.read(SIGNATURE, jpki.pin(SIGNATURE, PASSWORD)) is not None
    held = town.office.database.read(lambda conn: work.certificates_of(conn, town.person))
    assert sum(one.purpose is SIGNATURE and one.ended_at is None for one in held) <= 1


@pytest.fixture
def town(sqlite_database: Any, tmp_path: Path, request: pytest.FixtureRequest) -> Town:
    return Town(sqlite_database, tmp_path, request.node.nodeid)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_torn_at_every_apdu_it_is_finished_by_the_next_try(town: Town, after: bool) -> None:
    application = filed(town)
    unsigned = replace(town.office.issuing, sign=None)
    counts = []
    for parts, ends in ((unsigned, NotSignedYet), (town.office.issuing, None)):
        for position in range(1, 200):
            line = HomeLine(town, position, after)
            try:
                card_waiting.present(parts, application, line.slot(), AT)
            except ReaderRefused:
                sound(town)
                continue
            except NotSignedYet:
                assert ends is NotSignedYet
            assert line.count < position, "nothing was torn any more"
            break
        counts.append(position)
        sound(town)
    assert min(counts) > 10, counts
    assert state(town, application) is ApplicationState.DELIVERED
    held = town.office.database.read(lambda conn: work.certificates_of_application(conn, application))[SIGNATURE]
    on_card = town.active()
    assert on_card is not None and held.fingerprint is not None
    assert Certificate(on_card).fingerprint.hex() == held.fingerprint, "the card holds what was issued"
    assert town.counter.pending(SIGNATURE) is None
    line = HomeLine(town)
    assert card_waiting.present(town.office.issuing, application, line.slot(), AT).state is ApplicationState.DELIVERED


def test_the_keys_do_nothing_at_home_but_for_an_accepted_filing_while_it_waits(town: Town) -> None:
    def refused(work_: Callable[[], object]) -> str:
        with pytest.raises(ConversationFailed) as failed:
            work_()
        return failed.value.cause

    cause = "enrollment.management-refused"
    line = HomeLine(town)
    assert refused(lambda: line.slot().generate(SIGNATURE)) == cause, "nothing was filed"
    assert refused(lambda: line.slot().read(SIGNATURE)) == cause
    application = filed(town)
    assert refused(lambda: line.slot().generate(Purpose.AUTHENTICATION)) == cause, "another key"
    assert refused(lambda: line.slot().read(SIGNATURE)) == cause, "nothing is there yet"
    line.slot().generate(SIGNATURE)
    contract = bytes.fromhex("3003020101")
    assert refused(lambda: line.slot().prove(SIGNATURE, contract)) == cause, "nothing but a request is signed"
    card_waiting.present(town.office.issuing, application, line.slot(), AT)
    assert state(town, application) is ApplicationState.DELIVERED
    for what in (line.slot().generate, line.slot().read):
        assert refused(lambda what=what: what(SIGNATURE)) == cause, "it is over"  # type: ignore[misc]


@pytest.mark.parametrize("at_home", [True, False], ids=["home", "counter"])
def test_what_was_signed_days_ago_goes_on(town: Town, at_home: bool) -> None:
    """Torn when it came to writing, and taken up again days later, at home or at a counter."""
    application = filed(town)
    with pytest.raises(NotSignedYet):
        card_waiting.present(replace(town.office.issuing, sign=None), application, HomeLine(town).slot(), AT)
    with pytest.raises(ReaderRefused):  # the first two commands say which card it is
        card_waiting.present(town.office.issuing, application, HomeLine(town, 5).slot(), AT)
    assert state(town, application) is ApplicationState.SIGNED
    later = AT + timedelta(days=2)
    town.clock.set(later)
    slot = home_cards(town, at_home=at_home).slot(HomeLine(town), "reader")  # type: ignore[arg-type]
    assert card_waiting.present(town.office.issuing, application, slot, later).state is ApplicationState.DELIVERED


# -- the pages -----------------------------------------------------------------------------------------------------


@dataclass
class Sitting:
    """The person at home: a browser, and a reader with their card."""

    town: Town
    pages: Pages
    line: HomeLine
    home: HomeCards

    def paired(self, person: PersonId) -> Visitor:
        """Logged in with the card, and paired with the line."""
        visitor = self.pages.with_card(person)
        text = visitor.see("/citizen/certificates/" + self.application())
        assert "With your own card reader" in text
        shown = re.search(r'id="code">([2-9A-Z]{5})-([2-9A-Z]{5})<', text)
        assert shown is not None
        code = "".join(shown.groups())
        channel = self.pages.pairings.redeem(code, 27980)
        self.home.lines._open[channel.channel] = self.line  # type: ignore[assignment]
        return visitor

    def application(self) -> str:
        found: list[Application] = self.town.office.database.read(
            lambda conn: work.applications_of(conn, self.town.person)
        )
        return next(one.application for one in found if one.kind is ApplicationKind.REMOTE_MOVE)

    def finished(self) -> None:
        for _ in range(2000):
            if self.home.errands.running(self.application()) is None:
                return
            time.sleep(0.005)
        raise AssertionError("it hangs")


@pytest.fixture
def sitting(town: Town) -> Sitting:
    filed(town)
    town.clock.set(LATER)
    home = HomeCards(town.office.issuing, home_cards(town), Lines(town.clock), wait=lambda _seconds: None)
    return Sitting(town, open_pages(town.office, home), HomeLine(town), home)


def test_from_the_move_to_the_card_with_an_interruption(sitting: Sitting) -> None:
    person = PersonId(sitting.town.person)
    place = f"/citizen/certificates/{sitting.application()}"
    alone = sitting.pages.with_card(person)
    assert place in alone.see("/citizen/card")
    text = alone.see(place)
    assert "Without a card reader" in text and "counter" in text, "who has no reader is told where to go"
    assert alone.send(place).status_code == 409, "nothing is paired"
    visitor = sitting.paired(person)
    sitting.line.tear_at = 7
    assert visitor.send(place).status_code == 303
    sitting.finished()
    assert "Nothing is lost" in visitor.see(place)
    sitting.line.tear_at = 0
    assert visitor.send(place).status_code == 303
    sitting.finished()
    text = visitor.see(place)
    assert "read back and is the right one" in text
    assert "Put it onto the card" not in visitor.see("/citizen/card")
    done = len(sitting.line.commands)
    assert visitor.send(place).status_code == 303
    sitting.finished()
    assert len(sitting.line.commands) == done, "the card is left alone once it is there"


def test_the_holder_has_to_agree_beside_the_reader(sitting: Sitting) -> None:
    visitor = sitting.paired(PersonId(sitting.town.person))
    sitting.line.agreed = False
    place = f"/citizen/certificates/{sitting.application()}"
    assert visitor.send(place).status_code == 303
    sitting.finished()
    assert sitting.line.commands == []
    assert state(sitting.town, sitting.application()) is ApplicationState.APPROVED


def test_nobody_else_and_no_other_card(sitting: Sitting) -> None:
    person = PersonId(sitting.town.person)
    place = f"/citizen/certificates/{sitting.application()}"
    other = PersonId(sitting.town.office.enrolled(card_id="CARD0002")[0])
    stranger = sitting.pages.with_card(other)
    for path in (place, f"{place}/now", "/citizen/certificates/unknown"):
        assert stranger.client.get(path).status_code == 404
    assert stranger.send(place).status_code == 404
    assert sitting.pages.logged_in(person).send(place).status_code == 403, "a code from the counter is no card"
    visitor = sitting.paired(person)
    seen = sitting.line.readers
    sitting.line.readers = ReadersNow(True, (replace(seen.readers[0], card="0" * 16),))
    assert visitor.send(place).status_code == 303
    sitting.finished()
    assert "Nothing is lost" in visitor.see(place), "another card lies there"
    sitting.line.readers = seen
    assert sitting.line.commands == []
    first = next(
        one.application
        for one in sitting.town.office.database.read(lambda conn: work.applications_of(conn, person))
        if one.kind is not ApplicationKind.REMOTE_MOVE
    )
    assert visitor.send(f"/citizen/certificates/{first}").status_code == 404, (
        "what a counter began is not carried on here"
    )


def test_while_it_goes_on_the_page_is_told_when_to_look_again(sitting: Sitting) -> None:
    visitor = sitting.pages.with_card(PersonId(sitting.town.person))
    place = f"/citizen/certificates/{sitting.application()}"
    same = visitor.client.get(f"{place}/now?seen=approved-")
    assert same.status_code == 204 and "hx-refresh" not in same.headers
    assert visitor.client.get(f"{place}/now?seen=other").headers["hx-refresh"] == "true"
