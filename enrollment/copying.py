"""Everybody who is put into a copy has that in their own record, before anybody is read for it.

Nobody is shown anything: the copy is locked before it leaves the process. Still it holds the whole of a person, a
protected address too, and goes to another place; so each of them can read when that was, and by whom. Who comes while
a large town is being written down is written down as well: the copy is made in the first reading in which nobody is
without a record.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import StrEnum
from functools import partial

from enrollment import registry, snapshot
from enrollment.errors import NotYours
from enrollment.person import PersonId, Random
from enrollment.registry import COPIED, FOUR_ATTRIBUTES, Access, AccessReceipt
from enrollment.store import Connection, Database
from enrollment.store import people as rows
from pki.instant import Instant

FUNCTION = "snapshot"
LEGAL_BASIS = "公的個人認証法"
PAGE = 200
"""People written down in one transaction: counters wait for no longer than that takes."""


class Why(StrEnum):
    """What a copy is made for."""

    BACKUP = "backup"
    DRILL = "drill"


def take(
    database: Database,
    owner: str,
    why: Why,
    recipient: str,
    at: Instant,
    key: bytes,
    sign: Callable[[bytes], bytes],
    random: Random,
) -> bytes:
    """A snapshot of `owner` as `snapshot.make` makes it, after everybody in it has a record of it.

    `recipient`: who makes it. A crash leaves records of a copy that there is not, never the other way round.
    """
    access = Access(FUNCTION, why.value, "jpki", owner, recipient, FOUR_ATTRIBUTES, LEGAL_BASIS)
    receipts: dict[PersonId, AccessReceipt] = {}

    def read(conn: Connection) -> bytes | list[PersonId]:
        missing = [person for person in rows.everybody_of(conn, owner) if person not in receipts]
        return missing or snapshot.make(conn, owner, at, key, sign, random, receipts)

    while isinstance(made := database.read(read), list):
        for first in range(0, len(made), PAGE):
            page = made[first : first + PAGE]
            found = database.transaction(partial(_record, people=page, access=access, at=at, random=random))
            receipts.update((one.person, one) for one in found)
    return made


def _record(
    conn: Connection, people: Sequence[PersonId], access: Access, at: Instant, random: Random
) -> list[AccessReceipt]:
    found = []
    for person in people:
        with suppress(NotYours):  # moved to another municipality meanwhile
            found.append(registry.record_access(conn, person, access, at, random, result=COPIED))
    return found
