"""When CRLs are made: on schedule, at once when it is urgent, by one of several instances; and whose lease it is."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from ca import leases
from ca.crl import CrlPolicy
from ca.crl_reading import Crl
from ca.crl_schedule import CrlMaker
from ca.crl_shelf import FolderShelf
from ca.directory import Database
from ca.errors import KeyUnavailable
from ca.file_key import FileKey
from ca.ocsp_delegates import LOOK_AGAIN, StoredDelegates
from ca.profiles import KeyShape
from ca.revocation import revoke
from ca.status_errors import PublicationRefused, ResponderUnusable
from ca.store.tables import PARTITIONS, RESPONDERS
from pki import der
from pki.errors import Malformed
from pki.instant import Instant
from pki.revocation import Reason
from tests.ca.status_world import AT, AUTHORITY, START, World, key, make_responder, make_world

SPAN, SECOND = timedelta(minutes=5), timedelta(seconds=1)
POINT = der.context(0, der.tlv(0x86, b"http://crl.example/7.crl"))


class Keys:
    """An opened key store."""

    def __init__(self, *keys: FileKey) -> None:
        self.keys = {one.label: one for one in keys}

    def create(self, label: str, shape: KeyShape) -> FileKey:
        raise AssertionError(f"nobody makes {label} ({shape}) here")

    def open(self, label: str) -> FileKey:
        if label not in self.keys:
            raise KeyUnavailable(label)
        return self.keys[label]

    def labels(self) -> list[str]:
        return sorted(self.keys)


@pytest.fixture
def world(database: Database, random: Callable[[int], bytes]) -> World:
    return make_world(database, random)


def maker(world: World, folder: Path, holder: str = "one", *, deltas: bool = False) -> CrlMaker:
    policy = CrlPolicy()
    return CrlMaker(world.database, Keys(world.signer), FolderShelf(folder), holder, policy, deltas=deltas)


def made(maker: CrlMaker, at: Instant) -> list[tuple[str, str, int]]:
    return [(one.row.partition, one.row.kind, one.row.number) for one in maker.run(at)]


def revoke_at(world: World, reason: Reason, at: Instant, partition: int = 0) -> None:
    (serial,) = world.issue(partition=partition)
    world.database.transaction(lambda conn: revoke(conn, AUTHORITY, serial, reason, at))


def test_on_schedule_and_at_once_when_urgent(world: World, tmp_path: Path) -> None:
    one = maker(world, tmp_path)
    assert made(one, AT) == [("full", "full", 1)]
    assert made(one, AT + timedelta(hours=23)) == []
    revoke_at(world, Reason.SUPERSEDED, AT + timedelta(hours=1))
    assert made(one, AT + timedelta(hours=1)) == [], "not urgent: it waits for the schedule"
    revoke_at(world, Reason.KEY_COMPROMISE, AT + timedelta(hours=2))
    assert made(one, AT + timedelta(hours=2)) == [("full", "full", 2)]
    assert made(one, AT + timedelta(hours=2)) == []
    assert made(one, AT + timedelta(hours=26)) == [("full", "full", 3)]


def test_deltas_in_between(world: World, tmp_path: Path) -> None:
    one = maker(world, tmp_path, deltas=True)
    assert made(one, AT) == [("full", "full", 1)]
    assert made(one, AT) == [], "of one second, they would have to share a number (RFC 5280 5.2.3)"
    assert made(one, AT + SECOND) == [("full", "delta", 2)], "a delta follows each full one"
    revoke_at(world, Reason.SUPERSEDED, AT + timedelta(minutes=1))
    assert made(one, AT + timedelta(minutes=2)) == []
    assert made(one, AT + timedelta(hours=1, seconds=1)) == [("full", "delta", 3)]
    soon = AT + timedelta(hours=1, minutes=1)
    revoke_at(world, Reason.KEY_COMPROMISE, soon)
    assert made(one, soon) == [("full", "full", 4)], "most verifiers read no deltas"
    assert made(one, soon + SECOND) == [("full", "delta", 5)]
    assert made(one, soon + 2 * SECOND) == []
    assert made(one, soon + timedelta(days=1)) == [("full", "full", 6)]


def test_what_fails_for_one_partition_holds_up_no_other(world: World, tmp_path: Path) -> None:
    row = {"issuer": AUTHORITY, "partition": 7, "point": POINT}
    world.database.transaction(lambda conn: conn.execute(PARTITIONS.insert().values(**row)))
    (tmp_path / AUTHORITY).mkdir()
    (tmp_path / AUTHORITY / "full.crl").write_bytes(b"not a CRL")
    with pytest.raises(Malformed):
        maker(world, tmp_path).run(AT)
    assert sorted(path.name for path in (tmp_path / AUTHORITY).glob("7*.crl")) == ["7-1.crl", "7.crl"]


def test_partitions_that_certificates_name(world: World, tmp_path: Path) -> None:
    row = {"issuer": AUTHORITY, "partition": 7, "point": POINT}
    world.database.transaction(lambda conn: conn.execute(PARTITIONS.insert().values(**row)))
    one = maker(world, tmp_path)
    assert made(one, AT) == [("full", "full", 1), ("7", "full", 1)]
    revoke_at(world, Reason.KEY_COMPROMISE, AT + timedelta(hours=1), partition=7)
    revoke_at(world, Reason.SUPERSEDED, AT + timedelta(hours=1), partition=8)
    assert made(one, AT + timedelta(hours=1)) == [("full", "full", 2), ("7", "full", 2)]
    listed = {
        name: len(list(Crl((tmp_path / AUTHORITY / name).read_bytes()).entries())) for name in ("full.crl", "7.crl")
    }
    assert listed == {"full.crl": 2, "7.crl": 1}
    assert POINT in (tmp_path / AUTHORITY / "7.crl").read_bytes()


def test_two_instances_make_one_crl(world: World, tmp_path: Path) -> None:
    one, two = maker(world, tmp_path), maker(world, tmp_path, "two")
    world.database.transaction(lambda conn: leases.acquire(conn, f"crl/{AUTHORITY}/full", "two", AT, SPAN))
    assert made(one, AT) == [], "the other one is at it"
    assert made(two, AT) == [("full", "full", 1)]
    assert made(one, AT) == []
    # One that fell while it held the lease keeps nobody waiting for longer than the lease.
    later = AT + timedelta(days=2)
    world.database.transaction(lambda conn: leases.acquire(conn, f"crl/{AUTHORITY}/full", "fallen", later, SPAN))
    assert made(one, later) == []
    assert made(one, later + SPAN) == [("full", "full", 2)]


def test_a_clock_that_was_put_back_signs_nothing(world: World, tmp_path: Path) -> None:
    one = maker(world, tmp_path)
    assert made(one, AT) == [("full", "full", 1)]
    with pytest.raises(PublicationRefused, match="before the last one"):
        one.make(AUTHORITY, AT + timedelta(seconds=-1))
    assert made(one, AT + timedelta(days=1)) == [("full", "full", 2)], "not even a number was taken"


def test_leases(world: World) -> None:
    def take(holder: str, at: Instant) -> int | None:
        return world.database.transaction(lambda conn: leases.acquire(conn, "work", holder, at, SPAN))

    assert take("one", AT) == 1
    assert take("two", AT) is None
    assert take("one", AT + SPAN / 2) == 1
    assert take("two", AT + SPAN) is None, "it was prolonged"
    assert take("two", AT + SPAN * 2) == 2
    world.database.transaction(lambda conn: leases.release(conn, "work", "one"))
    assert take("one", AT + SPAN * 2) is None, "who lost it cannot give it back"
    world.database.transaction(lambda conn: leases.release(conn, "work", "two"))
    assert take("one", AT + SPAN * 2) == 3


def add_responder(world: World, number: int, start: Instant, end: Instant) -> FileKey:
    delegate = key(f"delegate-{number}", KeyShape.P256)
    certificate = make_responder(world.root, world.signer._private, delegate._private, start=start, end=end)
    row = {
        "id": f"{AUTHORITY}-ocsp-{number}",
        "authority": AUTHORITY,
        "number": number,
        "key_label": delegate.label,
        "algorithm": delegate.shape.value,
        "spki": delegate.public_spki,
        "certificate": certificate.der,
        "serial": f"{number:040x}",
        "not_before": start.seconds,
        "not_after": end.seconds,
        "state": "active",
        "created_at": start.seconds,
    }
    world.database.transaction(lambda conn: conn.execute(RESPONDERS.insert().values(**row)))
    return delegate


def test_a_renewed_responder_is_taken_up_and_none_means_none(world: World) -> None:
    from ca.directory import Directory

    first = add_responder(world, 1, START, AT + timedelta(days=2))
    authority = world.database.read(lambda conn: Directory().get(conn, AUTHORITY))
    keys = Keys(first, world.signer)
    delegates = StoredDelegates(world.database, keys, authority)
    old = delegates.current(AT)
    second = add_responder(world, 2, AT, AT + timedelta(days=30))
    assert delegates.current(AT) is old, "looked up again only after a while"
    assert delegates.current(AT + LOOK_AGAIN) is old, "its key is not here yet"
    keys.keys[second.label] = second
    new = delegates.current(AT + LOOK_AGAIN * 2)
    assert new.certificate.public_key_bits == der.read_whole(second.public_spki).children()[1].bits()
    assert delegates.current(AT + timedelta(days=3)) is new
    with pytest.raises(ResponderUnusable):
        delegates.current(AT + timedelta(days=31))
