"""The office in numbers for whoever watches: questions and incidents that wait or are late, alarms that stand."""

from collections import Counter

from ca.metrics import Family, gauge
from enrollment import cases, incidents
from enrollment.store import Connection, messages, peers, people
from pki.instant import Instant


def office_families(conn: Connection, at: Instant) -> list[Family]:
    """By municipality; drills are not counted. Nothing in it is of a person."""
    waiting, late, untold, untold_late, alarms = [], [], [], [], []
    for town in people.municipalities(conn):
        label = {"owner": town.code}
        asked = cases.waiting(conn, town.code)
        open_ = [one for one in incidents.of_owner(conn, town.code) if one.waits and not one.drill]
        waiting.append((label, len(asked)))
        late.append((label, sum(one.overdue(at) for one in asked)))
        untold.append((label, len(open_)))
        untold_late.append((label, sum(one.overdue(at) for one in open_)))
        kinds = Counter(one.kind for one in peers.alarms_of(conn, town.code))
        alarms += [({**label, "kind": kind}, number) for kind, number in sorted(kinds.items())]
    outgoing, oldest, aside = messages.numbers(conn)
    waits = max(0, at.seconds - oldest.seconds) if oldest is not None else 0
    return [
        gauge("jitsuin_messages_waiting", "Messages to others that wait to be delivered.", ({}, outgoing)),
        gauge("jitsuin_messages_waiting_seconds", "How long the oldest of them has been due.", ({}, waits)),
        gauge("jitsuin_messages_set_aside", "Messages that nobody can deliver: an officer must look.", ({}, aside)),
        gauge("jitsuin_cases_waiting", "Residents' questions that wait for an answer.", *waiting),
        gauge("jitsuin_cases_overdue", "Residents' questions whose day is past.", *late),
        gauge("jitsuin_incidents_waiting", "Incidents of which nobody was told yet.", *untold),
        gauge("jitsuin_incidents_overdue", "Incidents of which nobody was told in time.", *untold_late),
        gauge("jitsuin_alarms", "Alarms that stand, by kind.", *alarms),
    ]
