"""Kinds of proof that somebody lives where they say, and which of them together are enough.

A requirement is a choice of combinations: any one of them is enough, and all kinds of it must be there. The common
minimum is part of the code; a municipality's own policy comes on top and cannot do without it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from enrollment.canonical import Json
from enrollment.errors import LooserPolicy
from pki.errors import InvalidValue
from pki.instant import Instant


class Proof(StrEnum):
    """Kinds of evidence."""

    CARD_SIGNATURE = "card-signature"
    CARD_AND_PIN = "card-and-pin"
    CODE_LETTER = "code-letter"
    VISIT = "visit"
    LEASE = "lease"
    UTILITY = "utility"
    DESK = "desk"

    @property
    def seen_by_officer(self) -> bool:
        """Whether an officer looks at it and writes it down."""
        return self in (Proof.VISIT, Proof.LEASE, Proof.UTILITY)


LIFETIMES: Final[Mapping[Proof, timedelta]] = {
    Proof.CARD_SIGNATURE: timedelta(days=1),
    Proof.CARD_AND_PIN: timedelta(days=1),
    Proof.CODE_LETTER: timedelta(days=30),
    Proof.VISIT: timedelta(days=90),
    Proof.LEASE: timedelta(days=365),
    Proof.UTILITY: timedelta(days=90),
    Proof.DESK: timedelta(days=1),
}
"""How old a piece of evidence may be when it is used."""

Combination = frozenset[Proof]

MINIMUM: Final[frozenset[Combination]] = frozenset({frozenset({Proof.CARD_SIGNATURE}), frozenset({Proof.DESK})})
"""Below it nobody goes: a signature by the card, or a face at the desk."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of evidence: its kind, and when it was seen or came back. `piece`: its id where it is stored."""

    proof: Proof
    at: Instant
    piece: str | None = None


@dataclass(frozen=True, slots=True)
class Requirement:
    """What a municipality asks for in one procedure."""

    any_of: frozenset[Combination] = MINIMUM

    def __post_init__(self) -> None:
        if not self.any_of or not all(self.any_of):
            raise InvalidValue("a requirement has at least one combination, and none of them is empty")
        for combination in self.any_of:
            if not any(least <= combination for least in MINIMUM):
                raise LooserPolicy("a combination without the card's signature or a visit to the desk")

    def met_by(self, pieces: Iterable[Piece], at: Instant) -> tuple[Piece, ...] | None:
        """The pieces that fill a combination (the shortest, then by name; of each kind the oldest still fresh); None if
        none is filled."""
        fresh: dict[Proof, Piece] = {}
        for piece in sorted(pieces, key=lambda one: one.at):
            if piece.at <= at <= piece.at + LIFETIMES[piece.proof]:
                fresh.setdefault(piece.proof, piece)
        for combination in sorted(self.any_of, key=lambda one: (len(one), sorted(one))):
            if combination <= fresh.keys():
                return tuple(fresh[proof] for proof in sorted(combination))
        return None

    def choices(self) -> str:
        """What would be enough, for a message: card-signature+code-letter / desk."""
        return " / ".join("+".join(sorted(one)) for one in sorted(self.any_of, key=lambda one: sorted(one)))

    def body(self) -> Json:
        """The requirement as canonical data."""
        return sorted([sorted(proof.value for proof in combination) for combination in self.any_of])


COMMON_MINIMUM: Final = Requirement()
"""What is asked for where a municipality says nothing."""


def parse_requirement(record: Any) -> Requirement:
    """Read [["card-signature", "code-letter"], ["desk"]]. Errors: InvalidValue, LooserPolicy."""
    try:
        return Requirement(frozenset(frozenset(Proof(name) for name in combination) for combination in record))
    except (TypeError, ValueError):
        raise InvalidValue(f"a requirement is a list of lists of {', '.join(Proof)}") from None
