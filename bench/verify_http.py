"""Verifications through HTTP: two real workers behind one socket, beside the same verifications made in this process.

    python -m bench.verify_http [--requests 6000] [--filings 4400] [--connections 4] [--long]

A request is a CMS filing over 10 kB with its evidence (issuer, CRL, OCSP answer), as JSON to POST /v1/verifications;
the answer is the whole report. There are more filings than the engine keeps, so that no signer is met again while it is
known; the CA and its responder are known, as they are to any server that runs for a while.

Counted is processor time: of the two workers together (/proc/PID/stat) for one request, and of two processes that
verify without HTTP, both at once, for one verification; the ratio is that of the rates of a core. (One process alone
would have caches and memory to itself, which no worker has.) The rate on the clock is printed beside it, but the client
shares the two cores with the workers. Memory is the workers' resident set (/proc/PID/status), looked at while they
work: after the first tenth, in which the tables fill, it must stay. --long: 200,000 requests.
"""

import argparse
import base64
import json
import os
import secrets
import signal
import socket
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from bench.verify import DOCUMENT, Filing, Office, make_office
from cli.listening import open_socket, run_server
from pki.compiled import modules
from pki.instant import Instant
from pki.purpose import Purpose
from tests.verifier.filing_world import AT, SIGNATURE_POLICY
from verifier.anchors import anchor_of
from verifier.evidence import Evidence
from verifier.judge import Trust
from verifier.policy import Policy
from web.application import Frame, compose
from web.filing_check import FilingCheck
from web.relying_party import make_relying_party_router

WORKERS = 2
GOAL = 0.6
LONG = 200_000
GROWTH = 1.05
"""How much larger the workers may be at the end than after the first tenth."""


class _Still:
    """A clock that stands at the time of the filings: they are years away from now, and judged as of then anyway."""

    def now(self) -> Instant:
        return AT


def check_of(office: Office) -> FilingCheck:
    """What a worker verifies with; offline, for each request brings its evidence."""
    return FilingCheck(
        {purpose: Trust([anchor_of(office.root)]) for purpose in Purpose},
        {purpose: Policy(certificate_policies=frozenset({SIGNATURE_POLICY})) for purpose in Purpose},
        None,
        None,
    )


def evidence_of(office: Office, filing: Filing) -> Evidence:
    return Evidence((office.issuer,), (office.crl,), (filing.ocsp,))


def request_of(office: Office, filing: Filing) -> bytes:
    """The whole request as it goes over the line."""
    body = json.dumps(
        {
            "document": base64.b64encode(DOCUMENT).decode(),
            "signature": base64.b64encode(filing.signature).decode(),
            "evidence": evidence_of(office, filing).to_json(),
        }
    ).encode()
    head = (
        "POST /v1/verifications HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


# ---- the server


@contextmanager
def workers(office: Office, listener: socket.socket) -> Iterator[list[int]]:
    """Process numbers of the workers, which end with the block."""
    pids = []
    try:
        for _ in range(WORKERS):
            pid = os.fork()
            if pid == 0:
                try:
                    router = make_relying_party_router(check_of(office), _Still())
                    application = compose("bench", [router], Frame(secrets.token_bytes, time.monotonic))
                    run_server(application, listener, lambda: None, lambda: False)
                finally:
                    os._exit(0)
            pids.append(pid)
        yield pids
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGTERM)
        for pid in pids:
            os.waitpid(pid, 0)


