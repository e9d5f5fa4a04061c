"""Runs this package's migrations over the connection it is handed; it never opens one itself."""

from alembic import context
from sqlalchemy import Connection

from enrollment.store import tables_cards, tables_care, tables_disclosure, tables_terms  # noqa: F401  (METADATA's too)
from enrollment.store.tables import METADATA


def _ours(name: str | None, kind: str, _parents: object) -> bool:
    """Each package looks at its own tables only: several histories share one database."""
    ours = name is not None and name.startswith("enrollment_") and name != "enrollment_alembic_version"
    return kind != "table" or ours


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=METADATA,
        version_table="enrollment_alembic_version",
        include_name=_ours,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


_run(context.config.attributes["connection"])
