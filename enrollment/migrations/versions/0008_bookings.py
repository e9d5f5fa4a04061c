"""Visits that people book.

Revision: 0008, after 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "enrollment_bookings",
        sa.Column("ticket", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("counter", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("slot", sa.BigInteger(), nullable=False),
        sa.Column("seat", sa.Integer(), nullable=False),
        sa.Column("affairs", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("booked_by", sa.Text(), nullable=True),
        sa.Column("booked_seat", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("ticket"),
        sa.UniqueConstraint("booked_by", name="uq_enrollment_bookings_person"),
        sa.UniqueConstraint("booked_seat", name="uq_enrollment_bookings_seat"),
    )
    op.create_index("ix_enrollment_bookings_slot", "enrollment_bookings", ["counter", "slot"])


def downgrade() -> None:
    op.drop_table("enrollment_bookings")
