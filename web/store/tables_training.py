"""Whether this database is there to practise with: written when it is made, and never afterwards."""

from sqlalchemy import BigInteger, Column, Table

from web.store.tables_notes import METADATA as METADATA

TRAINING = Table("web_training", METADATA, Column("made_at", BigInteger, primary_key=True))
