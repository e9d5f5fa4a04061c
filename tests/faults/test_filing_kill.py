"""kill -9 of the running service, again and again, while somebody files a move from home; then it is filed, once.

Real processes and the real clock: where in the work the signal hits is up to the machine. Every kill is of the whole
service; what the client does is send the same filing again, as `jitsuin home` does.
"""

import base64
import hashlib
import os
import signal
import socket
import threading
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli.clock import SystemClock
from enrollment import ledger, registry
from enrollment.filing import MoveFiling
from enrollment.store import work
from pki import cms
from pki.algorithms import algorithm_for
from pki.certificate import parse_certificate
from pki.certification_request import assemble_request, certification_request_info
from pki.purpose import Purpose
from tests.journeys.mask_world import MaskWorld
from tests.support.processes import wait_gone
from tests.support.service import serving

pytestmark = pytest.mark.slow
AFTER = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8)
"""Seconds from the request to the kill."""


def paper(mask: MaskWorld) -> dict[str, str]:
    """A filing for one's own new address, signed by the card, ready to post however often."""
    spki = mask.card.generate(Purpose.SIGNATURE)
    info = certification_request_info(spki)
    request = assemble_request(info, algorithm_for(spki).oid, mask.card.prove(Purpose.SIGNATURE, info))
    now = SystemClock().now()
    filing = MoveFiling(
        os.urandom(16).hex(), mask.owner, "東京都見本区北町９番", date.fromisoformat(str(now.jst_date())),
        hashlib.sha256(request).hexdigest(), now + timedelta(hours=6),
    )  # fmt: skip
    document = filing.document()
    certificate = parse_certificate(mask.card.read(Purpose.SIGNATURE) or b"")
    attributes = cms.to_be_signed(hashlib.new(cms.digest_name(certificate), document).digest(), certificate, now)
    signature = cms.assemble(attributes, mask.card.sign(Purpose.SIGNATURE, attributes), certificate)
    parts = {"document": document, "signature": signature, "request": request}
    return {name: base64.b64encode(octets).decode() for name, octets in parts.items()}


def test_killed_again_and_again_a_filing_from_home_takes_effect_once(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{probe.getsockname()[1]}"
    mask = MaskWorld(tmp_path, listen, SystemClock().now())
    before = len(mask.database.read(lambda conn: ledger.history(conn, mask.person)))
    body, headers = paper(mask), {"idempotency-key": "from-home-0001"}
    answers: list[Any] = []

    def send() -> None:
        try:
            answers.append(httpx.post(f"http://{listen}/v1/filings", json=body, headers=headers, timeout=60))
        except httpx.TransportError as cut:
            answers.append(type(cut).__name__)

    for after in AFTER:
        with serving(mask.folder, "--listen", listen) as service:
            sender = threading.Thread(target=send)
            sender.start()
            time.sleep(after)
            service.process.send_signal(signal.SIGKILL)
            service.process.wait()
            assert wait_gone(service.ready["signer"]["pid"])
            sender.join()
    print([getattr(one, "status_code", one) for one in answers])
    with serving(mask.folder, "--listen", listen):
        for _ in range(2):
            send()
        last, again = answers[-2:]
        assert last.status_code == 201, last.text
        deadline = time.monotonic() + 60
        while not (told := httpx.get(f"http://{listen}{last.headers['location']}").json())["certificate"]:
            assert time.monotonic() < deadline, told
            time.sleep(0.1)
    assert again.status_code in (200, 201) and again.json()["filing"] == last.json()["filing"]
    events = mask.database.read(lambda conn: ledger.history(conn, mask.person))
    assert [one.kind.value for one in events[before:]] == ["remote-move"]
    assert mask.database.read(lambda conn: registry.broken_accesses(conn, mask.person)) == ()
    held = mask.database.read(lambda conn: work.certificates_of(conn, mask.person))
    live = [one for one in held if one.purpose is Purpose.SIGNATURE and one.ended_at is None]
    issued = base64.b64decode(told["certificate"])
    assert [one.fingerprint for one in live] == [hashlib.sha256(issued).hexdigest()]
    mask.card.install(Purpose.SIGNATURE, issued, b"")
    mask.close()
