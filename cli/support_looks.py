"""Staff who work on the machine itself are in a person's record like everybody else, and before they see anything."""

from collections.abc import Callable
from getpass import getuser
from typing import TYPE_CHECKING

from enrollment.person import PersonId
from enrollment.registry import Access, AccessReceipt, Field, record_access
from enrollment.store import people
from pki.instant import Instant

if TYPE_CHECKING:
    from enrollment.store import Connection, Database

FUNCTION = "support"
LEGAL_BASIS = "公的個人認証法"


def record_support(
    database: "Database",
    person: str,
    reason: str,
    fields: frozenset[Field],
    at: Instant,
    random: Callable[[int], bytes],
) -> AccessReceipt:
    """Write down that whoever is logged in at this machine is about to see `fields` of somebody; durable on return.

    Errors: UnknownPerson.
    """

    def body(conn: "Connection") -> AccessReceipt:
        known = PersonId(person)
        owner = people.owner_of(conn, known)
        access = Access(FUNCTION, reason, "jpki", owner, f"support/{getuser()}", fields, LEGAL_BASIS)
        return record_access(conn, known, access, at, random)

    return database.transaction(body)
