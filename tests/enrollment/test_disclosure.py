"""Who looked at me: what is shown to whom, questions about it, incidents, and the end of a record after seven years."""

import json
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from cli.audit import app as audit_app
from enrollment import cases, incidents, notices, protection, registry, retention
from enrollment.case import CaseState, Finding
from enrollment.disclosure import POLICY, SOMEBODY, Member, Shown, Viewer, disclose, shown
from enrollment.errors import (
    AnswerUnfit,
    NotYours,
    RoleMissing,
    SameAnswerer,
    SamePerson,
    ScopeUnfit,
    UnknownCase,
    UnknownIncident,
    WrongState,
)
from enrollment.history import export, history
from enrollment.incident import IncidentKind, IncidentState, Scope
from enrollment.notices import NoticeKind
from enrollment.operators import Operator
from enrollment.person import PersonId
from enrollment.registry import FOUR_ATTRIBUTES, Access, AccessLine, Field
from enrollment.store import people as rows
from pki.instant import Instant
from tests.enrollment.town import AT, TOWN, found, resident
from transparency.folder import Folder
from transparency.log import Log
from transparency.note import Signer

SIGNER = Signer("log.example/13113", Ed25519PrivateKey.from_private_bytes(bytes(32)))
PENSION = Access("inquiry", "pension", "年金", TOWN, "年金事務所", FOUR_ATTRIBUTES, "住民基本台帳法30条の9")
TAX = Access("inquiry", "tax", "税", TOWN, "税務署 北支署", frozenset({Field.NAME}), "国税通則法")


class Town:
    """A town in a database, with people who are looked at."""

    def __init__(self, database: Any, random: Any) -> None:
        self.database, self.random = database, random
        database.transaction(found)

    def resident(self) -> PersonId:
        return PersonId(self.database.transaction(lambda conn: resident(conn, self.random)))

    def look(self, person: PersonId, access: Access = PENSION, at: Instant = AT) -> str:
        receipt = self.do(lambda conn: registry.record_access(conn, person, access, at, self.random))
        return str(receipt.record)

    def do(self, body: Any) -> Any:
        return self.database.transaction(body)

    def operator(self, name: str) -> Operator:
        found_one: Operator = self.database.read(lambda conn: rows.operator_of(conn, name))
        return found_one

    def protect(self, person: PersonId) -> None:
        self.do(lambda conn: protection.apply(conn, person, self.operator("clerk"), AT, self.random))


@pytest.fixture
def town(database: Any, random: Any) -> Town:
    return Town(database, random)


@pytest.fixture
def small_town(sqlite_database: Any, random: Any) -> Town:
    return Town(sqlite_database, random)


# -- what is shown -----------------------------------------------------------------------------------------------------


def _records(count: int, access: Access = PENSION, step: timedelta = timedelta(minutes=7)) -> list[AccessLine]:
    return [AccessLine(AT + step * number, access, "provided", f"r{number}", "") for number in range(count)]


def test_the_policy_says_something_of_every_member_for_every_viewer() -> None:
    assert set(POLICY) == set(product(Viewer, (False, True)))
    assert all(set(rule) == set(Member) for rule in POLICY.values())


@pytest.mark.parametrize(("viewer", "protected"), sorted(POLICY, key=str))
def test_the_matrix(viewer: Viewer, protected: bool) -> None:
    """What each cell of the policy promises is what comes out, and nothing that it hides appears anywhere."""
    told = shown(_records(1), viewer, protected=protected)
    rule = POLICY[viewer, protected]
    text = json.dumps([line.to_json() for line in told.lines], ensure_ascii=False)
    texts = {
        Member.FUNCTION: PENSION.function, Member.REASON: PENSION.reason, Member.AFFAIRS: PENSION.affairs,
        Member.FROM: TOWN, Member.TO: PENSION.recipient, Member.WHAT: "date-of-birth",
        Member.LEGAL_BASIS: PENSION.legal_basis, Member.RESULT: "provided", Member.WHEN: AT.iso(),
    }  # fmt: skip
    assert set(texts) == set(Member)
    for member, value in texts.items():
        assert (value in text) is (rule[member] is Shown.WHOLE), member
    if Shown.LINE_LEFT_OUT in rule.values():
        assert (told.lines, told.left_out) == ((), 1)
    elif rule[Member.WHEN] is Shown.DAY:
        assert "2026-11-23" in text
        assert SOMEBODY in text


