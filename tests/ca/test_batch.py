"""Bulk issue: groups, refusals among good orders, repetition; and pages, exports and reports over the result."""

import base64
import json
import pickle
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from ca import batch, inventory
from ca.batch import Outcome, parse_order
from ca.directory import Database, Directory
from ca.errors import IdempotencyConflict, KeyAlreadySeen, NothingLeftToCertify
from ca.inventory import Cursor, Query
from ca.lifecycle import CertificateState, IntentState, certificate_state
from ca.metrics import exposition
from ca.orders import Assurance, Order, ServiceKind
from ca.planning import prove
from ca.points import WHOLE, point_name
from ca.profiles import Kind
from ca.revocation import By, revoke
from ca.store import issued as store
from pki.certificate import Certificate
from pki.errors import InvalidValue
from pki.instant import Instant
from pki.municipality import Municipality
from pki.purpose import Purpose
from pki.revocation import Reason
from tests.ca.issuing_world import CARD_END, PERSON, World, make_world, request


@pytest.fixture
def world(database: Database, tmp_path: Path, at: Instant, random: Callable[[int], bytes]) -> World:
    return make_world(database, tmp_path, at, random)


def _orders(world: World, number: int) -> list[Order]:
    return [
        world.order(owner=f"p{index % 3}", card_id=f"c{index % 3}", request=request(f"card {index % 3}"))
        for index in range(number)
    ]


def _run(world: World, orders: list[Order], group: int = 4) -> list[Outcome]:
    groups = batch.issue(world.database, world.registrar, world.signer, orders, world.at, group)
    return [outcome for outcomes in groups for outcome in outcomes]


def test_everything_is_issued_in_order_and_a_second_run_issues_nothing(world: World) -> None:
    orders = _orders(world, 10)
    first = _run(world, orders)
    assert [one.idempotency_key for one in first] == [order.idempotency_key for order in orders]
    assert len({one.issued.serial for one in first if one.issued}) == 10
    assert _run(world, orders, group=7) == first
    assert inventory.report(world.database, world.at).issued_last_day == 14


def test_refused_orders_do_not_stop_the_others(world: World) -> None:
    orders = _orders(world, 6)
    orders[1] = world.order(owner="thief", request=request("card 0"))
    orders[4] = world.order(card_not_after=world.at + timedelta(seconds=-1))
    found = _run(world, orders, group=10)
    assert [one.issued is None for one in found] == [False, True, False, False, True, False]
    assert isinstance(found[1].refused, KeyAlreadySeen)
    assert isinstance(found[4].refused, NothingLeftToCertify)
    told = json.loads(found[1].to_json())
    assert told["error"] == "ca.key-already-seen"
    assert json.loads(found[0].to_json())["serial"] == found[0].issued.serial.hex  # type: ignore[union-attr]


def test_the_same_order_twice_in_one_group_is_one_certificate(world: World) -> None:
    order = world.order()
    one, two = _run(world, [order, order])
    assert one == two


def _line(order: Order) -> str:
    person = order.attributes
    assert person is not None
    return json.dumps(
        {
            "purpose": order.purpose,
            "request": base64.b64encode(order.request).decode(),
            "attributes": {"name": person.name, "gender": person.gender, "address": person.address},
            "municipality": {
                "code": order.municipality.code,
                "prefecture_roman": order.municipality.prefecture_roman,
                "municipality_roman": order.municipality.municipality_roman,
                "name_ja": order.municipality.name_ja,
            },
            "assurance": order.assurance,
            "date_of_birth": order.date_of_birth.isoformat(),
            "card_id": order.card_id,
            "card_not_after": order.card_not_after.iso(),
            "owner": order.owner,
            "idempotency_key": order.idempotency_key,
        }
    )


