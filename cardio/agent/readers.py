"""Which reader holds which card, live: through lost readers, swapped cards and restarts of pcscd."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from typing import Any

from cardio import jpki
from cardio.agent.card_thread import CardThread
from cardio.channel import Channel
from cardio.errors import CardError, ConnectionFailed, NotThisKind
from cardio.pcsc import Context
from cardio.watch import Happened, Watch, WatchEvent
from pki.purpose import Purpose


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
        self._held: str | None = None
        self._listeners: list[Callable[[Snapshot], object]] = []
        self._thread = threading.Thread(target=self._run, name="readers", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """End the watch."""
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

    def refresh(self, reader: str) -> None:
        """Look at a card again: tries or certificates changed."""
        with self._lock:
            known = self._seen.get(reader)
        if known is not None and known.present:
            self._put(self._identify(reader))

    def set_held(self, reader: str | None) -> None:
        """While a card is held for the service, nobody else asks it anything."""
        self._held = reader

    def _run(self) -> None:
        for happened in self._watch.events():
            self._apply(happened)

    def _apply(self, happened: Happened) -> None:
        match happened.event:
            case WatchEvent.SERVICE_LOST | WatchEvent.SERVICE_BACK:
                with self._lock:
                    self._service = happened.event is WatchEvent.SERVICE_BACK
                self._tell()
            case WatchEvent.READER_ADDED | WatchEvent.CARD_REMOVED:
                self._put(SeenCard(happened.reader))
            case WatchEvent.READER_REMOVED:
                with self._lock:
                    self._seen.pop(happened.reader, None)
                self._tell()
            case WatchEvent.CARD_INSERTED:
                self._put(self._identify(happened.reader))

    def _put(self, seen: SeenCard) -> None:
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
        present = SeenCard(reader, present=True)
        if self._held == reader:
            with self._lock:
                return self._seen.get(reader, present)
        for _ in range(3):  # a card that was just put in may be reset under us by whoever else greets it
            try:
                return self._cards.call(lambda context: describe(context, reader))
            except NotThisKind:
                return present
            except ConnectionFailed as trouble:
                present = replace(present, trouble=trouble.code)
            except CardError as trouble:
                return replace(present, trouble=trouble.code)
        return present


def describe(context: Context, reader: str) -> SeenCard:
    """Ask the card in `reader` what anybody may know of it. Errors: ConnectionFailed, NotThisKind, CardError."""
    with context.connect(reader) as connection, connection.transaction():
        channel = Channel(connection, None)
        serial = jpki.identify(channel)
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
    )
