"""CRLs in an S3-style store: judged by a server and a client of another hand, and with each write failing."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from email.utils import parsedate_to_datetime
from itertools import count
from pathlib import Path

import httpx
import pytest
from botocore.exceptions import ClientError

from ca.crl import CrlPolicy, SignedCrl, make_crl
from ca.crl_encoding import Scope
from ca.crl_publisher import Publisher
from ca.crl_schedule import CrlMaker
from ca.crl_shelf import FOREVER, Published
from ca.directory import Database
from ca.file_key import FileKeyStore
from ca.journal import entries_after
from ca.profiles import KeyShape
from ca.replay import Replayed
from ca.replay_crl import compare_crls
from ca.s3_shelf import Bucket, Credentials, S3Shelf
from ca.status_errors import PublicationRefused, ShelfUnavailable
from cli.clock import SystemClock
from pki.instant import Instant
from tests.ca.issuing_world import CHEAP
from tests.ca.status_world import AT, AUTHORITY, World, make_world
from tests.support.bucket import NAME, REGION, Store, running_store

FULL = Scope()
_numbers = count(1)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_store(tmp_path_factory.mktemp("store")) as running:
        yield running


@pytest.fixture
def world(sqlite_database: Database, random: Callable[[int], bytes]) -> World:
    return make_world(sqlite_database, random, KeyShape.P384)


@pytest.fixture
def bucket(store: Store) -> Bucket:
    """A place of its own for each test, with characters that have to be quoted."""
    return Bucket(store.endpoint, NAME, REGION, f"認証 {next(_numbers)}/crl~+/")


@pytest.fixture
def shelf(store: Store, bucket: Bucket) -> Iterator[S3Shelf]:
    opened = open_shelf(store, bucket)
    yield opened
    opened.close()


def open_shelf(store: Store, bucket: Bucket, transport: httpx.BaseTransport | None = None) -> S3Shelf:
    return S3Shelf(bucket, Credentials(store.key_id, store.secret), SystemClock().now, transport)


def made(world: World, at: Instant) -> SignedCrl:
    return make_crl(world.database, world.issuer, FULL, at, CrlPolicy())


def publisher(world: World, shelf: S3Shelf) -> Publisher:
    return Publisher(AUTHORITY, world.root, shelf, world.database)


def test_names_headers_and_tags_as_another_client_sees_them(
    world: World, shelf: S3Shelf, store: Store, bucket: Bucket
) -> None:
    assert shelf.current(AUTHORITY, "full") is None
    signed = made(world, AT)
    published = publisher(world, shelf).publish(signed, FULL, AT)
    client = store.client()
    at_name = client.get_object(Bucket=NAME, Key=f"{bucket.prefix}{AUTHORITY}/full.crl")
    by_number = client.get_object(Bucket=NAME, Key=f"{bucket.prefix}{AUTHORITY}/full-1.crl")
    for found in (at_name, by_number):
        assert found["Body"].read() == signed.der
        assert found["ContentType"] == "application/pkix-crl"
        assert found["ETag"]
        assert parsedate_to_datetime(found["ExpiresString"]) == published.next_update.datetime
    assert by_number["CacheControl"] == FOREVER
    assert at_name["CacheControl"] == f"public, max-age={12 * 3600}, must-revalidate", "a quarter of two days"
    assert shelf.current(AUTHORITY, "full") == shelf.numbered(AUTHORITY, "full", 1) == published
    assert shelf.numbered(AUTHORITY, "full", 2) is None
    again = publisher(world, shelf).publish(signed, FULL, AT)
    assert again == published


def test_nothing_goes_back_and_no_number_is_given_twice(world: World, shelf: S3Shelf) -> None:
    first, second = made(world, AT), made(world, AT + timedelta(minutes=1))
    here = publisher(world, shelf)
    here.publish(second, FULL, AT + timedelta(minutes=1))
    with pytest.raises(PublicationRefused, match="does not follow"):
        here.publish(first, FULL, AT + timedelta(minutes=1))
    shelf.put(AUTHORITY, "full", Published.of(first.der), current=False)
    forged = replace(Published.of(made(world, AT).der), number=1)
    with pytest.raises(PublicationRefused, match="taken by another"):
        shelf.put(AUTHORITY, "full", forged, current=False)
    current = shelf.current(AUTHORITY, "full")
    assert current is not None
    assert current.number == 2
    shelf.drop(AUTHORITY, "full", 1)
    shelf.drop(AUTHORITY, "full", 1)
    assert shelf.numbered(AUTHORITY, "full", 1) is None


def test_two_publishers_that_looked_at_the_same_time(
    world: World, shelf: S3Shelf, store: Store, bucket: Bucket
) -> None:
    crls = [made(world, AT + timedelta(minutes=minute)) for minute in range(3)]
    publisher(world, shelf).publish(crls[0], FULL, AT)
    other = open_shelf(store, bucket)
    for one in (shelf, other):
        assert one.current(AUTHORITY, "full") is not None
    other.put(AUTHORITY, "full", Published.of(crls[2].der))
    with pytest.raises(PublicationRefused, match="between look and put"):
        shelf.put(AUTHORITY, "full", Published.of(crls[1].der))
    current = shelf.current(AUTHORITY, "full")
    assert current is not None
    assert current.number == 3
    other.close()


def test_a_wrong_key_and_a_store_that_is_away_are_named(world: World, store: Store, bucket: Bucket) -> None:
    crl = Published.of(made(world, AT).der)
    for credentials in (Credentials(store.key_id, "another secret"), Credentials("AKIAANOTHERKEY000000", store.secret)):
        stranger = S3Shelf(bucket, credentials, SystemClock().now)
        with pytest.raises(ShelfUnavailable, match="403"):
            stranger.put(AUTHORITY, "full", crl)
        stranger.close()
        assert credentials.secret not in repr(credentials)
    away = S3Shelf(replace(bucket, endpoint="http://127.0.0.1:9"), Credentials("a", "b"), SystemClock().now)
    with pytest.raises(ShelfUnavailable, match="ConnectError"):
        away.current(AUTHORITY, "full")
    away.close()
    with pytest.raises(ClientError):
        store.client().head_object(Bucket=NAME, Key=f"{bucket.prefix}{AUTHORITY}/full.crl")


class Failing(httpx.BaseTransport):
    """Fails one request: before the store saw it, or after it was done."""

    def __init__(self, which: int, *, after: bool) -> None:
        self._inner, self._left, self._after = httpx.HTTPTransport(), which, after
        self.failed = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self._left -= 1
        if self._left == 0:
            self.failed = True
            if self._after:
                self._inner.handle_request(request).read()
            raise httpx.ReadError("cut off")
        return self._inner.handle_request(request)

    def close(self) -> None:
        self._inner.close()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_each_request_fails_and_the_next_round_makes_it_good(
    world: World, store: Store, bucket: Bucket, tmp_path: Path, random: Callable[[int], bytes], after: bool
) -> None:
    """Whichever request is cut off, the next round leaves the shelf as if nothing had been: no number twice, no gap."""
    keys = FileKeyStore.lock(tmp_path / "keys", b"correct horse", random, cost=CHEAP)
    keys.import_key(world.signer.label, KeyShape.P384, world.signer._private)
    good = open_shelf(store, bucket)
    for which, request in enumerate(("look", "put by number", "put by name"), 1):
        at = AT + timedelta(days=which)
        transport = Failing(which, after=after)
        shelf = open_shelf(store, bucket, transport)
        maker = CrlMaker(world.database, keys, shelf, "one")
        with pytest.raises(ShelfUnavailable):
            maker.run(at)
        assert transport.failed, request
        assert [one.row.number for one in maker.run(at + timedelta(seconds=5))] == [which], (
            "one a day, however it failed"
        )
        assert maker.run(at + timedelta(seconds=10)) == []
        current = good.current(AUTHORITY, "full")
        assert current is not None
        assert current.number == which
        told = Replayed.of(world.database.read(lambda conn: entries_after(conn, 0)))
        assert list(compare_crls(told, good, {AUTHORITY: world.root})) == []
        shelf.close()
    good.close()


def test_while_the_store_is_away_not_every_round_signs_one_more(
    world: World, store: Store, bucket: Bucket, tmp_path: Path, random: Callable[[int], bytes]
) -> None:
    keys = FileKeyStore.lock(tmp_path / "keys", b"correct horse", random, cost=CHEAP)
    keys.import_key(world.signer.label, KeyShape.P384, world.signer._private)
    away = open_shelf(store, replace(bucket, endpoint="http://127.0.0.1:9"))
    for minute in range(20):
        with pytest.raises(ShelfUnavailable):
            CrlMaker(world.database, keys, away, "one").run(AT + timedelta(minutes=minute))
    away.close()
    good = open_shelf(store, bucket)
    (signed,) = CrlMaker(world.database, keys, good, "one").run(AT + timedelta(minutes=40))
    assert signed.row.number == 3, "one after a quarter of an hour, and one now"
    assert all(good.numbered(AUTHORITY, "full", number) for number in (1, 2, 3)), "those overtaken are laid down too"
    told = Replayed.of(world.database.read(lambda conn: entries_after(conn, 0)))
    assert list(compare_crls(told, good, {AUTHORITY: world.root})) == []
    good.close()
