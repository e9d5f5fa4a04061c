"""The tables that the migrations make are those that the code speaks to."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from enrollment.store import tables_cards, tables_care, tables_disclosure, tables_terms  # noqa: F401  (METADATA's too)
from enrollment.store.tables import METADATA


def test_the_migrations_make_exactly_these_tables(database):
    def ours(name, kind, _parents):
        return kind != "table" or (name.startswith("enrollment_") and name != "enrollment_alembic_version")

    with database.engine.connect() as conn:
        context = MigrationContext.configure(conn, opts={"include_name": ours, "compare_type": True})
        assert compare_metadata(context, METADATA) == []


def test_the_checks_of_the_ledger_are_in_the_database(database):
    checks = {check["name"] for check in inspect(database.engine).get_check_constraints("enrollment_ledger")}
    assert {"ck_enrollment_ledger_cap", "ck_enrollment_ledger_place_has_cap"} <= checks
    keys = {key["name"] for key in inspect(database.engine).get_unique_constraints("enrollment_ledger")}
    assert "uq_enrollment_ledger_place" in keys


def test_every_table_says_how_it_would_be_spread():
    for table in METADATA.sorted_tables:
        assert table.info["shard"] in ("person", "owner", "reference", "card_id"), table.name
        if table.info["shard"] == "person" and "person" not in table.c:
            assert table.name in ("enrollment_idempotency", "enrollment_outbox"), table.name
