"""The same request twice has one effect and one answer; the answer is stored in the transaction of the effect."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from enrollment.canonical import Json, canonical, digest
from enrollment.errors import IdempotencyMismatch
from enrollment.store import Connection
from enrollment.store import records as rows
from pki.instant import Instant


def once(
    conn: Connection, client: str, key: str, request: Json, at: Instant, do: Callable[[], Mapping[str, Json]]
) -> dict[str, Any]:
    """Run `do` and keep its outcome under (client, key), or give the outcome kept there before.

    Errors: IdempotencyMismatch if the key was used for another request; whatever `do` raises, and then nothing is kept.
    """
    kept = answer_to(conn, client, key, request)
    if kept is not None:
        return kept
    outcome = canonical(do()).decode()
    rows.put_outcome(conn, client, key, digest(request), outcome, at)
    answer: dict[str, Any] = json.loads(outcome)
    return answer


def answer_to(conn: Connection, client: str, key: str, request: Json) -> dict[str, Any] | None:
    """The outcome kept for this request, if there is one. Errors: IdempotencyMismatch."""
    known = rows.outcome_of(conn, client, key)
    if known is None:
        return None
    if known[0] != digest(request):
        raise IdempotencyMismatch(key)
    kept: dict[str, Any] = json.loads(known[1])
    return kept
