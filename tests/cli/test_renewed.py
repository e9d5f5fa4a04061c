"""The next key of a service is taken up by a process that runs, and a look that fails ends nothing."""

import os
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import FastAPI
from fastapi.testclient import TestClient

from cli.__main__ import run
from cli.database import Database
from cli.errors import SecretMissing
from cli.planes import Planes
from cli.renewed import EVERY, Renewed
from cli.services import Service, ServiceKey, certificates, open_service
from cli.settings import load_settings
from pki.certificate import Certificate
from pki.instant import Instant
from verifier import cms
from verifier.policy import Limits
from verifier.timestamp import fetch_timestamp


class Turning:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.at = Instant(int(time.time()))

    def now(self) -> Instant:
        return self.at

    def turn(self, seconds: int) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Turning:
    return Turning()


def renew(deployment: Path, service: Service) -> None:
    assert run(["party", "service-key", str(deployment), "--service", service.value, "--json"]) == 0


def test_verdicts_are_signed_by_the_next_key_within_a_minute(deployment: Path, clock: Turning) -> None:
    settings = load_settings(deployment)
    database = Database(settings.database_url)
    try:
        signing = Planes(settings, clock, os.urandom, monotonic, database).verdict_signing()
        first = signing()
        assert first is not None
        renew(deployment, Service.VERDICTS)
        clock.turn(EVERY - 1)
        assert signing() is first
        clock.turn(1)
        second = signing()
        assert second is not None
        assert [second.certificate, first.certificate] == certificates(database, Service.VERDICTS)[:2]
        # one whole signer: its value verifies under its own certificate's key
        for signer in (first, second):
            value = signer.sign(b"verdict")
            key: Any = signer.certificate.public_key
            key.verify(value, b"verdict", ec.ECDSA(hashes.SHA256()))
        clock.turn(-3600)
        assert signing() is second, "a clock that is set back is no reason to stop"
    finally:
        database.close()


def test_time_stamps_too(deployment: Path, clock: Turning) -> None:
    settings = load_settings(deployment)
    database = Database(settings.database_url)
    try:
        planes = Planes(settings, clock, os.urandom, monotonic, database)
        if not planes.time_stamps():
            renew(deployment, Service.TIME_STAMPS)
        application = FastAPI()
        for router in planes.time_stamps():
            application.include_router(router)
        client = TestClient(application)

        def signer() -> Certificate:
            token = fetch_timestamp(
                b"filing",
                lambda request: (
                    client.post(
                        "/tsa", content=request, headers={"content-type": "application/timestamp-query"}
                    ).content
                ),
                os.urandom,
            )
            (found,) = cms.parse_signed_data(token, Limits()).certificates
            return Certificate(found)

        before = signer()
        renew(deployment, Service.TIME_STAMPS)
        assert signer() == before
        clock.turn(EVERY)
        after = signer()
        assert after != before
        assert certificates(database, Service.TIME_STAMPS)[:2] == [after, before]
    finally:
        database.close()


def test_a_look_that_fails_keeps_the_key_before(deployment: Path, clock: Turning) -> None:
    settings = load_settings(deployment)
    database = Database(settings.database_url)
    try:
        renew(deployment, Service.VERDICTS)
        found = open_service(settings, database, Service.VERDICTS, os.urandom)
        assert found is not None
        ways: list[Callable[[], ServiceKey | None]] = [lambda: found]

        def missing() -> ServiceKey | None:
            raise SecretMissing("x", "gone")

        signing = Renewed(lambda: ways[-1](), lambda key: key.certificate, clock)
        for way in (missing, lambda: None):
            ways.append(way)
            clock.turn(EVERY)
            assert signing() == found.certificate
        with pytest.raises(SecretMissing):
            Renewed(missing, lambda key: key.certificate, clock)
    finally:
        database.close()
