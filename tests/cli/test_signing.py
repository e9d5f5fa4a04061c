"""The signing process's loop over months, by a clock that the test moves: CRLs, responders, packs, what is kept."""

import json
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509 import ocsp

from ca import authorities
from ca.directory import Directory
from ca.journal import Kind
from ca.ocsp_pack import Pack
from ca.profiles import Variant
from cli.__main__ import run
from cli.database import Database
from cli.presigning import HASH_NAMES, LOOK, Presigning, packs_folder, start_child
from cli.settings import Settings, load_settings
from cli.signing import HOUSEKEEPING, Signing, open_signing
from cli.status_plane import LOOK_AGAIN, Responders, StatusPlane
from pki.errors import Error
from pki.instant import Instant
from pki.purpose import Purpose
from tests.ca.ocsp_requests import request_for
from tests.support.chance import SetClock

Random = Callable[[int], bytes]
A_ROUND = HOUSEKEEPING + timedelta(seconds=1)


def with_settings(folder: Path, **changes: object) -> Settings:
    """The deployment's settings with some of `[status]` changed in its file."""
    file = folder / "jitsuin.toml"
    text = file.read_text("utf-8")
    for key, value in changes.items():
        (line,) = [each for each in text.splitlines() if each.startswith(f"{key} = ")]
        text = text.replace(line, f"{key} = {json.dumps(value)}")
    file.write_text(text, "utf-8")
    return load_settings(folder)


def begin(settings: Settings) -> Instant:
    """A little after the deployment was made."""
    database = Database(settings.database_url)
    made = max(one.validity.not_before for one in database.read(Directory().all))
    database.close()
    return made + timedelta(minutes=10)


def rounds(signing: Signing, at: Instant, count: int = 2) -> Instant:
    """So many rounds of housekeeping; the instant of the last."""
    for _ in range(count):
        signing.work(at)
        at = at + A_ROUND
    return at


