"""The one database: what a transaction promises, how a lost race is run again, how a wrong version is told."""

import threading
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from cli.database import PACKAGES, Database
from cli.errors import DatabaseFull, DatabaseNewer, DatabaseOutdated, DatabaseUnavailable
from pki.errors import InvalidValue, Retryable


def rows(database: Database) -> list[int]:
    return database.read(
        lambda connection: list(connection.execute(text("SELECT a FROM scratch ORDER BY a")).scalars())
    )


@pytest.fixture
def scratch(database: Database) -> Database:
    database.transaction(lambda connection: connection.execute(text("CREATE TABLE scratch (a INTEGER PRIMARY KEY)")))
    return database


def test_a_transaction_is_all_or_nothing(scratch: Database) -> None:
    def torn(connection: Connection) -> None:
        connection.execute(text("INSERT INTO scratch VALUES (1)"))
        raise InvalidValue("something after it")

    with pytest.raises(InvalidValue):
        scratch.transaction(torn)
    assert rows(scratch) == []
    scratch.transaction(lambda connection: connection.execute(text("INSERT INTO scratch VALUES (2)")))
    assert rows(scratch) == [2]


def test_a_read_leaves_nothing_behind(sqlite_database: Database) -> None:
    sqlite_database.transaction(lambda connection: connection.execute(text("CREATE TABLE scratch (a INTEGER)")))
    sqlite_database.read(lambda connection: connection.execute(text("INSERT INTO scratch VALUES (1)")))
    assert rows(sqlite_database) == []


def test_a_lost_race_is_run_again_from_the_start_and_not_for_ever(scratch: Database) -> None:
    tries = []

    def second_time_lucky(connection: Connection) -> str:
        tries.append(1)
        connection.execute(text("INSERT INTO scratch VALUES (:a)"), {"a": len(tries)})
        if len(tries) < 3:
            raise Retryable
        return "done"

    assert scratch.transaction(second_time_lucky) == "done"
    assert rows(scratch) == [3]

    def never(_connection: Connection) -> None:
        tries.append(1)
        raise Retryable

    tries.clear()
    with pytest.raises(Retryable):
        scratch.transaction(never)
    assert 1 < len(tries) < 1000


def test_writers_at_once_lose_no_update(scratch: Database) -> None:
    scratch.transaction(lambda connection: connection.execute(text("INSERT INTO scratch VALUES (0)")))

    def add(connection: Connection) -> None:
        held = connection.execute(text("SELECT max(a) FROM scratch")).scalar_one()
        if not connection.execute(
            text("UPDATE scratch SET a = :new WHERE a = :old"), {"new": held + 1, "old": held}
        ).rowcount:
            raise Retryable

    threads = [threading.Thread(target=lambda: [scratch.transaction(add) for _ in range(5)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rows(scratch) == [40]


@pytest.mark.parametrize("package", PACKAGES)
def test_tables_of_another_version_are_told_apart(sqlite_database: Database, package: str) -> None:
    sqlite_database.check()
    change = text(f"UPDATE {package}_alembic_version SET version_num = '9999'")
    sqlite_database.transaction(lambda connection: connection.execute(change))
    for look in (sqlite_database.check, sqlite_database.migrate):
        with pytest.raises(DatabaseNewer) as caught:
            look()
        assert (caught.value.package, caught.value.revision) == (package, "9999")


def test_a_database_without_tables_is_outdated_until_it_is_migrated(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'new.db'}")
    with pytest.raises(DatabaseOutdated):
        database.check()
    database.migrate()
    database.migrate()
    database.check()
    database.close()


def test_what_cannot_be_opened_is_named_without_its_address(tmp_path: Path) -> None:
    for url in (f"sqlite:///{tmp_path}/nowhere/x.db", f"postgresql://somebody:secret@/x?host={tmp_path}"):
        database = Database(url)
        with pytest.raises(DatabaseUnavailable) as caught:
            database.read(lambda connection: connection.execute(text("SELECT 1")))
        assert "secret" not in str(caught.value)
        database.close()


def test_a_full_disk_is_named(sqlite_database: Database) -> None:
    def grow(connection: Connection) -> None:
        connection.execute(text("PRAGMA max_page_count = 1"))
        connection.execute(text("CREATE TABLE big (a BLOB)"))
        connection.execute(text("INSERT INTO big VALUES (zeroblob(1000000))"))

    with pytest.raises(DatabaseFull):
        sqlite_database.transaction(grow)
