"""CRLs: contents, numbers, order; and what OpenSSL, GnuTLS, pkilint and `cryptography` say of them."""

import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ca.crl import CrlKind, CrlPolicy, make_crl
from ca.crl_encoding import Scope
from ca.crl_publisher import Publisher
from ca.crl_reading import Crl, parse_crl
from ca.crl_shelf import FolderShelf
from ca.directory import Database
from ca.profiles import KeyShape
from ca.revocation import HoldPolicy, release, revoke
from ca.status_errors import CrlNumberTaken, NoBaseCrl, PublicationRefused
from ca.store import crls as store
from pki import der
from pki.instant import Instant
from pki.revocation import Reason
from pki.serial import SerialNumber
from tests.ca.status_world import AT, AUTHORITY, World, make_world
from tests.support.clocks import judging_at

FULL = Scope()
POLICY = CrlPolicy()
RELEASABLE = HoldPolicy(releasable=True)
BIN = Path(__import__("sys").executable).parent


@pytest.fixture
def world(database: Database, random: Callable[[int], bytes]) -> World:
    return make_world(database, random)


@pytest.fixture
def sqlite_world(sqlite_database: Database, random: Callable[[int], bytes]) -> World:
    return make_world(sqlite_database, random)


def shelf_of(world: World, folder: Path) -> Publisher:
    return Publisher(world.authority, world.root, FolderShelf(folder), world.database)


def partition(number: int) -> Scope:
    point = der.context(0, der.tlv(0x86, f"http://crl.example/{number}.crl".encode()))
    return Scope(str(number), number, point)


def revoke_now(
    world: World, serial: SerialNumber, reason: Reason, at: Instant = AT, invalidity: Instant | None = None
) -> None:
    world.database.transaction(lambda conn: revoke(conn, world.authority, serial, reason, at, invalidity))


def test_lists_exactly_the_revoked_with_reason_and_date(world: World) -> None:
    plain, compromised, held, good = world.issue(4)
    revoke_now(world, plain, Reason.UNSPECIFIED)
    revoke_now(world, compromised, Reason.KEY_COMPROMISE, AT, AT + timedelta(days=-3))
    revoke_now(world, held, Reason.CERTIFICATE_HOLD)
    signed = make_crl(world.database, world.issuer, FULL, AT, POLICY)
    crl = Crl(signed.der)
    found = {entry.serial: entry for entry in crl.entries()}
    assert set(found) == {plain, compromised, held}
    assert good not in found
    assert list(found) == sorted(found)
    assert found[plain].reason is None
    assert not found[plain].extensions
    assert found[compromised].reason == Reason.KEY_COMPROMISE
    assert found[compromised].invalidity_date == AT + timedelta(days=-3)
    assert found[held].reason == Reason.CERTIFICATE_HOLD
    assert (crl.number, crl.version, crl.is_delta, crl.scope) == (1, 1, False, b"")
    assert crl.next_update == AT + timedelta(days=2)
    assert crl.is_signed_by(world.root)


@pytest.mark.parametrize("shape", list(KeyShape))
def test_every_key_shape_signs_a_crl_that_cryptography_reads(
    sqlite_database: Database, random: Callable[[int], bytes], shape: KeyShape
) -> None:
    world = make_world(sqlite_database, random, shape)
    serials = world.issue(3)
    for serial in serials:
        revoke_now(world, serial, Reason.SUPERSEDED)
    encoded = make_crl(world.database, world.issuer, FULL, AT, POLICY).der
    crl = Crl(encoded)
    assert crl.is_signed_by(world.root)
    read = x509.load_der_x509_crl(encoded)
    assert sorted(entry.serial_number for entry in read) == sorted(serials)
    assert read.public_bytes(Encoding.DER) == encoded


def test_an_empty_crl_has_no_list(world: World) -> None:
    crl = Crl(make_crl(world.database, world.issuer, FULL, AT, POLICY).der)
    assert not list(crl.entries())
    assert not crl.has_empty_list


def test_numbers_grow_and_a_lost_race_is_thrown_away(world: World) -> None:
    first = make_crl(world.database, world.issuer, FULL, AT, POLICY)
    world.database.transaction(lambda conn: store.take_number(conn, AUTHORITY, "full"))
    second = make_crl(world.database, world.issuer, FULL, AT, POLICY)
    assert (first.row.number, second.row.number) == (1, 3)


def test_who_was_overtaken_while_signing_publishes_nothing(sqlite_world: World) -> None:
    world = sqlite_world

    class Overtaken(type(world.signer)):  # type: ignore[misc]
        def sign_parts(self, parts: object) -> bytes:
            world.database.transaction(lambda conn: store.take_number(conn, AUTHORITY, "full"))
            return bytes(super().sign_parts(parts))

    slow = Overtaken(world.signer.label, world.signer.shape, world.signer._private)
    issuer = type(world.issuer)(AUTHORITY, world.root.subject, world.issuer.key_identifier, slow)
    with pytest.raises(CrlNumberTaken):
        make_crl(world.database, issuer, FULL, AT, POLICY)
    assert world.database.read(store.all_crls) == []


