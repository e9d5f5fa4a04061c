"""Questions about records of access, incidents, notices.

Revision: 0007, after 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "enrollment_cases",
        sa.Column("case_id", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("finding", sa.Text(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("answered_by", sa.Text(), nullable=False),
        sa.Column("incident", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("case_id"),
        sa.UniqueConstraint("person", "record", name="uq_enrollment_cases_record"),
    )
    op.create_index("ix_enrollment_cases_owner", "enrollment_cases", ["owner", "state"])
    op.create_table(
        "enrollment_incidents",
        sa.Column("incident", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("drill", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("found_at", sa.BigInteger(), nullable=False),
        sa.Column("found_by", sa.Text(), nullable=False),
        sa.Column("affected", sa.Integer(), nullable=True),
        sa.Column("records", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("incident"),
    )
    op.create_index("ix_enrollment_incidents_owner", "enrollment_incidents", ["owner"])
    op.create_table(
        "enrollment_incident_moments",
        sa.Column("incident", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("operator", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("incident", "position"),
    )
    op.create_table(
        "enrollment_incident_records",
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("incident", sa.Text(), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("person", "incident", "record"),
    )
    op.create_index("ix_enrollment_incident_records_incident", "enrollment_incident_records", ["incident"])
    op.create_index("ix_enrollment_incident_records_record", "enrollment_incident_records", ["record"])
    op.create_table(
        "enrollment_person_notices",
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("notice", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("read_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("person", "notice"),
        sa.UniqueConstraint("person", "kind", "about", name="uq_enrollment_person_notices_about"),
    )


def downgrade() -> None:
    op.drop_table("enrollment_person_notices")
    op.drop_table("enrollment_incident_records")
    op.drop_table("enrollment_incident_moments")
    op.drop_table("enrollment_incidents")
    op.drop_table("enrollment_cases")
