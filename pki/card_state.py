"""The life of a card, and what each change does to the two certificates on it: one table for whoever changes
a card and for the tests. `enrollment.card_life` does what it says.

    blank ──prepare──▶ prepared ──deliver──▶ active ◀──resume (in person)── suspended
                                               └────────suspend────────────────▲
    lost, damaged, returned: out of use for good, still to be destroyed ──end──▶ ended

Nothing leads back from a loss: a card that turns up again may have been used in between.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pki.errors import Error
from pki.revocation import Reason


class CardState(StrEnum):
    """Where a card is in its life."""

    BLANK = "blank"
    """As the manufacturer delivered it: management keys, nothing else."""
    PREPARED = "prepared"
    """Keys and certificates are being made or are on it; not yet in its holder's hands."""
    ACTIVE = "active"
    SUSPENDED = "suspended"
    """Doubt about who has it. Ends in person, one way or the other."""
    LOST = "lost"
    DAMAGED = "damaged"
    RETURNED = "returned"
    ENDED = "ended"
    """Destroyed or terminated on the card itself."""

    @property
    def usable(self) -> bool:
        """Whether filings signed with the card may be accepted."""
        return self is CardState.ACTIVE

    @property
    def final(self) -> bool:
        """Whether nothing can happen to the card any more."""
        return self is CardState.ENDED


class CardEvent(StrEnum):
    """What can happen to a card."""

    PREPARE = "prepare"
    DELIVER = "deliver"
    SUSPEND = "suspend"
    RESUME = "resume"
    LOSE = "lose"
    DAMAGE = "damage"
    RETURN = "return"
    END = "end"


class CertificateEffect(StrEnum):
    """What a change of the card does to both certificates. The two share the card's fate: whoever has it has both
    keys.
    """

    NONE = "none"
    HOLD = "hold"
    """certificateHold: whatever the policy says of releasing it, nothing is accepted meanwhile."""
    RELEASE = "release"
    """Ends the hold where the deployment's policy allows that; where it does not (JPKI's practice statement), the
    certificates that are on hold end in revocation and new ones are issued to the resumed card."""
    REVOKE = "revoke"


@dataclass(frozen=True, slots=True)
class Change:
    """The state after an event, and what becomes of the certificates. `reason` with every effect but
    NONE; with RELEASE it is what the certificates are revoked for where no hold may be released.
    """

    state: CardState
    effect: CertificateEffect = CertificateEffect.NONE
    reason: Reason | None = None


_S, _E, _C = CardState, CardEvent, CertificateEffect


def _revoke(state: CardState, reason: Reason) -> Change:
    return Change(state, _C.REVOKE, reason)


_LOST = _revoke(_S.LOST, Reason.KEY_COMPROMISE)
_DAMAGED = _revoke(_S.DAMAGED, Reason.CESSATION_OF_OPERATION)
_RETURNED = _revoke(_S.RETURNED, Reason.CESSATION_OF_OPERATION)
_ENDED = _revoke(_S.ENDED, Reason.CESSATION_OF_OPERATION)

TRANSITIONS: Final[Mapping[tuple[CardState, CardEvent], Change]] = {
    (_S.BLANK, _E.PREPARE): Change(_S.PREPARED),
    (_S.BLANK, _E.LOSE): Change(_S.LOST),
    (_S.BLANK, _E.DAMAGE): Change(_S.DAMAGED),
    (_S.BLANK, _E.END): Change(_S.ENDED),
    (_S.PREPARED, _E.DELIVER): Change(_S.ACTIVE),
    (_S.PREPARED, _E.LOSE): _LOST,
    # Never reached a holder: JPKI's practice statement gives "unspecified" for destroyed before delivery.
    (_S.PREPARED, _E.DAMAGE): _revoke(_S.DAMAGED, Reason.UNSPECIFIED),
    (_S.PREPARED, _E.END): _revoke(_S.ENDED, Reason.UNSPECIFIED),
    (_S.ACTIVE, _E.SUSPEND): Change(_S.SUSPENDED, _C.HOLD, Reason.CERTIFICATE_HOLD),
    (_S.ACTIVE, _E.LOSE): _LOST,
    (_S.ACTIVE, _E.DAMAGE): _DAMAGED,
    (_S.ACTIVE, _E.RETURN): _RETURNED,
    (_S.ACTIVE, _E.END): _ENDED,
    (_S.SUSPENDED, _E.RESUME): Change(_S.ACTIVE, _C.RELEASE, Reason.CESSATION_OF_OPERATION),
    (_S.SUSPENDED, _E.LOSE): _LOST,
    (_S.SUSPENDED, _E.DAMAGE): _DAMAGED,
    (_S.SUSPENDED, _E.RETURN): _RETURNED,
    (_S.SUSPENDED, _E.END): _ENDED,
    (_S.LOST, _E.RETURN): Change(_S.RETURNED),  # found and handed in: its certificates stay revoked
    (_S.LOST, _E.END): Change(_S.ENDED),
    (_S.DAMAGED, _E.RETURN): Change(_S.RETURNED),
    (_S.DAMAGED, _E.END): Change(_S.ENDED),
    (_S.RETURNED, _E.END): Change(_S.ENDED),
}


@dataclass(eq=False)
class CardChangeRefused(Error):
    """The card's life has no such step."""

    state: CardState
    event: CardEvent

    code = "pki.card-change-refused"
    why = "a card that is {state} cannot {event}"
    todo = "See what may happen to it in that state; a lost card stays lost."


def advance(state: CardState, event: CardEvent) -> Change:
    """What `event` makes of a card in `state`. Errors: CardChangeRefused."""
    change = TRANSITIONS.get((state, event))
    if change is None:
        raise CardChangeRefused(state, event)
    return change


def allowed(state: CardState) -> tuple[CardEvent, ...]:
    """What may happen next: the buttons of a desk."""
    return tuple(event for event in CardEvent if (state, event) in TRANSITIONS)