def test_expired_certificates_leave_after_one_more_crl(world: World) -> None:
    """RFC 5280 5: an entry stays until it was on a CRL issued after the certificate's end."""
    (short,) = world.issue(not_after=AT + timedelta(days=1))
    revoke_now(world, short, Reason.SUPERSEDED)
    listed = []
    for day in (0, 2, 3, 4):
        made = make_crl(world.database, world.issuer, FULL, AT + timedelta(days=day), POLICY)
        listed.append(bool(list(Crl(made.der).entries())))
    assert listed == [True, True, False, False]


def test_revoked_after_its_end_appears_once(world: World) -> None:
    (short,) = world.issue(not_after=AT + timedelta(days=-1))
    make_crl(world.database, world.issuer, FULL, AT, POLICY)
    revoke_now(world, short, Reason.KEY_COMPROMISE, AT + timedelta(hours=1))
    listed = [
        bool(list(Crl(make_crl(world.database, world.issuer, FULL, AT + timedelta(days=day), POLICY).der).entries()))
        for day in (1, 2)
    ]
    assert listed == [True, False]


def test_what_is_dated_after_this_update_waits(world: World) -> None:
    early, late = world.issue(2)
    revoke_now(world, early, Reason.SUPERSEDED, AT)
    revoke_now(world, late, Reason.SUPERSEDED, AT + timedelta(seconds=1))
    first = make_crl(world.database, world.issuer, FULL, AT, POLICY)
    assert [entry.serial for entry in Crl(first.der).entries()] == [early]
    second = make_crl(world.database, world.issuer, FULL, AT + timedelta(seconds=1), POLICY)
    assert {entry.serial for entry in Crl(second.der).entries()} == {early, late}
    assert first.row.position < second.row.position


def test_partitions_and_the_full_crl(world: World, tmp_path: Path) -> None:
    here, there = world.issue(partition=1)[0], world.issue(partition=2)[0]
    revoke_now(world, here, Reason.SUPERSEDED)
    revoke_now(world, there, Reason.SUPERSEDED)
    publisher = shelf_of(world, tmp_path)
    listed = {}
    for scope in (FULL, partition(1), partition(2)):
        signed = make_crl(world.database, world.issuer, scope, AT, POLICY)
        publisher.publish(signed, scope, AT)
        read = x509.load_der_x509_crl(signed.der)
        listed[scope.name] = {entry.serial_number for entry in read}
        points = [e for e in read.extensions if isinstance(e.value, x509.IssuingDistributionPoint)]
        assert len(points) == (scope.partition is not None)
        assert all(e.critical for e in points)
    assert listed == {"full": {here, there}, "1": {here}, "2": {there}}


def test_a_delta_tells_what_changed_since_its_base(world: World, tmp_path: Path) -> None:
    before, after, held, held_then_revoked, released_between = world.issue(5)
    publisher = shelf_of(world, tmp_path)
    revoke_now(world, before, Reason.SUPERSEDED)
    revoke_now(world, held, Reason.CERTIFICATE_HOLD, AT, AT + timedelta(days=-1))
    revoke_now(world, held_then_revoked, Reason.CERTIFICATE_HOLD)
    with pytest.raises(NoBaseCrl):
        make_crl(world.database, world.issuer, FULL, AT, POLICY, CrlKind.DELTA)
    base = make_crl(world.database, world.issuer, FULL, AT, POLICY)
    publisher.publish(base, FULL, AT)
    later = AT + timedelta(hours=1)
    revoke_now(world, after, Reason.KEY_COMPROMISE, later)
    world.database.transaction(lambda conn: release(conn, AUTHORITY, held, later, RELEASABLE))
    revoke_now(world, held_then_revoked, Reason.KEY_COMPROMISE, later)
    revoke_now(world, released_between, Reason.CERTIFICATE_HOLD, later)
    world.database.transaction(lambda conn: release(conn, AUTHORITY, released_between, later, RELEASABLE))
    delta = make_crl(world.database, world.issuer, FULL, later, POLICY, CrlKind.DELTA)
    publisher.publish(delta, FULL, later)
    crl = Crl(delta.der)
    assert crl.base_number == base.row.number
    assert crl.number is not None
    assert crl.number > base.row.number
    assert {entry.serial: entry.reason for entry in crl.entries()} == {
        after: Reason.KEY_COMPROMISE,
        held: Reason.REMOVE_FROM_CRL,
        held_then_revoked: Reason.KEY_COMPROMISE,
        released_between: Reason.REMOVE_FROM_CRL,
    }
    # The next full CRL is the base with the delta applied.
    full = Crl(make_crl(world.database, world.issuer, FULL, later, POLICY).der)
    combined = {entry.serial: entry.reason for entry in Crl(base.der).entries()}
    for entry in crl.entries():
        combined[entry.serial] = entry.reason
    assert {entry.serial: entry.reason for entry in full.entries()} == {
        serial: reason for serial, reason in combined.items() if reason != Reason.REMOVE_FROM_CRL
    }


