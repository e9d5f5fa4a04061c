"""Which reader holds which card, live: through lost readers, swapped cards and restarts of pcscd."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from typing import Any

from cardio import jpki
from cardio.agent.card_thread import CardThread
from cardio.agent.refusals import AgentRefused, Refusal
from cardio.channel import Channel
from cardio.errors import CardError, NoService, NotThisKind
from cardio.pcsc import Context
from cardio.pin_pad import has_pad
from cardio.watch import Happened, Watch, WatchEvent
from pki.purpose import Purpose

_GREETINGS = (0.02, 0.1, 0.4, 1.0, 0.0)
"""Seconds before a card that could not be read is looked at again; after the last its trouble is told."""


@dataclass(frozen=True, slots=True)
class SeenCard:
    """One reader. `fingerprint`: SHA-256 of the authentication certificate in hex, empty for a card without one."""

    reader: str
    present: bool = False
    ours: bool = False
    """Whether the card holds our application; other devices and cards are shown, and nothing is asked of them."""
    card: str = ""
    fingerprint: str = ""
    authentication_tries: int | None = None
    signature_tries: int | None = None
    trouble: str = ""
    pin_pad: bool = False
    """Whether the reader takes PINs on keys of its own."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All readers now. `service`: whether pcscd answers."""

    service: bool
    readers: tuple[SeenCard, ...] = ()

    def document(self) -> dict[str, Any]:
        """As JSON carries it."""
        return {"service": self.service, "readers": [asdict(one) for one in self.readers]}


