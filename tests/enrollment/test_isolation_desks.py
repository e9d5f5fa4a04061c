"""Several municipalities in one PostgreSQL database: each layer alone, and processes that are their own town's."""

import hashlib
from datetime import date, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.exc import DBAPIError

from cli.clock import SystemClock
from cli.database import Database
from cli.database_roles import apply_grants
from enrollment import counter_change, deciding, issuing, procedures, protection, registry, retention, transfers, visits
from enrollment.channels import Channel
from enrollment.errors import NotYours, UnknownCertificate, UnknownFiling, UnknownPerson
from enrollment.gateway import Gateway, MessageState
from enrollment.isolation import LOCAL_PLANES, Group, local_role
from enrollment.registry import FOUR_ATTRIBUTES, Access, Field
from enrollment.row_policies import OWNER, PERSON, PLANES
from enrollment.signed import OwnerKeys
from enrollment.store import people as rows
from enrollment.store.counts import looks_since, rows_by_group
from fixtures.peers.record import ResidentRecord
from pki.instant import Instant
from pki.purpose import Purpose
from tests.enrollment.office import open_office, parts
from tests.enrollment.town import AT, OTHER_TOWN, TOWN, hanako, resident, seen
from tests.peers.world import values
from transparency.folder import Folder
from transparency.log import Log
from transparency.note import Signer
from web.errors import NotAuthenticated
from web.parties import Parties, RelyingParty
from web.party_ocsp import OcspParties
from web.subjects import RegisteredSubjects

LATER = AT + timedelta(hours=1)
NEW = "神奈川県架空市本町１番１号"
COUNTERS = [role for role in PLANES if role in ("jitsuin_desk", "jitsuin_citizen", "jitsuin_gateway", "jitsuin_office")]
BY_NAME = "SELECT person FROM enrollment_people WHERE name LIKE '%'"


@pytest.fixture
def office(postgresql_database, tmp_path, request):
    """A resident with a card here, one of the same name there, and the roles."""
    made = open_office(postgresql_database, tmp_path, request.node.nodeid)
    made.ours, made.card_here = made.enrolled()
    made.theirs = postgresql_database.transaction(lambda conn: resident(conn, made.random, OTHER_TOWN))
    apply_grants(postgresql_database)
    made.opened = []
    yield made
    for one in made.opened:
        one.close()


def desk_of(code):
    return local_role("jitsuin_desk", code)


EVERY_PLANE = pytest.mark.parametrize("plane", LOCAL_PLANES)


def as_role(office, role):
    """The whole program, logged in as that role."""
    url = office.database.engine.url.set(username=role)
    office.opened.append(Database(url.render_as_string(hide_password=False)))
    return office.opened[-1]


def ask(office, role, query, about="", within=""):
    engine = create_engine(office.database.engine.url.set(username=role))
    try:
        with engine.begin() as conn:
            for setting, value in ((PERSON, about), (OWNER, within)):
                conn.execute(text("SELECT set_config(:setting, :value, true)"), {"setting": setting, "value": value})
            answer = conn.execute(text(query))
            return [tuple(row) for row in answer] if answer.returns_rows else answer.rowcount
    finally:
        engine.dispose()


def looked_at(database, person, owner, random):
    access = Access("desk", "q", "tax", owner, "somebody", FOUR_ATTRIBUTES, "law")
    return registry.look(database, person, access, AT, random)


@pytest.mark.parametrize("role", COUNTERS)
def test_no_role_finds_anybody_by_name(office, role):
    assert ask(office, role, BY_NAME) == []
    assert ask(office, role, BY_NAME, about=office.ours) == [(office.ours,)]
    assert ask(office, role, BY_NAME, within=OTHER_TOWN) == [(office.theirs,)]
    assert ask(office, role, "UPDATE enrollment_people SET address = 'x'") == 0


