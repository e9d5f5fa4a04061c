"""Readers and cards through PC/SC: the only file that imports pyscard, and of it only the raw calls.

pyscard's own classes reset cards when they are garbage-collected and let threads outlive their purpose; the raw calls
give return codes, which become one ConnectionFailed each. Rules kept here:

- One Context per thread. Cards are always left as they are (SCARD_LEAVE_CARD): others may be using them.
- Every call has a deadline of ours. libpcsclite has none: a mute card blocks SCardTransmit for ever. A watchdog then
  shuts down the context's socket to pcscd, which makes the blocked call return at once; that context is dead and is
  replaced.
- No APDU is ever sent twice by this file.
- After Removed, WasReset, TransportFailed or NoService a Connection is unusable. `session.CardSession` makes a new
  one and identifies the card again.
"""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping

# Otherwise a call made while another handle holds a transaction blocks inside libpcsclite, past any deadline of ours.
# libpcsclite looks at it when it is loaded, so it must stand before the import.
os.environ.setdefault("PCSCLITE_NO_BLOCKING", "1")

from smartcard import scard

from cardio.errors import (
    Busy,
    Cause,
    ConnectionFailed,
    NoCard,
    NoReader,
    NoService,
    ProtocolViolated,
    TransportFailed,
)
from cardio.pcsc_causes import CANCELLED, TIMEOUT, failure_of
from cardio.pcsc_deadlines import WATCHDOG, duplicate_unix, unix_descriptors
from cardio.pcsc_states import ReaderState, reader_state
from cardio.pin_pad import ENTRY_SECONDS, GET_FEATURES, parse_features

PATIENCE = 15.0
"""Seconds for one call: on-card RSA key generation takes up to about ten."""
BUSY_PATIENCE = 5.0
"""Seconds to wait for another program's transaction."""
_TICK = 0.02

_ESTABLISHING = threading.Lock()


