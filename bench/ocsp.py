"""OCSP over HTTP: ours beside cfssl, nginx and openssl, the same 10,000 certificates, wrk as client, in one run.

    python -m bench.ocsp [SECONDS]

pre-signed   no nonce: `jitsuin responder` with 2 workers, `cfssl ocspserve`, nginx with a file of the same size
live         a nonce in each request: `jitsuin responder`, `openssl ocsp -multi 2`
Each target is measured in turn, three rounds; medians are printed, ratios last. Errors must be none.

wrk is the client of all. `openssl ocsp` is started anew for each of its runs: when wrk leaves, it closes connections on
which nothing was asked, and one such connection makes a worker of openssl's hang for good. Within a run all is well.
"""

import base64
import contextlib
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ca.directory import Directory
from ca.ocsp_pack import Pack
from ca.profiles import KeyShape
from cli.clock import SystemClock
from cli.database import Database
from cli.keys import open_responder_keys
from cli.settings import load_settings
from pki.certificate import Certificate
from tests.ca.ocsp_requests import request_for
from tests.ca.status_world import World, key

COUNT = 10_000
ROUNDS = 3
CONNECTIONS = 64

POST, GET, LIVE = "ours, pre-signed POST", "ours, pre-signed GET", "ours, live with nonce"
CFSSL, NGINX, OPENSSL = "cfssl ocspserve POST", "nginx, a file of the same size", "openssl ocsp -multi 2"
GOALS = ((POST, CFSSL, 5.0), (GET, CFSSL, 5.0), (POST, NGINX, 0.9), (GET, NGINX, 0.9), (LIVE, OPENSSL, 4.0))
"""How many times as many answers a second as whom, at least. cfssl fails most GETs: its POST stands for both."""
P99_GOAL = 5.0
"""Milliseconds, at half of the highest rate."""

LUA = """
local requests, n = {{}}, 0
local function unhex(s) return (s:gsub('..', function(c) return string.char(tonumber(c, 16)) end)) end
function init(args)
  for line in io.lines("{file}") do
    n = n + 1
    local method, path, body = line:match("^(%S+) (%S+) ?(%S*)$")
    local headers = {{["Host"] = "x"}}
    if method == "POST" then headers["Content-Type"] = "application/ocsp-request" end
    requests[n] = wrk.format(method, path, headers, body ~= "" and unhex(body) or nil)
  end
  at = math.random(n)
end
function request() at = at % n + 1; return requests[at] end
{delay}
function done(summary, latency, requests)
  io.write(string.format("RESULT %d %d %d %d %d\\n", summary.requests, summary.duration, latency:percentile(99),
    summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
"""


@dataclass(frozen=True)
class Measured:
    """One run of wrk: requests a second, the 99th percentile in milliseconds, answers and connections that failed."""

    rate: float
    p99: float
    bad: int
    cost: float
    """Processor time of the server for one request, in microseconds: steadier than the rate on a busy machine."""


