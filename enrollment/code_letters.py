"""A code by letter: whoever reads it to us has access to the letter box of the address.

    asked ─ outbox ─▶ printed and posted ─ the code is typed in ─▶ evidence of residence at that address
                                           └ five wrong codes, thirty days, or a newer letter: void

The code is drawn when the letter is printed and exists on paper only; the database has a slow salted hash. Should the
printer fail in between, the letter is printed again with another code, and the newest paper counts.
"""

import json
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final, Protocol

from enrollment import acts, deadlines, outbox, protection, registry
from enrollment.assurance import Signal, note_contact
from enrollment.canonical import digest
from enrollment.code_letter import LENGTH, Letter, LetterEvent, LetterState, advance, code_hash, draw_code
from enrollment.deadline import DeadlineKind, DeadlineOutcome
from enrollment.errors import CodeWrong, LetterOver, NotYours, RemoteBlocked
from enrollment.operators import Operator, Role
from enrollment.outbox import Message
from enrollment.person import PersonId, PersonStatus, Random, draw_id
from enrollment.proofs import Piece, Proof
from enrollment.registry import Access, Field
from enrollment.residence import address_digest
from enrollment.store import Connection, Database
from enrollment.store import people as people_rows
from enrollment.store import terms as rows
from pki.attributes import check_address
from pki.instant import Instant, end_of_japanese_day

TOPIC: Final = "letter.code"
TRIES: Final = 5
LIFETIME: Final = timedelta(days=30)
MOST: Final = 5
"""Letters to one person within `LIFETIME`: a way to fill somebody's letter box is none of ours."""


@dataclass(frozen=True, slots=True)
class Paper:
    """What is printed. `repr` shows none of it."""

    letter: str
    name: str = field(repr=False)
    address: str = field(repr=False)
    code: str = field(repr=False)
    until: Instant

    @property
    def grouped(self) -> str:
        """The code as people read it: 2345-6789-AB."""
        return "-".join(self.code[start : start + 4] for start in range(0, len(self.code), 4))


class Post(Protocol):
    """Whoever prints and posts letters.

    Returns once the letter is certain to be sent; raises a `pki.errors.Error` otherwise, and is then asked again later.
    May be asked twice for one letter: the second paper makes the code of the first worthless.
    """

    def send(self, paper: Paper) -> None:
        """Print and post."""
        ...


