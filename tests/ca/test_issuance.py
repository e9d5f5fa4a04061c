"""From an order to a certificate: what is refused, what is repeated, what two at once do. On both databases."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from ca.directory import Database, Directory
from ca.errors import (
    IdempotencyConflict,
    KeyAlreadySeen,
    KeyBlocked,
    LintFailed,
    NoActiveAuthority,
    NothingLeftToCertify,
    OutlivesAuthority,
    PossessionNotProven,
    ProfileMismatch,
    SignatureMismatch,
    TooYoung,
    UnknownIntent,
    WeakKey,
    WrongState,
)
from ca.file_key import FileKey
from ca.intents import IntentId, key_hash
from ca.issuance import Registrar, Signer, certificate_of, withdraw
from ca.keys import SigningKey
from ca.orders import Assurance, ServiceKind
from ca.profiles import PROFILES, KeyShape
from ca.store import issued as store
from ca.store.tables import CERTIFICATES, INTENTS, KEYS
from pki.certificate import Certificate
from pki.instant import Instant
from pki.purpose import Purpose
from tests.ca.issuing_world import CARD_END, PERSON, World, card_key, make_world, request


@pytest.fixture
def world(database: Database, tmp_path: Path, at: Instant, random: Callable[[int], bytes]) -> World:
    return make_world(database, tmp_path, at, random)


@pytest.fixture
def small_world(sqlite_database: Database, tmp_path: Path, at: Instant, random: Callable[[int], bytes]) -> World:
    """For rules that do not depend on the database."""
    return make_world(sqlite_database, tmp_path, at, random)


def _count(world: World, table: object) -> int:
    return world.database.read(lambda conn: conn.execute(select(func.count()).select_from(table)).scalar_one())  # type: ignore[arg-type]


def test_one_order_one_certificate_however_often_it_is_repeated(world: World) -> None:
    order = world.order()
    intent = world.intend(order)
    assert world.database.read(lambda conn: certificate_of(conn, intent)) is None
    issued = world.signer.sign(world.database, intent, world.at)
    for _ in range(2):
        assert world.intend(order) == intent
        assert world.signer.sign(world.database, intent, world.at + timedelta(days=1)) == issued
    assert world.database.read(lambda conn: certificate_of(conn, intent)) == issued
    rows = world.database.read(
        lambda conn: conn.execute(
            select(CERTIFICATES.c.der, INTENTS.c.tbs).join(INTENTS, CERTIFICATES.c.intent_id == INTENTS.c.id)
        ).all()
    )
    assert all(Certificate(bytes(row.der)).tbs == bytes(row.tbs) for row in rows)
    assert len(rows) == 5  # two roots, two responders, this one
    certificate = Certificate(issued.der)
    assert certificate.serial == issued.serial
    assert issued.serial.bit_length() == 159
    assert issued.purpose is Purpose.SIGNATURE
    assert issued.issuer_fingerprint == world.authority(Purpose.SIGNATURE).fingerprint


def test_a_renewed_request_of_the_same_key_is_the_same_order(small_world: World) -> None:
    order = small_world.service_order()
    again = replace(order, request=request("service operator", KeyShape.P256))
    assert again.request != order.request  # ECDSA draws anew
    assert small_world.intend(order) == small_world.intend(again)


def test_the_same_idempotency_key_with_another_order_is_refused(small_world: World) -> None:
    order = small_world.order(idempotency_key="same")
    small_world.intend(order)
    for change in (
        {"owner": "person-2"},
        {"assurance": Assurance.REMOTE},
        {"attributes": PERSON.moved_to("見本県見本市")},
        {"request": request("another card")},
        {"card_not_after": CARD_END + timedelta(seconds=1)},
    ):
        with pytest.raises(IdempotencyConflict):
            small_world.intend(replace(order, **change))  # type: ignore[arg-type]


def test_the_same_order_filed_by_many_at_once_is_one_intent(world: World) -> None:
    order = world.order()
    with ThreadPoolExecutor(8) as pool:
        intents = set(pool.map(lambda _: world.intend(order), range(16)))
    assert len(intents) == 1
    (intent,) = intents
    with ThreadPoolExecutor(8) as pool:
        issued = set(pool.map(lambda _: world.signer.sign(world.database, intent, world.at).der, range(16)))
    assert len(issued) == 1


def test_many_signers_over_an_ecdsa_authority_hand_out_one_certificate(
    database: Database, tmp_path: Path, at: Instant, random: Callable[[int], bytes]
) -> None:
    from ca.profiles import Variant

    world = make_world(database, tmp_path, at, random, Variant.NEXT)
    intent = world.intend(world.order())
    with ThreadPoolExecutor(8) as pool:
        issued = set(pool.map(lambda _: world.signer.sign(database, intent, at).der, range(8)))
    assert len(issued) == 1  # each signer made another signature; only the stored one left


def test_one_key_filed_by_two_people_at_once_goes_to_one(world: World) -> None:
    orders = [world.order(owner=f"person-{number}") for number in range(4)]

    def file(index: int) -> str:
        try:
            return world.intend(orders[index])
        except KeyAlreadySeen as error:
            return error.difference

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(file, range(4)))
    assert answers.count("person") == 3
    assert _count(world, KEYS) == 5


@pytest.mark.parametrize(
    ("change", "difference"),
    [({"owner": "person-2"}, "person"), ({"card_id": "card-2"}, "card"), ({"purpose": Purpose.AUTHENTICATION}, "use")],
)
def test_a_key_seen_elsewhere_is_refused(small_world: World, change: dict[str, object], difference: str) -> None:
    small_world.issue(small_world.order())
    with pytest.raises(KeyAlreadySeen) as refused:
        small_world.intend(small_world.order(**{"request": request("card signature"), **change}))
    assert refused.value.difference == difference


def test_the_same_key_may_be_certified_again_for_the_same_card_and_use(small_world: World) -> None:
    first, second = small_world.issue(small_world.order()), small_world.issue(small_world.order())
    assert first.serial != second.serial


def test_a_compromised_key_is_refused(world: World) -> None:
    blocked = key_hash(card_key("card signature").public_spki)
    world.database.transaction(lambda conn: store.block_key(conn, blocked, "published on the web", world.at.seconds))
    with pytest.raises(KeyBlocked):
        world.intend(world.order())
    assert _count(world, INTENTS) == 4
    assert _count(world, KEYS) == 4


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"attributes": None}, ProfileMismatch),
        ({"date_of_birth": date(1990, 2, 18)}, ProfileMismatch),
        ({"card_not_after": Instant.parse("2026-11-22T23:59:59Z")}, NothingLeftToCertify),
        ({"not_past": Instant.parse("2020-01-01T00:00:00Z")}, NothingLeftToCertify),
    ],
)
def test_an_order_that_does_not_fit_is_refused(
    small_world: World, change: dict[str, object], error: type[Exception]
) -> None:
    before = _count(small_world, INTENTS), _count(small_world, KEYS)
    with pytest.raises(error):
        small_world.intend(small_world.order(**change))
    assert (_count(small_world, INTENTS), _count(small_world, KEYS)) == before


def test_nobody_under_fifteen_gets_a_signature_certificate_but_an_authentication_one(small_world: World) -> None:
    born = date(2011, 11, 24)  # fifteen tomorrow
    person = replace(PERSON, date_of_birth=born)
    with pytest.raises(TooYoung):
        small_world.intend(small_world.order(date_of_birth=born, attributes=person))
    small_world.issue(small_world.order(Purpose.AUTHENTICATION, date_of_birth=born, attributes=None))


def test_a_request_of_another_kind_or_without_possession_is_refused(small_world: World) -> None:
    with pytest.raises(WeakKey):
        small_world.intend(small_world.order(request=request("card p-256", KeyShape.P256)))
    good = request("card signature")
    with pytest.raises(PossessionNotProven):
        small_world.intend(small_world.order(request=good[:-1] + bytes([good[-1] ^ 1])))


def test_a_certificate_never_outlives_its_authority(small_world: World) -> None:
    late = small_world.at + timedelta(days=365 * 8)
    order = small_world.order(card_not_after=late + timedelta(days=3650))
    with pytest.raises(OutlivesAuthority):
        small_world.database.transaction(lambda conn: small_world.registrar.intend(conn, order, late))


def test_a_taken_serial_is_drawn_again(small_world: World) -> None:
    octets = [bytes([7] * 20), bytes([7] * 20), bytes([9] * 20)]
    drawn: list[bytes] = []

    def chance(size: int) -> bytes:
        if size == 20:
            drawn.append(octets[len(drawn)])
            return drawn[-1]
        return small_world.random(size)

    registrar = Registrar(PROFILES, Directory(), chance)
    serials = []
    for _ in range(2):
        order = small_world.order()
        intent = small_world.database.transaction(
            lambda conn, order=order: registrar.intend(conn, order, small_world.at)  # type: ignore[misc]
        )
        serials.append(small_world.signer.sign(small_world.database, intent, small_world.at).serial)
    assert len(drawn) == 3
    assert len(set(serials)) == 2


def test_without_an_authority_no_order_is_taken(
    sqlite_database: Database, at: Instant, random: Callable[[int], bytes]
) -> None:
    registrar = Registrar(PROFILES, Directory(), random)
    order = World(sqlite_database, None, at, random, next(iter(PROFILES))[1], registrar, None).order()  # type: ignore[arg-type]
    with pytest.raises(NoActiveAuthority):
        sqlite_database.transaction(lambda conn: registrar.intend(conn, order, at))


def test_the_worker_signs_what_waits_and_nothing_twice(world: World) -> None:
    intents = [world.intend(world.order(purpose)) for purpose in Purpose for _ in range(2)]
    assert world.signer.sign_pending(world.database, world.at, limit=3) == 3
    assert world.signer.sign_pending(world.database, world.at) == 1
    assert world.signer.sign_pending(world.database, world.at) == 0
    for intent in intents:
        assert world.database.read(lambda conn, intent=intent: certificate_of(conn, intent)) is not None  # type: ignore[misc]


def test_a_withdrawn_intent_is_never_signed(world: World) -> None:
    gone, kept = world.intend(world.order()), world.intend(world.order())
    assert world.database.transaction(lambda conn: withdraw(conn, gone))
    assert world.database.transaction(lambda conn: withdraw(conn, gone))
    with pytest.raises(WrongState):
        world.signer.sign(world.database, gone, world.at)
    assert world.signer.sign_pending(world.database, world.at) == 1
    assert not world.database.transaction(lambda conn: withdraw(conn, kept))
    with pytest.raises(UnknownIntent):
        world.signer.sign(world.database, IntentId("never"), world.at)


def test_octets_changed_in_the_database_are_not_signed(world: World) -> None:
    intent = world.intend(world.order(Purpose.AUTHENTICATION))
    other = world.intend(world.order(Purpose.AUTHENTICATION))

    def tamper(old: bytes, new: bytes) -> None:
        def body(conn: object) -> None:
            row = store.intent(conn, intent)  # type: ignore[arg-type]
            assert row is not None
            assert bytes(row.tbs).count(old) == 1
            changed = bytes(row.tbs).replace(old, new)
            conn.execute(INTENTS.update().where(INTENTS.c.id == intent).values(tbs=changed))  # type: ignore[attr-defined]

        world.database.transaction(body)

    tamper(bytes.fromhex("0603551d0f0101ff04040302" + "0780"), bytes.fromhex("0603551d0f0101ff04040302" + "0204"))
    with pytest.raises(LintFailed):
        world.signer.sign(world.database, intent, world.at)
    with pytest.raises(LintFailed):
        world.signer.sign_pending(world.database, world.at)
    assert world.database.read(lambda conn: certificate_of(conn, other)) is not None  # the others are not held up


class _FaultyKey:
    """A key whose signature has one wrong bit, as a fault in the computation makes it."""

    def __init__(self, key: FileKey) -> None:
        self.label, self.shape, self.public_spki, self._key = key.label, key.shape, key.public_spki, key

    def sign(self, message: bytes) -> bytes:
        signature = self._key.sign(message)
        return signature[:-1] + bytes([signature[-1] ^ 1])


class _Keys:
    def __init__(self, key: SigningKey) -> None:
        self._key = key

    def create(self, label: str, shape: KeyShape) -> SigningKey:
        raise AssertionError("a signer makes no keys")

    def open(self, label: str) -> SigningKey:
        return self._key

    def labels(self) -> list[str]:
        return [self._key.label]


def test_a_wrong_signature_never_leaves_the_signer(small_world: World) -> None:
    intent = small_world.intend(small_world.order())
    right = small_world.keys.open("signature-1")
    for key in (_FaultyKey(right), small_world.keys.open("authentication-1")):
        with pytest.raises(SignatureMismatch):
            Signer(_Keys(key), PROFILES).sign(small_world.database, intent, small_world.at)
    assert small_world.database.read(lambda conn: certificate_of(conn, intent)) is None
    assert small_world.signer.sign(small_world.database, intent, small_world.at).der


@pytest.mark.parametrize("kind", list(ServiceKind))
def test_operators_relying_parties_and_services_get_theirs_from_the_authentication_authority(
    small_world: World, kind: ServiceKind
) -> None:
    issued = small_world.issue(small_world.service_order(kind))
    assert issued.authority == "authentication-1"
    assert (issued.validity.not_after - issued.validity.not_before).days == {
        "operator": 729,
        "tls-client": 396,
        "time-stamp": 1825,
        "verdict": 1095,
    }[kind]
    for name in ("", " x", "x" * 65, "a\nb"):
        with pytest.raises(ProfileMismatch):
            small_world.intend(small_world.service_order(kind, common_name=name))