def test_the_publisher_lets_nothing_go_back(sqlite_world: World, tmp_path: Path) -> None:
    world = sqlite_world
    publisher = shelf_of(world, tmp_path)
    first = make_crl(world.database, world.issuer, FULL, AT, POLICY)
    second = make_crl(world.database, world.issuer, FULL, AT + timedelta(hours=1), POLICY)
    now = AT + timedelta(hours=1)
    published = publisher.publish(second, FULL, now)
    assert publisher.publish(second, FULL, now) == published
    with pytest.raises(PublicationRefused, match="does not follow"):
        publisher.publish(first, FULL, now)
    earlier = make_crl(world.database, world.issuer, FULL, AT, POLICY)
    with pytest.raises(PublicationRefused, match="thisUpdate"):
        publisher.publish(earlier, FULL, now)
    part = make_crl(world.database, world.issuer, partition(1), now, POLICY)
    with pytest.raises(PublicationRefused, match="another partition"):
        publisher.publish(part, partition(2), now)
    with pytest.raises(PublicationRefused, match="expired"):
        publisher.publish(part, partition(1), now + timedelta(days=3))
    with pytest.raises(PublicationRefused, match="future"):
        publisher.publish(part, partition(1), now + timedelta(hours=-1))
    assert (tmp_path / AUTHORITY / "full.crl").read_bytes() == second.der
    assert (tmp_path / AUTHORITY / f"full-{second.row.number}.crl").read_bytes() == second.der


def test_the_publisher_believes_no_signature(sqlite_world: World, tmp_path: Path) -> None:
    world = sqlite_world
    signed = make_crl(world.database, world.issuer, FULL, AT, POLICY)
    forged = signed.der[:-1] + bytes((signed.der[-1] ^ 1,))
    with pytest.raises(PublicationRefused, match="signature"):
        shelf_of(world, tmp_path).publish(type(signed)(signed.row, forged), FULL, AT)
    assert not (tmp_path / AUTHORITY / "full.crl").exists()


def run(*command: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("shape", [KeyShape.RSA_2048, KeyShape.P384])
@pytest.mark.parametrize("kind", ["empty", "full", "partition", "delta"])
def test_referees(
    sqlite_database: Database, random: Callable[[int], bytes], tmp_path: Path, shape: KeyShape, kind: str
) -> None:
    """openssl, certtool and pkilint accept each kind of CRL that we make."""
    world = make_world(sqlite_database, random, shape)
    scope = partition(1) if kind == "partition" else FULL
    if kind != "empty":
        for serial, reason in zip(world.issue(9, partition=1), sorted(Reason), strict=False):
            if reason is not Reason.REMOVE_FROM_CRL:
                revoke_now(world, serial, reason, AT, AT + timedelta(days=-1) if serial % 2 else None)
    signed = make_crl(world.database, world.issuer, scope, AT, POLICY)
    if kind == "delta":
        shelf_of(world, tmp_path / "shelf").publish(signed, FULL, AT)
        revoke_now(world, world.issue(1)[0], Reason.SUPERSEDED)
        signed = make_crl(world.database, world.issuer, FULL, AT, POLICY, CrlKind.DELTA)
    crl, pem, root = tmp_path / "a.crl", tmp_path / "a.pem", tmp_path / "root.pem"
    crl.write_bytes(signed.der)
    pem.write_bytes(x509.load_der_x509_crl(signed.der).public_bytes(Encoding.PEM))
    root.write_bytes(world.root.x509.public_bytes(Encoding.PEM))
    assert parse_crl(pem.read_bytes()).der == signed.der
    verified = run("openssl", "crl", "-inform", "DER", "-in", crl, "-noout", "-CAfile", root, "-verify")
    assert "verify OK" in verified.stdout + verified.stderr
    text = run("openssl", "crl", "-inform", "DER", "-in", crl, "-noout", "-text").stdout
    assert text.count("Serial Number:") == len(list(Crl(signed.der).entries()))
    if kind in ("empty", "full"):
        checked = run(*judging_at(AT), "certtool", "--verify-crl", "--load-ca-certificate", root, "--infile", pem)
        assert checked.returncode == 0, checked.stdout + checked.stderr
    linted = run(BIN / "lint_crl", "lint", "-t", "CRL", "-p", "PKIX", "-s", "WARNING", crl)
    assert linted.returncode == 0, linted.stdout
