"""A letter with a code, sent to an address: where it stands, and what may become of it."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from enrollment.machine import step
from enrollment.person import PersonId
from pki.instant import Instant

ALPHABET: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""Thirty-two signs that nobody takes for another: neither 0 nor 1, neither I nor O."""
LENGTH: Final = 10
"""Fifty random bits."""


class LetterState(StrEnum):
    """Where a letter stands."""

    ASKED = "asked"
    POSTED = "posted"
    REDEEMED = "redeemed"
    VOID = "void"
    EXPIRED = "expired"


class LetterEvent(StrEnum):
    """What can happen to it."""

    POST = "post"
    REDEEM = "redeem"
    VOID = "void"
    EXPIRE = "expire"
    RETURN = "return"


_S, _E = LetterState, LetterEvent

TRANSITIONS: Final[Mapping[tuple[LetterState, LetterEvent], LetterState]] = {
    (_S.ASKED, _E.POST): _S.POSTED,
    (_S.ASKED, _E.VOID): _S.VOID,  # a newer letter takes its place
    (_S.ASKED, _E.EXPIRE): _S.EXPIRED,
    (_S.POSTED, _E.POST): _S.POSTED,  # printed once more after a crash, with another code: the last one counts
    (_S.POSTED, _E.REDEEM): _S.REDEEMED,
    (_S.POSTED, _E.VOID): _S.VOID,  # its tries are used up, or a newer letter takes its place
    (_S.POSTED, _E.EXPIRE): _S.EXPIRED,
    (_S.POSTED, _E.RETURN): _S.VOID,  # the post brought it back: nobody of that name lives there
}


def advance(state: LetterState, event: LetterEvent) -> LetterState:
    """Errors: WrongState."""
    return step("letter", TRANSITIONS, state, event)


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter. Of its code only a slow salted hash is kept; `tries` are those that are left."""

    letter: str
    person: PersonId
    owner: str
    address: str = field(repr=False)
    state: LetterState
    version: int
    salt: bytes = field(repr=False)
    code_hash: bytes = field(repr=False)
    asked_at: Instant
    posted_at: Instant | None
    expires_at: Instant
    tries: int

    @property
    def is_open(self) -> bool:
        """Whether it may still be posted or redeemed."""
        return self.state in (LetterState.ASKED, LetterState.POSTED)

    def matches(self, code: str) -> bool:
        """Whether this is the code on the paper; blanks, hyphens and small letters do not matter."""
        return hmac.compare_digest(self.code_hash, code_hash(self.salt, normalised(code)))


def normalised(code: str) -> str:
    """The code as it was printed."""
    return code.upper().replace("-", "").replace(" ", "").replace("\u3000", "")


def code_hash(salt: bytes, code: str) -> bytes:
    """scrypt (RFC 7914), so that a stolen table does not give up fifty bits in a day."""
    return hashlib.scrypt(code.encode(), salt=salt, n=2**13, r=8, p=1, dklen=32)


def draw_code(octets: bytes) -> str:
    """A code from as many random octets as it has signs."""
    return "".join(ALPHABET[octet % len(ALPHABET)] for octet in octets)
