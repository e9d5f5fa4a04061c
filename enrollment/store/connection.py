"""What this package asks of a database, and how a lost race looks on each engine."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

__all__ = ["Connection", "Database", "Within", "is_unique_violation"]

T = TypeVar("T")


class Database(Protocol):
    """Runs bodies in transactions.

    Guarantees: `transaction` commits what the body did in full or not at all, and is durable when it returns; a body
    that raises `pki.errors.Retryable`, or that loses a race inside the engine, is run again from the start with a
    fresh view, a bounded number of times. A body does no other I/O. Many threads and processes may call at once.
    """

    def transaction(self, body: Callable[[Connection], T]) -> T:
        """Run `body` and commit it."""
        ...

    def read(self, body: Callable[[Connection], T]) -> T:
        """Run `body`, which only reads."""
        ...


@dataclass(frozen=True, slots=True)
class Within:
    """The caller's own transaction, for what asks for a database: it is all or nothing with the caller's."""

    conn: Connection

    def transaction(self, body: Callable[[Connection], T]) -> T:
        """Run `body` here."""
        return body(self.conn)

    def read(self, body: Callable[[Connection], T]) -> T:
        """Run `body` here."""
        return body(self.conn)


def is_unique_violation(error: IntegrityError) -> bool:
    """Whether a key was already taken (SQLSTATE 23505), as against a check or a reference that does not hold."""
    if getattr(error.orig, "sqlstate", None) is not None:
        return getattr(error.orig, "sqlstate", None) == "23505"
    return "UNIQUE constraint failed" in str(error.orig)
