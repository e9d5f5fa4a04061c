"""Which cards are in which readers, by asking each for its applications: never by ATR, never by slot."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from cardio import jpki, piv
from cardio.channel import Channel
from cardio.errors import CardError, NoCard, NoReader, NotThisKind, WrongCardState
from cardio.jpki_card import JpkiCard
from cardio.pcsc import Connection, Context
from cardio.piv import PivCard
from cardio.session import CardSession
from cardio.trace import Trace


class CardKind(StrEnum):
    """An application that we know."""

    JPKI = "jpki"
    PIV = "piv"


_IDENTIFY: dict[CardKind, Callable[[Channel], str]] = {CardKind.JPKI: jpki.identify, CardKind.PIV: piv.identify}


@dataclass(frozen=True, slots=True)
class SeenReader:
    """One reader and what is in it. `kind` None with a card: a device without our applications (a SIM, a bank card)."""

    reader: str
    present: bool
    atr: bytes
    kind: CardKind | None = None
    card_id: str | None = None
    trouble: CardError | None = None
    """Why the card could not be asked (held by another program, mute, blank)."""


def identify(channel: Channel) -> tuple[CardKind, str]:
    """The first of our applications that the card has, and the card's own identity there.

    Errors: NotThisKind if it has none of them.
    """
    for kind, ask in _IDENTIFY.items():
        try:
            return kind, ask(channel)
        except NotThisKind:
            continue
    raise NotThisKind("JPKI or PIV")


def look(context: Context, trace: Trace | None = None) -> tuple[SeenReader, ...]:
    """All readers now. One reader's trouble is told with it and hides no other. Errors: NoService."""
    return tuple(_look_at(context, reader, trace) for reader in context.readers())


def _look_at(context: Context, reader: str, trace: Trace | None) -> SeenReader:
    try:
        state = context.state(reader)
    except NoReader as gone:
        return SeenReader(reader, False, b"", trouble=gone)
    if not state.present:
        return SeenReader(reader, False, b"")
    try:
        with context.connect(reader) as connection, connection.transaction():
            kind, card_id = identify(Channel(connection, trace))
        return SeenReader(reader, True, state.atr, kind, card_id)
    except NotThisKind:
        return SeenReader(reader, True, state.atr)
    except WrongCardState as blank:
        return SeenReader(reader, True, state.atr, CardKind.PIV, trouble=blank)
    except CardError as trouble:
        if context.overdue:
            context.renew()
        return SeenReader(reader, True, state.atr, trouble=trouble)


def choose_reader(context: Context, reader: str | None) -> str:
    """The reader so named (or whose name begins so), else the only one with a card.

    Errors: NoReader; NoCard if none has a card or if several do and none was named.
    """
    names = context.readers()
    if reader is not None:
        chosen = [name for name in names if name == reader] or [name for name in names if name.startswith(reader)]
        if not chosen:
            raise NoReader("looking for the reader named")
        return chosen[0]
    if not names:
        raise NoReader("looking for a reader")
    present = [name for name in names if context.state(name).present]
    if len(present) != 1:
        raise NoCard("choosing a reader" if not present else "choosing among several cards: name a reader")
    return present[0]


def open_card(context: Context, reader: str, trace: Trace | None = None) -> JpkiCard | PivCard:
    """The card in the reader, of whichever kind it is.

    Errors: NoCard, NoReader, Busy, NotThisKind.
    """
    with context.connect(reader) as connection, connection.transaction():
        kind, card_id = identify(Channel(connection, trace))
    session = session_at(context, reader, kind, trace, card_id)
    return JpkiCard(session) if kind is CardKind.JPKI else PivCard(session)


def session_at(
    context: Context, reader: str, kind: CardKind, trace: Trace | None = None, expected: str | None = None
) -> CardSession:
    """A session with the card of that kind in that reader; `expected` is the identity that it must have."""

    def connect() -> Connection:
        if context.overdue:
            context.renew()
        return context.connect(reader)

    return CardSession(connect, _IDENTIFY[kind], trace, expected)
