"""What PC/SC's return codes mean: each becomes one ConnectionFailed with its cause."""

from collections.abc import Mapping

from cardio.errors import (
    Busy,
    ConnectionFailed,
    NoCard,
    NoReader,
    NoService,
    ProtocolViolated,
    Removed,
    TransportFailed,
    WasReset,
)

_CAUSES: Mapping[int, type[ConnectionFailed]] = {
    0x8010001D: NoService,
    0x8010001E: NoService,
    0x80100013: NoService,  # communication with pcscd broke
    0x80100003: NoService,  # invalid handle: the context died with pcscd
    0x80100009: NoReader,
    0x8010002E: NoReader,
    0x80100017: NoReader,
    0x8010000C: NoCard,
    0x80100069: Removed,
    0x80100068: WasReset,
    0x8010000B: Busy,
    0x80100016: TransportFailed,
    0x8010002F: TransportFailed,
    0x80100066: TransportFailed,  # mute card
    0x80100067: TransportFailed,  # unpowered: the ATR was no ATR
    0x8010000F: ProtocolViolated,
    0x80100008: ProtocolViolated,  # answer longer than any answer may be
}
TIMEOUT, CANCELLED = 0x8010000A, 0x80100002
"""No failures: nothing changed in time, or somebody asked to stop waiting."""


def failure_of(code: int, during: str) -> ConnectionFailed:
    """The error for a return code that is not 0."""
    number = code & 0xFFFFFFFF
    kind = _CAUSES.get(number, TransportFailed)
    if kind is ProtocolViolated:
        return ProtocolViolated(during, number, what="no common protocol or an answer that is too long")
    return kind(during, number)