def test_an_order_is_read_from_its_line(
    sqlite_database: Database, tmp_path: Path, at: Instant, random: Callable[[int], bytes]
) -> None:
    world = make_world(sqlite_database, tmp_path, at, random)
    order = world.order()
    assert parse_order(_line(order)) == order
    assert pickle.loads(pickle.dumps(order)) == order, "it is sent to processes that cannot inherit it"
    service = world.service_order(ServiceKind.TLS_CLIENT)
    line = {
        "kind": "tls-client",
        "request": base64.b64encode(service.request).decode(),
        "common_name": service.common_name,
        "organization": service.organization,
        "owner": service.owner,
        "idempotency_key": service.idempotency_key,
    }
    assert parse_order(json.dumps(line)) == service


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("purpose", "both"),
        ("request", "not base64!"),
        ("attributes", []),
        ("municipality", {"code": "1"}),
        ("municipality", None),
        ("assurance", None),
        ("date_of_birth", "1990-02-30"),
        ("card_not_after", "tomorrow"),
        ("renewed_in_window", "yes"),
        ("owner", 5),
        ("idempotency_key", None),
    ],
)
def test_a_wrong_line_names_its_key_and_no_value(world: World, key: str, value: object) -> None:
    line = {**json.loads(_line(world.order())), key: value}
    with pytest.raises(InvalidValue) as wrong:
        parse_order(json.dumps(line))
    assert PERSON.name not in str(wrong.value)
    assert key in str(wrong.value) or key == "municipality"
    for garbage in ("", "[]", "null", "{", '"x"'):
        with pytest.raises(InvalidValue):
            parse_order(garbage)


def test_pages_follow_each_other_without_gap_or_repetition(world: World) -> None:
    _run(world, _orders(world, 11))
    everything = inventory.search(world.database, Query(), world.at, limit=100)
    assert len(everything) == 15
    pages, after = [], None
    while found := inventory.search(world.database, Query(), world.at, after=after, limit=4):
        pages.extend(found)
        after = Cursor.parse(str(found[-1].cursor))
    assert pages == everything
    assert list(inventory.export(world.database, Query(), world.at, page=3)) == everything
    for limit in (0, 1001):
        with pytest.raises(InvalidValue):
            inventory.search(world.database, Query(), world.at, limit=limit)
    for cursor in ("", "1:2", "x:signature-1:ff", "1:signature-1:zz"):
        with pytest.raises(InvalidValue):
            Cursor.parse(cursor)


def test_each_question_finds_what_it_asks_for(world: World) -> None:
    signature = world.issue(world.order(owner="p9", card_id="c9", request=request("card 9")))
    remote = world.issue(world.order(Purpose.AUTHENTICATION, assurance=Assurance.REMOTE))

    def serials(**asked: object) -> set[int]:
        return {one.serial for one in inventory.search(world.database, Query(**asked), world.at)}  # type: ignore[arg-type]

    assert serials(owner="p9") == serials(card_id="c9") == serials(serial=signature.serial) == {signature.serial}
    assert serials(fingerprint=Certificate(signature.der).fingerprint.hex()) == {signature.serial}
    assert serials(kind=Kind.AUTHENTICATION) == {remote.serial}
    assert len(serials(authority="signature-1")) == 3
    assert len(serials(kind=Kind.ROOT)) == 2
    assert len(serials(expires_until=world.at + timedelta(days=31))) == 2  # the responders
    assert serials(expires_from=CARD_END) == set()
    assert len(serials(issued_from=world.at, issued_until=world.at)) == 6
    assert serials(issued_from=world.at + timedelta(seconds=1)) == set()
    assert serials(owner="nobody") == set()
    (listed,) = inventory.search(world.database, Query(owner="p9"), world.at, der=True)
    assert listed.der == signature.der and listed.assurance == "in-person"


def test_states_are_those_of_the_transition_table(world: World) -> None:
    held, ended, good = (world.issue(world.order()) for _ in range(3))

    def act(conn: object) -> None:
        for one, reason in ((held, Reason.CERTIFICATE_HOLD), (ended, Reason.AFFILIATION_CHANGED)):
            revoke(conn, "signature-1", one.serial, reason, world.at, cause="test", by=By.AUTHORITY)  # type: ignore[arg-type]

    world.database.transaction(act)
    for moment in (world.at, good.validity.not_after, good.validity.not_after + timedelta(seconds=1)):
        for one in inventory.search(world.database, Query(), moment, limit=100):
            assert one.state is certificate_state(IntentState.ISSUED, one.validity, one.revoked, moment)
            assert one in inventory.search(world.database, Query(state=one.state), moment, limit=100)
    told = inventory.report(world.database, world.at)
    assert {(c.kind, c.state): c.number for c in told.counts if c.authority == "signature-1"} == {
        (Kind.ROOT, CertificateState.VALID): 1,
        (Kind.RESPONDER, CertificateState.VALID): 1,
        (Kind.SIGNATURE, CertificateState.VALID): 1,
        (Kind.SIGNATURE, CertificateState.ON_HOLD): 1,
        (Kind.SIGNATURE, CertificateState.REVOKED): 1,
    }


