"""Every step at the desk is signed by its operator's card: together with what it does, for just that, once."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from enrollment import acts, procedures, signed_checks
from enrollment.act import What
from enrollment.errors import ActNotSigned, ActRefused, SignatureInvalid
from enrollment.evidence import DocumentSeen
from enrollment.store import acts as rows
from pki import officer_signature
from pki.certificate import Certificate
from pki.http_signature import RequestKey
from tests.enrollment.office import open_office
from tests.enrollment.town import AT, TOWN, resident
from tests.support.chance import SeededOctets, SetClock
from tests.web.doors_world import card_of
from web.desk import signing
from web.desk import work as works
from web.desk.beginnings import Beginnings
from web.desk.checks import Checks, Shown
from web.desk.decisions import Decisions
from web.desk.desk import desk_door
from web.desk.officer import CARD, Officer
from web.desk.parts import Desk
from web.desk.signing import Deed
from web.desk.work import Kind, State
from web.errors import CardNeeded, NoSession, NotPaired, ReaderRefused, ReaderSilent
from web.readers.lines import Line, Lines, ReaderNow, ReadersNow
from web.readers.pairings import Pairings

DAY = AT.jst_date().replace(year=2031)


@dataclass(slots=True)
class CardLine(Line):
    """An agent with the operator's card in its reader, which signs what it is asked to, as the real one builds it."""

    key: RequestKey | None = None
    asked: list[bytes] = field(default_factory=list)
    given: list[bytes] = field(default_factory=list)
    answer: Callable[[bytes], bytes] | None = None

    def call(self, operation: str, arguments: Mapping[str, Any], patience: float = 0.0) -> dict[str, Any]:
        assert operation == "sign-record" and patience > 0 and self.key is not None
        if self.closed:
            raise ReaderSilent
        record = bytes.fromhex(arguments["record"])
        is_act = b'"type":"jitsuin-act-v1"' in record
        message = (officer_signature.ACT if is_act else officer_signature.EVIDENCE) + record
        self.asked.append(record)
        self.given.append(self.answer(message) if self.answer else self.key.sign(message))
        return {"signature": self.given[-1].hex()}


class Town:
    """A desk in a municipality that demands signatures, and officers with cards."""

    def __init__(self, database: Any, folder: Path, clock: SetClock) -> None:
        self.office = office = open_office(database, folder, "desk signing")
        self.database, self.random, self.clock = database, SeededOctets("signing"), clock
        self.pairings, self.lines = Pairings(clock, self.random), Lines(clock)
        self.loop = asyncio.new_event_loop()
        door = desk_door(database, clock, self.random, self.pairings, self.lines)
        self.desk = Desk(database, clock, self.random, door, office.issuing, None, "https://desk.example")
        self.keys: dict[str, RequestKey] = {}
        self.cards: dict[str, str] = {}
        for who in ("clerk", "boss", "boss2", "postclerk"):
            self.keys[who], issued = card_of(database, folder, office.random, who)
            self.cards[who] = Certificate(issued.der).fingerprint.hex()
        self.person = database.transaction(lambda conn: resident(conn, self.random))
        database.transaction(lambda conn: acts.demand(conn, TOWN, AT, "council"))

    def log_in(self, who: str) -> tuple[Officer, CardLine]:
        sessions = self.desk.door.sessions
        session = sessions.log_in(sessions.begin(), who, self.cards[who], CARD)
        channel = self.pairings.redeem(self.pairings.code_for(session.handle, "desk"), 27980)
        reader = ReaderNow("reader", True, True, "OWN", self.cards[who], 3, None, "")
        line = CardLine(channel.channel, session.handle, self.loop, lambda _m: None, ReadersNow(True, (reader,)))
        line.key = self.keys[who]
        self.lines.add(line)
        self.lines.note(line)
        return self.desk.door.admit(session), line

    def without_card(self, who: str) -> Officer:
        sessions = self.desk.door.sessions
        return self.desk.door.admit(sessions.log_in(sessions.begin(), who, "", "passkey"))

    def acts(self) -> list[Any]:
        return self.database.read(lambda conn: rows.acts_after(conn, None, 100))  # type: ignore[no-any-return]

    def works(self) -> int:
        return len(self.database.read(lambda conn: conn.exec_driver_sql("SELECT work FROM web_work").all()))


