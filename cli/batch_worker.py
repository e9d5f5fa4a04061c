"""A process of `jitsuin ca issue-batch`: it takes groups of orders and gives back their outcomes."""

import gc
import os
import secrets
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

from ca import batch
from ca.directory import Directory
from ca.file_key import Passphrase
from ca.issuance import Registrar, Signer
from ca.journal_file import JournaledDatabase, JournalFile
from ca.orders import Order, ServiceOrder
from ca.profiles import PROFILES
from cli.child import end_with_parent
from cli.database import Database
from cli.keys import open_authority_keys
from cli.settings import load_settings
from cli.unlocking import asked_once
from pki.errors import Error
from pki.instant import Instant

Orders = Sequence[Order | ServiceOrder]


class Worker:
    """A registrar and a signer over one deployment, with connections and keys of their own."""

    def __init__(self, folder: Path, opened_with: Passphrase | None) -> None:
        settings = load_settings(folder)
        self._inner = Database(settings.database_url)
        self._inner.check()
        self._database = JournaledDatabase(self._inner, JournalFile(settings.path(settings.status.journal)))
        directory = Directory()
        self._registrar = Registrar(PROFILES, directory, secrets.token_bytes)
        self._signer = Signer(open_authority_keys(settings, secrets.token_bytes, opened_with), PROFILES, directory)

    def issue(self, orders: Orders, at: Instant) -> list[tuple[bool, str]]:
        """For each order whether it was issued, and its outcome as a line of JSON; committed when this returns."""
        groups = batch.issue(self._database, self._registrar, self._signer, orders, at, len(orders))
        return [(outcome.issued is not None, outcome.to_json()) for outcomes in groups for outcome in outcomes]

    def close(self) -> None:
        """Give the connections back."""
        self._inner.close()


_mine: list[Worker | Error] = []
"""What this process works with, or why it cannot: told with the first group, for a pool only says that it broke."""
_inherited: list[Orders] = []
"""What a forked process finds here need not be sent to it and read once more: it is given a group's number."""
_COLLECT_AFTER = 50_000


def _open(folder: Path, opened_with: Passphrase | None) -> Worker:
    worker = Worker(folder, opened_with)
    # What was loaded stays: the collector need not look through it again and again while thousands of orders pass.
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER)
    return worker


def _begin(folder: Path, parent: int, opened_with: Passphrase | None) -> None:
    end_with_parent(parent)
    try:
        _mine.append(_open(folder, opened_with))
    except Error as refused:
        _mine.append(refused)


def _work(group: Orders | int, at: Instant) -> list[tuple[bool, str]]:
    (worker,) = _mine
    if isinstance(worker, Error):
        raise worker
    return worker.issue(_inherited[group] if isinstance(group, int) else group, at)


@contextmanager
def issuing(
    folder: Path, groups: Sequence[Orders], at: Instant, processes: int
) -> Iterator[Iterator[list[tuple[bool, str]]]]:
    """The outcomes of each group in order, worked at by `processes` processes (one: this very one).

    Enter it before threads are started and connections are made. Then the processes are forked, with everything
    imported: a child must share neither connections nor a token's session nor a lock that some thread holds, and this
    process opens no key and no database. Where there are threads already, they begin from nothing.
    """
    opened_with = asked_once(load_settings(folder))
    if processes == 1:
        worker = _open(folder, opened_with)
        try:
            yield (worker.issue(group, at) for group in groups)
        finally:
            worker.close()
        return
    forked = threading.active_count() == 1
    given: Sequence[Orders | int] = range(len(groups)) if forked else groups
    if forked:
        _inherited[:] = groups
    with ProcessPoolExecutor(
        processes, get_context("fork" if forked else "spawn"), _begin, (folder, os.getpid(), opened_with)
    ) as pool:
        try:
            # all are submitted, and so all processes are started, when this returns
            yield pool.map(_work, given, [at] * len(groups))
        finally:
            # whoever leaves early does not wait for groups that nobody began
            pool.shutdown(cancel_futures=True)
            _inherited.clear()