def test_many_alike_of_one_day_are_one_line_with_their_number_and_none_is_lost() -> None:
    lines = shown([*_records(5), *_records(2, TAX)], Viewer.SELF, protected=False).lines
    assert sorted((line.count, line.members[Member.REASON]) for line in lines) == [
        (1, "tax"),
        (1, "tax"),
        (5, "pension"),
    ]
    mass = next(line for line in lines if line.count == 5)
    assert (mass.first, mass.last) == (AT, AT + timedelta(minutes=28))


@given(
    st.lists(
        st.tuples(st.integers(0, 3 * 86_400), st.sampled_from([PENSION, TAX]), st.sampled_from(["provided", "masked"]))
    ),
    st.booleans(),
)
def test_grouping_loses_no_record_and_joins_no_two_days(looks: list[tuple[int, Access, str]], protected: bool) -> None:
    records = [
        AccessLine(AT + timedelta(seconds=after), access, result, f"r{number}", "")
        for number, (after, access, result) in enumerate(sorted(looks, key=lambda one: one[0]))
    ]
    told = shown(records, Viewer.SELF, protected=protected)
    assert sorted(record for line in told.lines for record in line.records) == sorted(one.record for one in records)
    assert all(line.first.jst_date() == line.last.jst_date() for line in told.lines)
    assert [line.last for line in told.lines] == sorted((line.last for line in told.lines), reverse=True)


def test_from_the_record_to_the_page_in_one_step_and_protection_hides_at_once(town: Town) -> None:
    person = town.resident()
    record = town.look(person)
    (line,) = town.database.read(lambda conn: disclose(conn, person)).lines
    assert line.records == (record,)
    assert line.members[Member.TO] == "年金事務所"
    town.protect(person)
    hidden = town.database.read(lambda conn: disclose(conn, person))
    assert hidden.protected
    assert "年金事務所" not in str(hidden)
    assert TOWN not in str(hidden.lines)
    assert town.database.read(lambda conn: disclose(conn, person, Viewer.REPRESENTATIVE)).lines == ()


# -- questions ---------------------------------------------------------------------------------------------------------


def test_a_question_is_answered_disputed_and_answered_by_somebody_else(town: Town) -> None:
    person, other = town.resident(), town.resident()
    record = town.look(person)
    case = town.do(lambda conn: cases.open_case(conn, person, record, AT, town.random))
    assert town.do(lambda conn: cases.open_case(conn, person, record, AT, town.random)) == case
    assert case.due_at.iso() == "2026-12-08T14:59:59Z"
    assert not case.overdue(case.due_at)
    assert case.overdue(case.due_at + timedelta(seconds=1))
    assert town.database.read(lambda conn: cases.waiting(conn, TOWN)) == (case,)
    with pytest.raises(UnknownCase):
        town.do(lambda conn: cases.open_case(conn, other, record, AT, town.random))
    with pytest.raises(RoleMissing):
        _answer(town, case.case, "clerk")
    with pytest.raises(NotYours):
        _answer(town, case.case, "other-boss")
    for text in (" ", "x" * 1001):
        with pytest.raises(AnswerUnfit):
            _answer(town, case.case, "boss", text)
    assert _answer(town, case.case, "boss").state is CaseState.ANSWERED
    assert town.database.read(lambda conn: cases.waiting(conn, TOWN)) == ()
    (notice,) = town.database.read(lambda conn: notices.notices_of(conn, person))
    assert (notice.kind, notice.about, notice.read_at) == (NoticeKind.CASE_ANSWERED, case.case, None)
    with pytest.raises(WrongState):
        _answer(town, case.case, "boss2")
    with pytest.raises(UnknownCase):
        town.do(lambda conn: cases.respond(conn, other, case.case, accept=True, at=AT))
    disputed = town.do(lambda conn: cases.respond(conn, person, case.case, accept=False, at=AT + timedelta(days=3)))
    assert (disputed.state, disputed.due_at.iso()) == (CaseState.DISPUTED, "2026-12-11T14:59:59Z")
    with pytest.raises(SameAnswerer):
        _answer(town, case.case, "boss")
    final = _answer(town, case.case, "boss2")
    assert (final.state, final.answered_by) == (CaseState.CLOSED, ("boss", "boss2"))
    with pytest.raises(WrongState):
        town.do(lambda conn: cases.respond(conn, person, case.case, accept=False, at=AT))
    town.do(lambda conn: notices.mark_read(conn, person, AT + timedelta(days=9)))
    assert all(one.read_at for one in town.database.read(lambda conn: notices.notices_of(conn, person)))