class Readers:
    """Keeps the snapshot. `changed` is called with every new one, from the watching thread."""

    def __init__(self, cards: CardThread, watch: Watch) -> None:
        self._cards, self._watch = cards, watch
        self._lock = threading.Lock()
        self._seen: dict[str, SeenCard] = {}
        self._service = True
        self._held: set[str] = set()
        self._passed_over: set[str] = set()
        self._leaving: list[Callable[[str], object]] = []
        self._stopping = threading.Event()
        self._listeners: list[Callable[[Snapshot], object]] = []
        self._thread = threading.Thread(target=self._run, name="readers", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """End the watch."""
        self._stopping.set()
        self._watch.stop()
        self._thread.join(5)

    def listen(self, listener: Callable[[Snapshot], object]) -> None:
        """Be told every snapshot from now on."""
        with self._lock:
            self._listeners.append(listener)

    def unlisten(self, listener: Callable[[Snapshot], object]) -> None:
        """Be told no more."""
        with self._lock:
            self._listeners.remove(listener)

    @property
    def now(self) -> Snapshot:
        """The latest."""
        with self._lock:
            return Snapshot(self._service, tuple(self._seen.values()))

    def seen(self, reader: str) -> SeenCard:
        """What is known of that reader."""
        with self._lock:
            return self._seen.get(reader, SeenCard(reader))

    def choose(self, named: object) -> str:
        """The reader that was named, else the only one with one of our cards. Errors: AgentRefused."""
        with_card = [one.reader for one in self.now.readers if one.ours]
        if named:
            if named not in with_card:
                raise AgentRefused(Refusal.NO_CARD)
            return str(named)
        if len(with_card) != 1:
            raise AgentRefused(Refusal.CHOOSE_READER if with_card else Refusal.NO_CARD)
        return with_card[0]

    def refresh(self, reader: str) -> None:
        """Look at a card again: tries or certificates changed."""
        if self.seen(reader).present:
            self.put(self._identify(reader))

    def hold(self, reader: str) -> None:
        """On the card thread: a card is held open; until it is let go nobody else asks it anything."""
        with self._lock:
            self._held.add(reader)

    def let_go(self, reader: str) -> None:
        """It is held no more. What was to be looked at meanwhile is looked at now."""
        with self._lock:
            self._held.discard(reader)
            again = reader in self._passed_over
            self._passed_over.discard(reader)
        if again:
            self._cards.submit(lambda context: self._look_again(context, reader))

    def require_free(self, reader: str) -> None:
        """On the card thread: see that no card is held there. To wait here for our own transaction to end would be to
        wait for ever. Errors: AgentRefused (busy).
        """
        with self._lock:
            if reader in self._held:
                raise AgentRefused(Refusal.BUSY)

    def when_leaving(self, told: Callable[[str], object]) -> None:
        """Have `told` called with each reader whose card leaves it, or that leaves itself; from the watching thread."""
        self._leaving.append(told)

    def _run(self) -> None:
        for happened in self._watch.events():
            self._apply(happened)

    def _apply(self, happened: Happened) -> None:
        if happened.event in (WatchEvent.CARD_REMOVED, WatchEvent.READER_REMOVED):
            for told in self._leaving:
                told(happened.reader)
        match happened.event:
            case WatchEvent.SERVICE_LOST | WatchEvent.SERVICE_BACK:
                with self._lock:
                    self._service = happened.event is WatchEvent.SERVICE_BACK
                self._tell()
            case WatchEvent.READER_ADDED | WatchEvent.CARD_REMOVED:
                self.put(SeenCard(happened.reader))
            case WatchEvent.READER_REMOVED:
                with self._lock:
                    self._seen.pop(happened.reader, None)
                self._tell()
            case WatchEvent.CARD_INSERTED:
                self.put(self._identify(happened.reader))

    def put(self, seen: SeenCard) -> None:
        """This is known of that reader now."""
        with self._lock:
            self._seen[seen.reader] = seen
        self._tell()

    def _tell(self) -> None:
        snapshot = self.now
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            listener(snapshot)

    def _identify(self, reader: str) -> SeenCard:
        seen = SeenCard(reader, present=True)
        for pause in _GREETINGS:  # a card that was just put in may be reset under us by whoever else greets it
            try:
                seen = self._cards.call(lambda context: self._look(context, reader))
            except NoService as trouble:  # the thread's context was of before a restart; the next one is new
                seen = SeenCard(reader, present=True, trouble=trouble.code)
            if not seen.trouble or self._stopping.wait(pause):
                break
        return seen

    def _look(self, context: Context, reader: str) -> SeenCard:
        """On the card thread, where nobody can begin to hold the card meanwhile: its transaction would shut us out for
        as long as it lasts, and its end would have to come from this very thread."""
        present = SeenCard(reader, present=True)
        with self._lock:
            if reader in self._held:
                self._passed_over.add(reader)
                known = self._seen.get(reader, present)
                return known if known.present else present
        try:
            return describe(context, reader)
        except NotThisKind:
            return present
        except NoService:
            raise
        except CardError as trouble:
            return replace(present, trouble=trouble.code)

    def _look_again(self, context: Context, reader: str) -> None:
        if self.seen(reader).present:
            self.put(self._look(context, reader))


def describe(context: Context, reader: str) -> SeenCard:
    """Ask the card in `reader` what anybody may know of it. Errors: ConnectionFailed, NotThisKind, CardError."""
    with context.connect(reader) as connection, connection.transaction():
        channel = Channel(connection, None)
        jpki.identify(channel)
        return describe_card(channel, reader)


def describe_card(channel: Channel, reader: str) -> SeenCard:
    """The same of a card whose application is selected. Errors: ConnectionFailed, NotThisKind, CardError."""
    serial = jpki.token_info(channel).serial
    tries: Mapping[Purpose, int | None] = {purpose: jpki.tries_left(channel, purpose) for purpose in Purpose}
    certificate = jpki.read_certificate(channel, Purpose.AUTHENTICATION)
    return SeenCard(
        reader,
        present=True,
        ours=True,
        card=serial,
        fingerprint=sha256(certificate).hexdigest() if certificate else "",
        authentication_tries=tries[Purpose.AUTHENTICATION],
        signature_tries=tries[Purpose.SIGNATURE],
        pin_pad=has_pad(channel),
    )
