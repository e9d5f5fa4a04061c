"""Where somebody lives: what a municipality asks for, what officers note, and letters with codes."""

from datetime import timedelta
from types import SimpleNamespace

import pytest

from enrollment import channels, code_letters, deadlines, lapses, ledger, outbox, registry, residence
from enrollment.assurance import contact_score
from enrollment.channels import CHANNELS, NEVER_CLOSED, Channel, Procedure, ProcedurePolicy, parse_procedure_policy
from enrollment.code_letter import ALPHABET, LetterState
from enrollment.code_letters import CodeLetters
from enrollment.deadline import DeadlineKind, DeadlineOutcome
from enrollment.errors import (
    CodeWrong,
    EvidenceTooWeak,
    LetterOver,
    LooserPolicy,
    NotYours,
    RemoteBlocked,
    ResidenceUnproven,
    WrongState,
)  # fmt: skip
from enrollment.events import EventKind
from enrollment.proofs import COMMON_MINIMUM, Piece, Proof, parse_requirement
from enrollment.store import messages
from enrollment.store import people as rows
from pki.errors import Error, InvalidValue
from tests.enrollment.town import AT, OTHER_TOWN, TOWN, found, hanako, resident

NEW = "神奈川県架空市本町１番１号"
WITH_LETTER = parse_requirement([["card-signature", "code-letter"], ["desk"]])


class Mailbox:
    """Whoever prints: keeps the papers; `broken` makes it fail."""

    def __init__(self):
        self.papers, self.broken = [], False

    def send(self, paper):
        if self.broken:
            raise Error("no paper")
        self.papers.append(paper)


@pytest.fixture
def town(database, random):
    def enter(conn):
        found(conn)
        return resident(conn, random)

    person = database.transaction(enter)
    return SimpleNamespace(
        database=database, random=random, person=person, letters=CodeLetters(database, random), box=Mailbox()
    )


def ask(town, at=AT, address=NEW):
    return town.database.transaction(lambda c: town.letters.ask(c, town.person, OTHER_TOWN, address, at)).letter


def posted(town, at=AT):
    handlers = {code_letters.TOPIC: lambda message: town.letters.post(message, town.box, at)}
    return outbox.deliver(town.database, handlers, at)


def adopt(town, owner, procedure, policy, begins=AT):
    town.database.transaction(lambda c: channels.adopt(c, owner, procedure, policy, begins, AT, "boss"))


def need(town, pieces, at=AT, channel=Channel.ONLINE, address=NEW, procedure=Procedure.MOVE_IN):
    return town.database.transaction(
        lambda c: residence.require(c, town.person, OTHER_TOWN, procedure, channel, address, pieces, "filing", at)
    )


SIGNED = [Piece(Proof.CARD_SIGNATURE, AT)]


@pytest.mark.parametrize("procedure", Procedure)
@pytest.mark.parametrize("channel", Channel)
def test_every_procedure_and_channel(sqlite_database, procedure, channel):
    sqlite_database.transaction(found)

    def allowed(policy):
        def body(conn):
            if policy is not None:
                channels.adopt(conn, TOWN, procedure, policy, AT, AT, "boss")
            channels.require(conn, TOWN, procedure, channel, AT)

        sqlite_database.transaction(body)

    if channel not in CHANNELS[procedure]:
        with pytest.raises(RemoteBlocked):
            allowed(None)
        return
    allowed(None)
    closed = ProcedurePolicy(frozenset({channel}))
    with pytest.raises(LooserPolicy if (procedure, channel) in NEVER_CLOSED else RemoteBlocked):
        allowed(closed)


def test_what_is_never_remote_and_what_never_closes():
    for procedure in (Procedure.FIRST_ISSUE, Procedure.RENEWAL, Procedure.PIN_RESET, Procedure.END_OF_SUSPENSION):
        assert CHANNELS[procedure] == {Channel.IN_PERSON}
    assert (Procedure.SUSPENSION, Channel.ONLINE) in NEVER_CLOSED  # a card can be stopped at any hour
    assert set(CHANNELS) == set(Procedure)


def test_policies_are_dated_and_never_below_the_minimum(town):
    with pytest.raises(LooserPolicy):
        parse_requirement([["utility"]])
    for wrong in ([], [[]], [["moon"]], "desk", None, [1]):
        with pytest.raises((InvalidValue, LooserPolicy)):
            parse_requirement(wrong)
    for wrong in ([], {"open": []}, {"closed": ["sometimes"]}, {"closed": 1}, {"residence": [["moon"]]}):
        with pytest.raises((InvalidValue, LooserPolicy)):
            parse_procedure_policy(wrong)
    begins = AT + timedelta(days=10)
    adopt(town, OTHER_TOWN, Procedure.MOVE_IN, ProcedurePolicy(residence=WITH_LETTER), begins)

    def asked(owner, at):
        return town.database.read(lambda c: channels.in_force(c, owner, Procedure.MOVE_IN, at)).residence

    assert (asked(OTHER_TOWN, AT), asked(OTHER_TOWN, begins)) == (COMMON_MINIMUM, WITH_LETTER)
    assert asked(TOWN, begins) == COMMON_MINIMUM
    assert parse_procedure_policy(ProcedurePolicy(frozenset({Channel.ONLINE}), WITH_LETTER).body()) == ProcedurePolicy(
        frozenset({Channel.ONLINE}), WITH_LETTER
    )