def test_the_report_tells_what_waits_and_what_ends(world: World) -> None:
    world.intend(world.order())
    told = inventory.report(world.database, world.at)
    assert (told.waiting, told.waiting_since) == (1, world.at)
    assert (told.expiring_30_days, told.expiring_90_days) == (2, 2)
    assert [(end.authority, end.state) for end in told.authorities] == [
        ("authentication-1", "active"),
        ("signature-1", "active"),
    ]
    assert all(end.responder_until == world.at + timedelta(days=30, seconds=-1) for end in told.authorities)


def test_the_report_in_prometheus_text(world: World) -> None:
    world.intend(world.order())
    text = exposition(inventory.report(world.database, world.at + timedelta(hours=1)))
    samples = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert samples["jitsuin_intents_waiting"] == "1"
    assert samples["jitsuin_intents_waiting_seconds"] == "3600"
    assert samples['jitsuin_certificates{authority="signature-1",kind="root",state="valid"}'] == "1"
    assert samples['jitsuin_responder_end_seconds{authority="signature-1"}'] == str(30 * 86400 - 1 - 3600)
    heads = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(heads) == len(set(heads)) == 8  # each metric's samples stand together under one head


def test_an_order_that_came_from_elsewhere_between_draft_and_deed_is_one_certificate(world: World) -> None:
    order = world.order()
    drafts = world.database.read(lambda conn: world.registrar.draft(conn, [prove(order)], world.at))
    first = world.database.transaction(lambda conn: world.registrar.intend(conn, order, world.at))
    assert world.database.transaction(lambda conn: world.registrar.take(conn, drafts, world.at)) == [first]
    other = world.order(idempotency_key=order.idempotency_key, card_not_after=order.card_not_after + timedelta(days=1))
    drafts = world.database.read(lambda conn: world.registrar.draft(conn, [prove(world.order())], world.at))
    assert isinstance(_run(world, [other])[0].refused, IdempotencyConflict)
    assert world.database.transaction(lambda conn: world.registrar.take(conn, drafts, world.at)) != [first]


def test_what_was_drafted_for_an_authority_that_is_no_longer_the_one_is_drafted_anew(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    drafts = world.database.read(lambda conn: world.registrar.draft(conn, [prove(world.order())], world.at))
    drawn = drafts[0].row
    assert drawn is not None
    # Read by another directory, the authority is another object: as good as another generation.
    monkeypatch.setattr(world.registrar, "_authorities", Directory())
    (identifier,) = world.database.transaction(lambda conn: world.registrar.take(conn, drafts, world.at))
    issued = world.signer.sign(world.database, identifier, world.at)
    assert issued.serial.hex != drawn["serial"]


def test_a_point_that_another_wrote_down_first_stands(world: World) -> None:
    drafts = world.database.read(lambda conn: world.registrar.draft(conn, [prove(world.order())], world.at))
    plan = drafts[0].plan
    assert plan is not None
    issuer, elsewhere = plan.authority, Municipality("13104", "Tokyo-to", "Shinjuku-ku", "新宿区")
    stands = point_name(issuer.parameters, issuer.purpose, issuer.id, plan.partition, elsewhere)
    assert plan.partition != WHOLE
    assert stands != plan.point
    world.database.transaction(lambda conn: store.remember_partition(conn, issuer.id, plan.partition, stands))
    (identifier,) = world.database.transaction(lambda conn: world.registrar.take(conn, drafts, world.at))
    assert stands in world.signer.sign(world.database, identifier, world.at).der
