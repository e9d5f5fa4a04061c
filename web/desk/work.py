"""Guided work: kinds, states, and one table of what leads where. It lies in the database after every step, so that it
goes on after a pulled card, a power cut, or at another desk."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise
from typing import Any, Final

from enrollment.application import ApplicationKind
from enrollment.counters import Affair
from enrollment.person import PersonId, Random
from pki.errors import Retryable
from pki.instant import Instant
from web.errors import NoSuchWork, WorkRefused
from web.store import Connection, entries
from web.store import desk as rows
from web.store.desk import WorkRow


class Kind(StrEnum):
    """What a clerk can begin with a person."""

    CHECK = "check"
    FIRST_ISSUE = "first-issue"
    RENEWAL = "renewal"
    REISSUE = "reissue"
    PIN_RESET = "pin-reset"
    CHANGE = "change"
    HOUSEHOLD = "household"
    OFFICIAL_CHANGE = "official-change"
    WAITING_CARD = "waiting-card"
    CONTINUE_CARD = "continue-card"
    LOGIN_CODE = "login-code"
    LOSS = "loss"
    SUSPENSION = "suspension"
    RESUMPTION = "resumption"
    CORRECTION = "correction"
    UNLOCK = "unlock"

    @property
    def affair(self) -> Affair:
        """What the desk must be entrusted with."""
        return _AFFAIRS[self]

    @property
    def application(self) -> ApplicationKind | None:
        """What is applied for, where certificates are made."""
        return _APPLICATIONS.get(self)


_AFFAIRS: Final = {
    Kind.CHECK: Affair.IN_PERSON_CHECK,
    Kind.FIRST_ISSUE: Affair.FIRST_ISSUE,
    Kind.RENEWAL: Affair.RENEWAL,
    Kind.REISSUE: Affair.REISSUE,
    Kind.PIN_RESET: Affair.PIN_RESET,
    Kind.CHANGE: Affair.ATTRIBUTE_CHANGE,
    Kind.HOUSEHOLD: Affair.ATTRIBUTE_CHANGE,
    Kind.OFFICIAL_CHANGE: Affair.ATTRIBUTE_CHANGE,
    Kind.WAITING_CARD: Affair.ATTRIBUTE_CHANGE,
    Kind.CONTINUE_CARD: Affair.ATTRIBUTE_CHANGE,
    Kind.LOGIN_CODE: Affair.IN_PERSON_CHECK,
    Kind.LOSS: Affair.SUSPENSION,
    Kind.SUSPENSION: Affair.SUSPENSION,
    Kind.RESUMPTION: Affair.SUSPENSION,
    Kind.CORRECTION: Affair.CORRECTION,
    Kind.UNLOCK: Affair.PROTECTION,
}
_APPLICATIONS: Final = {
    Kind.FIRST_ISSUE: ApplicationKind.FIRST_ISSUE,
    Kind.RENEWAL: ApplicationKind.RENEWAL,
    Kind.REISSUE: ApplicationKind.REISSUE,
}


class State(StrEnum):
    """Where work stands: what it waits for."""

    EVIDENCE = "evidence"
    DETAILS = "details"
    CONFIRMATION = "confirmation"
    APPROVAL = "approval"
    KEYS = "keys"
    PINS = "pins"
    CERTIFICATES = "certificates"
    PRESENT = "present"
    CARRY_OUT = "carry-out"
    DONE = "done"
    REFUSED = "refused"
    GIVEN_UP = "given-up"

    @property
    def is_final(self) -> bool:
        """Whether nothing follows."""
        return self in (State.DONE, State.REFUSED, State.GIVEN_UP)


OPEN: Final = tuple(state for state in State if not state.is_final)


class Event(StrEnum):
    """What moves it on."""

    NEXT = "next"
    AT_ONCE = "at-once"
    """Nothing more is to be done first: at a municipality's own desk a check needs nobody else's word, say."""
    LATER = "later"
    """The card is not here: what waits for it is done when it is brought."""
    AGAIN = "again"
    """A permission is over: the person is looked at anew."""
    REFUSE = "refuse"
    GIVE_UP = "give-up"


_S = State
STEPS: Final[Mapping[Kind, tuple[State, ...]]] = {
    Kind.CHECK: (_S.EVIDENCE, _S.CONFIRMATION, _S.CARRY_OUT, _S.DONE),
    Kind.FIRST_ISSUE: (_S.EVIDENCE, _S.APPROVAL, _S.KEYS, _S.CERTIFICATES, _S.PINS, _S.DONE),
    Kind.RENEWAL: (_S.EVIDENCE, _S.APPROVAL, _S.KEYS, _S.CERTIFICATES, _S.DONE),
    Kind.REISSUE: (_S.EVIDENCE, _S.APPROVAL, _S.KEYS, _S.CERTIFICATES, _S.PINS, _S.DONE),
    Kind.PIN_RESET: (_S.EVIDENCE, _S.APPROVAL, _S.CARRY_OUT, _S.PINS, _S.DONE),
    Kind.CHANGE: (_S.EVIDENCE, _S.DETAILS, _S.APPROVAL, _S.CARRY_OUT, _S.CERTIFICATES, _S.DONE),
    Kind.HOUSEHOLD: (_S.DETAILS, _S.EVIDENCE, _S.APPROVAL, _S.CARRY_OUT, _S.CERTIFICATES, _S.DONE),
    Kind.OFFICIAL_CHANGE: (_S.DETAILS, _S.DONE),
    Kind.WAITING_CARD: (_S.CERTIFICATES, _S.DONE),
    Kind.CONTINUE_CARD: (_S.PRESENT, _S.DONE),
    Kind.LOGIN_CODE: (_S.EVIDENCE, _S.CARRY_OUT, _S.DONE),
    Kind.LOSS: (_S.DETAILS, _S.DONE),
    Kind.SUSPENSION: (_S.DETAILS, _S.DONE),
    Kind.RESUMPTION: (_S.EVIDENCE, _S.DONE),
    Kind.CORRECTION: (_S.DETAILS, _S.APPROVAL, _S.CARRY_OUT, _S.DONE),
    Kind.UNLOCK: (_S.DETAILS, _S.APPROVAL, _S.CARRY_OUT, _S.DONE),
}
"""The steps of each kind in order."""

_DECIDED = frozenset({_S.CONFIRMATION, _S.APPROVAL})
TRANSITIONS: Final[Mapping[tuple[Kind, State, Event], State]] = {
    **{(kind, now, Event.NEXT): then for kind, steps in STEPS.items() for now, then in pairwise(steps)},
    (Kind.CHECK, _S.EVIDENCE, Event.AT_ONCE): _S.DONE,
    (Kind.PIN_RESET, _S.EVIDENCE, Event.AT_ONCE): _S.PINS,
    (Kind.PIN_RESET, _S.CARRY_OUT, Event.AGAIN): _S.EVIDENCE,
    (Kind.PIN_RESET, _S.PINS, Event.AGAIN): _S.EVIDENCE,
    (Kind.CHANGE, _S.CARRY_OUT, Event.AT_ONCE): _S.DONE,
    (Kind.CHANGE, _S.CERTIFICATES, Event.LATER): _S.DONE,
    (Kind.HOUSEHOLD, _S.CARRY_OUT, Event.AT_ONCE): _S.DONE,
    (Kind.HOUSEHOLD, _S.CERTIFICATES, Event.LATER): _S.DONE,
    **{(kind, now, Event.REFUSE): _S.REFUSED for kind, steps in STEPS.items() for now in steps if now in _DECIDED},
    **{(kind, now, Event.GIVE_UP): _S.GIVEN_UP for kind, steps in STEPS.items() for now in steps if not now.is_final},
}


def advance(kind: Kind, state: State, event: Event) -> State:
    """Errors: WorkRefused."""
    try:
        return TRANSITIONS[kind, state, event]
    except KeyError:
        raise WorkRefused(f"{state.value}: {event.value}") from None


@dataclass(frozen=True, slots=True)
class Work:
    """One piece of work; `body` holds ids, dates and choices."""

    row: WorkRow

    @property
    def id(self) -> str:
        """Its name in addresses: chance, no count."""
        return self.row.work

    @property
    def kind(self) -> Kind:
        """What is being done."""
        return Kind(self.row.kind)

    @property
    def state(self) -> State:
        """What it waits for."""
        return State(self.row.state)

    @property
    def person(self) -> PersonId:
        """For whom."""
        return PersonId(self.row.person)

    @property
    def body(self) -> Mapping[str, Any]:
        """What the steps left for each other."""
        return self.row.body

    @property
    def steps(self) -> tuple[State, ...]:
        """The steps that it takes at its desk."""
        if self.kind is Kind.CHECK and self.body.get("municipal"):
            return (_S.EVIDENCE, _S.DONE)
        if self.kind is Kind.PIN_RESET and not self.body.get("second"):
            return (_S.EVIDENCE, _S.PINS, _S.DONE)
        return STEPS[self.kind]


def begin(
    conn: Connection,
    kind: Kind,
    person: PersonId,
    owner: str,
    counter: str,
    operator: str,
    at: Instant,
    random: Random,
    body: Mapping[str, Any],
    *,
    training: bool,
) -> Work:
    """New work; it begins with its kind's first step."""
    first = STEPS[kind][0].value
    row = WorkRow(random(16).hex(), owner, counter, kind.value, first, 1, person, operator, at, at, body, training)
    rows.add_work(conn, row)
    return Work(row)


def load(conn: Connection, work: str, owner: str) -> Work:
    """Errors: NoSuchWork, also for another municipality's."""
    row = rows.work_row(conn, work)
    if row is None or row.owner != owner:
        raise NoSuchWork
    return Work(row)


def move(conn: Connection, work: Work, event: Event, at: Instant, **body: object) -> Work:
    """The next state, with what this step leaves behind. Errors: WorkRefused; Retryable if somebody was faster."""
    return _write(conn, work, advance(work.kind, work.state, event), at, body)


def note(conn: Connection, work: Work, at: Instant, **body: object) -> Work:
    """The same state with something more known."""
    return _write(conn, work, work.state, at, body)


def _write(conn: Connection, work: Work, state: State, at: Instant, body: Mapping[str, object]) -> Work:
    row = replace(
        work.row,
        state=state.value,
        version=work.row.version + 1,
        changed_at=at,
        body={**work.body, **body},
    )
    if not rows.change_work(conn, row):
        raise Retryable
    if state.is_final:
        entries.forget(conn, row.work)
    return Work(row)