def replayed(folder: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    capsys.readouterr()
    run(["replay", str(folder), "--json"])
    return [one["code"] for one in json.loads(capsys.readouterr().out)["differences"]]


def test_responders_and_crls_are_renewed_by_themselves_for_months(
    deployment: Path, random: Random, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = load_settings(deployment)
    at = begin(settings)
    clock, alarms = SetClock(at), list[Error]()
    with open_signing(settings, random) as signing:
        plane = StatusPlane.open(settings, signing.database, random, alarms.append)
        responders = Responders(plane, clock)
        authority = plane.authorities()[0]
        assert authority.certificate is not None
        signers = set()
        for _ in range(16):
            clock.set(rounds(signing, clock.advance(days=5)))
            octets = responders[authority.id].respond(request_for(authority.certificate, 7), clock.now(), None).der
            answer = ocsp.load_der_ocsp_response(octets)
            assert answer.response_status is ocsp.OCSPResponseStatus.SUCCESSFUL
            (signer,) = answer.certificates
            assert signer.not_valid_before_utc <= clock.now().datetime <= signer.not_valid_after_utc
            signers.add(signer.serial_number)
            for name in ("full", "delta"):
                crl = x509.load_der_x509_crl((deployment / "crls" / authority.id / f"{name}.crl").read_bytes())
                assert crl.next_update_utc is not None
                assert crl.last_update_utc <= clock.now().datetime < crl.next_update_utc
        assert len(signers) >= 3, "thirty days each, renewed a week before the end"
        assert alarms == []
    assert replayed(deployment, capsys) == []


def test_ended_crls_go_and_replay_stays_clean(
    deployment: Path, random: Random, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = with_settings(deployment, crl_keep_days=3, delta_minutes=1440)
    at = begin(settings)
    shelf = deployment / "crls" / "signature-1"
    with open_signing(settings, random) as signing:
        for day in range(12):
            rounds(signing, at + timedelta(days=day))
        kept = sorted(int(path.stem.rpartition("-")[2]) for path in shelf.glob("full-*.crl"))
        database = signing.database
        dropped = database.read(
            lambda conn: conn.exec_driver_sql("SELECT count(*) FROM ca_journal WHERE kind = 'crl-dropped'").scalar_one()
        )
        rows = database.read(lambda conn: conn.exec_driver_sql("SELECT count(*) FROM ca_crls").scalar_one())
    assert dropped > 8
    assert 3 <= len(kept) <= 8, kept
    assert rows == len(list((deployment / "crls").glob("*/*-[0-9]*.crl")))
    assert replayed(deployment, capsys) == []
    (shelf / f"full-{kept[0]}.crl").unlink()
    assert replayed(deployment, capsys) == ["crl.missing"], "what the journal does not say is kept no longer"


def test_a_crl_that_was_dropped_before_its_end_is_named(
    deployment: Path, random: Random, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = with_settings(deployment, delta_minutes=0)
    at = begin(settings)
    with open_signing(settings, random) as signing:
        rounds(signing, at)
        rounds(signing, at + timedelta(days=1))
        assert signing.crls.drop_ended(at + timedelta(days=1), timedelta(0)) == 0
        assert signing.crls.drop_ended(at + timedelta(days=1), timedelta(days=-2)) == 2
    assert replayed(deployment, capsys) == ["crl.dropped-early"] * 2
    assert Kind.CRL_DROPPED in Kind


def test_answers_are_signed_ahead_again_and_again(
    deployment: Path, random: Random, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = with_settings(deployment, presign_hours=4)
    started: list[subprocess.Popen[bytes]] = []

    def start(at: Instant) -> "subprocess.Popen[bytes]":
        started.append(start_child(settings)(at))
        return started[-1]

    at = begin(settings)
    database = Database(settings.database_url)
    presigning = Presigning(settings, database, start)
    assert presigning.tend(at) == 1
    assert presigning.tend(at + 2 * LOOK) == 0, "one child at most"
    assert started[0].wait(120) == 0
    packs = {path.name: Pack(path) for path in packs_folder(settings).glob("[!.]*")}
    assert set(packs) == {f"{purpose}-1-{name}" for purpose in ("signature", "authentication") for name in HASH_NAMES}
    assert all(pack.this_update == at and pack.next_update == at + timedelta(hours=4) for pack in packs.values())
    assert all(pack.count for pack in packs.values())
    assert presigning.tend(at + 2 * LOOK) == 0, "fresh"
    assert presigning.tend(at + timedelta(minutes=59)) == 0
    soon = at + timedelta(hours=1)
    assert presigning.tend(soon) == 1, "a quarter of their life is over"
    assert started[1].wait(120) == 0
    assert Pack(packs_folder(settings) / "signature-1-sha1").this_update == soon
    (packs_folder(settings) / "signature-1-sha1").write_bytes(b"damaged")
    later = soon + 2 * LOOK
    assert presigning.tend(later) == 1
    presigning.close()
    assert started[2].poll() is not None, "it ends with whoever started it"
    database.close()
    (packs_folder(settings) / "signature-1-sha1").unlink(missing_ok=True)
    assert replayed(deployment, capsys) == []


def test_a_new_generation_is_answered_for_without_a_restart(deployment: Path, random: Random) -> None:
    settings = load_settings(deployment)
    clock = SetClock(begin(settings))
    with open_signing(settings, random) as signing:
        plane = StatusPlane.open(settings, signing.database, random, lambda _: None)
        responders = Responders(plane, clock)
        assert responders.get("signature-2") is None
        authorities.create(
            signing.database,
            signing.keys,
            Purpose.SIGNATURE,
            Variant.NEXT,
            clock.now(),
            random,
            responder_keys=signing.responder_keys,
        )
        assert responders.get("signature-2") is None, "strangers cause no look for each name that they make up"
        clock.set(clock.now() + LOOK_AGAIN)
        found = responders.get("signature-2")
        assert found is not None
        (root,) = [one.certificate for one in plane.authorities() if one.id == "signature-2"]
        assert root is not None
        answer = ocsp.load_der_ocsp_response(found.respond(request_for(root, 7), clock.now(), None).der)
        assert answer.certificate_status is ocsp.OCSPCertStatus.UNKNOWN
        rounds(signing, clock.now())
        assert (deployment / "crls" / "signature-2" / "full.crl").exists()