@pytest.fixture
def town(sqlite_database: Any, tmp_path: Path, clock: SetClock) -> Iterator[Town]:
    made = Town(sqlite_database, tmp_path, clock)
    yield made
    made.loop.close()


SHOWN = Shown((DocumentSeen("driving-licence", DAY),), photo_matched=True)


def test_every_step_leaves_an_act_that_is_used_and_verifies(town: Town) -> None:
    clerk, line = town.log_in("clerk")
    boss, second = town.log_in("boss")
    desk, person = town.desk, town.person
    work = Beginnings(desk).begin(clerk, person, Kind.FIRST_ISSUE)
    work = Checks(desk).record(clerk, work, SHOWN)
    assert work.state is State.APPROVAL
    work = Decisions(desk).decide(boss, work, "seen", yes=True)
    assert work.state is State.KEYS
    Beginnings(desk).give_up(clerk, work, "came without the photo")
    town.clock.advance(minutes=1)  # the same check at the same moment would be the same evidence
    check = Checks(desk).record(clerk, Beginnings(desk).begin(clerk, person, Kind.CHECK), SHOWN)
    assert check.state is State.DONE
    whats = sorted(one.act.what.value for one in town.acts())
    assert whats == ["approve", "begin-work", "begin-work", "file", "withdraw"]
    assert all(one.used_at is not None for one in town.acts())
    assert {one.act.operator for one in town.acts()} == {"clerk", "boss"}
    assert len(line.asked) == 6 and len(second.asked) == 1, "four acts and two checks by one, one act by the other"
    assert town.database.read(acts.verify) == (5, ())
    assert town.database.read(lambda conn: signed_checks.verify(conn, town.clock.now())) == (2, ())


def test_at_a_post_office_the_check_keeps_its_signature_until_it_is_confirmed(town: Town) -> None:
    clerk, _ = town.log_in("clerk")
    postal, _ = town.log_in("postclerk")
    desk = town.desk
    work = town.database.transaction(
        lambda conn: works.begin(
            conn, Kind.CHECK, town.person, TOWN, postal.counter.counter, "postclerk", town.clock.now(), town.random,
            {"municipal": False, "card": "RESIDENT"}, training=False,
        )
    )  # fmt: skip
    work = Checks(desk).record(postal, work, SHOWN)
    assert work.state is State.CONFIRMATION
    work = Decisions(desk).decide(clerk, work, "our resident", yes=True)
    work = Decisions(desk).carry_out(postal, work)
    assert work.state is State.DONE
    assert town.database.read(lambda conn: signed_checks.verify(conn, town.clock.now())) == (1, ())
    assert {one.act.what for one in town.acts()} == {What.CONFIRM_CHECK, What.RECORD_CHECK}


def test_without_a_card_nothing_is_done_and_it_is_said_why(town: Town) -> None:
    officer = town.without_card("clerk")
    with pytest.raises(CardNeeded) as said:
        Beginnings(town.desk).begin(officer, town.person, Kind.CHECK)
    assert "card" in said.value.reason and said.value.remedy
    assert (town.works(), town.acts()) == (0, [])
    with pytest.raises(CardNeeded):
        signing.require(town.desk, officer)


def test_an_agent_that_is_gone_or_refuses_leaves_nothing_behind(town: Town) -> None:
    clerk, line = town.log_in("clerk")

    def refuse(_message: bytes) -> bytes:
        raise ReaderRefused("cancelled")

    line.answer = refuse
    with pytest.raises(ReaderRefused, match="cancelled"):
        Beginnings(town.desk).begin(clerk, town.person, Kind.CHECK)
    line.close()
    with pytest.raises(ReaderSilent):
        Beginnings(town.desk).begin(clerk, town.person, Kind.CHECK)
    town.lines.remove(line)
    with pytest.raises(ReaderSilent):
        Beginnings(town.desk).begin(clerk, town.person, Kind.CHECK)
    town.pairings.end(clerk.session.handle)
    with pytest.raises(NotPaired):
        Beginnings(town.desk).begin(clerk, town.person, Kind.CHECK)
    assert (town.works(), town.acts()) == (0, [])


