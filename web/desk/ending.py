"""What the end of a piece of guided work leaves behind: a number for its receipt, a card less in the drawer."""

from typing import Final

from pki.instant import Instant
from web.desk.officer import Officer
from web.desk.parts import Desk
from web.desk.work import Kind, State, Work
from web.store import Connection
from web.store import desk as rows

BLANK: Final = frozenset({Kind.FIRST_ISSUE, Kind.REISSUE})
"""What uses up a blank card."""


def with_receipt(desk: Desk, conn: Connection, work: Work) -> Work:
    """A receipt for what is done, in the transaction that did it; seeing an address leaves none."""
    if work.state is State.DONE and work.kind is not Kind.UNLOCK:
        at = desk.clock.now()
        number = desk.random(10).hex().upper()
        rows.add_receipt(conn, number, work.row, at)
    return work


def move_stock(desk: Desk, conn: Connection, officer: Officer, work: Work, movement: str, at: Instant) -> None:
    """A blank card was used, or spoiled."""
    cards = -1 if movement == "used" else 0
    name, operator = desk.random(12).hex(), officer.operator.operator
    rows.move_stock(conn, name, work.row.counter, movement, cards, operator, at, work.id)
