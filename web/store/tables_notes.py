"""What was noted while this database could not be reached, once it is carried out here. No name or address is in it."""

from sqlalchemy import BigInteger, Column, Index, Table, Text

from web.store.tables_entries import METADATA as METADATA

NOTES = Table(
    "web_notes",
    METADATA,
    Column("note", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("counter", Text, nullable=False),
    Column("operator", Text, nullable=False),
    Column("act", Text, nullable=False),
    Column("card", Text, nullable=False),
    Column("noted_at", BigInteger, nullable=False),
    Column("carried_at", BigInteger, nullable=False),
    Column("outcome", Text, nullable=False),
    Index(None, "counter", "noted_at"),
)
