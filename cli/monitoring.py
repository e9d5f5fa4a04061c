"""The door for those who watch: metrics, health and readiness, on an address of its own (`service.metrics_listen`).

    GET /metrics   Prometheus' text format: what the database knows, what this process counted, and what the signing
                   process beside it wrote into a file: it listens to nobody
    GET /health    the process answers
    GET /ready     everything that it needs answers too

Nothing here tells anything of a person or of who asked what.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta

from ca import inventory
from ca.directory import Database
from ca.metrics import Family, counter, crl_families, gauge, report_families, text
from cli.listening import address_of, open_socket, run_server
from cli.office_numbers import office_families
from cli.settings import Settings
from cli.status_plane import Responders
from cli.tally import signing_file
from pki.instant import Clock, Instant
from web.application import Frame, compose
from web.metrics import make_metrics_router

_COUNTED_ANEW = timedelta(seconds=60)
"""Counting all certificates takes a while in a large installation: so often at most."""
SIGNING_SILENT = timedelta(seconds=60)
"""A signing process that wrote nothing for so long is not ready."""

Families = Callable[[], list[Family]]


class Watched:
    """A process's numbers: `database` for what everybody knows, the rest for what this one counted.

    `office`: whether this process serves officers; another one may have no right to ask what waits for them.
    """

    def __init__(
        self, settings: Settings, database: Database, clock: Clock, responders: Responders | None, *, office: bool
    ) -> None:
        self._office = office
        self._settings, self._database, self._clock, self._responders = settings, database, clock, responders
        self._report: tuple[Instant, list[Family]] | None = None
        self._lock = threading.Lock()

    def metrics(self) -> str:
        """Everything as text. Errors: the database's."""
        at = self._clock.now()
        with self._lock:
            if self._report is None or at >= self._report[0] + _COUNTED_ANEW:
                self._report = (at, report_families(inventory.report(self._database, at)))
            families = list(self._report[1])
        families += self._database.read(lambda conn: crl_families(conn, at))
        families += self._database.read(lambda conn: office_families(conn, at)) if self._office else []
        families += [] if self._responders is None else [self._answered(self._responders)]
        told = text(families)
        try:
            return told + signing_file(self._settings).read_text("utf-8")
        except OSError:
            return told  # no signing process here: its own host tells

    def _answered(self, responders: Responders) -> Family:
        samples = [
            ({"authority": name, "outcome": outcome}, number)
            for name, one in responders.items()
            for outcome, number in sorted(one.answered.items())
        ]
        return counter("jitsuin_ocsp_answers_total", "OCSP answers by authority and outcome.", *samples)

    def signing_lives(self) -> None:
        """Whether the signing process looked lately. Errors: RuntimeError, OSError."""
        at, line = self._clock.now(), "jitsuin_signing_round_timestamp_seconds "
        for each in signing_file(self._settings).read_text("utf-8").splitlines():
            if each.startswith(line) and at < Instant(int(each.removeprefix(line))) + SIGNING_SILENT:
                return
        raise RuntimeError("the signing process is silent")


def worker_families(workers: Mapping[int, Mapping[str, int]], alive: int) -> list[Family]:
    """What the fast responder's workers told their parent, each under its number."""
    names = sorted({name for numbers in workers.values() for name in numbers})
    found = [gauge("jitsuin_ocsp_workers", "Workers that answer OCSP.", ({}, alive))]
    for name in names:
        make = counter if name.endswith("_total") else gauge
        samples = [
            ({"worker": str(worker)}, numbers[name]) for worker, numbers in sorted(workers.items()) if name in numbers
        ]
        found.append(make(f"jitsuin_ocsp_{name}", _ABOUT.get(name, "Counted by a worker."), *samples))
    return found


_ABOUT = {
    "requests_total": "Requests answered.",
    "kept_total": "Answers given out that were kept.",
    "made_total": "Answers made, live or out of a pack.",
    "refused_total": "Requests that HTTP refused.",
    "cut_total": "Connections cut off for their slowness.",
    "connections_total": "Connections taken.",
    "refreshes_total": "Looks at the database that succeeded.",
    "unsure_total": "Looks at the database that failed: then tryLater is said.",
    "connections_open": "Connections that are open.",
    "sure": "1 while the last look at the database succeeded.",
    "status_age_seconds": "Seconds since the last look at the database that succeeded; -1 before the first.",
}


@contextmanager
def watching(
    address: str | None,
    metrics: Callable[[], str],
    checks: Mapping[str, Callable[[], object]],
    random: Callable[[int], bytes],
    stopwatch: Callable[[], float],
) -> Iterator[str | None]:
    """Answer at `address` from a thread until the end of the block; gives where it listens, None without an address.

    Errors: PortTaken, AddressUnusable.
    """
    if address is None:
        yield None
        return
    routers = [make_metrics_router(metrics)]
    application = compose("Jitsuin, watched", routers, Frame(random, stopwatch, checks=checks))
    over, begun = threading.Event(), threading.Event()
    with open_socket(address) as listener:
        where = address_of(listener)
        thread = threading.Thread(
            target=run_server,
            args=(application, listener, begun.set, over.is_set),
            kwargs={"signals": False},
            daemon=True,
        )
        thread.start()
        begun.wait(10)
        try:
            yield where
        finally:
            over.set()
            thread.join(10)