def family(pid: int) -> list[int]:
    """A process and all its descendants."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += family(int(child))
    return found


def processor_seconds(pid: int) -> float:
    """What a server and its workers have used so far, user and system."""
    ticks = 0
    for one in family(pid):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wrk(folder: Path, server: "Server", requests: Path, seconds: float, delay: int = 0) -> Measured:
    """`delay` milliseconds of rest of each connection between two requests."""
    url = server.url
    script = folder / "script.lua"
    wait = f"function delay() return {delay} end" if delay else ""
    script.write_text(LUA.format(file=requests, delay=wait))
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:.0f}s", "--timeout", "5s", "-s", str(script), url]
    before = processor_seconds(server.pid)
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    used = processor_seconds(server.pid) - before
    found = re.search(r"RESULT (\d+) (\d+) (\d+) (\d+) (\d+)", ran.stdout)
    assert found, f"{url}: {ran.stdout}{ran.stderr}"
    count, micros, p99, status, broken = map(int, found.groups())
    return Measured(count / micros * 1e6, p99 / 1000, status + broken, used / max(1, count) * 1e6)


def wait_port(port: int, log: Path, patience: float = 30) -> None:
    """Until somebody listens; seen from outside, since openssl hangs for good after a connection without a request."""
    wanted = f":{port:04X} "
    end = time.monotonic() + patience
    while time.monotonic() < end:
        for table in ("/proc/net/tcp", "/proc/net/tcp6"):
            if any(wanted in line and " 0A " in line for line in Path(table).read_text().splitlines()):
                return
        time.sleep(0.05)
    raise TimeoutError(log.read_text())


@contextlib.contextmanager
def running(command: list[str], log: Path, *, session: bool = True) -> Iterator["subprocess.Popen[bytes]"]:
    with log.open("wb") as out:
        # A group of its own: workers outlive their parent unless the whole group is told. openssl makes one itself,
        # and gives up when it leads a session already.
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=out, start_new_session=session)
        try:
            yield process
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            assert process.stdout is not None
            process.stdout.close()


@dataclass(frozen=True)
class Server:
    """Somebody who answers."""

    url: str
    pid: int


class Bench:
    """A deployment with 10,000 certificates, and everything that the peers need of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        place = folder / "deployment"
        self._cli("init", str(place))
        self.place = place
        settings = load_settings(place)
        database = Database(settings.database_url)
        authority = next(one for one in database.read(Directory().all) if one.id.startswith("signature"))
        assert authority.certificate is not None
        self.authority, self.root = authority.id, authority.certificate
        stand_in = key("stand-in", KeyShape.P256)
        world = World(database, secrets.token_bytes, self.root, stand_in, self.root, stand_in, authority.id)
        self.serials = world.issue(COUNT)
        from ca.journal_file import JournalFile

        JournalFile(settings.path(settings.status.journal)).settle(database)
        responder = database.read(lambda conn: Directory().responder(conn, authority.id, SystemClock().now()))
        assert responder.certificate is not None
        self.responder: Certificate = responder.certificate
        private = open_responder_keys(settings, secrets.token_bytes).open(responder.key_label)._private  # type: ignore[attr-defined]
        (folder / "responder.key").write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        (folder / "responder.pem").write_bytes(self.responder.x509.public_bytes(Encoding.PEM))
        (folder / "root.pem").write_bytes(self.root.x509.public_bytes(Encoding.PEM))
        database.close()
        self._cli("responder", "presign", str(place))
        self.pack = Pack(place / "ocsp-packs" / f"{authority.id}-sha1")
        self._write_requests()

    def _cli(self, *arguments: str) -> None:
        subprocess.run([sys.executable, "-P", "-m", "cli", *arguments], check=True, capture_output=True)

    def _write_requests(self) -> None:
        bare = [request_for(self.root, serial) for serial in self.serials]
        nonce = [request_for(self.root, serial, nonce=secrets.token_bytes(16)) for serial in self.serials]
        path = f"/ocsp/{self.authority}"
        self.posts = self._requests("posts", [f"POST {path} {one.hex()}" for one in bare])
        self.gets = self._requests(
            "gets", [f"GET {path}/{quote(base64.b64encode(one).decode(), safe='')}" for one in bare]
        )
        self.nonces = self._requests("nonces", [f"POST {path} {one.hex()}" for one in nonce])
        self.root_posts = self._requests("root-posts", [f"POST / {one.hex()}" for one in bare])
        self.root_nonces = self._requests("root-nonces", [f"POST / {one.hex()}" for one in nonce])
        self.file_gets = self._requests("file-gets", ["GET /answer"])

    def _requests(self, name: str, lines: list[str]) -> Path:
        path = self.folder / name
        path.write_text("\n".join(lines) + "\n")
        return path

    @contextlib.contextmanager
    def ours(self) -> Iterator[Server]:
        line = [sys.executable, "-P", "-m", "cli", "responder", "serve", str(self.place)]
        line += ["--listen", "127.0.0.1:0", "--workers", "2", "--json"]
        with running(line, self.folder / "ours.log") as process:
            assert process.stdout is not None
            yield Server(str(json.loads(process.stdout.readline())["url"]), process.pid)

    @contextlib.contextmanager
    def cfssl(self) -> Iterator[Server]:
        answers = self.folder / "answers"
        answers.write_text("\n".join(base64.b64encode(one).decode() for one in self.pack.answers()) + "\n")
        port = free_port()
        line = ["cfssl", "ocspserve", "-address", "127.0.0.1", "-port", str(port), "-responses", str(answers)]
        with running([*line, "-loglevel", "5"], self.folder / "cfssl.log") as process:
            wait_port(port, self.folder / "cfssl.log")
            yield Server(f"http://127.0.0.1:{port}", process.pid)

    @contextlib.contextmanager
    def nginx(self) -> Iterator[Server]:
        root = self.folder / "www"
        root.mkdir()
        (root / "answer").write_bytes(next(self.pack.answers()))
        port = free_port()
        config = self.folder / "nginx.conf"
        config.write_text(
            f"worker_processes 2; daemon off; pid {self.folder}/nginx.pid; error_log {self.folder}/nginx.err;\n"
            "events { worker_connections 1024; }\n"
            "http { access_log off; keepalive_requests 100000000; open_file_cache max=10; default_type "
            f"application/ocsp-response; server {{ listen 127.0.0.1:{port}; root {root}; }} }}\n"
        )
        root.chmod(0o755)
        self.folder.chmod(0o755)
        with running(["nginx", "-c", str(config)], self.folder / "nginx.log") as process:
            wait_port(port, self.folder / "nginx.log")
            yield Server(f"http://127.0.0.1:{port}", process.pid)

    @contextlib.contextmanager
    def openssl(self) -> Iterator[Server]:
        index = self.folder / "index.txt"
        index.write_text("".join(f"V\t360101000000Z\t\t{serial:X}\tunknown\t/CN=x\n" for serial in self.serials))
        index.with_suffix(".txt.attr").write_text("unique_subject = no\n")
        port = free_port()
        line = ["openssl", "ocsp", "-port", str(port), "-index", str(index), "-CA", str(self.folder / "root.pem")]
        line += ["-rsigner", str(self.folder / "responder.pem"), "-rkey", str(self.folder / "responder.key")]
        with running(
            [*line, "-multi", "2", "-nmin", "10", "-timeout", "1"], self.folder / "openssl.log", session=False
        ) as process:
            wait_port(port, self.folder / "openssl.log")
            time.sleep(0.5)  # a worker process each, forked after the socket
            yield Server(f"http://127.0.0.1:{port}", process.pid)