@EVERY_PLANE
def test_a_town_s_process_reaches_its_own_and_nobody_else_s_whatever_it_names(office, plane):
    here, there = local_role(plane, TOWN), local_role(plane, OTHER_TOWN)
    assert ask(office, here, BY_NAME, about=office.ours) == [(office.ours,)]
    for names in ({"about": office.ours}, {"within": TOWN}, {"about": office.ours, "within": TOWN}):
        assert ask(office, there, BY_NAME, **names) == []
        assert ask(office, there, "UPDATE enrollment_people SET owner = '14104'", **names) == 0
    for attempt in (
        "SET ROLE jitsuin_office",
        f"SET ROLE {here}",
        "SET SESSION AUTHORIZATION jitsuin_office",
    ):
        with pytest.raises(DBAPIError, match="permission denied"):
            ask(office, there, attempt)


@EVERY_PLANE
def test_no_table_shows_a_town_s_process_another_town_s_person(office, plane):
    """Nor what a clerk typed about one, nor a message that was put aside before anybody knew whom it is about."""
    there = local_role(plane, OTHER_TOWN)
    office.move(office.card_here, "東京都見本区秘町１番")
    with office.database.engine.begin() as conn:
        conn.execute(
            text(
                "INSERT INTO web_work (work, owner, counter, kind, state, version, person, started_by, started_at, "
                "changed_at, body, training) "
                f"VALUES ('w', '{TOWN}', 'main', 'move', 'open', 1, '', 'clerk', 0, 0, '秘町', 0)"
            )
        )
        conn.execute(text("INSERT INTO web_entries (work, document) VALUES ('w', '秘町２番')"))
        conn.execute(
            text(
                "INSERT INTO enrollment_gateway (owner, message, kind, state, digest, body, received_at, due_at, "
                f"reason) VALUES ('{TOWN}', 'q:1', '', 'quarantined', 'x', '秘町', 0, 0, 'x')"
            )
        )
    told = office.ours, "秘町"
    reached = 0
    for table in inspect(office.database.engine).get_table_names():
        whole = office.database.read(
            lambda c, t=table: [row[0] for row in c.execute(text(f"SELECT t::text FROM {t} t"))]
        )
        if not any(one in row for row in whole for one in told) or table.startswith("transparency_"):
            continue
        if not ask(office, there, f"SELECT has_table_privilege('{table}', 'SELECT')")[0][0]:
            continue
        reached += 1
        query = f"SELECT t::text FROM {table} t"
        for (row,) in ask(office, there, query, about=office.ours, within=TOWN):
            assert not any(one in row for one in told), table
    assert reached > 10
    assert ask(office, local_role(plane, TOWN), "SELECT document FROM web_entries") == [("秘町２番",)]


@EVERY_PLANE
def test_it_writes_nothing_about_another_town_s_person(office, plane):
    there = local_role(plane, OTHER_TOWN)
    write = (
        "INSERT INTO enrollment_deadlines (person, kind, subject, set_at, due_at, outcome) "
        f"VALUES ('{office.ours}', 'in-person', 'x', 0, 0, '')"
    )
    calls_them_here = (
        "INSERT INTO enrollment_transfers (transfer, person, owner, municipality, planned_on, state, version, channel, "
        f"document, announced_at, changed_at) VALUES ('t', '{office.ours}', '{TOWN}', '{OTHER_TOWN}', '2026-11-20', "
        "'announced', 1, 'in-person', '', 0, 0)"
    )
    for attempt in (write, calls_them_here):
        with pytest.raises(DBAPIError, match="row-level security"):
            ask(office, there, attempt)
    with pytest.raises(DBAPIError, match="row-level security"):
        ask(
            office, there,
            "INSERT INTO enrollment_people (person, owner, status, version, since, name, name_substitutes, "
            "date_of_birth, gender, address, address_substitutes) "
            f"VALUES ('{'0' * 32}', '{TOWN}', 'resident', 1, 0, 'x', '', '2000-01-01', '1', 'x', '')",
            about="0" * 32,
        )  # fmt: skip