def test_a_code_comes_back_and_counts_once_for_just_that_address(town):
    adopt(town, OTHER_TOWN, Procedure.MOVE_IN, ProcedurePolicy(residence=WITH_LETTER))
    with pytest.raises(ResidenceUnproven) as refused:
        need(town, SIGNED)
    assert refused.value.choices == "card-signature+code-letter / desk"
    letter = ask(town)
    assert posted(town) == (1, 0)
    (paper,) = town.box.papers
    assert (paper.name, paper.address, len(paper.code)) == (hanako().name, NEW, 10)
    assert set(paper.code) <= set(ALPHABET)
    later = AT + timedelta(days=3)
    piece = town.letters.redeem(town.person, letter, paper.grouped.lower(), later)
    assert (piece.proof, piece.at) == (Proof.CODE_LETTER, later)
    (contact,) = town.database.read(lambda c: ledger.history(c, town.person))
    assert (contact.kind, contact.level) == (EventKind.CONTACT, "letter-delivered")
    signed = [Piece(Proof.CARD_SIGNATURE, later)]
    with pytest.raises(ResidenceUnproven):
        need(town, signed, later, address="神奈川県架空市本町２番")
    assert {one.proof for one in need(town, signed, later)} == {Proof.CARD_SIGNATURE, Proof.CODE_LETTER}
    with pytest.raises(ResidenceUnproven):  # used up
        need(town, signed, later)
    with pytest.raises(LetterOver):
        town.letters.redeem(town.person, letter, paper.code, later)
    assert [d.outcome for d in town.database.read(lambda c: deadlines.history(c, town.person))] == [DeadlineOutcome.MET]


def test_the_code_is_nowhere_but_on_paper_and_the_name_was_looked_up_on_record(town):
    from sqlalchemy import text

    ask(town)
    posted(town)
    code = town.box.papers[0].code
    with town.database.engine.connect() as conn:
        for table in ("enrollment_letters", "enrollment_outbox", "enrollment_deadlines"):
            assert code not in str(conn.execute(text(f"SELECT * FROM {table}")).all())
    assert code not in repr(town.box.papers[0])
    assert NEW not in repr(town.box.papers[0])
    (line,) = town.database.read(lambda c: registry.own_lines(c, town.person))
    assert (line.access.recipient, line.access.fields) == ("post", {registry.Field.NAME})


def test_five_wrong_codes_and_the_letter_is_void_even_for_the_right_one(town):
    letter = ask(town)
    posted(town)
    for left in (4, 3, 2, 1, 0):
        with pytest.raises(CodeWrong) as wrong:
            town.letters.redeem(town.person, letter, "2222222222", AT)
        assert wrong.value.tries_left == left
    with pytest.raises(LetterOver) as over:
        town.letters.redeem(town.person, letter, town.box.papers[0].code, AT)
    assert over.value.state == LetterState.VOID


def test_a_letter_is_good_until_the_last_second_of_its_day_and_only_for_its_holder(town):
    stranger = town.database.transaction(lambda c: resident(c, town.random))
    letter = ask(town)
    with pytest.raises(LetterOver):  # not printed yet
        town.letters.redeem(town.person, letter, "2222222222", AT)
    posted(town)
    with pytest.raises(LetterOver):
        town.letters.redeem(stranger, letter, town.box.papers[0].code, AT)
    end = town.database.read(lambda c: deadlines.running(c, town.person))[0].due_at
    assert end.jst_date() == (AT + timedelta(days=30)).jst_date()
    with pytest.raises(LetterOver):
        town.letters.redeem(town.person, letter, town.box.papers[0].code, end + timedelta(seconds=1))
    assert lapses.settle(town.database, end, town.random) == 0
    assert lapses.settle(town.database, end + timedelta(seconds=1), town.random) == 1
    assert lapses.settle(town.database, end + timedelta(seconds=1), town.random) == 0
    with pytest.raises(LetterOver) as over:
        town.letters.redeem(town.person, letter, town.box.papers[0].code, end)
    assert over.value.state == LetterState.EXPIRED


