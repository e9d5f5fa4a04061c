"""The tables of this package: relying parties with their verifications and calls; the pages' sessions and work."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from sqlalchemy import Connection

from web.store.tables_training import METADATA

_T = TypeVar("_T")


class Database(Protocol):
    """A database whose `transaction` is durable when it returns and runs its body again after a lost race."""

    def transaction(self, body: Callable[[Connection], _T]) -> _T: ...

    def read(self, body: Callable[[Connection], _T]) -> _T: ...


__all__ = ["METADATA", "Connection", "Database"]
