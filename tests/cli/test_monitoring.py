"""The door for those who watch: what is told there, in a form that Prometheus' own parser reads, and to nobody else."""

import socket
import time
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from ca.directory import Directory
from ca.errors import KeyUnavailable
from ca.metrics import text
from ca.status_errors import RestoredDatabase
from cli.database import Database
from cli.monitoring import worker_families
from cli.settings import load_settings
from cli.tally import Tally, signing_file
from pki.instant import Instant
from tests.ca.ocsp_requests import request_for
from tests.cli.test_responder import Connections, responding
from tests.support.service import serving

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def parsed(told: str) -> Samples:
    found: Samples = {}
    for family in text_string_to_metric_families(told):
        assert family.documentation, family.name
        assert family.type in ("gauge", "counter"), family.name
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in found, f"{key} twice"
            found[key] = sample.value
    return found


def free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def ask_ocsp(deployment: Path, url: str) -> None:
    database = Database(load_settings(deployment).database_url)
    root = database.read(lambda conn: Directory().get(conn, "signature-1")).certificate
    database.close()
    assert root is not None
    headers = {"content-type": "application/ocsp-request"}
    answer = httpx.post(f"{url}/ocsp/signature-1", content=request_for(root, 7), headers=headers)
    assert answer.status_code == 200
    assert httpx.post(f"{url}/ocsp/signature-1", content=b"?", headers=headers).content[-1] == 1


def test_everything_that_serves_is_watched_and_not_through_the_public_door(
    deployment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = free_address()
    monkeypatch.setenv("JITSUIN_SERVICE__METRICS_LISTEN", address)
    with serving(deployment) as service:
        ask_ocsp(deployment, service.url)
        deadline = time.monotonic() + 60
        while True:
            ready = httpx.get(f"http://{address}/ready")
            found = parsed(httpx.get(f"http://{address}/metrics").text)
            crl = ("jitsuin_crl_age_seconds", (("authority", "signature-1"), ("kind", "delta"), ("scope", "full")))
            if ready.status_code == 200 and crl in found:
                break
            assert time.monotonic() < deadline, (ready.text, found)
            time.sleep(0.5)
        assert httpx.get(f"http://{address}/health").json() == {"status": "ok"}
        told = httpx.get(f"http://{address}/metrics")
        assert told.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        found = parsed(told.text)
        assert httpx.get(f"{service.url}/metrics").status_code == 404
    for kind in ("full", "delta"):
        labels = (("authority", "signature-1"), ("kind", kind), ("scope", "full"))
        assert 0 <= found["jitsuin_crl_age_seconds", labels] < 3600
        assert found["jitsuin_crl_left_seconds", labels] > 0
    outcomes = {name: (("authority", "signature-1"), ("outcome", name)) for name in ("successful", "malformedRequest")}
    assert {name: found["jitsuin_ocsp_answers_total", labels] for name, labels in outcomes.items()} == {
        "successful": 1,
        "malformedRequest": 1,
    }
    operators = (("authority", "authentication-1"), ("kind", "operator"), ("state", "valid"))
    assert found["jitsuin_certificates", operators] >= 3
    assert found["jitsuin_crls_published_total", (("kind", "full"),)] >= 2
    assert found["jitsuin_crls_unpublished", ()] == 0
    assert found["jitsuin_signing_round_timestamp_seconds", ()] > 0


def test_workers_are_watched_by_their_parent(deployment: Path) -> None:
    with responding(deployment, "--metrics", "127.0.0.1:0") as (_, ready):
        settings = load_settings(deployment)
        database = Database(settings.database_url)
        root = database.read(lambda conn: Directory().get(conn, "signature-1")).certificate
        database.close()
        assert root is not None
        connections = Connections(ready["url"], 8)
        connections.ask("/ocsp/signature-1", request_for(root, 7))
        connections.close()
        deadline = time.monotonic() + 60
        while True:
            found = parsed(httpx.get(ready["metrics"]).text)
            answered = sum(value for (name, _), value in found.items() if name == "jitsuin_ocsp_requests_total")
            state = httpx.get(ready["metrics"].replace("/metrics", "/ready")).status_code
            if answered == 8 and state == 200:
                break
            assert time.monotonic() < deadline, (state, found)
            time.sleep(0.5)
        assert found["jitsuin_ocsp_workers", ()] == 2
        assert all(found["jitsuin_ocsp_sure", (("worker", str(worker)),)] == 1 for worker in range(2))
        assert httpx.get(f"{ready['url']}/metrics").status_code == 404
        assert httpx.get(f"{ready['url']}/ready").status_code == 200


def test_errors_of_keys_are_told_apart(tmp_path: Path) -> None:
    tally, at = Tally(signed=3), Instant(1_800_000_000)
    for error, key_store in ((KeyUnavailable("a"), True), (KeyUnavailable("b"), True), (RestoredDatabase(1, 2), False)):
        tally.failed(error, key_store=key_store)
    tally.write(tmp_path / "metrics" / "ca.prom", at)
    tally.signed = 4
    tally.write(tmp_path / "metrics" / "ca.prom", at)
    found = parsed((tmp_path / "metrics" / "ca.prom").read_text("utf-8"))
    assert found["jitsuin_key_store_errors_total", (("code", "ca.key-unavailable"),)] == 2
    assert found["jitsuin_signing_errors_total", (("code", "ca.restored-database"),)] == 1
    assert (found["jitsuin_signed_total", ()], found["jitsuin_signing_round_timestamp_seconds", ()]) == (4, 1.8e9)
    assert [path.name for path in (tmp_path / "metrics").iterdir()] == ["ca.prom"]


def test_numbers_of_workers_that_told_nothing_yet() -> None:
    found = parsed(text(worker_families({0: {}, 1: {"requests_total": 2}}, 2)))
    assert found == {("jitsuin_ocsp_workers", ()): 2, ("jitsuin_ocsp_requests_total", (("worker", "1"),)): 2}


def test_where_the_signing_process_writes(deployment: Path) -> None:
    assert signing_file(load_settings(deployment)) == deployment / "metrics" / "ca.prom"
