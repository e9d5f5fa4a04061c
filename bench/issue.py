"""Issuing in bulk beside `cfssl serve` (Debian golang-cfssl): the same requests, the same kind of CA, in one run.

    python -m bench.issue [ORDERS]

ours     `jitsuin ca issue-batch --processes 2`: proves possession, builds, lints, stores the intent, signs, compares,
         stores the certificate and its journal entry, each group durable before it counts (SQLite WAL, FULL)
theirs   `cfssl serve`, POST /api/v1/cfssl/sign, wrk as client: proves possession and signs; it neither lints nor stores

Every card has a key of its own, every person a name, birthday and address of their own. Two figures each: certificates
per second of wall time (for ours of the whole command, start-up included), and per second of processor time (for ours
without start-up: a batch of a tenth of the orders is measured and subtracted). On a machine that others use, only the
second one says something. Three rounds in turns, medians, ratios and goals last.
"""

import base64
import json
import os
import re
import resource
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import combinations, islice
from pathlib import Path
from statistics import median

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from ca import authorities
from ca.directory import Directory
from ca.file_key import FileKey, FileKeyStore, generate
from ca.profiles import KeyShape, Variant
from cli.database import Database
from cli.settings import FILE, load_settings
from pki.instant import Instant
from pki.purpose import Purpose

ROUNDS = 3
VARIANTS = {Variant.JPKI: KeyShape.RSA_2048, Variant.P256: KeyShape.P256, Variant.NEXT: KeyShape.P384}
GOALS = {Variant.JPKI: 2.0, Variant.P256: 1.0}
"""At least how many times as many certificates as `cfssl serve`."""

COMMAND = (sys.executable, "-m", "cli", "ca", "issue-batch")
LUA = """
local bodies, n, at = {}, 0, 0
function init(args)
  for line in io.lines("FILE") do
    n = n + 1
    bodies[n] = wrk.format("POST", "/api/v1/cfssl/sign", {["Host"]="x"}, line)
  end
end
function request() at = at % n + 1; return bodies[at] end
function response(status) if status ~= 200 then wrk.thread:stop() end end
"""


def main() -> None:
    """Measure and print."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    missing = [tool for tool in ("cfssl", "wrk") if shutil.which(tool) is None]
    if missing:
        sys.exit(f"missing: {', '.join(missing)} (apt install golang-cfssl wrk)")
    print(f"{number} orders, {ROUNDS} rounds; certificates per second")
    with tempfile.TemporaryDirectory() as folder:
        ratios = {
            variant: _compare(Path(folder) / variant.value, variant, shape, number)
            for variant, shape in VARIANTS.items()
        }
    for variant, (wall, processor) in ratios.items():
        goal = GOALS.get(variant)
        verdict = "no goal" if goal is None else f"goal {goal:.0f}: {'met' if wall >= goal else 'NOT MET'}"
        print(
            f"{variant.value:8} ratio ours / cfssl: a second {wall:.2f} ({verdict}), a processor second {processor:.2f}"
        )


def _compare(folder: Path, variant: Variant, shape: KeyShape, number: int) -> tuple[float, float]:
    """Ratios ours / cfssl of certificates per second and per processor second."""
    folder.mkdir()
    made = _rsa_keys(number) if shape is KeyShape.RSA_2048 else (generate(shape) for _ in range(number))
    cards = [FileKey(f"card-{index}", shape, key) for index, key in enumerate(made)]
    requests = [authorities.self_request(card) for card in cards]
    deployment, authority = _deployment(folder, variant)
    walls: dict[str, list[float]] = {"ours": [], "cfssl": []}
    processors: dict[str, list[float]] = {"ours": [], "cfssl": []}
    for turn in range(ROUNDS):
        small = _batch(deployment, folder, requests, f"{turn}-small", number // 10)
        whole = _batch(deployment, folder, requests, f"{turn}", number)
        walls["ours"].append(number / whole.wall)
        processors["ours"].append((number - number // 10) / (whole.processor - small.processor))
        with _cfssl(folder, authority) as (port, pid):
            rate, spent = _wrk(folder, port, requests, pid)
            walls["cfssl"].append(rate)
            processors["cfssl"].append(spent)
    for what, rates in (("a second", walls), ("a processor second", processors)):
        for name, found in rates.items():
            print(f"{variant.value:8} {name:6} {what:20} {median(found):8.0f}   ({min(found):.0f}..{max(found):.0f})")
    sys.stdout.flush()
    wall, processor = (median(rates["ours"]) / median(rates["cfssl"]) for rates in (walls, processors))
    return wall, processor


def _rsa_keys(number: int) -> Iterator[rsa.RSAPrivateKey]:
    """That many different keys, each of two primes out of a box: finding primes for all of them would take hours."""
    box: list[int] = []
    while len(box) * (len(box) - 1) // 2 < 2 * number:
        numbers = rsa.generate_private_key(65537, 2048).private_numbers()
        box += [numbers.p, numbers.q]
    pairs = ((p, q) for p, q in combinations(box, 2) if (p * q).bit_length() == 2048)
    for p, q in islice(pairs, number):
        d = rsa.rsa_recover_private_exponent(65537, p, q)
        numbers = rsa.RSAPrivateNumbers(
            p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), rsa.RSAPublicNumbers(65537, p * q)
        )
        yield numbers.private_key(unsafe_skip_rsa_key_validation=True)


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds on the wall clock and of processors."""

    wall: float
    processor: float