def main(seconds: float) -> None:
    missing = [one for one in ("wrk", "cfssl", "nginx", "openssl") if shutil.which(one) is None]
    if missing:
        sys.exit(f"not installed: {', '.join(missing)}")
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        bench = Bench(Path(name))
        ours, cfssl = stack.enter_context(bench.ours()), stack.enter_context(bench.cfssl())
        nginx = stack.enter_context(bench.nginx())
        targets: dict[str, tuple[Callable[[], AbstractContextManager[Server]], Path]] = {
            POST: (lambda: nullcontext(ours), bench.posts),
            GET: (lambda: nullcontext(ours), bench.gets),
            CFSSL: (lambda: nullcontext(cfssl), bench.root_posts),
            NGINX: (lambda: nullcontext(nginx), bench.file_gets),
            LIVE: (lambda: nullcontext(ours), bench.nonces),
            OPENSSL: (bench.openssl, bench.root_nonces),
        }
        runs: dict[str, list[Measured]] = {name: [] for name in targets}
        for number in range(ROUNDS + 1):
            for label, (serving, requests) in targets.items():
                with serving() as server:
                    measured = wrk(bench.folder, server, requests, seconds if number else 2)
                if number:  # the first is to warm up
                    runs[label].append(measured)
        rate = {label: median(run.rate for run in found) for label, found in runs.items()}
        print(f"{COUNT} certificates, 2 workers, {CONNECTIONS} connections, {ROUNDS} × {seconds:g} s, medians")
        print(f"answer {len(next(bench.pack.answers()))} octets, responder {_kind(bench.responder)}")
        for label, found in runs.items():
            bad = sum(run.bad for run in found)
            spread = f"{min(run.rate for run in found):,.0f}..{max(run.rate for run in found):,.0f}"
            p99 = median(run.p99 for run in found)
            cost = median(run.cost for run in found)
            line = f"  {label:32} {rate[label]:10,.0f}/s ({spread})  p99 {p99:7.2f} ms  errors {bad}"
            print(f"{line}  {cost:6.1f} µs of processor a request")
        delay = max(1, round(CONNECTIONS / (rate[POST] / 2) * 1000))
        halves = [wrk(bench.folder, ours, bench.posts, seconds, delay) for _ in range(ROUNDS)]
        half = median(run.p99 for run in halves)
        print(f"  ours at {median(run.rate for run in halves):,.0f}/s (half of the highest or less): p99 {half:.2f} ms")
        if any(run.bad for found in (*runs.values(), halves) for run in found):
            sys.exit("errors: the figures say nothing")
        costs = {label: median(run.cost for run in found) for label, found in runs.items()}
        verdict = "met" if half <= P99_GOAL else "NOT MET"
        print(f"p99 at half of the highest rate {half:.2f} ms (goal {P99_GOAL:g}: {verdict})")
        for mine, theirs, goal in GOALS:
            ratio, processor = rate[mine] / rate[theirs], costs[theirs] / costs[mine]
            verdict = "met" if ratio >= goal else "NOT MET"
            line = f"ratio {mine} / {theirs}: a second {ratio:.2f} (goal {goal:g}: {verdict})"
            print(f"{line}, a processor second {processor:.2f}")


def _kind(certificate: Certificate) -> str:
    return type(x509.load_der_x509_certificate(certificate.der).public_key()).__name__


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 5.0)
