"""Verifications by a registered party: a whole deployment on SQLite, every request with an assertion of its own.

    python -m bench.verify_registered [--requests 400]

A request is a form signed with a virtual card, with the evidence of an earlier answer, so that nobody is asked.
The service authenticates the party, uses the assertion up, reserves the verification, verifies, writes the person's
access record, signs the verdict and stores both, each in a transaction that is on disk before the answer.

Counted is processor time of the serving process (/proc/PID/stat) for one request, less what it uses in the same time
when nobody asks; beside it that of one verification in this process, with the same evidence. The rate on the clock is
that of one client that waits for each answer.
"""

import argparse
import base64
import json
import os
import socket
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import httpx
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from bench.verify_http import processor_seconds
from cli.__main__ import run
from cli.database import Database
from cli.party import ensure_handle_key
from cli.party_sandbox import KID, make_request, make_sandbox
from cli.sample import PASSWORD, enter, people
from cli.settings import load_settings
from pki.certificate import Certificate
from pki.instant import Instant
from tests.support.service import serving
from verifier.anchors import anchor_of
from verifier.evidence import Evidence
from verifier.judge import Trust
from verifier.policy import Policy
from verifier.verify import verify_filing
from web.parties import Parties, make_assertion

PARTY = "sandbox-city"
IDLE = 5.0
"""Seconds in which it is looked what the process uses by itself."""


def _now() -> Instant:
    return Instant(int(time.time()))


def _signing(key: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
    r, s = utils.decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32) + s.to_bytes(32)


def main(requests: int) -> None:
    """Make the deployment, warm it, measure."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "made"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            listen = f"127.0.0.1:{probe.getsockname()[1]}"
        if run(["init", str(folder), "--listen", listen, "--json"]):
            raise SystemExit("no deployment")
        settings = load_settings(folder)
        enter(settings, people("見本市")[0], _now())
        database = Database(settings.database_url)
        parties = Parties(database, settings.public_url)
        keys = make_sandbox(settings, parties, _now())
        registered = parties.registered(PARTY)
        if registered is None:
            raise SystemExit("no party")
        parties.register(replace(registered, a_minute=1_000_000), _now())
        ensure_handle_key(settings)
        request = make_request(settings, _now(), os.urandom, PASSWORD)
        if request is None:
            raise SystemExit("no signed form")
        key = load_pem_private_key(keys[PARTY].read_bytes(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise SystemExit("a key on P-256 expected")
        with serving(folder, "--listen", listen) as service, httpx.Client(base_url=service.url) as http:

            def ask(body: bytes) -> dict[str, object]:
                assertion = make_assertion(
                    PARTY,
                    KID,
                    service.url,
                    body,
                    _now(),
                    os.urandom(16).hex(),
                    "ES256",
                    lambda what: _signing(key, what),
                )
                headers = {"Content-Type": "application/json", "Authorization": f"Bearer {assertion}"}
                answer = http.post("/v1/verifications", content=body, headers=headers).raise_for_status().json()
                if answer["indication"] != "PASSED":
                    raise SystemExit(f"not passed: {answer['reason']}")
                return dict(answer)

            sent = json.loads(request.read_bytes())
            first = ask(json.dumps(sent).encode())
            body = json.dumps({**sent, "evidence": first["evidence"]}).encode()
            for _ in range(20):
                ask(body)
            took, pid = [], service.process.pid
            idle, begun = processor_seconds([pid]), time.monotonic()
            time.sleep(IDLE)
            idle = (processor_seconds([pid]) - idle) / (time.monotonic() - begun)
            spent, begun = processor_seconds([pid]), time.monotonic()
            for _ in range(requests):
                at = time.monotonic()
                ask(body)
                took.append(time.monotonic() - at)
            elapsed = time.monotonic() - begun
            rate, spent = requests / elapsed, processor_seconds([pid]) - spent - idle * elapsed
            root = http.get("/ca/signature-1.cer").content
        database.close()
        document, signature = (base64.b64decode(sent[name]) for name in ("document", "signature"))
        evidence = Evidence.from_json(first["evidence"] if isinstance(first["evidence"], dict) else {})
        trust, policy, at_once = Trust([anchor_of(Certificate(root))]), Policy(), _now()
        alone = time.process_time()
        for _ in range(requests):
            verify_filing(document, signature, anchors=trust, policy=policy, at=at_once, evidence=evidence)
        alone = time.process_time() - alone
    whole, inner = spent / requests * 1e3, alone / requests * 1e3
    print(f"registered party, {requests} requests of {len(body)} octets, SQLite on disk")
    print(f"  when nobody asks {idle * 100:6.1f} % of a core")
    print(f"  processor time   {whole:6.2f} ms a request, of it {inner:.2f} ms verifying ({whole / inner:.1f} x)")
    print(f"  on the clock     {rate:6.0f} requests/s of one client, median {statistics.median(took) * 1e3:.1f} ms")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=400)
    main(parser.parse_args().requests)
