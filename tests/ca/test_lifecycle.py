"""The transition tables, every pair walked."""

from datetime import timedelta
from itertools import product

import pytest

from ca.authority import AuthorityState
from ca.errors import WrongState
from ca.lifecycle import (
    AUTHORITY_TRANSITIONS,
    CERTIFICATE_TRANSITIONS,
    INTENT_TRANSITIONS,
    AuthorityEvent,
    CertificateEvent,
    CertificateState,
    IntentEvent,
    IntentState,
    advance_authority,
    advance_certificate,
    advance_intent,
    certificate_state,
)
from pki.instant import Instant, Validity
from pki.revocation import Reason, Revoked

MACHINES = [
    (IntentState, IntentEvent, INTENT_TRANSITIONS, advance_intent),
    (AuthorityState, AuthorityEvent, AUTHORITY_TRANSITIONS, advance_authority),
    (CertificateState, CertificateEvent, CERTIFICATE_TRANSITIONS, advance_certificate),
]


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine[0].__name__)
def test_every_pair_is_allowed_by_the_table_or_refused(machine: tuple) -> None:  # type: ignore[type-arg]
    states, events, table, advance = machine
    for state, event in product(states, events):
        if (state, event) in table:
            assert advance(state, event) is table[state, event]
        else:
            with pytest.raises(WrongState):
                advance(state, event)
    assert set(table.values()) | {next(iter(states))} == set(states)  # every state is reached


def test_nothing_leads_out_of_a_final_state() -> None:
    final = {CertificateState.REVOKED, CertificateState.EXPIRED, CertificateState.WITHDRAWN}
    assert not {state for state, _ in CERTIFICATE_TRANSITIONS} & final
    assert AuthorityState.ENDED not in {state for state, _ in AUTHORITY_TRANSITIONS}


def test_the_state_that_stored_facts_tell() -> None:
    at = Instant.parse("2026-11-23T00:00:00Z")
    life = Validity(at, at + timedelta(days=10))
    hold, end = Revoked(at, Reason.CERTIFICATE_HOLD), Revoked(at, Reason.AFFILIATION_CHANGED)
    after = life.not_after + timedelta(seconds=1)
    for intent, revoked, moment, state in (
        (IntentState.INTENDED, None, at, CertificateState.INTENDED),
        (IntentState.WITHDRAWN, None, after, CertificateState.WITHDRAWN),
        (IntentState.ISSUED, None, life.not_after, CertificateState.VALID),
        (IntentState.ISSUED, None, after, CertificateState.EXPIRED),
        (IntentState.ISSUED, hold, at, CertificateState.ON_HOLD),
        (IntentState.ISSUED, end, at, CertificateState.REVOKED),
        (IntentState.ISSUED, end, after, CertificateState.REVOKED),
    ):
        assert certificate_state(intent, life, revoked, moment) is state