def test_the_program_at_a_town_s_counter_does_its_work_and_meets_no_stranger(office):
    here = as_role(office, desk_of(TOWN))
    assert looked_at(here, office.ours, TOWN, office.random).shown[Field.NAME] == hanako().name
    with pytest.raises(UnknownPerson):
        looked_at(here, office.theirs, OTHER_TOWN, office.random)
    newcomer = here.transaction(lambda conn: resident(conn, office.random))
    desk = parts(here, office.folder, office.random)
    clerk = rows.operator_of
    filed = desk.filed(newcomer, LATER)
    assert here.read(lambda conn: issuing.rows.application_of(conn, filed)).person == newcomer
    here.transaction(lambda conn: protection.apply(conn, newcomer, clerk(conn, "clerk"), AT, office.random))
    here.transaction(lambda conn: visits.check(conn, seen(office.ours, at=LATER), "clerk", LATER, office.random))
    here.transaction(lambda conn: procedures.suspend(conn, "CARD0001", "clerk", AT, office.random))
    assert here.read(lambda conn: rows.count_people(conn, TOWN)) == 2
    assert here.read(lambda conn: rows.count_people(conn, OTHER_TOWN)) == 0


def test_who_told_that_they_move_there_is_met_there_and_moves_in(office):
    there = as_role(office, desk_of(OTHER_TOWN))
    attributes = hanako(address=NEW)
    saw = seen(office.ours, officer="other-clerk", counter="other-main", at=LATER)

    def propose(conn):
        return counter_change.propose(conn, saw, OTHER_TOWN, attributes, "other-clerk", LATER, office.random).approval

    with pytest.raises(UnknownPerson):
        there.transaction(propose)
    here = as_role(office, desk_of(TOWN))

    def tell(conn):
        moving = date(2026, 11, 20)
        transfers.announce(
            conn, office.ours, "f" * 32, OTHER_TOWN, moving, Channel.IN_PERSON, b"told", None, AT, office.random
        )

    here.transaction(tell)
    approval = there.transaction(propose)
    there.transaction(lambda c: deciding.approve(c, approval, rows.operator_of(c, "other-boss"), LATER))
    there.transaction(
        lambda c: counter_change.change(c, saw, OTHER_TOWN, attributes, approval, "other-clerk", LATER, office.random)
    )
    assert looked_at(there, office.ours, OTHER_TOWN, office.random).shown[Field.ADDRESS] == NEW
    with pytest.raises(UnknownPerson):
        looked_at(here, office.ours, TOWN, office.random)


def test_a_counter_or_a_gate_gives_nobody_away_and_a_filing_leaves_for_good(office):
    gives = f"UPDATE enrollment_people SET owner = '{OTHER_TOWN}'"
    for plane in ("jitsuin_desk", "jitsuin_gateway"):
        with pytest.raises(DBAPIError, match="row-level security"):
            ask(office, local_role(plane, TOWN), gives, about=office.ours)
    here = as_role(office, local_role("jitsuin_citizen", TOWN))
    pages = parts(here, office.folder, office.random)
    request = office.request(office.card_here)
    verified = office.verified(office.card_here, request, NEW, LATER, town=OTHER_TOWN)
    result = pages.moves.accept(verified, request, "key-0001", LATER)
    assert result.decision["used"] == 1
    assert office.database.read(lambda conn: rows.owner_of(conn, office.ours)) == OTHER_TOWN
    assert len([one for one in office.certificates(office.ours) if one.ended_at is None]) == 2
    assert office.chain_holds(office.ours)
    assert pages.moves.result(verified.filing.filing, LATER).certificate == result.certificate, "for the card"
    with pytest.raises(UnknownPerson):
        looked_at(here, office.ours, OTHER_TOWN, office.random)
    office.card_here.install(Purpose.SIGNATURE, result.certificate, office.issuing.issuers[Purpose.SIGNATURE])
    office.move(office.card_here, "神奈川県架空市本町２番", LATER + timedelta(days=1), town=OTHER_TOWN)
    with pytest.raises(UnknownFiling):  # the card was seen with it: whoever was left has nothing more to do with it
        pages.moves.result(verified.filing.filing, LATER)
    back = office.verified(office.card_here, request, NEW, LATER)
    with pytest.raises((UnknownCertificate, UnknownPerson)):
        pages.moves.accept(back, request, "key-0002", LATER)