class Context:
    """A conversation with pcscd, for one thread. Close it, or use it as a context manager.

    Errors of every method: NoService if there is no pcscd, or if it does not answer within `patience` seconds.
    """

    def __init__(self, patience: float = PATIENCE, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.patience = patience
        self.monotonic = monotonic
        self._handle: int | None = None
        self._line: socket.socket | None = None
        self.due = 0.0
        self.overdue = False
        self._establish()

    # -- life ------------------------------------------------------------------------------------------------------

    def _establish(self) -> None:
        result: list[tuple[int, int, socket.socket | None]] = []
        handing_over, abandoned = threading.Lock(), threading.Event()

        def establish() -> None:
            with _ESTABLISHING:
                code, handle, line = _establish_with_line()
            with handing_over:
                if not abandoned.is_set():
                    result.append((code, handle, line))
                    return
            if line is not None:
                line.close()
            if code == 0:
                scard.SCardReleaseContext(handle)

        # pcscd may hang before it answers the first word, when there is no line to cut yet: so in a thread of its own.
        worker = threading.Thread(target=establish, name="pcsc establish", daemon=True)
        worker.start()
        worker.join(self.patience)
        with handing_over:
            if not result:
                abandoned.set()
                raise NoService("connecting to pcscd")
        code, handle, self._line = result[0]
        if code:
            raise NoService("connecting to pcscd", code & 0xFFFFFFFF)
        self._handle = handle
        self.due, self.overdue = 0.0, False
        WATCHDOG.add(self)

    def close(self) -> None:
        """Release it; may be called twice."""
        WATCHDOG.remove(self)
        self._release()

    def _release(self) -> None:
        handle, self._handle = self._handle, None
        if handle is not None:
            with contextlib.suppress(SystemError):
                scard.SCardReleaseContext(handle)
        line, self._line = self._line, None
        if line is not None:
            line.close()

    def renew(self) -> None:
        """A new conversation after NoService or an overdue call; connections of the old one are void."""
        self.close()
        self._establish()

    def __enter__(self) -> "Context":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        # Collected at any moment, also with the watchdog's lock held; the watchdog forgets the dead by itself.
        self._release()

    # -- deadlines -------------------------------------------------------------------------------------------------

    def end_if_overdue(self) -> None:
        """For the watchdog: cut the line under a call that is past its deadline."""
        due, line = self.due, self._line
        if due and self.monotonic() > due and line is not None:
            self.overdue = True
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    @contextlib.contextmanager
    def limit(self, seconds: float) -> Iterator[None]:
        """Calls inside end after `seconds` at the latest (plus the watchdog's 0.1 s)."""
        outer, self.due = self.due, self.monotonic() + seconds  # a connection may be collected inside another's call
        try:
            yield
        finally:
            self.due = outer

    @property
    def handle(self) -> int:
        if self._handle is None:
            raise NoService("a closed context")
        return self._handle

    # -- readers ---------------------------------------------------------------------------------------------------

    def readers(self) -> tuple[str, ...]:
        """Names of all readers; none is no error."""
        with self.limit(self.patience):
            try:
                code, names = scard.SCardListReaders(self.handle, [])
            except SystemError:  # the SWIG layer, when pcscd went away in the middle
                raise NoService("listing readers") from None
        if code:
            failure = failure_of(code, "listing readers")
            if isinstance(failure, NoReader):
                return ()
            raise failure
        return tuple(names)

    def states(self, known: Mapping[str, int], seconds: float = 0.0) -> tuple[ReaderState, ...] | None:
        """The readers of `known` as they are now: at once if one differs from its raw state in `known` (0: unknown),
        else after a change, else None after `seconds`.

        Errors: NoReader if one of them is gone.
        """
        if not known:
            raise NoReader("watching readers")
        question = list(known.items())
        with self.limit(seconds + self.patience):
            try:
                code, answers = scard.SCardGetStatusChange(self.handle, int(seconds * 1000), question)
            except SystemError:
                raise NoService("watching readers") from None
        number = code & 0xFFFFFFFF
        if number in (TIMEOUT, CANCELLED):
            return None
        if number:
            raise failure_of(code, "watching readers")
        return tuple(reader_state(name, raw, bytes(atr)) for name, raw, atr in answers)

    def cancel(self) -> None:
        """Wake this context's `states` from another thread."""
        if self._handle is not None:
            scard.SCardCancel(self._handle)

    def state(self, reader: str) -> ReaderState:
        """The reader as it is now."""
        states = self.states({reader: scard.SCARD_STATE_UNAWARE})
        if not states or states[0].unavailable:
            raise NoReader("looking at a reader")
        return states[0]

    def wait_for_card(self, reader: str, seconds: float) -> ReaderState:
        """The reader's state once a card is in it.

        Errors: NoCard if none came within `seconds`; NoReader.
        """
        return self._wait(reader, seconds, present=True)

    def wait_for_removal(self, reader: str, seconds: float) -> ReaderState:
        """The reader's state once it is empty.

        Errors: Busy if the card still was there after `seconds`; NoReader.
        """
        return self._wait(reader, seconds, present=False)

    def _wait(self, reader: str, seconds: float, *, present: bool) -> ReaderState:
        until = self.monotonic() + seconds
        state = self.state(reader)
        while state.present is not present or (present and state.mute):
            left = until - self.monotonic()
            if left <= 0:
                raise NoCard("waiting for a card") if present else Busy("waiting for the card's removal")
            states = self.states({reader: state.asked}, left)
            if states:
                state = states[0]
                if state.unavailable:
                    raise NoReader("waiting at a reader")
        return state

    def connect(self, reader: str, busy_patience: float = BUSY_PATIENCE) -> "Connection":
        """A shared connection to the card in `reader`.

        Errors: NoReader, NoCard, Busy (another program holds it for longer than `busy_patience` seconds),
        TransportFailed (mute card).
        """
        until = self.monotonic() + busy_patience
        while True:
            # Blocks while another process holds a transaction, even with NO_BLOCKING: the watchdog ends that.
            with self.limit(busy_patience + 0.5):
                try:
                    code, handle, protocol = scard.SCardConnect(
                        self.handle, reader, scard.SCARD_SHARE_SHARED, scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
                    )
                except SystemError:
                    raise NoService("connecting to the card") from None
            if code == 0:
                return Connection(self, reader, handle, protocol)
            if self.overdue:
                raise Busy("connecting to the card", code & 0xFFFFFFFF)
            failure = failure_of(code, "connecting to the card")
            if failure.cause is not Cause.BUSY or self.monotonic() > until:
                raise failure
            time.sleep(_TICK)


class Connection:
    """The card that is in one reader now, shared with other programs. A `channel.Transmitter`."""

    __slots__ = ("_context", "_handle", "_open", "patience", "protocol", "reader")

    def __init__(self, context: Context, reader: str, handle: int, protocol: int) -> None:
        self._context = context
        self._handle = handle
        self._open = True
        self.reader = reader
        self.protocol = protocol
        self.patience = context.patience

    @property
    def atr(self) -> bytes:
        """The card's answer to reset. Errors: as `transmit`."""
        with self._context.limit(self.patience):
            code, _, _, _, atr = scard.SCardStatus(self._handle)
        if code:
            raise self._failed(code, "reading the ATR")
        return bytes(atr)

    def transmit(self, command: bytes) -> bytes:
        """The answer to one APDU.

        Shapes: `command` 4 to 65535 octets (one octet would be taken for a control code by virtual readers); the
        answer at least 2.
        Errors: ConnectionFailed; after any of them but Busy the connection is void.
        """
        if not 4 <= len(command) <= 65535:
            raise ProtocolViolated("an APDU", what="a command no reader can carry")
        if self.protocol == scard.SCARD_PROTOCOL_T0 and len(command) > 5 and len(command) == 6 + command[4]:
            command = command[:-1]  # T=0 has no case 4: Le is left out, the data follows by GET RESPONSE
        context = self._context
        context.due = context.monotonic() + self.patience
        try:
            code, reply = scard.SCardTransmit(self._handle, self.protocol, list(command))
        except SystemError:
            raise NoService("an APDU") from None
        finally:
            context.due = 0.0
        if code:
            raise self._failed(code, "an APDU")
        if len(reply) < 2:
            raise TransportFailed("an APDU")
        return bytes(reply)

    def features(self) -> dict[int, int]:
        """What the reader itself can do: tag → control code (PC/SC part 10, 2.2); nothing for most readers."""
        with self._context.limit(self.patience):
            code, reply = scard.SCardControl(self._handle, scard.SCARD_CTL_CODE(GET_FEATURES), [])
        return parse_features(bytes(reply)) if code == 0 else {}

    def control(self, code: int, data: bytes) -> bytes:
        """The reader's answer to a control code, for which a person may be asked. Errors: as `transmit`."""
        with self._context.limit(self.patience + 2 * ENTRY_SECONDS):
            try:
                failed, reply = scard.SCardControl(self._handle, code, list(data))
            except SystemError:
                raise NoService("asking the reader") from None
        if failed:
            raise self._failed(failed, "asking the reader")
        return bytes(reply)

    @contextlib.contextmanager
    def transaction(self, busy_patience: float = BUSY_PATIENCE) -> Iterator[None]:
        """Nobody else's APDU comes between those inside. Keep it short: all others wait.

        Errors: Busy; Removed; WasReset.
        """
        self._begin(busy_patience)
        try:
            yield
        finally:
            if self._open:
                with self._context.limit(self.patience), contextlib.suppress(SystemError):
                    scard.SCardEndTransaction(self._handle, scard.SCARD_LEAVE_CARD)

    def _begin(self, busy_patience: float) -> None:
        context = self._context
        until = context.monotonic() + busy_patience
        while True:
            with context.limit(busy_patience + 0.5):
                code = scard.SCardBeginTransaction(self._handle)
            if code == 0:
                return
            if context.overdue:
                raise Busy("waiting for a transaction", code & 0xFFFFFFFF)
            failure = self._failed(code, "waiting for a transaction")
            if failure.cause is not Cause.BUSY or context.monotonic() > until:
                raise failure
            time.sleep(_TICK)

    def _failed(self, code: int, during: str) -> ConnectionFailed:
        if self._context.overdue:
            return TransportFailed(during + " (no answer before the deadline)", code & 0xFFFFFFFF)
        return failure_of(code, during)

    def close(self) -> None:
        """Leave the card as it is; may be called twice."""
        self._disconnect(scard.SCARD_LEAVE_CARD)

    def close_and_reset(self) -> None:
        """Leave and reset the card, for everybody: PIN states are gone for certain (a logout)."""
        self._disconnect(scard.SCARD_RESET_CARD)

    def _disconnect(self, disposition: int) -> None:
        if self._open:
            self._open = False
            with self._context.limit(self.patience), contextlib.suppress(SystemError):
                scard.SCardDisconnect(self._handle, disposition)

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()


def _establish_with_line() -> tuple[int, int, socket.socket | None]:
    """A new context and a duplicate of its socket to pcscd: the one UNIX socket that is new after the call.

    If another thread opened one at the same moment, ours cannot be told from it: once more. Without /proc (no Linux)
    there is no line, and no deadline inside libpcsclite's calls.
    """
    line = None
    for _ in range(20):
        try:
            before = unix_descriptors()
        except OSError:
            before = None
        code, handle = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
        if code or before is None:
            return code, handle, None
        lines = [candidate for number in unix_descriptors() - before if (candidate := duplicate_unix(number))]
        if len(lines) == 1:
            return code, handle, lines[0]
        for line in lines:
            line.close()
        scard.SCardReleaseContext(handle)
    return 0x8010001D, 0, None
