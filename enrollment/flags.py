"""The flag of a support measure: what it says, where it stands, and what may become of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from enrollment.canonical import Json
from enrollment.machine import step
from enrollment.person import PersonId
from pki.instant import Instant


class FlagState(StrEnum):
    """Where a flag stands. All but RELEASED mask."""

    PROVISIONAL = "provisional"
    ACTIVE = "active"
    RENEWAL_PENDING = "renewal-pending"
    LAPSED_MASKED = "lapsed-masked"
    RELEASED = "released"

    @property
    def masks(self) -> bool:
        """Whether the address is hidden."""
        return self is not FlagState.RELEASED


class FlagEvent(StrEnum):
    """What can happen to it."""

    CONFIRM = "confirm"
    APPROACH_END = "approach-end"
    RENEW = "renew"
    LAPSE = "lapse"
    RELEASE = "release"
    CARRY_OVER = "carry-over"


_S = FlagState
_E = FlagEvent

TRANSITIONS: Final[Mapping[tuple[FlagState, FlagEvent], FlagState]] = {
    (_S.PROVISIONAL, _E.CONFIRM): _S.ACTIVE,
    (_S.PROVISIONAL, _E.LAPSE): _S.LAPSED_MASKED,
    (_S.ACTIVE, _E.APPROACH_END): _S.RENEWAL_PENDING,
    (_S.ACTIVE, _E.LAPSE): _S.LAPSED_MASKED,
    (_S.RENEWAL_PENDING, _E.RENEW): _S.ACTIVE,
    (_S.RENEWAL_PENDING, _E.LAPSE): _S.LAPSED_MASKED,
    (_S.LAPSED_MASKED, _E.RENEW): _S.ACTIVE,
    **{(state, _E.RELEASE): _S.RELEASED for state in _S if state is not _S.RELEASED},
    **{(state, _E.CARRY_OVER): _S.PROVISIONAL for state in _S if state is not _S.RELEASED},
}


def advance(state: FlagState, event: FlagEvent) -> FlagState:
    """Errors: WrongState."""
    return step("flag", TRANSITIONS, state, event)


@dataclass(frozen=True, slots=True)
class Flag:
    """A person's flag. `contact_desk` is the desk to ask; `until` the last second of its term."""

    flag: str
    person: PersonId
    number: int
    owner: str
    state: FlagState
    version: int
    since: Instant
    until: Instant
    contact_desk: str
    applied_by: str
    release_after: Instant | None = None
    release_approval: str | None = None

    def notice(self) -> dict[str, Json]:
        """All that travels: neither why, nor from whom, nor where the person lives."""
        return {
            "contact_desk": self.contact_desk,
            "flag": self.flag,
            "masks": self.state.masks,
            "owner": self.owner,
            "since": self.since.iso(),
            "state": self.state.value,
            "version": self.version,
        }

    def notice_from(self, owner: str) -> dict[str, Json]:
        """The same for a channel of a municipality that the person left: it does not say where they went."""
        return {**self.notice(), "contact_desk": owner, "owner": owner}


@dataclass(frozen=True, slots=True)
class Unlock:
    """Two people let one masked address be seen, once, for a short time. Made only by `unlock`."""

    unlock: str
    person: PersonId
    expires_at: Instant
