"""Revoking, holding, releasing: what stands afterwards, in the database, in OCSP and in CRLs, whatever the order."""

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.x509 import ocsp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ca.crl import CrlKind, CrlPolicy, make_crl
from ca.crl_encoding import Scope
from ca.crl_publisher import Publisher
from ca.crl_reading import Crl
from ca.crl_shelf import FolderShelf
from ca.directory import Database
from ca.revocation import MAY_USE, By, HoldPolicy, release, revoke, standing
from ca.status_errors import HoldIsFinal, InvalidityInFuture, NeverIssued, NotOnHold, ReasonNotAllowed
from pki.instant import Instant
from pki.revocation import Reason, Revoked
from pki.serial import SerialNumber
from tests.ca.ocsp_requests import request_for
from tests.ca.status_world import AT, AUTHORITY, World, make_world

RELEASABLE = HoldPolicy(releasable=True)
REASONS = sorted(set(Reason) - {Reason.REMOVE_FROM_CRL})


@pytest.fixture
def world(database: Database, random: Callable[[int], bytes]) -> World:
    return make_world(database, random)


def revoke_at(
    world: World, serial: SerialNumber, reason: Reason, at: Instant = AT, invalidity: Instant | None = None
) -> Revoked:
    return world.database.transaction(lambda conn: revoke(conn, AUTHORITY, serial, reason, at, invalidity, "test"))


def release_at(world: World, serial: SerialNumber, at: Instant = AT, policy: HoldPolicy = RELEASABLE) -> None:
    world.database.transaction(lambda conn: release(conn, AUTHORITY, serial, at, policy))


def stands(world: World, serial: SerialNumber) -> Revoked | None:
    return world.database.read(lambda conn: standing(conn, AUTHORITY, serial))


@pytest.mark.parametrize("by", list(By))
@pytest.mark.parametrize("reason", list(Reason))
def test_who_may_use_which_reason(
    sqlite_database: Database, random: Callable[[int], bytes], by: By, reason: Reason
) -> None:
    world = make_world(sqlite_database, random)
    (serial,) = world.issue()
    allowed = reason in MAY_USE[by]
    try:
        world.database.transaction(lambda conn: revoke(conn, AUTHORITY, serial, reason, AT, by=by))
    except ReasonNotAllowed:
        assert not allowed
        assert stands(world, serial) is None
    else:
        assert allowed
        assert stands(world, serial) == Revoked(AT, reason)


def test_nobody_may_use_remove_from_crl() -> None:
    assert not any(Reason.REMOVE_FROM_CRL in reasons for reasons in MAY_USE.values())
    assert MAY_USE[By.HOLDER] < MAY_USE[By.COUNTER] < MAY_USE[By.AUTHORITY]


def test_the_same_again_changes_nothing(world: World) -> None:
    (serial,) = world.issue()
    first = revoke_at(world, serial, Reason.SUPERSEDED)
    assert revoke_at(world, serial, Reason.SUPERSEDED, AT + timedelta(days=1)) == first
    assert revoke_at(world, serial, Reason.CERTIFICATE_HOLD, AT + timedelta(days=1)) == first
    assert revoke_at(world, serial, Reason.CESSATION_OF_OPERATION, AT + timedelta(days=1)) == first
    assert stands(world, serial) == first


def test_a_hold_becomes_a_revocation_from_the_same_date(world: World) -> None:
    (serial,) = world.issue()
    revoke_at(world, serial, Reason.CERTIFICATE_HOLD)
    later = AT + timedelta(days=1)
    assert revoke_at(world, serial, Reason.KEY_COMPROMISE, later) == Revoked(AT, Reason.KEY_COMPROMISE)
    with pytest.raises(NotOnHold):
        release_at(world, serial, later)


def test_a_compromise_learned_later_replaces_a_weaker_reason(world: World) -> None:
    (serial,) = world.issue()
    revoke_at(world, serial, Reason.SUPERSEDED)
    suspect = AT + timedelta(days=-9)
    expected = Revoked(AT, Reason.KEY_COMPROMISE, suspect)
    assert revoke_at(world, serial, Reason.KEY_COMPROMISE, AT + timedelta(days=1), suspect) == expected
    assert revoke_at(world, serial, Reason.SUPERSEDED, AT + timedelta(days=2)) == expected


def test_refusals(world: World) -> None:
    (serial,) = world.issue()
    with pytest.raises(NeverIssued):
        revoke_at(world, SerialNumber.draw(world.random), Reason.SUPERSEDED)
    with pytest.raises(InvalidityInFuture):
        revoke_at(world, serial, Reason.KEY_COMPROMISE, AT, AT + timedelta(seconds=1))
    revoke_at(world, serial, Reason.CERTIFICATE_HOLD)
    with pytest.raises(HoldIsFinal):
        release_at(world, serial, policy=HoldPolicy())
    with pytest.raises(NeverIssued):
        release_at(world, SerialNumber.draw(world.random))


