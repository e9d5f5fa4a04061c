"""Every transition table, walked in full: each pair of state and event is either in the table or refused by name.

The card's own table, with what it does to certificates, is walked in test_card_life.
"""

from itertools import product

import pytest

from enrollment import application, approvals, code_letter, flags, person, transfer
from enrollment.errors import WrongState

MACHINES = {
    "application": (
        application.ApplicationState, application.ApplicationEvent, application.TRANSITIONS, application.advance,
    ),
    "approval": (approvals.ApprovalState, approvals.ApprovalEvent, approvals.TRANSITIONS, approvals.advance),
    "letter": (code_letter.LetterState, code_letter.LetterEvent, code_letter.TRANSITIONS, code_letter.advance),
    "transfer": (transfer.TransferState, transfer.TransferEvent, transfer.TRANSITIONS, transfer.advance),
    "record": (person.PersonStatus, person.StatusEvent, person.TRANSITIONS, person.advance),
    "flag": (flags.FlagState, flags.FlagEvent, flags.TRANSITIONS, flags.advance),
}  # fmt: skip


@pytest.mark.parametrize("machine", MACHINES)
def test_every_pair_of_state_and_event(machine):
    states, events, table, advance = MACHINES[machine]
    for state, event in product(states, events):
        if (state, event) in table:
            assert advance(state, event) is table[state, event]
        else:
            with pytest.raises(WrongState) as refused:
                advance(state, event)
            assert refused.value.fields() == {"what": machine, "state": state.value, "event": event.value}


@pytest.mark.parametrize("machine", MACHINES)
def test_every_state_can_be_reached_from_the_first(machine):
    states, _, table, _ = MACHINES[machine]
    reached = {next(iter(states))}
    while more := {to for (state, _), to in table.items() if state in reached} - reached:
        reached |= more
    assert reached == set(states)


@pytest.mark.parametrize("state", application.ApplicationState)
def test_an_application_ends_exactly_where_it_says(state):
    leaves = [event for event in application.ApplicationEvent if (state, event) in application.TRANSITIONS]
    assert state.is_final == (not leaves)


def test_whatever_can_be_promised_can_be_withdrawn():
    for state in application.ApplicationState:
        if not state.is_final:
            assert (state, application.ApplicationEvent.WITHDRAW) in application.TRANSITIONS