def _deployment(folder: Path, variant: Variant) -> tuple[Path, FileKey]:
    """A deployment's folder with both authorities of `variant`; the signature authority's key, for cfssl."""
    deployment = folder / "deployment"
    (deployment / "secrets").mkdir(parents=True)
    (deployment / FILE).write_text('[database]\nurl = "sqlite:///jitsuin.db"\n')
    settings = load_settings(deployment)
    passphrase = settings.path(settings.authorities.passphrase_file)
    passphrase.touch(0o600)
    passphrase.write_text("bench")
    keys = FileKeyStore.lock(settings.path(settings.authorities.keys), b"bench", secrets.token_bytes)
    database = Database(settings.database_url)
    database.migrate()
    at = Instant.parse("2026-11-23T00:00:00Z")
    for purpose in Purpose:
        authorities.create(database, keys, purpose, variant, at, secrets.token_bytes)
    database.close()
    return deployment, keys.open("signature-1")


def _batch(deployment: Path, folder: Path, requests: list[bytes], name: str, number: int) -> Spent:
    """What the command takes for `number` orders, with the processes that it starts."""
    orders, results = folder / f"{name}.orders", folder / f"{name}.results"
    with orders.open("w", encoding="utf-8") as out:
        for index in range(number):
            card = index % len(requests)
            out.write(json.dumps(_order(requests[card], card, f"{name}-{index}"), ensure_ascii=False) + "\n")
    begun, before = time.monotonic(), _children()
    subprocess.run(
        [*COMMAND, deployment, orders, results, "--processes", "2", "--at", "2026-11-23T00:00:01Z", "--json"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return Spent(time.monotonic() - begun, _children() - before)


def _children() -> float:
    """Processor seconds of all processes that ended below this one."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _processor_seconds(pid: int) -> float:
    """What a running process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


_GIVEN = "一二三四五六七八九十花子太郎春夏秋冬海山"


def _order(request: bytes, card: int, key: str) -> dict[str, object]:
    return {
        "purpose": "signature",
        "request": base64.b64encode(request).decode(),
        "attributes": {
            "name": f"見本　{_GIVEN[card % 20]}{_GIVEN[card // 20 % 20]}",
            "gender": str(1 + card % 2),
            "address": f"東京都渋谷区見本町{card // 100}番{card % 100}号",
        },
        "municipality": {
            "code": "13113",
            "prefecture_roman": "Tokyo-to",
            "municipality_roman": "Shibuya-ku",
            "name_ja": "渋谷区",
        },
        "assurance": "in-person",
        "date_of_birth": (date(1950, 1, 1) + timedelta(days=card)).isoformat(),
        "card_id": f"card-{card}",
        "card_not_after": "2034-02-17T14:59:59Z",
        "owner": f"person-{card}",
        "idempotency_key": key,
    }


@contextmanager
def _cfssl(folder: Path, authority: FileKey) -> Iterator[tuple[int, int]]:
    """`cfssl serve` with the very key of our authority; its port and process."""
    private = authority._private
    (folder / "ca-key.pem").write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
    )
    database = Database(load_settings(folder / "deployment").database_url)
    root = database.read(lambda conn: Directory().get(conn, "signature-1")).certificate
    database.close()
    if root is None:
        raise RuntimeError("no root certificate")
    (folder / "ca.pem").write_bytes(root.x509.public_bytes(serialization.Encoding.PEM))
    profile = {"usages": ["digital signature", "content commitment"], "expiry": "43800h"}
    (folder / "config.json").write_text(json.dumps({"signing": {"default": profile}}))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    files = ("-ca", folder / "ca.pem", "-ca-key", folder / "ca-key.pem", "-config", folder / "config.json")
    process = subprocess.Popen(
        ["cfssl", "serve", "-address", "127.0.0.1", "-port", str(port), "-loglevel", "5", *files],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
    )
    try:
        until = time.monotonic() + 30
        while time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait()


def _wrk(folder: Path, port: int, requests: list[bytes], pid: int) -> tuple[float, float]:
    """Certificates of `cfssl serve` per second and per processor second; an answer that is not 200 ends the bench."""
    bodies = folder / "bodies"
    with bodies.open("w") as out:
        for request in requests:
            pem = base64.encodebytes(request).decode()
            text = f"-----BEGIN CERTIFICATE REQUEST-----\n{pem}-----END CERTIFICATE REQUEST-----\n"
            out.write(json.dumps({"certificate_request": text, "hosts": ["example.jp"]}) + "\n")
    script = folder / "wrk.lua"
    script.write_text(LUA.replace("FILE", str(bodies)))
    before = _processor_seconds(pid)
    done = subprocess.run(
        ["wrk", "-t", "1", "-c", "16", "-d", "5s", "-s", script, f"http://127.0.0.1:{port}/"],
        capture_output=True,
        text=True,
        check=True,
    )
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise RuntimeError(done.stdout)
    spent = _processor_seconds(pid) - before
    total = re.search(r"(\d+) requests in", done.stdout)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    if total is None or rate is None:
        raise RuntimeError(done.stdout)
    return float(rate[1]), int(total[1]) / spent


if __name__ == "__main__":
    main()
