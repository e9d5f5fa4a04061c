"""A cheap look at the journal's head: one prepared statement on one connection of its own, for each batch of requests.

SQLAlchemy's own way costs forty times as much as the statement; this is the hottest statement of all.
"""

from collections.abc import Callable
from typing import Any

_HEAD = "SELECT position, digest FROM ca_journal_head"


class HeadWatch:
    """Reads the head as it is committed now. Not for several threads at once.

    `connect` gives a DBAPI connection (sqlite3 or psycopg) that nobody else uses. A connection that fails is thrown
    away, and a new one made at the next look.
    """

    def __init__(self, connect: Callable[[], Any]) -> None:
        self._connect = connect
        self._cursor: Any = None

    def head(self) -> tuple[int, str]:
        """Position and digest. Errors: the driver's own, when the database cannot be asked."""
        if self._cursor is None:
            connection = self._connect()
            if hasattr(connection, "autocommit") and not hasattr(connection, "executescript"):
                connection.autocommit = True
            self._cursor = connection.cursor()
        try:
            row = self._cursor.execute(_HEAD).fetchone()
        except Exception:
            self._cursor = None
            raise
        return row[0], row[1]