def test_the_program_at_a_town_s_pages_serves_its_own(office):
    here = as_role(office, local_role("jitsuin_citizen", TOWN))
    pages = parts(here, office.folder, office.random)
    request = office.request(office.card_here)
    verified = office.verified(office.card_here, request, "東京都見本区南町１番", LATER)
    assert pages.moves.accept(verified, request, "key-0001", LATER).certificate is not None
    assert looked_at(here, office.ours, TOWN, office.random).shown[Field.ADDRESS] == "東京都見本区南町１番"
    there = parts(as_role(office, local_role("jitsuin_citizen", OTHER_TOWN)), office.folder, office.random)
    with pytest.raises((UnknownCertificate, UnknownPerson)):
        there.moves.accept(office.verified(office.card_here, request, NEW, LATER), request, "key-0001", LATER)


def test_the_program_at_a_town_s_gate_takes_in_its_own_and_puts_strangers_aside(office):
    kept = {code: ResidentRecord(code) for code in (TOWN, OTHER_TOWN)}
    gate = Gateway(OwnerKeys({code: record.spki for code, record in kept.items()}), office.random)

    def tell(code, person, kind="attributes-changed"):
        here = as_role(office, local_role("jitsuin_gateway", code))
        octets = kept[code].message(kind, person, LATER, values("東京都見本区南町１番"))
        return here.transaction(lambda c: gate.receive(c, code, octets, kept[code].sign(octets), LATER))

    assert tell(TOWN, office.ours).state is MessageState.HELD
    assert tell(OTHER_TOWN, office.theirs).state is MessageState.HELD
    for code, stranger in ((TOWN, office.theirs), (OTHER_TOWN, office.ours)):
        told = tell(code, stranger)
        assert (told.state, told.reason) == (MessageState.QUARANTINED, UnknownPerson.code)


def test_the_office_empties_records_of_access_after_seven_years_and_no_sooner(office):
    old, today = Instant.parse("2016-04-01T00:00:00Z"), SystemClock().now()  # the database has a clock of its own
    access = Access("desk", "q", "tax", TOWN, "somebody", FOUR_ATTRIBUTES, "law")
    for at in (old, today):
        registry.look(office.database, office.ours, access, at, office.random)
    folder = Folder(office.folder / "log")
    signer = Signer(f"log.example/{TOWN}", Ed25519PrivateKey.from_private_bytes(bytes(32)))
    folder.begin(signer.verifier)
    Log(office.database, TOWN, signer, folder).sequence(today)
    assert retention.destroy_due(as_role(office, "jitsuin_office"), today).records == 1
    lines = office.database.read(lambda conn: registry.own_lines(conn, office.ours))
    assert [line.result for line in lines if line.at in (old, today)] == [registry.DESTROYED, registry.PROVIDED]
    early = f"UPDATE enrollment_access_records SET result = 'x' WHERE at = {today.seconds}"
    assert ask(office, "jitsuin_office", early) == 0
    for column in ("hash", "at", "person", "position"):
        with pytest.raises(DBAPIError, match="permission denied"):
            ask(office, "jitsuin_office", f"UPDATE enrollment_access_records SET {column} = {column}")


# each layer with the others switched off


def drop(office, *policies):
    with office.database.engine.begin() as conn:
        for table in inspect(conn).get_table_names():
            for policy in policies:
                conn.execute(text(f"DROP POLICY IF EXISTS {policy} ON {table}"))
            if "planes" in policies:
                conn.execute(text(f"CREATE POLICY planes ON {table} USING (true) WITH CHECK (true)"))


@EVERY_PLANE
def test_without_the_naming_of_residents_a_town_s_process_is_still_held_to_its_own(office, plane):
    drop(office, "planes")
    assert ask(office, local_role(plane, OTHER_TOWN), BY_NAME) == [(office.theirs,)]
    assert ask(office, local_role(plane, TOWN), BY_NAME) == [(office.ours,)]


@EVERY_PLANE
def test_without_the_towns_policies_nobody_is_found_who_is_not_named(office, plane):
    drop(office, "locals", "leavers")
    assert ask(office, local_role(plane, OTHER_TOWN), BY_NAME) == []
    assert ask(office, local_role(plane, OTHER_TOWN), BY_NAME, about=office.ours) == [(office.ours,)]


