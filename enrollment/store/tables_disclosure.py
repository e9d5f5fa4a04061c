"""Tables of questions about records of access, of incidents, of what people are told, and of visits that they book."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table, Text, UniqueConstraint

from enrollment.store.tables import METADATA


def _text(name: str, *, key: bool = False, null: bool = False) -> Column[str]:
    return Column(name, Text, primary_key=key, nullable=null)


def _instant(name: str, *, key: bool = False, null: bool = False) -> Column[int]:
    return Column(name, BigInteger, primary_key=key, nullable=null, autoincrement=False)


cases = Table(
    "enrollment_cases",
    METADATA,
    _text("case_id", key=True),
    _text("person"),
    _text("owner"),
    _text("record"),
    _text("state"),
    Column("version", Integer, nullable=False),
    _instant("opened_at"),
    _instant("due_at"),
    _text("finding", null=True),
    _text("answer"),
    _text("answered_by"),
    _text("incident", null=True),
    UniqueConstraint("person", "record", name="uq_enrollment_cases_record"),
    Index("ix_enrollment_cases_owner", "owner", "state"),
    info={"shard": "person"},
)

incidents = Table(
    "enrollment_incidents",
    METADATA,
    _text("incident", key=True),
    _text("owner"),
    _text("kind"),
    Column("drill", Boolean, nullable=False),
    _text("state"),
    Column("version", Integer, nullable=False),
    _instant("found_at"),
    _text("found_by"),
    Column("affected", Integer, nullable=True),
    Column("records", Integer, nullable=True),
    Index("ix_enrollment_incidents_owner", "owner"),
    info={"shard": "reference"},
)

incident_moments = Table(
    "enrollment_incident_moments",
    METADATA,
    _text("incident", key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    _instant("at"),
    _text("what"),
    _text("operator"),
    info={"shard": "reference"},
)

incident_records = Table(
    "enrollment_incident_records",
    METADATA,
    _text("person", key=True),
    _text("incident", key=True),
    _text("record", key=True),
    Index("ix_enrollment_incident_records_incident", "incident"),
    Index("ix_enrollment_incident_records_record", "record"),
    info={"shard": "person"},
)

notices = Table(
    "enrollment_person_notices",
    METADATA,
    _text("person", key=True),
    _text("notice", key=True),
    _text("kind"),
    _text("about"),
    _instant("at"),
    _instant("read_at", null=True),
    UniqueConstraint("person", "kind", "about", name="uq_enrollment_person_notices_about"),
    info={"shard": "person"},
)

bookings = Table(
    "enrollment_bookings",
    METADATA,
    _text("ticket", key=True),
    _text("person"),
    _text("counter"),
    _text("owner"),
    _instant("slot"),
    Column("seat", Integer, nullable=False),
    _text("affairs"),
    _text("state"),
    _text("booked_by", null=True),
    _text("booked_seat", null=True),
    UniqueConstraint("booked_by", name="uq_enrollment_bookings_person"),
    UniqueConstraint("booked_seat", name="uq_enrollment_bookings_seat"),
    Index("ix_enrollment_bookings_slot", "counter", "slot"),
    info={"shard": "person"},
)
"""Booked visits. `booked_by` and `booked_seat` are there while it stands: so one person has one, and a seat too."""
