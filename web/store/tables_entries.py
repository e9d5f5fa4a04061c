"""What is written down for a change until it is made, and what was prepared at home for the counter.

Names and addresses lie here for hours, and are gone with the end of the work or of the day."""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Table, Text

from web.store.tables_moves import METADATA as METADATA

ENTRIES = Table(
    "web_entries",
    METADATA,
    Column("work", Text, primary_key=True),
    Column("document", Text, nullable=False),
)
PREFILLS = Table(
    "web_prefills",
    METADATA,
    Column("ticket", Text, primary_key=True),
    Column("person", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("document", Text, nullable=False),
    Column("secret", LargeBinary, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("void_after", BigInteger, nullable=False),
    Column("used_at", BigInteger),
    Column("used_by", Text),
    Index(None, "person"),
    Index(None, "void_after"),
)
