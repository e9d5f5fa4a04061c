"""Finding somebody at a counter: ids only, by what the person says of themselves, and within one municipality.

Nothing is read of anybody here: whoever wants to see a person found makes an access record first (`registry.look`).
There is no search by a part of a name and none across municipalities: what cannot be asked cannot be browsed.
"""

import unicodedata
from datetime import date
from typing import Final

from enrollment.person import PersonId
from enrollment.store import Connection
from enrollment.store import people as rows

MOST: Final = 5
"""Namesakes born on one day; more than that is not a search for a person."""


def find(conn: Connection, owner: str, name: str, born: date) -> tuple[PersonId, ...]:
    """Residents of `owner` with exactly this name (blanks aside) and day of birth; at most `MOST`."""
    wanted = _bare(name)
    if not wanted:
        return ()
    return tuple(person for person, kept in rows.people_born(conn, owner, born) if _bare(kept) == wanted)[:MOST]


def _bare(name: str) -> str:
    """Without blanks; compatibility forms count as the same letter, variants of a character do not."""
    return "".join(unicodedata.normalize("NFKC", name).split())
