"""Who lives together, as the municipality told it."""

from collections.abc import Mapping
from typing import Any

from enrollment import gateway
from enrollment.households import Relation
from enrollment.person import PersonId
from enrollment.store import Connection

Members = list[dict[str, Any]]
"""Of each member: person, relation, why they are not dealt with now, and by when they come."""


def roster(conn: Connection, owner: str, person: PersonId) -> Members:
    """Who lives with `person`, as the municipality that keeps them told it; only themselves, if it told nothing."""
    told = gateway.household_of(conn, owner, person)
    relations: Mapping[str, str] = told[1] if told is not None else {person: Relation.HEAD.value}
    order = list(Relation)
    ranked = sorted(relations.items(), key=lambda one: (one[0] != person, order.index(Relation(one[1])), one[0]))
    return [{"person": one, "relation": relation, "reason": None, "by": None} for one, relation in ranked]
