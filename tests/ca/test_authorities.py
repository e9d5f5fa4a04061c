"""Authorities and their responders: made whole, finished after a crash, renewed in time."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from ca import authorities, issuance
from ca.authority import AuthorityState
from ca.directory import Database, Directory
from ca.errors import NoActiveAuthority, NoActiveResponder, OutlivesAuthority, UnknownAuthority, WrongState
from ca.file_key import FileKeyStore
from ca.parameters import Parameters, Partitioning, PointForm
from ca.profiles import KeyShape, Variant
from pki.certificate import Certificate
from pki.errors import InvalidValue
from pki.instant import Instant
from pki.purpose import Purpose
from tests.ca.issuing_world import CHEAP, World, key_store, make_world

Random = Callable[[int], bytes]


@pytest.fixture
def world(sqlite_database: Database, tmp_path: Path, at: Instant, random: Random) -> World:
    return make_world(sqlite_database, tmp_path, at, random)


class _Crash(Exception):
    pass


@pytest.mark.parametrize("step", ["intend_root", "certify_root", "self_request", "Signer.sign", "add_responder"])
def test_a_creation_cut_short_is_finished_by_the_same_call(
    database: Database, tmp_path: Path, at: Instant, random: Random, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = key_store(tmp_path / "keys", random)

    def create() -> authorities.Created:
        return authorities.create(database, keys, Purpose.SIGNATURE, Variant.JPKI, at, random)

    owner, name = (issuance.Signer, "sign") if step == "Signer.sign" else (authorities, step)
    original = getattr(owner, name)

    def crash_before(*arguments: object, **named: object) -> object:
        raise _Crash

    def crash_after(*arguments: object, **named: object) -> object:
        original(*arguments, **named)
        raise _Crash

    for crash in (crash_before, crash_before, crash_after):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, crash)
            with pytest.raises(_Crash):
                create()
    found, responders = database.read(lambda conn: (Directory().all(conn), Directory().responders(conn, "signature-1")))
    if not responders or responders[0].certificate is None:  # else the last crash came after the last deed
        create()
    found, responders = database.read(lambda conn: (Directory().all(conn), Directory().responders(conn, "signature-1")))
    assert [authority.id for authority in found] == ["signature-1"]
    assert found[0].state is AuthorityState.ACTIVE
    assert found[0].certificate is not None
    assert [responder.number for responder in responders] == [1]
    assert sorted(keys.labels()) == ["authentication-1", "signature-1", "signature-1-ocsp-1"]


def test_responder_keys_live_in_their_own_store(
    sqlite_database: Database, tmp_path: Path, at: Instant, random: Random
) -> None:
    keys = key_store(tmp_path / "ca", random)
    apart = FileKeyStore.lock(tmp_path / "status", b"x", random, cost=CHEAP)
    made = authorities.create(sqlite_database, keys, Purpose.SIGNATURE, Variant.JPKI, at, random, responder_keys=apart)
    assert apart.labels() == ["signature-1-ocsp-1"]
    assert "signature-1-ocsp-1" not in keys.labels()
    assert made.responder.certificate is not None
    assert made.responder.certificate.spki == apart.open("signature-1-ocsp-1").public_spki


def test_responders_are_renewed_before_they_end_and_never_replaced_by_the_authority(
    world: World, random: Random
) -> None:
    database, keys, at = world.database, world.keys, world.at

    def renew(moment: Instant) -> list[str]:
        made = authorities.renew_responders(database, keys, keys, moment, random, timedelta(days=10))
        return sorted(responder.id for responder in made)

    assert renew(at + timedelta(days=19)) == []
    assert renew(at + timedelta(days=21)) == ["authentication-1-ocsp-2", "signature-1-ocsp-2"]
    assert renew(at + timedelta(days=21)) == []
    with database.engine.connect() as conn:  # type: ignore[attr-defined]
        directory = Directory()
        assert directory.responder(conn, "signature-1", at + timedelta(days=1)).number == 1
        assert directory.responder(conn, "signature-1", at + timedelta(days=22)).number == 2
        with pytest.raises(NoActiveResponder):
            directory.responder(conn, "signature-1", at + timedelta(days=60))


def test_at_the_end_of_an_authority_the_last_responder_ends_with_it(world: World, random: Random) -> None:
    root = world.authority(Purpose.SIGNATURE)
    last = root.validity.not_after + timedelta(days=-3)
    made = authorities.renew_responders(world.database, world.keys, world.keys, last, random, timedelta(days=10))
    assert all(responder.validity.not_after == root.validity.not_after for responder in made)
    assert len(made) == 2
    assert not authorities.renew_responders(world.database, world.keys, world.keys, last, random, timedelta(days=10))
    after = root.validity.not_after + timedelta(days=1)
    assert not authorities.renew_responders(world.database, world.keys, world.keys, after, random, timedelta(days=10))
    with pytest.raises(OutlivesAuthority):
        authorities.add_responder(world.database, world.keys, "signature-1", after, random, world.keys)


def test_a_succeeded_authority_takes_no_orders_but_keeps_its_responder(world: World, random: Random) -> None:
    authorities.succeed(world.database, "signature-1")
    with pytest.raises(NoActiveAuthority):
        world.issue(world.order())
    later = world.at + timedelta(days=25)
    made = authorities.renew_responders(world.database, world.keys, world.keys, later, random, timedelta(days=10))
    assert {one.authority for one in made} == {"signature-1", "authentication-1"}
    authorities.end(world.database, "signature-1")
    for move in (authorities.succeed, authorities.end):
        with pytest.raises(WrongState):
            move(world.database, "signature-1")
    later = world.at + timedelta(days=50)
    made = authorities.renew_responders(world.database, world.keys, world.keys, later, random, timedelta(days=10))
    assert {one.authority for one in made} == {"authentication-1"}
    with pytest.raises(UnknownAuthority):
        authorities.end(world.database, "signature-9")


def test_the_next_generation_takes_over_and_the_first_keeps_its_certificates(world: World, random: Random) -> None:
    first = world.issue(world.order())
    authorities.create(
        world.database, world.keys, Purpose.SIGNATURE, Variant.JPKI, world.at, random, responder_shape=KeyShape.RSA_2048
    )
    second = world.issue(world.order())
    assert (first.authority, second.authority) == ("signature-1", "signature-2")
    one, two = Certificate(first.der), Certificate(second.der)
    assert one.issuer == two.issuer
    assert one.authority_key_identifier != two.authority_key_identifier


def test_a_key_of_another_shape_is_not_taken(
    sqlite_database: Database, tmp_path: Path, at: Instant, random: Random
) -> None:
    keys = FileKeyStore.lock(tmp_path / "keys", b"x", random, cost=CHEAP)
    keys.create("signature-1", KeyShape.P256)
    with pytest.raises(WrongState):
        authorities.create(sqlite_database, keys, Purpose.SIGNATURE, Variant.JPKI, at, random)


def test_parameters_survive_storage() -> None:
    parameters = Parameters(
        crl_form=PointForm.URI,
        crl_uri="http://x/{authority}/{partition}",
        partitioning=Partitioning.RANDOM,
        ocsp_uri="http://x",
    )
    assert Parameters.from_json(parameters.to_json()) == parameters
    assert Parameters.from_json("{}") == Parameters()
    for wrong in ('{"newer": 1}', "[]"):
        with pytest.raises(InvalidValue):
            Parameters.from_json(wrong)
    for fields in (
        {"crl_form": PointForm.URI},
        {"crl_form": PointForm.URI, "crl_uri": "http://x", "partitioning": Partitioning.RANDOM},
        {"partitions": 0},
        {"crl_uri": "http://x/{serial}"},
        {"crl_uri": "http://x/{"},
        {"unit": "{0}"},
        {"ocsp_uri": "http://例/"},
        {"policy_arc": "1.2..3"},
        {"policy_arc": "mine"},
        {"responder_days": 400},
    ):
        with pytest.raises(InvalidValue):
            Parameters(**fields)  # type: ignore[arg-type]
