"""A household's move while it is being agreed on: what is to be filed, and who has signed. Gone once it is filed."""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Table, Text

from web.store.tables_pages import METADATA as METADATA

DRAFTS = Table(
    "web_move_drafts",
    METADATA,
    Column("filing", Text, primary_key=True),
    Column("filer", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("document", LargeBinary, nullable=False),
    Column("signature", LargeBinary),
    Column("state", Text, nullable=False),
    Column("roster", Text, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("void_after", BigInteger, nullable=False),
    Index(None, "filer", "state"),
)
AGREED = Table(
    "web_move_consents",
    METADATA,
    Column("filing", Text, primary_key=True),
    Column("person", Text, primary_key=True),
    Column("document", LargeBinary, nullable=False),
    Column("signature", LargeBinary),
    Index(None, "person"),
)