def _answer(town: Town, case: str, who: str, text: str = "年金の照会でした。") -> Any:
    operator = town.operator(who)
    return town.do(lambda conn: cases.answer(conn, case, operator, Finding.RIGHTFUL, text, AT, town.random))


# -- incidents ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("drill", [False, True])
def test_an_incident_finds_its_people_in_the_records_and_tells_them(town: Town, drill: bool) -> None:
    hit = [town.resident() for _ in range(3)]
    spared = town.resident()
    wrong = [town.look(person, TAX, AT + timedelta(minutes=number)) for number, person in enumerate(hit)]
    town.look(hit[0])
    town.look(spared)
    town.look(spared, TAX, AT + timedelta(days=2))
    within = Scope(AT, AT + timedelta(hours=1), recipient=TAX.recipient)
    boss, second = town.operator("boss"), town.operator("boss2")
    with pytest.raises(RoleMissing):
        town.do(lambda conn: incidents.find(conn, IncidentKind.LEAK, town.operator("clerk"), AT, town.random))
    incident = town.do(
        lambda conn: incidents.find(conn, IncidentKind.MISTAKEN_PROVISION, boss, AT, town.random, drill=drill)
    )
    name = incident.incident
    with pytest.raises(WrongState):
        town.do(lambda conn: incidents.notify(conn, name, second, AT, town.random))
    with pytest.raises(NotYours):
        town.do(lambda conn: incidents.scope(conn, name, within, town.operator("other-boss"), AT))
    scoped = town.do(lambda conn: incidents.scope(conn, name, within, boss, AT))
    assert (scoped.affected, scoped.records) == (3, 3)
    with pytest.raises(SamePerson):
        town.do(lambda conn: incidents.notify(conn, name, boss, AT, town.random))
    told = town.do(lambda conn: incidents.notify(conn, name, second, AT, town.random))
    assert told.state is IncidentState.NOTIFIED
    for person, record in zip(hit, wrong, strict=True):
        found_notices = town.database.read(lambda conn, person=person: notices.notices_of(conn, person))
        assert [one.about for one in found_notices] == ([] if drill else [name])
        of_person = town.database.read(lambda conn, person=person: incidents.records_of(conn, name, person))
        assert of_person == (record,)
    assert town.database.read(lambda conn: notices.notices_of(conn, spared)) == ()
    town.do(lambda conn: incidents.close(conn, name, boss, AT + timedelta(days=1)))
    public = town.database.read(lambda conn: incidents.public_notice(conn, name))
    assert public["affected"] == "<10"
    assert [one["what"] for one in public["timeline"]] == ["find", "scope", "notify", "close"]
    assert not any(person in json.dumps(public) for person in [*hit, "boss"])
    published = town.database.read(lambda conn: incidents.published(conn, TOWN))
    assert [one.incident for one in published] == ([] if drill else [name])


def test_a_scope_without_bounds_is_none(town: Town) -> None:
    with pytest.raises(ScopeUnfit):
        Scope(AT, AT)
    with pytest.raises(ScopeUnfit):
        Scope(AT, AT + timedelta(seconds=-1), function="inquiry")
    with pytest.raises(UnknownIncident):
        town.database.read(lambda conn: incidents.public_notice(conn, "none"))


# -- the end of a record -----------------------------------------------------------------------------------------------

LATER = Instant.parse("2033-11-23T15:00:00Z")  # the first second of 24 November in Japan, seven years on


@pytest.fixture
def log(town: Town, tmp_path: Path) -> Log:
    folder = Folder(tmp_path / "log")
    folder.begin(SIGNER.verifier)
    return Log(town.database, TOWN, SIGNER, folder)