def test_a_signature_over_anything_else_by_anybody_else_or_of_before_is_refused(town: Town) -> None:
    clerk, line = town.log_in("clerk")
    begin = Beginnings(town.desk)
    begin.begin(clerk, town.person, Kind.CHECK)
    key, before = line.key, line.given[0]
    assert key is not None
    first = town.acts()[0].act
    wrong: dict[str, Callable[[bytes], bytes]] = {
        "replayed": lambda _message: before,
        "another card": lambda message: town.keys["boss"].sign(message),
        "without prefix": lambda message: key.sign(message.partition(b"\0")[2]),
        "as evidence": lambda message: key.sign(officer_signature.EVIDENCE + message.partition(b"\0")[2]),
        "another person": lambda message: key.sign(message.replace(town.person.encode(), b"f" * 32)),
        "another desk": lambda message: key.sign(message.replace(b'"main"', b'"branch"')),
        "a log-in": lambda _message: key.sign(bytes(96)),
        "nothing": lambda _message: b"",
    }
    for name, answer in wrong.items():
        line.answer = answer
        with pytest.raises(SignatureInvalid):
            begin.begin(clerk, town.person, Kind.CHECK)
        assert (town.works(), [one.act for one in town.acts()]) == (1, [first]), name


def test_an_act_for_one_deed_serves_for_no_other(town: Town) -> None:
    """The agent and the card are honest here: it is our own page that would do something else than it had signed."""
    clerk, _ = town.log_in("clerk")
    for deed in (
        Deed(What.SUSPEND, town.person, procedures.content_of("suspend", card_id="ANOTHER")),
        Deed(What.SUSPEND, "f" * 32, procedures.content_of("suspend", card_id="CARD")),
        Deed(What.REPORT_LOSS, town.person, procedures.content_of("suspend", card_id="CARD")),
    ):

        def suspend(conn: Any, at: Any) -> None:
            content = procedures.content_of("suspend", card_id="CARD")
            acts.use(conn, clerk.operator, What.SUSPEND, town.person, content, at)

        with pytest.raises(ActNotSigned):
            signing.do(town.desk, clerk, deed, suspend)
    assert town.acts() == []


def test_too_late_is_refused(town: Town) -> None:
    clerk, line = town.log_in("clerk")
    key = line.key
    assert key is not None

    def slowly(message: bytes) -> bytes:
        town.clock.advance(minutes=6)
        return key.sign(message)

    line.answer = slowly
    with pytest.raises(ActRefused):
        Beginnings(town.desk).begin(clerk, town.person, Kind.CHECK)
    assert (town.works(), town.acts()) == (0, [])


def test_killed_between_signing_and_writing_the_repeat_gives_one_act(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    clerk, line = town.log_in("clerk")

    class Killed(BaseException):
        pass

    whole = rows.add_act

    def torn(*given: Any) -> None:
        whole(*given)
        raise Killed

    monkeypatch.setattr(rows, "add_act", torn)
    with pytest.raises(Killed):
        Beginnings(town.desk).begin(clerk, town.person, Kind.CHECK)
    assert len(line.given) == 1 and (town.works(), town.acts()) == (0, [])
    monkeypatch.setattr(rows, "add_act", whole)
    Beginnings(town.desk).begin(clerk, town.person, Kind.CHECK)
    assert len(line.given) == 2 and (town.works(), len(town.acts())) == (1, 1)
    assert line.asked[0] != line.asked[1], "the act that nobody wrote down serves for nothing"


def test_another_operators_card_in_the_reader_ends_the_session_before_any_act(town: Town) -> None:
    clerk, line = town.log_in("clerk")
    line.readers = ReadersNow(True, (ReaderNow("reader", True, True, "OTHER", town.cards["boss"], 3, None, ""),))
    with pytest.raises(NoSession):
        town.desk.door.admit(clerk.session)
    assert town.acts() == []


def test_where_nothing_is_demanded_a_card_signs_all_the_same(town: Town) -> None:
    town.database.transaction(lambda conn: conn.exec_driver_sql("DELETE FROM enrollment_signing"))
    clerk, line = town.log_in("clerk")
    Beginnings(town.desk).begin(clerk, town.person, Kind.CHECK)
    assert len(line.given) == len(town.acts()) == 1
    Beginnings(town.desk).begin(town.without_card("clerk"), town.person, Kind.CHECK)
    assert (town.works(), len(town.acts())) == (2, 1)
