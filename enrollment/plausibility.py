"""What a message from the resident record must not say, however well it is signed: looked at twice.

Once when it comes in, once more when it is about to take effect, for the world may have changed in between.
"""

from datetime import date, timedelta
from typing import Final

from enrollment.errors import GatewayRefused, NotYours, UnknownMunicipality
from enrollment.gateway_schema import GatewayMessage, MessageKind, attributes_of
from enrollment.person import Person, PersonStatus
from enrollment.store import Connection
from enrollment.store import people as people_rows
from pki.instant import Instant

OLDEST: Final = date(1868, 1, 1)
MOVE_AHEAD: Final = timedelta(days=62)
"""A move is planned so long ahead at most."""


def check(conn: Connection, message: GatewayMessage, kept: Person, at: Instant) -> None:
    """Errors: NotYours if another municipality keeps the person by now; GatewayRefused with the reason."""
    if kept.owner != message.owner:
        raise NotYours(message.owner)
    today = at.jst_date()
    if message.kind is MessageKind.DEATH:
        died = date.fromisoformat(str(message.values["died_on"]))
        if died > today or died < kept.attributes.date_of_birth:
            raise GatewayRefused("nobody dies in the future, or before being born")
    if message.kind in (MessageKind.ATTRIBUTES_CHANGED, MessageKind.MOVE, MessageKind.CORRECTION):
        _check_attributes(conn, message, kept, today)
    if message.kind is MessageKind.MOVE:
        moved = date.fromisoformat(str(message.values["moved_on"]))
        if not kept.attributes.date_of_birth <= moved <= today + MOVE_AHEAD:
            raise GatewayRefused("a day of moving that cannot be")
    ended = kept.status is not PersonStatus.RESIDENT
    if ended and message.kind not in (MessageKind.CORRECTION, MessageKind.PROTECTION, MessageKind.RETRACTION):
        raise GatewayRefused("the person's record has ended")


def _check_attributes(conn: Connection, message: GatewayMessage, kept: Person, today: date) -> None:
    told = attributes_of(message.values)
    if not OLDEST <= told.date_of_birth <= today:
        raise GatewayRefused("a date of birth that cannot be")
    other_birthday = told.date_of_birth != kept.attributes.date_of_birth
    other_name = told.name != kept.attributes.name or told.gender is not kept.attributes.gender
    if other_birthday and other_name and message.kind is not MessageKind.CORRECTION:
        # a name changes, and a wrong birthday is put right; both at once is somebody else's record
        raise GatewayRefused("it seems to be about another person")
    owner = str(message.values.get("municipality", kept.owner))
    try:
        people_rows.municipality_of(conn, owner)
    except UnknownMunicipality:
        raise GatewayRefused("it names a municipality that is not registered here") from None
