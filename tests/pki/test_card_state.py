"""Every pair of the card's table, allowed and refused, and what must hold whatever the table says."""

from itertools import product

import pytest

from pki.card_state import (
    TRANSITIONS,
    CardChangeRefused,
    CardEvent,
    CardState,
    CertificateEffect,
    advance,
    allowed,
)
from pki.revocation import Reason

_CERTIFIED = {CardState.PREPARED, CardState.ACTIVE, CardState.SUSPENDED}


@pytest.mark.parametrize(("state", "event"), list(product(CardState, CardEvent)))
def test_every_pair(state: CardState, event: CardEvent) -> None:
    if (state, event) in TRANSITIONS:
        assert advance(state, event) == TRANSITIONS[state, event]
        assert event in allowed(state)
    else:
        with pytest.raises(CardChangeRefused) as refused:
            advance(state, event)
        assert refused.value.fields() == {"state": state, "event": event}
        assert event not in allowed(state)


def test_certificates_never_outlive_their_card() -> None:
    for (state, _), change in TRANSITIONS.items():
        if state in _CERTIFIED and change.state not in _CERTIFIED:
            assert change.effect is CertificateEffect.REVOKE
            assert change.reason not in (None, Reason.CERTIFICATE_HOLD, Reason.REMOVE_FROM_CRL)


def test_hold_and_release_go_with_suspension_alone() -> None:
    for (state, event), change in TRANSITIONS.items():
        assert (change.effect is CertificateEffect.HOLD) == (event is CardEvent.SUSPEND)
        assert (change.effect is CertificateEffect.RELEASE) == (event is CardEvent.RESUME)
        assert (change.reason is not None) == (change.effect is not CertificateEffect.NONE)
        assert (change.reason is Reason.CERTIFICATE_HOLD) == (change.effect is CertificateEffect.HOLD)
        assert not state.final


def reachable(start: CardState) -> set[CardState]:
    seen, todo = {start}, [start]
    while todo:
        state = todo.pop()
        for event in allowed(state):
            after = advance(state, event).state
            if after not in seen:
                seen.add(after)
                todo.append(after)
    return seen


def test_nothing_leads_back_from_a_loss() -> None:
    for state in (CardState.LOST, CardState.DAMAGED, CardState.RETURNED, CardState.ENDED):
        assert not any(one.usable for one in reachable(state))


def test_every_state_is_reached_and_every_life_can_end() -> None:
    assert reachable(CardState.BLANK) == set(CardState)
    for state in CardState:
        assert CardState.ENDED in reachable(state)
