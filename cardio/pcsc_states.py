"""What PC/SC says about one reader: the bits of SCARD_READERSTATE."""

from dataclasses import dataclass

_IGNORE, _CHANGED, _UNKNOWN, _UNAVAILABLE, _PRESENT, _MUTE = 0x0001, 0x0002, 0x0004, 0x0008, 0x0020, 0x0200


@dataclass(frozen=True, slots=True)
class ReaderState:
    """What PC/SC says about one reader at one moment."""

    reader: str
    present: bool
    mute: bool
    atr: bytes
    events: int
    """Counts insertions and removals of this reader since pcscd started: a swap between two looks changes it."""
    raw: int

    @property
    def asked(self) -> int:
        """What to give `Context.states` to hear of the next change after this state."""
        return self.raw & ~_CHANGED

    @property
    def unavailable(self) -> bool:
        return bool(self.raw & (_UNAVAILABLE | _UNKNOWN | _IGNORE))


def reader_state(name: str, raw: int, atr: bytes) -> ReaderState:
    """What SCardGetStatusChange said about one reader."""
    present = bool(raw & _PRESENT)
    return ReaderState(name, present, bool(raw & _MUTE), atr, raw >> 16 & 0xFFFF, raw)