@dataclass(frozen=True, slots=True)
class CodeLetters:
    """The parts that letters need."""

    database: Database
    random: Random

    def ask(self, conn: Connection, person: PersonId, owner: str, address: str, at: Instant) -> Letter:
        """Have a letter sent to `address` in the municipality `owner`, in the caller's transaction.

        An open letter of the same person is void from now on. Errors: UnknownPerson, UnknownMunicipality; RemoteBlocked
        for an ended record, one that needs a look at a counter, or too many letters; InvalidValue for no address.
        """
        people_rows.hold_person(conn, person)
        people_rows.municipality_of(conn, owner)
        if people_rows.status_of(conn, person) is not PersonStatus.RESIDENT:
            raise RemoteBlocked("the record has ended")
        if protection.standing(conn, person) is not None:
            raise RemoteBlocked("it needs a look at a counter")
        check_address(address)
        before = rows.letters_of(conn, person)
        if sum(letter.asked_at + LIFETIME > at for letter in before) >= MOST:
            raise RemoteBlocked("too many letters were asked for")
        for letter in before:
            if letter.is_open:
                settle(conn, letter, LetterEvent.VOID, DeadlineOutcome.DROPPED, at)
        until = end_of_japanese_day((at + LIFETIME).jst_date())
        letter = Letter(
            draw_id(self.random), person, owner, address, LetterState.ASKED, 1, b"", b"", at, None, until, TRIES
        )
        rows.add_letter(conn, letter)
        deadlines.run(conn, person, DeadlineKind.CODE_LETTER, letter.letter, until, at)
        # A subject of its own: what nobody takes about this person must not hold a letter up.
        outbox.put(conn, f"letter:{letter.letter}", TOPIC, {"letter": letter.letter}, at, self.random)
        return letter

    def post(self, message: Message, post: Post, at: Instant) -> None:
        """The outbox's handler: draw the code, keep its hash, print and post. A letter that is void is not printed."""
        letter_id = str(json.loads(message.body)["letter"])

        def draw(conn: Connection) -> Paper | None:
            letter = rows.letter_of(conn, letter_id)
            people_rows.hold_person(conn, letter.person)
            letter = rows.letter_of(conn, letter_id)
            if not letter.is_open or at > letter.expires_at or protection.standing(conn, letter.person) is not None:
                return None
            code, salt = draw_code(self.random(LENGTH)), self.random(16)
            rows.change_letter(
                conn,
                replace(
                    letter,
                    state=advance(letter.state, LetterEvent.POST),
                    version=letter.version + 1,
                    salt=salt,
                    code_hash=code_hash(salt, code),
                    posted_at=at,
                ),
            )
            return Paper(letter_id, self._name(conn, letter, at), letter.address, code, letter.expires_at)

        paper = self.database.transaction(draw)
        if paper is not None:
            post.send(paper)

    def _name(self, conn: Connection, letter: Letter, at: Instant) -> str:
        access = Access(
            function="code-letter",
            reason="residence-evidence",
            affairs="jpki",
            provider=people_rows.owner_of(conn, letter.person),
            recipient="post",
            fields=frozenset({Field.NAME}),
            legal_basis="住民基本台帳法",
        )
        receipt = registry.record_access(conn, letter.person, access, at, self.random)
        return registry.read(conn, receipt).shown[Field.NAME]

    def redeem(self, person: PersonId, letter: str, code: str, at: Instant) -> Piece:
        """The code came back: evidence that the person can be reached at the letter's address.

        Errors: CodeWrong with the tries that are left, each wrong one counted for good; LetterOver.
        """

        def check(conn: Connection) -> Piece | int:
            people_rows.hold_person(conn, person)
            found = rows.letter_of(conn, letter, person)
            if at > found.expires_at and found.is_open:
                raise LetterOver(LetterState.EXPIRED.value)
            if found.state is not LetterState.POSTED:
                raise LetterOver(found.state.value)
            if not found.matches(code):
                left = replace(found, tries=found.tries - 1)
                if left.tries:
                    rows.change_letter(conn, replace(left, version=found.version + 1))
                else:
                    settle(conn, left, LetterEvent.VOID, DeadlineOutcome.MISSED, at)
                return left.tries
            settle(conn, found, LetterEvent.REDEEM, DeadlineOutcome.MET, at)
            piece = Piece(Proof.CODE_LETTER, at, draw_id(self.random))
            where = address_digest(person, found.address)
            rows.add_piece(conn, piece, person, found.owner, where, "letter", letter)
            note_contact(conn, person, Signal.LETTER_DELIVERED, "letter", at, self.random, letter)
            return piece

        came = self.database.transaction(check)  # the wrong try is counted before anything is raised
        if isinstance(came, int):
            raise CodeWrong(came)
        return came


def returned_content(letter: str) -> str:
    """What an officer signs who has the returned envelope in their hands."""
    return digest({"act": "letter-returned", "letter": letter})


def returned(conn: Connection, letter: str, operator: Operator, at: Instant, random: Random) -> Letter:
    """The post brought it back: its code opens nothing any more, and the person's level of assurance falls.

    Errors: LetterOver; WrongState for one that was never posted or is over; NotYours, RoleMissing, OperatorNotValid,
    ActNotSigned.
    """
    found = rows.letter_of(conn, letter)
    keeper = people_rows.hold_person(conn, found.person)
    operator.require(Role.CLERK, at, found.person)
    if operator.owner not in (keeper, found.owner):
        raise NotYours(operator.owner)
    acts.use(conn, operator, acts.What.LETTER_RETURNED, found.person, returned_content(letter), at)
    found = rows.letter_of(conn, letter)
    settle(conn, found, LetterEvent.RETURN, DeadlineOutcome.MISSED, at)
    note_contact(conn, found.person, Signal.LETTER_RETURNED, operator.operator, at, random, letter)
    return rows.letter_of(conn, letter)


def settle(conn: Connection, letter: Letter, event: LetterEvent, outcome: DeadlineOutcome, at: Instant) -> None:
    """The letter is over, and with it its deadline. Errors: WrongState, Stale."""
    rows.change_letter(conn, replace(letter, state=advance(letter.state, event), version=letter.version + 1))
    deadlines.end(conn, letter.person, DeadlineKind.CODE_LETTER, at, outcome, letter.letter)