def test_a_failing_cause_takes_its_revocation_with_it(world: World) -> None:
    (serial,) = world.issue()

    def body(conn: object) -> None:
        revoke(conn, AUTHORITY, serial, Reason.SUPERSEDED, AT)  # type: ignore[arg-type]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        world.database.transaction(body)
    assert stands(world, serial) is None


def test_sixteen_at_once_leave_one_revocation_and_one_chain(world: World) -> None:
    from ca.journal import START, chain, entries_after

    serials = world.issue(4)
    reasons = [Reason.CERTIFICATE_HOLD, Reason.SUPERSEDED, Reason.KEY_COMPROMISE, Reason.CESSATION_OF_OPERATION]
    threads = [
        threading.Thread(target=revoke_at, args=(world, serial, reason)) for serial in serials for reason in reasons
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {stands(world, serial) for serial in serials} == {Revoked(AT, Reason.KEY_COMPROMISE)}
    digest = START
    for position, entry in enumerate(world.database.read(lambda conn: entries_after(conn, 0)), 1):
        assert entry.position == position
        assert chain(digest, position, entry.event) == entry
        digest = entry.digest


STEP = st.one_of(
    st.tuples(st.just("revoke"), st.sampled_from(REASONS), st.sampled_from([None, 0, -1, -100])),
    st.tuples(st.just("release"), st.none(), st.none()),
    st.tuples(st.just("full"), st.none(), st.none()),
    st.tuples(st.just("delta"), st.none(), st.none()),
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=st.lists(st.tuples(st.integers(0, 2), STEP), max_size=14))
def test_reason_by_invalidity_by_hold_by_full_and_delta(
    sqlite_database: Database,
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[int, tuple[str, Reason, int]]],
) -> None:
    """After any steps: OCSP, the full CRL, and the last base with the last delta applied say the same thing."""
    world = _property_world(sqlite_database)
    folder: Path = tmp_path_factory.mktemp("shelf")
    serials = world.issue(3)
    publisher = Publisher(AUTHORITY, world.root, FolderShelf(folder), world.database)
    scope, policy, at = Scope(), CrlPolicy(), AT

    def made(kind: CrlKind) -> Crl:
        signed = make_crl(world.database, world.issuer, scope, at, policy, kind)
        publisher.publish(signed, scope, at)
        return Crl(signed.der)

    base = made(CrlKind.FULL)
    model: dict[int, Revoked] = {}
    for which, (what, reason, invalidity) in steps:
        at += timedelta(seconds=1)
        serial = serials[which]
        before = model.get(serial)
        if what == "revoke":
            suspect = None if invalidity is None else at + timedelta(days=invalidity)
            after = revoke_at(world, serial, reason, at, suspect)
            # Monotone: a revocation never disappears, its date never moves, only a hold or a compromise changes it.
            assert before is None or after.since == before.since
            if before is not None and before.reason is not Reason.CERTIFICATE_HOLD:
                assert after.reason in (before.reason, Reason.KEY_COMPROMISE)
            model[serial] = after
        elif what == "release":
            if before is not None and before.reason is not Reason.CERTIFICATE_HOLD:
                with pytest.raises(NotOnHold):
                    release_at(world, serial, at)
            else:
                release_at(world, serial, at)
                model.pop(serial, None)
        elif what == "full":
            base = made(CrlKind.FULL)
        else:
            made(CrlKind.DELTA)
    responder = world.responder()
    for serial in serials:
        answer = ocsp.load_der_ocsp_response(responder.answer(request_for(world.root, serial), at))
        expected = model.get(serial)
        if expected is None:
            assert answer.certificate_status is ocsp.OCSPCertStatus.GOOD
        else:
            assert answer.certificate_status is ocsp.OCSPCertStatus.REVOKED
            assert answer.revocation_time_utc == expected.since.datetime
    mine = set(serials)
    combined = {entry.serial: (entry.at, entry.reason, entry.invalidity_date) for entry in base.entries()}
    for entry in made(CrlKind.DELTA).entries():
        combined[entry.serial] = (entry.at, entry.reason, entry.invalidity_date)
    combined = {serial: told for serial, told in combined.items() if told[1] != Reason.REMOVE_FROM_CRL}
    full = {entry.serial: (entry.at, entry.reason, entry.invalidity_date) for entry in made(CrlKind.FULL).entries()}
    assert combined == full
    assert {serial: told for serial, told in full.items() if serial in mine} == {
        serial: (one.since, None if one.reason is Reason.UNSPECIFIED else one.reason, one.invalidity_date)
        for serial, one in model.items()
    }


_WORLDS: dict[int, World] = {}


def _property_world(database: Database) -> World:
    """One world for all examples of a test: each example issues certificates of its own."""
    from tests.support.chance import SeededOctets

    if id(database) not in _WORLDS:
        _WORLDS.clear()
        _WORLDS[id(database)] = make_world(database, SeededOctets("property"))
    return _WORLDS[id(database)]
