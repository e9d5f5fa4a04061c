"""A channel: whole commands in, whole answers out, over anything that carries one APDU at a time.

Wraps ISO/IEC 7816-4: command chaining (5.1.1.1), GET RESPONSE after 61xx and repetition after 6Cxx (5.1.3).
"""

from dataclasses import replace
from typing import Protocol

from cardio.apdu import CHAINED, CommandApdu, ResponseApdu, parse_response
from cardio.errors import ConnectionFailed, ProtocolViolated, Refused
from cardio.trace import Trace
from pki.errors import Malformed

MAXIMUM_ANSWER = 1 << 17
"""Octets of one answer, however many 61xx it comes in: a hostile card must not fill memory."""
MAXIMUM_ROUNDS = 1024
"""GET RESPONSE commands for one answer: a card answering 61xx for ever must end."""

CHAIN_PIECE = 255


class Transmitter(Protocol):
    """Carries one APDU to a card and its answer back: a PC/SC connection, or a virtual card in memory.

    Guarantees: either the answer's octets, or a ConnectionFailed whose cause says why; never repeats an APDU by itself;
    ends within its own deadline. Used by one thread at a time.
    """

    def transmit(self, command: bytes) -> bytes: ...


class Channel:
    """Commands to one card.

    `extended`: send long data in one extended APDU instead of a chain (only where reader and card are known to do it).
    """

    __slots__ = ("_extended", "_trace", "transmitter")

    def __init__(self, transmitter: Transmitter, trace: Trace | None = None, *, extended: bool = False) -> None:
        self.transmitter = transmitter
        self._trace = trace
        self._extended = extended

    def send(self, command: CommandApdu) -> ResponseApdu:
        """The card's whole answer to `command`, status word whatever it is.

        Errors: ConnectionFailed; ProtocolViolated if the answer has no end or no status word.
        """
        if len(command.data) > CHAIN_PIECE and not (command.extended or self._extended):
            command, early = self._send_chain(command)
            if early is not None:
                return early
        response = self._exchange(command.encode())
        if (exact := response.status.exact_length) is not None:
            response = self._exchange(command.with_ne(exact).encode())
        if response.status.sw1 != 0x61:
            return response
        return self._collect(command.cla, response)

    def require(self, command: CommandApdu, name: str) -> bytes:
        """The answer's data if its status word is 9000.

        Errors: Refused otherwise; and as `send`.
        """
        response = self.send(command)
        if response.status != 0x9000:
            raise Refused(response.status, name)
        return response.data

    def _send_chain(self, command: CommandApdu) -> tuple[CommandApdu, ResponseApdu | None]:
        """All pieces but the last are sent; gives the last, or the answer with which the card ended the chain early."""
        data = command.data
        last = (len(data) - 1) // CHAIN_PIECE * CHAIN_PIECE
        for start in range(0, last, CHAIN_PIECE):
            piece = CommandApdu(
                command.cla | CHAINED, command.ins, command.p1, command.p2, data[start : start + CHAIN_PIECE]
            )
            response = self._exchange(piece.encode())
            if not response.ok:
                return command, response
        return replace(command, data=data[last:]), None

    def _collect(self, cla: int, response: ResponseApdu) -> ResponseApdu:
        # GET RESPONSE goes on the same logical channel, without chaining or secure-messaging bits (5.1.3).
        get_response_cla = cla & 0x03 if not cla & 0x40 else cla & 0x4F
        parts, total = [response.data], len(response.data)
        for _ in range(MAXIMUM_ROUNDS):
            more = response.status.more
            if more is None:
                return ResponseApdu(b"".join(parts), response.status)
            request = CommandApdu(get_response_cla, 0xC0, 0, 0, ne=more)
            response = self._exchange(request.encode())
            if (exact := response.status.exact_length) is not None:
                response = self._exchange(request.with_ne(exact).encode())
            total += len(response.data)
            if total > MAXIMUM_ANSWER:
                break
            parts.append(response.data)
        raise ProtocolViolated(during="GET RESPONSE", what="the answer does not end")

    def _exchange(self, raw: bytes) -> ResponseApdu:
        trace = self._trace
        if trace is None:
            answer = self.transmitter.transmit(raw)
        else:
            trace.command(raw)
            try:
                answer = self.transmitter.transmit(raw)
            except ConnectionFailed as failure:
                trace.failed(failure.cause)
                raise
            trace.response(answer)
        try:
            return parse_response(answer)
        except Malformed:
            raise ProtocolViolated(during="an APDU", what="an answer without a status word") from None
