"""The one database of a deployment: how it is opened, how a transaction runs, how its tables come to be."""

import random
import sqlite3
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError as AlembicError
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from cli.errors import DatabaseFull, DatabaseNewer, DatabaseOutdated, DatabaseUnavailable
from pki.errors import Retryable

T = TypeVar("T")

PACKAGES = ("ca", "enrollment", "transparency", "web")
"""Packages with tables, in the order in which their migrations run; each has a history of its own."""

_ATTEMPTS = 60
_LONGEST_PAUSE = 0.25
_RETRY_SQLSTATES = {"40001", "40P01"}
"""serialization_failure and deadlock_detected (PostgreSQL appendix A): run the transaction again."""
_FULL_SQLSTATES = {"53100", "53000"}


class Database:
    """A pool of connections to SQLite or PostgreSQL.

    `transaction` is durable when it returns: SQLite runs in WAL mode with `synchronous=FULL`, and its write
    transactions begin as IMMEDIATE, so that two writers queue instead of failing half-way.
    """

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        self._sqlite = parsed.get_backend_name() == "sqlite"
        if self._sqlite:
            self.engine: Engine = create_engine(parsed, connect_args={"timeout": 30}, pool_size=20)
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)
        else:
            self.engine = create_engine(
                parsed.set(drivername="postgresql+psycopg"), pool_size=20, max_overflow=20, pool_pre_ping=True
            )

    def transaction(self, body: Callable[[Connection], T]) -> T:
        """Run `body` in one transaction and commit; run it anew where only a race was lost.

        `body` must have no effect outside the connection. Errors: whatever `body` raises (everything is rolled back);
        DatabaseFull, DatabaseUnavailable; Retryable once the attempts are used up.
        """
        return self._run(body, read_only=False)

    def read(self, body: Callable[[Connection], T]) -> T:
        """Run `body` on one consistent state of the database; whatever it wrote would be rolled back."""
        return self._run(body, read_only=True)

    def _run(self, body: Callable[[Connection], T], *, read_only: bool) -> T:
        for attempt in range(_ATTEMPTS):
            try:
                with self.engine.connect() as connection:
                    if read_only:
                        connection = connection.execution_options(jitsuin_read_only=True)
                        if not self._sqlite:
                            connection = connection.execution_options(
                                isolation_level="REPEATABLE READ", postgresql_readonly=True
                            )
                        with connection.begin() as reading:
                            result = body(connection)
                            reading.rollback()
                            return result
                    with connection.begin():
                        return body(connection)
            except Retryable:
                if attempt == _ATTEMPTS - 1:
                    raise
            except DBAPIError as error:
                if not _may_retry(error):
                    raise _named(error) from error
                if attempt == _ATTEMPTS - 1:
                    raise DatabaseUnavailable("busy") from error
            # Full jitter: whoever lost the race comes back at an unforeseeable moment.
            time.sleep(random.uniform(0, min(_LONGEST_PAUSE, 0.002 * 2**attempt)))  # noqa: S311
        raise AssertionError("unreachable")

    def migrate(self) -> None:
        """Bring every package's tables to this version.

        Errors: DatabaseNewer before anything is changed; DatabaseFull, DatabaseUnavailable.
        """
        self._check(allow_older=True)
        for package, scripts in _histories():
            try:
                with self.engine.begin() as connection:
                    scripts.attributes["connection"] = connection
                    scripts.attributes["version_table"] = f"{package}_alembic_version"
                    command.upgrade(scripts, "head")
            except DBAPIError as error:
                raise _named(error) from error

    def check(self) -> None:
        """See that the tables are those of this version. Errors: DatabaseNewer, DatabaseOutdated."""
        self._check(allow_older=False)

    def _check(self, *, allow_older: bool) -> None:
        for package, scripts in _histories():
            directory = ScriptDirectory.from_config(scripts)
            options = {"version_table": f"{package}_alembic_version"}
            found = self.read(
                lambda connection, options=options: MigrationContext.configure(  # type: ignore[misc]
                    connection, opts=options
                ).get_current_revision()
            )
            if found is not None:
                try:
                    directory.get_revision(found)
                except AlembicError as error:
                    raise DatabaseNewer(package, found) from error
            if found != directory.get_current_head() and not allow_older:
                raise DatabaseOutdated(package)

    def close(self) -> None:
        """Give every connection back to the operating system."""
        self.engine.dispose()


def _histories() -> list[tuple[str, Config]]:
    histories = []
    for package in PACKAGES:
        config = Config()
        location = import_module(f"{package}.migrations").__path__[0]
        config.set_main_option("script_location", str(Path(location)))
        config.set_main_option("path_separator", "os")
        histories.append((package, config))
    return histories


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # The driver's own transaction control would begin too late (not before the first write); `_begin_sqlite` does it.
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")


def _begin_sqlite(connection: Connection) -> None:
    deferred = connection.get_execution_options().get("jitsuin_read_only", False)
    connection.exec_driver_sql("BEGIN" if deferred else "BEGIN IMMEDIATE")


def _sqlstate(error: DBAPIError) -> str | None:
    state: Any = getattr(error.orig, "sqlstate", None)
    return state if isinstance(state, str) else None


def _sqlite_code(error: DBAPIError) -> int:
    code = getattr(error.orig, "sqlite_errorcode", 0)
    return code & 0xFF if isinstance(code, int) else 0


def _may_retry(error: DBAPIError) -> bool:
    return _sqlstate(error) in _RETRY_SQLSTATES or _sqlite_code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _named(error: DBAPIError) -> Exception:
    """What the caller is told. The statement and its values may be personal: only the kind of failure is passed on."""
    # The index of SQLite's log is enlarged by another call than its files: a full disk shows there as an I/O error.
    no_index = getattr(error.orig, "sqlite_errorcode", 0) == sqlite3.SQLITE_IOERR_SHMSIZE
    if _sqlstate(error) in _FULL_SQLSTATES or _sqlite_code(error) == sqlite3.SQLITE_FULL or no_index:
        return DatabaseFull()
    unreachable = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_NOTADB)
    if error.connection_invalidated or _sqlite_code(error) in unreachable:
        return DatabaseUnavailable(type(error.orig).__name__)
    if _sqlstate(error) is None and type(error).__name__ == "OperationalError" and not _sqlite_code(error):
        return DatabaseUnavailable(type(error.orig).__name__)
    return error
