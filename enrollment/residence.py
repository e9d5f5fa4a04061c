"""Proof that somebody lives where they say: what a municipality asks for, as dated data.

A requirement is a choice of combinations: any one of them is enough, and all kinds of it must be there. The common
minimum is part of the code; a municipality's own policy comes on top and cannot do without it.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from enrollment.canonical import Json, canonical
from enrollment.errors import LooserPolicy, ResidenceUnproven
from enrollment.procedures import Procedure
from enrollment.store import Connection, care
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
    """One piece of evidence: its kind, and when it was seen or came back."""

    proof: Proof
    at: Instant


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

    def met_by(self, pieces: Iterable[Piece], at: Instant) -> Combination | None:
        """The first combination (the shortest, then by name) that fresh evidence fills; None if there is none."""
        fresh = {piece.proof for piece in pieces if piece.at <= at <= piece.at + LIFETIMES[piece.proof]}
        for combination in sorted(self.any_of, key=lambda one: (len(one), sorted(one))):
            if combination <= fresh:
                return combination
        return None

    def body(self) -> Json:
        """The requirement as canonical data."""
        return sorted([sorted(proof.value for proof in combination) for combination in self.any_of])


def parse_requirement(record: Any) -> Requirement:
    """Read [["card-signature", "code-letter"], ["desk"]]. Errors: InvalidValue, LooserPolicy."""
    try:
        return Requirement(frozenset(frozenset(Proof(name) for name in combination) for combination in record))
    except (TypeError, ValueError):
        raise InvalidValue(f"a requirement is a list of lists of {', '.join(Proof)}") from None


def adopt(
    conn: Connection, owner: str, procedure: Procedure, requirement: Requirement, begins: Instant, at: Instant, by: str
) -> None:
    """Keep what a municipality asks for from `begins` on."""
    care.add_residence_policy(conn, owner, procedure.value, begins, canonical(requirement.body()).decode(), at, by)


def required(conn: Connection, owner: str, procedure: Procedure, at: Instant) -> Requirement:
    """What is asked for now: the municipality's own, or the common minimum."""
    body = care.residence_policy(conn, owner, procedure.value, at)
    return Requirement() if body is None else parse_requirement(json.loads(body))


def require(conn: Connection, owner: str, procedure: Procedure, pieces: Iterable[Piece], at: Instant) -> Combination:
    """The combination that was met. Errors: ResidenceUnproven, naming what would be enough."""
    asked = required(conn, owner, procedure, at)
    met = asked.met_by(pieces, at)
    if met is None:
        choices = " / ".join("+".join(sorted(one)) for one in sorted(asked.any_of, key=lambda one: sorted(one)))
        raise ResidenceUnproven(choices)
    return met
