"""The officers' HTTP doors in a municipality that demands signed acts: told what to sign, signed, done, once."""

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from enrollment import acts
from enrollment.act import Act, What
from enrollment.canonical import canonical
from enrollment.store import acts as rows
from enrollment.store import people as people_rows
from tests.enrollment.town import AT, TOWN, resident
from tests.web.doors_world import Doors


@pytest.fixture
def doors(sqlite_database: Any, tmp_path: Any) -> Doors:
    made = Doors(sqlite_database, tmp_path, "doors acts")
    sqlite_database.transaction(lambda conn: acts.demand(conn, TOWN, AT, "council"))
    return made


def act_for(doors: Doors, who: str, told: dict[str, str]) -> Act:
    counter = doors.database.read(lambda conn: people_rows.operator_of(conn, who)).counter
    nonce = doors.random(16).hex()
    return Act(What(told["what"]), told["subject"], told["content"], who, counter, doors.clock.now(), nonce)


def header(doors: Doors, who: str, act: Act) -> dict[str, str]:
    signature = doors.keys[who].sign(act.to_be_signed())
    return {"jitsuin-act": f"{base64.b64encode(act.octets()).decode()}.{base64.b64encode(signature).decode()}"}


def refused(answer: Any, code: str) -> dict[str, str]:
    assert answer.status_code in (403, 422), answer.text
    told: dict[str, Any] = answer.json()
    assert told["code"] == code
    fields: dict[str, str] = told.get("fields", {})
    return fields


def test_told_what_to_sign_signed_and_done_once(doors: Doors) -> None:
    person = doors.database.transaction(lambda conn: resident(conn, doors.random))
    path = f"/v1/office/protection/{person}"
    told = refused(doors.ask("clerk", "POST", path), "enrollment.act-not-signed")
    assert (told["what"], told["subject"]) == ("protection", person)
    act = act_for(doors, "clerk", told)
    with_act = header(doors, "clerk", act)
    # somebody else's act, a changed one, one about somebody else, garbage: none opens the door
    boss = header(doors, "boss", replace(act, operator="boss"))
    refused(doors.ask("clerk", "POST", path, extra=boss), "enrollment.act-refused")
    forged = header(doors, "boss", act)
    refused(doors.ask("clerk", "POST", path, extra=forged), "enrollment.signature-invalid")
    for other in (replace(act, subject="f" * 32, nonce="1" * 32), replace(act, content="f" * 64, nonce="2" * 32)):
        refused(doors.ask("clerk", "POST", path, extra=header(doors, "clerk", other)), "enrollment.act-not-signed")
    unprefixed = base64.b64encode(doors.keys["clerk"].sign(act.octets())).decode()
    plain = {"jitsuin-act": f"{base64.b64encode(act.octets()).decode()}.{unprefixed}"}
    refused(doors.ask("clerk", "POST", path, extra=plain), "enrollment.signature-invalid")
    for garbage in ("", ".", "e30=.e30=", "x" * 9000, base64.b64encode(canonical([1])).decode() + ".AA=="):
        refused(doors.ask("clerk", "POST", path, extra={"jitsuin-act": garbage}), "enrollment.act-refused")
    assert doors.ask("clerk", "POST", path, extra=with_act).status_code == 201
    kept = doors.database.read(lambda conn: rows.acts_after(conn, None, 10, person))
    assert [one.act for one in kept if one.used_at is not None] == [act]
    assert doors.database.read(lambda conn: acts.verify(conn, person)) == (len(kept), ())
    # the same act again does nothing more: what comes next wants an act of its own
    again = doors.ask("clerk", "POST", f"{path}/unlocks", {"reason": "a court asks"}, extra=with_act)
    assert refused(again, "enrollment.act-not-signed")["content"] != act.content
    doors.clock.advance(minutes=6)
    late = header(doors, "clerk", replace(act, nonce="3" * 32))
    refused(doors.ask("clerk", "POST", path, extra=late), "enrollment.act-refused")


def test_what_only_looks_needs_no_act(doors: Doors) -> None:
    for path in ("quarantine", "brake", "alarms", "channels"):
        assert doors.ask("clerk", "GET", f"/v1/office/{path}").status_code == 200
    assert json.loads(doors.ask("clerk", "GET", "/v1/office/brake").content)
