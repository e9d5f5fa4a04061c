"""A channel that is told of somebody's flag is in that person's record before it is told: no record, no push.

What a channel is told is that a flag stands, and nothing else of the person; still the person can read who knows of it.
"""

from dataclasses import dataclass

from enrollment.flags import Flag
from enrollment.person import Random
from enrollment.registry import Access, own_lines, record_access
from enrollment.store import Connection
from enrollment.store import people as people_rows
from pki.instant import Instant

FUNCTION = "channel"
LEGAL_BASIS = "住民基本台帳事務処理要領（支援措置）"


@dataclass(frozen=True, slots=True)
class Pushed:
    """That the person's record says that `channel` is told of this version of their flag; made by `record_push`."""

    channel: str
    flag: str
    version: int


def record_push(conn: Connection, channel: str, flag: Flag, at: Instant, random: Random, version: int = 0) -> Pushed:
    """Write it down, once for each version: trying again after a channel was silent writes nothing new.

    `version`: what is told, where that is not the flag as it stands. Errors: UnknownPerson.
    """
    pushed = Pushed(channel, flag.flag, version or flag.version)
    owner = people_rows.owner_of(conn, flag.person)
    reason = f"support-measure:{pushed.version}"
    access = Access(FUNCTION, reason, "protection", owner, channel, frozenset(), LEGAL_BASIS)
    if all(line.access != access for line in own_lines(conn, flag.person)):
        record_access(conn, flag.person, access, at, random)
    return pushed