def test_without_any_policy_the_program_refuses(office):
    drop(office, "planes", "locals", "leavers")
    there = as_role(office, desk_of(OTHER_TOWN))
    with pytest.raises(NotYours):
        looked_at(there, office.ours, OTHER_TOWN, office.random)


@EVERY_PLANE
def test_without_the_program_s_checks_the_database_refuses(office, monkeypatch, plane):
    there = as_role(office, local_role(plane, OTHER_TOWN))
    monkeypatch.setattr(registry, "_require_recorded", lambda *_: registry.PROVIDED)
    monkeypatch.setattr(registry, "record_access", lambda _c, person, access, at, *_a, **_k: registry.AccessReceipt(
        "r", person, 0, access, at, hashlib.sha256(b"").hexdigest()))  # fmt: skip
    with pytest.raises(UnknownPerson):
        looked_at(there, office.ours, OTHER_TOWN, office.random)
    assert looked_at(there, office.theirs, OTHER_TOWN, office.random).shown[Field.NAME] == hanako().name


def test_the_answers_to_parties_write_down_a_status_query_with_their_own_role(office):
    """What a closed OCSP responder does, without a name in reach."""
    Parties(office.database, "https://x.example").register(
        RelyingParty("bank", "見本銀行", "Bank", frozenset(), "法"), AT
    )
    Parties(office.database, "https://x.example").add_certificate("bank", bytes(32), AT)
    held = next(one for one in office.certificates(office.ours) if one.ended_at is None)
    answering = as_role(office, "jitsuin_relying_party")
    parties = OcspParties(answering, RegisteredSubjects(answering, office.random))
    assert parties.knows(bytes(32).hex()) and not parties.knows(bytes(31).hex() + "01")
    parties.record(held.issuer, bytes(32).hex(), [int(held.serial, 16), 7, 0, -1], LATER)
    last = office.database.read(lambda conn: registry.own_lines(conn, office.ours))[-1]
    assert (last.access.recipient, last.at, last.access.fields) == ("bank 見本銀行", LATER, frozenset())
    with pytest.raises(NotAuthenticated):
        parties.record(held.issuer, "00", [int(held.serial, 16)], LATER)


def test_every_process_that_serves_the_page_of_who_can_see_what_counts_the_same(office):
    for person, owner in ((office.ours, TOWN), (office.theirs, OTHER_TOWN), (office.theirs, OTHER_TOWN)):
        looked_at(office.database, person, owner, office.random)
    since = AT + timedelta(days=-1)
    counts = office.database.read(rows_by_group), office.database.read(lambda conn: looks_since(conn, since))
    truth = office.database.read(
        lambda conn: conn.execute(
            text("SELECT (SELECT count(*) FROM enrollment_people), (SELECT count(*) FROM enrollment_access_records)")
        ).one()
    )
    assert (counts[0][Group.RESIDENTS], counts[0][Group.LOOKS]) == tuple(truth)
    assert counts[1]["desk"] == 3
    for role in (*COUNTERS, *(local_role(plane, code) for plane in LOCAL_PLANES for code in (TOWN, OTHER_TOWN))):
        seen_by = as_role(office, role)
        assert (seen_by.read(rows_by_group), seen_by.read(lambda conn: looks_since(conn, since))) == counts, role
    for role in ("jitsuin_status", "jitsuin_signer"):
        with pytest.raises(DBAPIError, match="permission denied"):
            ask(office, role, "SELECT * FROM enrollment_access_records")


def test_the_planes_roles_serve_the_whole_program_together(office):
    """Citizen plane and office at work for several towns: a move from afar, seen and ended by their own roles."""
    citizen = parts(as_role(office, "jitsuin_citizen"), office.folder, office.random)
    request = office.request(office.card_here)
    verified = office.verified(office.card_here, request, NEW, LATER, town=OTHER_TOWN)
    waiting = citizen.moves
    result = waiting.accept(verified, request, "key-0001", LATER)
    assert result.decision["used"] == 1
    assert office.database.read(lambda conn: rows.owner_of(conn, office.ours)) == OTHER_TOWN
    assert {one.purpose for one in office.certificates(office.ours) if one.ended_at is None} == set(Purpose)
