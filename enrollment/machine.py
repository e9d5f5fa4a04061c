"""Reading a transition table: the one way by which anything in this package changes its state."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from enrollment.errors import WrongState

S = TypeVar("S", bound=StrEnum)
E = TypeVar("E", bound=StrEnum)


def step(what: str, table: Mapping[tuple[S, E], S], state: S, event: E) -> S:
    """The state after `event`. Errors: WrongState if the table has no such row."""
    try:
        return table[state, event]
    except KeyError:
        raise WrongState(what, state.value, event.value) from None