def _audited(town: Town, person: PersonId, tmp_path: Path) -> int:
    document, waiting = town.database.read(
        lambda conn: export(conn, history(conn, person), lambda _owner: str(SIGNER.verifier))
    )
    assert waiting == 0
    file = tmp_path / f"{person}.json"
    file.write_text(json.dumps(document, ensure_ascii=False), "utf-8")
    result = CliRunner().invoke(audit_app, ["verify", str(file)])
    return result.exit_code


def test_after_seven_years_the_opening_is_gone_and_everything_still_verifies(
    town: Town, log: Log, tmp_path: Path
) -> None:
    person = town.resident()
    for at in (AT, AT + timedelta(minutes=1), AT + timedelta(days=400)):
        town.look(person, TAX, at)
    log.sequence(AT + timedelta(days=400))
    before = log.verifier, (tmp_path / "log" / "checkpoint").read_bytes()
    assert _audited(town, person, tmp_path) == 0
    assert retention.destroy_due(town.database, LATER + timedelta(seconds=-1)).records == 0
    done = retention.destroy_due(town.database, LATER)
    assert (done.records, done.waiting) == (2, 0)
    assert retention.destroy_due(town.database, LATER).records == 0
    lines = town.database.read(lambda conn: registry.own_lines(conn, person))
    assert [line.result for line in lines] == ["destroyed", "destroyed", "provided"]
    assert "北支署" not in str(lines[:2])
    assert town.database.read(lambda conn: registry.broken_accesses(conn, person)) == ()
    assert _audited(town, person, tmp_path) == 0
    assert CliRunner().invoke(audit_app, ["verify", str(tmp_path / "log")]).exit_code == 0
    assert before == (log.verifier, (tmp_path / "log" / "checkpoint").read_bytes())
    told = town.database.read(lambda conn: disclose(conn, person))
    assert [line.records for line in told.lines] == [(lines[2].record,)]
    file = tmp_path / f"{person}.json"
    document = json.loads(file.read_text("utf-8"))
    document["records"][0]["digest"] = "00" * 32
    file.write_text(json.dumps(document), "utf-8")
    assert CliRunner().invoke(audit_app, ["verify", str(file)]).exit_code != 0


def test_what_a_question_or_incident_needs_is_kept_and_so_is_what_has_no_number(town: Town, log: Log) -> None:
    asked, hit, plain, unnumbered = (town.resident() for _ in range(4))
    record = town.look(asked)
    town.look(hit, TAX)
    town.look(plain)
    log.sequence(AT)
    town.look(unnumbered)
    town.do(lambda conn: cases.open_case(conn, asked, record, AT, town.random))
    boss = town.operator("boss")
    incident = town.do(lambda conn: incidents.find(conn, IncidentKind.LEAK, boss, AT, town.random))
    within = Scope(AT, AT, recipient=TAX.recipient)
    town.do(lambda conn: incidents.scope(conn, incident.incident, within, boss, AT))
    done = retention.destroy_due(town.database, LATER)
    assert (done.records, done.waiting) == (1, 3)
    log.sequence(LATER)
    assert retention.destroy_due(town.database, LATER).records == 1


def test_more_records_than_a_batch_and_a_run_cut_short(small_town: Town, tmp_path: Path, monkeypatch: Any) -> None:
    person, kept = small_town.resident(), small_town.resident()
    first = small_town.look(kept)
    for _ in range(11):
        small_town.look(person)
    folder = Folder(tmp_path / "log")
    folder.begin(SIGNER.verifier)
    Log(small_town.database, TOWN, SIGNER, folder).sequence(AT)
    small_town.do(lambda conn: cases.open_case(conn, kept, first, AT, small_town.random))
    monkeypatch.setattr(retention, "BATCH", 2)
    real, calls = retention._destroy, []

    def dies(conn: Any, due: Any) -> int:
        calls.append(due)
        done = real(conn, due)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return done

    monkeypatch.setattr(retention, "_destroy", dies)
    with pytest.raises(KeyboardInterrupt):
        retention.destroy_due(small_town.database, LATER)
    monkeypatch.setattr(retention, "_destroy", real)
    assert retention.destroy_due(small_town.database, LATER).waiting == 1
    results = [line.result for line in small_town.database.read(lambda conn: registry.own_lines(conn, person))]
    assert results == ["destroyed"] * 11
    assert small_town.database.read(lambda conn: registry.broken_accesses(conn, person)) == ()
