"""What a virtual PIV card knows only while it has power, and the one door through which its memory changes."""

from collections.abc import Callable
from dataclasses import dataclass

from cardio.apdu import CommandApdu, ResponseApdu
from cardio.piv_slots import KeyAlgorithm
from cardio.virtual_card import Random, Refusal
from cardio.virtual_piv_keys import KeyMaker
from cardio.virtual_piv_memory import Memory

SECURITY_NOT_SATISFIED = 0x6982
AUTHENTICATION_BLOCKED = 0x6983
CONDITIONS_NOT_SATISFIED = 0x6985
WRONG_DATA = 0x6A80
NOT_FOUND = 0x6A82
NOT_ENOUGH_MEMORY = 0x6A84
WRONG_PARAMETERS = 0x6A86
REFERENCE_NOT_FOUND = 0x6A88
WRONG_LENGTH = 0x6700
MEMORY_FAILURE = 0x6581


@dataclass(slots=True)
class SecurityStatus:
    """Volatile rights (SP 800-73-4 part 1 3.5): gone with the power and when another application is selected."""

    pin_verified: bool = False
    pin_fresh: bool = False
    """Verified and not yet used by a key that asks for the PIN always."""
    managed: bool = False
    """Whether the management key was proven."""
    witness: bytes | None = None
    """Our own random block, whose knowledge the host must show (mutual authentication)."""
    challenge: bytes | None = None
    """Our own random block, whose encryption the host must show (external authentication)."""

    def drop_pin(self) -> None:
        """The PIN counts as not verified."""
        self.pin_verified = self.pin_fresh = False


class Session:
    """One card under power."""

    __slots__ = ("_persist", "make_key", "memory", "random", "status")

    def __init__(self, memory: Memory, random: Random, make_key: KeyMaker, persist: Callable[[], None]) -> None:
        self.memory = memory
        self.random = random
        self.make_key = make_key
        self._persist = persist
        self.status = SecurityStatus()

    def commit(self, memory: Memory) -> None:
        """Go on with `memory` and write it down, durably, before the command is answered.

        Errors: Refusal(6581) if it could not be written; the session then still has the old one.
        """
        before, self.memory = self.memory, memory
        try:
            self._persist()
        except OSError as error:
            self.memory = before
            raise Refusal(MEMORY_FAILURE) from error

    def require_management(self) -> None:
        """Errors: Refusal(6982) unless the management key was proven."""
        if not self.status.managed:
            raise Refusal(SECURITY_NOT_SATISFIED)

    def require_algorithm(self, algorithm: KeyAlgorithm) -> None:
        """Errors: Refusal(6A80) if this card neither makes nor takes keys of `algorithm`."""
        if algorithm is KeyAlgorithm.RSA_4096 or (algorithm is KeyAlgorithm.RSA_1024 and not self.memory.rsa_1024):
            raise Refusal(WRONG_DATA)


Handler = Callable[[Session, CommandApdu], ResponseApdu]
"""One instruction: the whole (already unchained) command in, the whole (not yet cut) answer out. May raise Refusal."""