def processor_seconds(pids: list[int]) -> float:
    """What the workers have used so far, user and system."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def resident_octets(pids: list[int]) -> int:
    """Memory of the workers, together."""
    found = 0
    for pid in pids:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        found += next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))
    return found


# ---- the client


@dataclass
class Counter:
    """How many requests are still to be sent, how many were answered, and what was wrong."""

    left: int
    answered: int = 0
    wrong: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self) -> int | None:
        with self.lock:
            if self.left == 0 or self.wrong:
                return None
            self.left -= 1
            return self.left


def send(address: tuple[str, int], requests: list[bytes], counter: Counter) -> None:
    """One connection: request, answer, request."""
    with socket.create_connection(address) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while (number := counter.take()) is not None:
            line.sendall(requests[number % len(requests)])
            head, answer = _answer(line)
            if not head.startswith(b"HTTP/1.1 200") or b'"indication":"PASSED"' not in answer.replace(b": ", b":"):
                counter.wrong.append(f"{head[:40]!r} {answer[:200]!r}")
                return
            with counter.lock:
                counter.answered += 1


def _answer(line: socket.socket) -> tuple[bytes, bytes]:
    got = b""
    while b"\r\n\r\n" not in got:
        more = line.recv(1 << 16)
        if not more:
            return got, b""
        got += more
    head, _, body = got.partition(b"\r\n\r\n")
    length = next(
        int(row.partition(b":")[2]) for row in head.split(b"\r\n") if row.lower().startswith(b"content-length:")
    )
    parts, size = [body], len(body)
    while size < length:
        more = line.recv(1 << 16)
        if not more:
            break
        parts.append(more)
        size += len(more)
    return head, b"".join(parts)


def run(address: tuple[str, int], requests: list[bytes], count: int, connections: int, watch: list[tuple[int, int]],
        pids: list[int]) -> float:  # fmt: skip
    """Send `count` requests; the seconds that it took. `watch` is given (answered, octets of memory) as it goes."""
    counter = Counter(count)
    threads = [threading.Thread(target=partial(send, address, requests, counter)) for _ in range(connections)]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    step, next_look = max(1, count // 40), 0
    while any(thread.is_alive() for thread in threads):
        if counter.answered >= next_look:
            watch.append((counter.answered, resident_octets(pids)))
            next_look = counter.answered + step
        time.sleep(0.01)
    for thread in threads:
        thread.join()
    if counter.wrong or counter.answered != count:
        raise AssertionError(counter.wrong or f"{counter.answered} of {count} answered")
    return time.monotonic() - begun


# ----


def in_processes(office: Office, filings: tuple[Filing, ...]) -> float:
    """Microseconds of processor time for one verification without HTTP, in as many processes as there are workers."""
    with get_context("fork").Pool(WORKERS) as pool:
        return statistics.fmean(pool.starmap(in_process, [(office, filings)] * WORKERS, chunksize=1))


def in_process(office: Office, filings: tuple[Filing, ...]) -> float:
    """Microseconds of processor time for one verification here, CA and responder known."""
    check, spent = check_of(office), []
    for filing in filings:
        begun = time.thread_time_ns()
        report = check.filing(DOCUMENT, filing.signature, AT, evidence=evidence_of(office, filing), online=False)
        spent.append(time.thread_time_ns() - begun)
        if not report.passed:
            raise AssertionError(report.reason)
    return statistics.fmean(spent[len(spent) // 20 :]) / 1000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Verifications through HTTP.")
    parser.add_argument("--requests", type=int, default=6000)
    parser.add_argument("--filings", type=int, default=4400)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--long", action="store_true", help=f"{LONG:,} requests, to see that memory stays")
    asked = parser.parse_args()
    count = LONG if asked.long else asked.requests
    office = make_office(asked.filings)
    requests = [request_of(office, filing) for filing in office.filings]
    alone, through, walls = [], [], []
    watch: list[tuple[int, int]] = []
    sample = office.filings[: max(200, min(2000, asked.filings // asked.rounds))]
    with open_socket("127.0.0.1:0") as listener, workers(office, listener) as pids:
        address = listener.getsockname()[:2]
        run(address, requests, max(200, count // 10), asked.connections, watch, pids)  # tables fill, code is loaded
        watch.clear()
        for number in range(asked.rounds):
            alone.append(in_processes(office, sample))
            before = processor_seconds(pids)
            seen: list[tuple[int, int]] = []
            took = run(address, requests, count // asked.rounds, asked.connections, seen, pids)
            through.append((processor_seconds(pids) - before) / (count // asked.rounds) * 1e6)
            walls.append(count // asked.rounds / took)
            done = number * (count // asked.rounds)
            watch += [(done + answered, octets) for answered, octets in seen]
    here, there = statistics.median(alone), statistics.median(through)
    settled = statistics.median([octets for answered, octets in watch if answered <= count // 5])
    last = statistics.median([octets for answered, octets in watch if answered >= count * 4 // 5])
    print(f"{asked.filings} filings of {len(DOCUMENT)} octets, {count} requests of {len(requests[0])} octets, ", end="")
    print(f"{asked.connections} connections, {WORKERS} workers; medians of {asked.rounds} rounds")
    print(f"of ours {sum(1 for _ in modules())} modules are compiled")
    print(f"in process    {here:7.0f} µs of processor time   {1e6 / here:6.0f}/s a core")
    print(f"through HTTP  {there:7.0f} µs of processor time   {1e6 / there:6.0f}/s a core", end="   ")
    print(f"{statistics.median(walls):6.0f}/s on the clock, client beside")
    print(f"memory of the workers {settled / 2**20:.0f} MiB at first, {last / 2**20:.0f} MiB at the end: ", end="")
    print(f"{last / settled:.3f} ×", end=" ")
    print(f"(wanted: at most {GROWTH})" if asked.long else "(the tables still fill: --long tells)")
    print(f"{here / there:.2f} × the in-process rate of a core (wanted: {GOAL})")


if __name__ == "__main__":
    main()
