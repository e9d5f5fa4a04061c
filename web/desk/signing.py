"""Everything an operator does at the desk is signed with their card before it is done: the one seam.

    from web.desk import signing
    from web.desk.signing import Deed

    deed = Deed(What.SUSPEND, person, procedures.content_of("suspend", card_id=card))
    done = signing.do(desk, officer, deed, lambda conn, at: procedures.suspend(conn, card, operator, at, random))

and what was seen of a person is signed by itself, before the act that names its digest:

    seen = signing.evidence(desk, officer, InPersonEvidence(…, at=desk.clock.now(), …))

The deed names what is done, to whom, and a digest of every parameter (each procedure of `enrollment` has a function
for its own; `content` makes one for the desk's own steps). It becomes an act with our time and nonce, goes over the
sealed line to the agent, and comes back signed by the card that logged in. Only then a transaction begins: act and deed
are written together or not at all, and the act is used up by exactly that deed. So a crash in between leaves nothing,
and the same step again gives one act.

A session without a card (a passkey's) signs nothing: where the municipality demands signatures it may look and read
the queue, and every step is refused with CardNeeded; where none are demanded it may act, and no act is written.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from enrollment import acts
from enrollment.acts import SignedAct, What
from enrollment.canonical import Json, digest
from enrollment.evidence import InPersonEvidence
from enrollment.store import Connection
from pki.instant import Instant
from web.desk.officer import CARD, Officer
from web.desk.parts import Desk
from web.errors import CardNeeded, ReaderRefused

T = TypeVar("T")

SECONDS: Final = 200.0
"""For one signature: mostly the card is asked at once; after it was put in again its PIN comes first."""


@dataclass(frozen=True, slots=True)
class Deed:
    """What is about to be done. `content`: SHA-256 in hex over all of its parameters."""

    what: What
    subject: str
    content: str


def content(act: str, **parameters: Json) -> str:
    """The digest for one of the desk's own steps."""
    return digest({"act": act, **parameters})


def do(desk: Desk, officer: Officer, deeds: Deed | Sequence[Deed], write: Callable[[Connection, Instant], T]) -> T:
    """Have each deed signed by the officer's card, then write acts and deeds in one transaction.

    `write` is given the connection and our time, at most minutes after the acts'; it may run again where the database
    asks for that, so it changes nothing else.
    Errors: CardNeeded; NotPaired, ReaderSilent, ReaderRefused (nothing was written); those of `enrollment.acts.record`
    and of `write`.
    """
    wanted = (deeds,) if isinstance(deeds, Deed) else tuple(deeds)
    signed = [_signed(desk, officer, deed) for deed in wanted] if _signs(desk, officer) else []

    def both(conn: Connection) -> T:
        at = desk.clock.now()
        for one in signed:
            acts.record(conn, one, at)
        done = write(conn, at)
        for one in signed:
            acts.settle(conn, one.act, at)
        return done

    return desk.database.transaction(both)


def evidence(desk: Desk, officer: Officer, seen: InPersonEvidence) -> InPersonEvidence:
    """What was seen, signed by the officer's card. Errors: as `do`."""
    if not _signs(desk, officer):
        return seen
    return replace(seen, signature=_ask(desk, officer, seen.octets()))


def signed_act(desk: Desk, officer: Officer, deed: Deed) -> SignedAct:
    """The deed's act, signed, for the procedures that take it themselves: no PIN is permitted without it.

    Errors: CardNeeded, also where nothing else is demanded to be signed; as `do`.
    """
    if not _signs(desk, officer):
        raise CardNeeded
    return _signed(desk, officer, deed)


def require(desk: Desk, officer: Officer) -> None:
    """See that this session may do anything at all, before it is asked for details. Errors: CardNeeded."""
    _signs(desk, officer)


def _signs(desk: Desk, officer: Officer) -> bool:
    """Whether this session has a card; without one it may act only where no signatures are demanded."""
    if officer.session.row.method == CARD:
        return True
    at = desk.clock.now()
    if desk.database.read(lambda conn: acts.is_demanded(conn, officer.operator.owner, at)):
        raise CardNeeded
    return False


def _signed(desk: Desk, officer: Officer, deed: Deed) -> SignedAct:
    act = acts.prepare(officer.operator, deed.what, deed.subject, deed.content, desk.clock.now(), desk.random)
    return SignedAct(act, _ask(desk, officer, act.octets()))


def _ask(desk: Desk, officer: Officer, record: bytes) -> bytes:
    line = desk.door.line_of(officer.session)
    arguments = {"record": record.hex(), "fingerprint": officer.session.row.fingerprint}
    answer = line.call("sign-record", arguments, SECONDS)
    try:
        return bytes.fromhex(str(answer["signature"]))
    except (KeyError, ValueError):
        raise ReaderRefused("malformed") from None