def test_a_letter_that_comes_back_is_void_and_lowers_the_level(town):
    letter = ask(town)

    def back(who):
        return town.database.transaction(
            lambda c: code_letters.returned(c, letter, rows.operator_of(c, who), AT, town.random)
        )

    with pytest.raises(WrongState):  # it was not posted yet
        back("clerk")
    posted(town)
    assert back("other-clerk").state is LetterState.VOID
    with pytest.raises(WrongState):
        back("other-clerk")
    with pytest.raises(LetterOver):
        town.letters.redeem(town.person, letter, town.box.papers[0].code, AT)
    history = town.database.read(lambda c: ledger.history(c, town.person))
    assert [(one.kind, one.level, one.seq) for one in history] == [(EventKind.CONTACT, "letter-returned", None)]
    assert contact_score(history, AT) == -8


def test_a_printer_that_fails_prints_later_and_the_newest_paper_counts(town):
    letter = ask(town)
    town.box.broken = True
    assert posted(town) == (0, 1)
    town.box.broken = False
    assert posted(town, AT + timedelta(minutes=1)) == (1, 0)
    first = town.box.papers[0].code
    message = outbox.Message(town.person, 1, "m", code_letters.TOPIC, f'{{"letter":"{letter}"}}', AT, AT)
    town.letters.post(message, town.box, AT)  # the outbox delivers at least once
    second = town.box.papers[1].code
    with pytest.raises(CodeWrong):
        town.letters.redeem(town.person, letter, first, AT)
    assert town.letters.redeem(town.person, letter, second, AT).proof is Proof.CODE_LETTER


def test_a_newer_letter_voids_the_older_and_nobodys_box_is_filled(town):
    first = ask(town)
    posted(town)
    second = ask(town, AT + timedelta(days=1))
    with pytest.raises(LetterOver):
        town.letters.redeem(town.person, first, town.box.papers[0].code, AT + timedelta(days=1))
    assert first != second
    for number in (2, 3, 4):
        ask(town, AT + timedelta(days=number))
    with pytest.raises(RemoteBlocked):
        ask(town, AT + timedelta(days=5))
    for _ in range(4):  # messages about one person come one after the other
        posted(town, AT + timedelta(days=5))
    assert len(town.box.papers) == 2  # of the void ones none was printed
    ask(town, AT + timedelta(days=31))


def test_officers_note_what_they_saw_and_nothing_else(town):
    adopt(
        town, OTHER_TOWN, Procedure.MOVE_IN, ProcedurePolicy(residence=parse_requirement([["card-signature", "lease"]]))
    )

    def note(who, proof):
        def body(conn):
            operator = rows.operator_of(conn, who)
            return residence.note(conn, town.person, proof, NEW, "a" * 64, operator, AT, town.random)

        return town.database.transaction(body)

    for proof in (Proof.CARD_SIGNATURE, Proof.CODE_LETTER, Proof.DESK, Proof.CARD_AND_PIN):
        with pytest.raises(EvidenceTooWeak):
            note("other-clerk", proof)
    with pytest.raises(NotYours):
        note("postclerk", Proof.LEASE)
    note("clerk", Proof.LEASE)  # noted by another municipality than the one that asks: not theirs to believe
    note("other-clerk", Proof.UTILITY)
    with pytest.raises(ResidenceUnproven):
        need(town, SIGNED)
    note("other-clerk", Proof.LEASE)
    with pytest.raises(ResidenceUnproven):
        need(town, [Piece(Proof.CARD_SIGNATURE, AT + timedelta(days=366))], AT + timedelta(days=366))
    assert len(need(town, SIGNED)) == 2


def test_a_closed_channel_is_closed_whatever_is_shown(town):
    adopt(town, OTHER_TOWN, Procedure.MOVE_IN, ProcedurePolicy(frozenset({Channel.ONLINE})))
    with pytest.raises(RemoteBlocked):
        need(town, SIGNED)
    assert need(town, [Piece(Proof.DESK, AT)], channel=Channel.IN_PERSON)


def test_deadlines_run_once_and_end_once(town):
    def body(conn):
        for due in (AT + timedelta(days=1), AT + timedelta(days=9)):
            deadlines.run(conn, town.person, DeadlineKind.IN_PERSON, "x", due, AT)
        return deadlines.running(conn, town.person)

    (one,) = town.database.transaction(body)
    assert one.due_at == AT + timedelta(days=1)
    late = AT + timedelta(days=2)
    assert lapses.settle(town.database, late, town.random) == 1
    told = town.database.read(lambda c: messages.about(c, town.person))
    assert [message.topic for message in told] == ["deadline.missed"]
    assert town.database.transaction(lambda c: deadlines.end(c, town.person, DeadlineKind.IN_PERSON, late)) == 0
