"""Leases: several instances share scheduled work, each piece done by one of them at a time.

A lease only saves work. That nothing goes wrong when two believe to hold one is the doing of the compare-and-set of CRL
numbers and of the publisher.
"""

from datetime import timedelta

from sqlalchemy import Connection

from ca.store import leases as store
from pki.instant import Instant


def acquire(conn: Connection, name: str, holder: str, at: Instant, span: timedelta) -> int | None:
    """Take or keep the lease `name` for `span`; gives its term, or None while another holder has it.

    A holder that comes back keeps its term; the term grows when the lease passes to another one.
    """
    return store.take_lease(conn, name, holder, at.seconds, (at + span).seconds)


def release(conn: Connection, name: str, holder: str) -> None:
    """Give the lease back before its time; does nothing when it has passed to another."""
    store.end_lease(conn, name, holder)
