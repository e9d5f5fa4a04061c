"""The gateway's doors over HTTP: who may ask, what passes, what officers do, and flags from set to released."""

import base64
import json
from datetime import timedelta

import pytest

from ca import revocation
from enrollment import gateway_release, registry, signed
from enrollment.registry import FOUR_ATTRIBUTES, Access
from enrollment.signed import MUNICIPALITY
from enrollment.store import people as rows
from pki.instant import Instant
from pki.revocation import Reason
from pki.serial import SerialNumber
from tests.enrollment.town import AT, OTHER_TOWN, TOWN, hanako, resident
from tests.web.doors_world import VALUES, Doors

NOON = Instant.parse("2026-11-24T03:00:00Z")
ADDRESS = hanako().address


@pytest.fixture
def doors(database, tmp_path, request):
    return Doors(database, tmp_path, request.node.nodeid)


@pytest.fixture
def one(sqlite_database, tmp_path, request):
    """Where nothing depends on the engine."""
    return Doors(sqlite_database, tmp_path, request.node.nodeid)


def enter(doors, owner=TOWN):
    return doors.database.transaction(lambda conn: resident(conn, doors.random, owner))


def ok(answer, status=200):
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


def refused(answer, status, code):
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_message_is_held_looked_at_and_takes_effect(doors):
    person = enter(doors)
    receipt = ok(doors.tell("attributes-changed", person, VALUES), 202)
    assert (receipt["state"], receipt["due_at"]) == ("held", NOON.iso())
    path = f"/v1/gateway/messages/{receipt['message']}"
    assert ok(doors.ask("town", "GET", path)) == receipt
    refused(doors.ask("other-town", "GET", path), 404, "web.no-such-message")
    gateway_release.release_due(doors.database, TOWN, NOON, doors.random)
    assert ok(doors.ask("clerk", "GET", f"/v1/office/messages/{receipt['message']}"))["state"] == "released"
    again = doors.record.message("attributes-changed", person, AT, VALUES, message=receipt["message"])
    assert ok(doors.send(again), 202)["state"] == "released"


def test_what_may_not_pass_is_listed_with_its_reason_and_nothing_else(one):
    person = enter(one)
    receipt = ok(one.tell("attributes-changed", person, {**VALUES, "name": "<script>"}), 202)
    assert receipt["state"] == "quarantined"
    for who, path in (("town", "/v1/gateway/quarantine"), ("clerk", "/v1/office/quarantine")):
        told = one.ask(who, "GET", path)
        assert [line["reason"] for line in ok(told)["messages"]] == ["a character that names and addresses do not use"]
        assert "script" not in told.text
        assert VALUES["address"] not in told.text
    assert ok(one.ask("other-boss", "GET", "/v1/office/quarantine"))["messages"] == []


@pytest.mark.parametrize("language", ["ja", "en"])
def test_refusals_are_problems_in_both_languages(one, language):
    answer = one.ask("kiosk", "GET", "/v1/gateway/quarantine", language=language)
    refused(answer, 401, "web.not-authenticated")
    assert (max(answer.json()["detail"]) > "\u3000") == (language == "ja")


class TestWhoAsks:
    """Only signed requests, of the right kind, in time, once."""

    PATH = "/v1/office/alarms"

    def test_nobody_without_a_signature(self, one):
        refused(one.client.get(self.PATH), 401, "web.not-authenticated")
        refused(one.client.get(self.PATH, headers={"authorization": "Bearer x"}), 401, "web.not-authenticated")

    def test_once(self, doors):
        ok(doors.ask("clerk", "GET", self.PATH, nonce="a" * 20))
        refused(doors.ask("clerk", "GET", self.PATH, nonce="a" * 20), 401, "web.not-authenticated")
        ok(doors.ask("boss", "GET", self.PATH, nonce="a" * 20))

    @pytest.mark.parametrize("late", [-3600, -301, 62, 3600])
    def test_in_time(self, one, late):
        refused(one.ask("clerk", "GET", self.PATH, at=AT + timedelta(seconds=late)), 401, "web.not-authenticated")

    def test_a_signature_for_another_path_method_body_or_service(self, one):
        key, nonce = one.keys["clerk"], "b" * 20
        for method, url, body in (
            ("GET", "http://service.test/v1/office/brake", b""),
            ("POST", "http://service.test/v1/office/alarms", b""),
            ("GET", "http://service.test/v1/office/alarms?x=1", b""),
            ("GET", "http://elsewhere.test/v1/office/alarms", b""),
        ):
            headers = key.headers(method, url, body, AT, nonce)
            refused(one.client.get(self.PATH, headers=headers), 401, "web.not-authenticated")
        headers = key.headers("GET", f"http://service.test{self.PATH}", b"other", AT, nonce)
        refused(one.client.get(self.PATH, headers=headers), 401, "web.not-authenticated")
        headers = key.headers("GET", f"http://service.test{self.PATH}", b"", AT, nonce)
        for name, value in headers.items():
            for place in {*range(0, len(value), 7), *range(len(value) - 5, len(value))}:
                changed = value[:place] + ("A" if value[place] != "A" else "B") + value[place + 1 :]
                broken = {**headers, name: changed}
                refused(one.client.get(self.PATH, headers=broken), 401, "web.not-authenticated")
        ok(one.client.get(self.PATH, headers=headers))

    def test_a_card_that_is_not_in_force(self, one):
        ok(one.ask("clerk", "GET", self.PATH))
        issued = one.cards["clerk"]
        serial = SerialNumber.parse(f"0x{issued.serial:x}") if isinstance(issued.serial, int) else issued.serial
        one.database.transaction(
            lambda conn: revocation.revoke(conn, "authentication-1", serial, Reason.KEY_COMPROMISE, AT, cause="lost")
        )
        refused(one.ask("clerk", "GET", self.PATH), 401, "web.not-authenticated")

    def test_a_key_that_was_ended(self, one):
        ok(one.ask("town", "GET", "/v1/gateway/quarantine"))
        one.database.transaction(lambda conn: signed.end_key(conn, MUNICIPALITY, TOWN, "k1", AT))
        refused(one.ask("town", "GET", "/v1/gateway/quarantine"), 401, "web.not-authenticated")

    def test_each_kind_at_its_own_doors(self, one):
        for who, path in (
            ("clerk", "/v1/gateway/quarantine"), ("kiosk", "/v1/office/alarms"), ("town", "/v1/channels/flags"),
            ("town", "/v1/office/brake"), ("clerk", "/v1/channels/flags"),
        ):  # fmt: skip
            refused(one.ask(who, "GET", path), 401, "web.not-authenticated")

    def test_a_message_for_another_municipality_does_not_pass(self, one):
        person = enter(one)
        assert ok(one.tell("death", person, {"died_on": "2026-11-22"}, who="other-town"), 202)["state"] == "quarantined"
        octets = one.record.message("death", person, AT, {"died_on": "2026-11-22"})
        extra = {"gateway-signature": base64.b64encode(b"x" * 70).decode()}
        assert ok(one.ask("town", "POST", "/v1/gateway/messages", octets, extra=extra), 202)["state"] == "quarantined"


def test_taken_back_in_time_nobody_received_it(one):
    person = enter(one)
    wrong = ok(one.tell("attributes-changed", person, VALUES), 202)["message"]
    refused(one.ask("clerk", "GET", f"/v1/office/messages/{wrong}/recipients"), 409, "enrollment.wrong-state")
    path = f"/v1/office/messages/{wrong}/retraction"
    refused(one.ask("other-boss", "POST", path), 409, "enrollment.wrong-state")
    ok(one.ask("clerk", "POST", path), 204)
    assert ok(one.ask("clerk", "GET", f"/v1/office/messages/{wrong}/recipients")) == {"recipients": []}
    assert gateway_release.release_due(one.database, TOWN, NOON, one.random) == 0


def test_too_late_it_is_known_who_received_it(one):
    person = enter(one)
    wrong = ok(one.tell("attributes-changed", person, VALUES), 202)["message"]
    gateway_release.release_due(one.database, TOWN, NOON, one.random)
    access = Access("inquiry", "question", "tax", TOWN, "見本区 税務課", FOUR_ATTRIBUTES, "地方税法")
    registry.look(one.database, person, access, NOON + timedelta(minutes=5), one.random)
    told = ok(one.ask("clerk", "GET", f"/v1/office/messages/{wrong}/recipients"))["recipients"]
    assert [line["recipient"] for line in told] == ["見本区 税務課"]


def test_the_brake_is_let_go_by_two(sqlite_database, tmp_path):
    doors = Doors(sqlite_database, tmp_path, "brake", brake_least=2)
    for _ in range(3):
        ok(doors.tell("attributes-changed", enter(doors), VALUES), 202)
    state = ok(doors.ask("clerk", "GET", "/v1/office/brake"))
    assert (state["braked"], state["messages"]) == (True, {"held": 3})
    asked = ok(doors.ask("clerk", "POST", "/v1/office/brake/releases", {"reason": "a new estate"}), 201)["approval"]
    path = f"/v1/office/brake/releases/{asked}/approval"
    refused(doors.ask("clerk", "POST", path), 403, "enrollment.role-missing")
    refused(doors.ask("other-boss", "POST", path), 409, "enrollment.wrong-state")
    ok(doors.ask("boss", "POST", path), 204)
    assert ok(doors.ask("clerk", "GET", "/v1/office/brake"))["braked"] is False
    assert gateway_release.release_due(doors.database, TOWN, NOON, doors.random) == 3


def test_a_flood_is_429(sqlite_database, tmp_path):
    doors = Doors(sqlite_database, tmp_path, "flood", per_minute=1)
    person = enter(doors)
    ok(doors.tell("attributes-changed", person, VALUES), 202)
    refused(doors.tell("attributes-changed", person, VALUES), 429, "enrollment.gateway-flooded")


def test_a_flag_from_set_to_released(doors):
    person = enter(doors)
    base = f"/v1/office/protection/{person}"
    refused(doors.ask("clerk", "GET", base), 409, "enrollment.not-protected")
    flag = ok(doors.ask("clerk", "POST", base), 201)
    assert (flag["state"], flag["masks"]) == ("provisional", True)
    refused(doors.ask("clerk", "POST", base), 409, "enrollment.already-protected")
    refused(doors.ask("other-boss", "GET", base), 403, "enrollment.not-yours")
    refused(doors.ask("clerk", "POST", f"{base}/confirmation"), 403, "enrollment.role-missing")
    assert ok(doors.ask("boss", "POST", f"{base}/confirmation"))["state"] == "active"

    (told,) = ok(doors.ask("kiosk", "GET", "/v1/channels/flags"))["flags"]
    ok(doors.ask("clerk", "GET", base))
    lines = doors.database.read(lambda conn: registry.own_lines(conn, person))
    assert [line.access.reason for line in lines][-1] == "support-measure", "a look at the flag is a look"
    assert [line.access.recipient for line in lines if line.access.function == "channel"] == ["kiosk"]
    assert (told["flag"], told["version"]) == (flag["flag"], 2)
    assert person not in json.dumps(told)
    sent = {"flag": told["flag"], "version": 2}
    assert ok(doors.ask("kiosk", "POST", "/v1/channels/acknowledgements", sent)) == {"known": True}
    compared = ok(doors.ask("kiosk", "PUT", "/v1/channels/flags", {"flags": {"f" * 32: 1}}))
    assert (compared["missing"], compared["unknown"]) == ([flag["flag"]], ["f" * 32])
    (alarm,) = ok(doors.ask("clerk", "GET", "/v1/office/alarms"))["alarms"]
    assert alarm["kind"] == "channel-disagrees"
    (channel,) = ok(doors.ask("clerk", "GET", "/v1/office/channels"))["channels"]
    assert channel["compared"]["missing"] == 1

    asked = ok(doors.ask("boss", "POST", f"{base}/releases", {"reason": "safe now"}), 201)["approval"]
    refused(doors.ask("boss", "POST", f"{base}/releases/{asked}/approval"), 403, "enrollment.same-person")
    agreed = ok(doors.ask("boss2", "POST", f"{base}/releases/{asked}/approval"))
    assert agreed["release_after"] == (AT + timedelta(days=7)).iso()
    refused(doors.ask("boss", "POST", f"{base}/release"), 409, "enrollment.still-cooling")
    doors.clock.advance(days=7)
    refused(doors.ask("clerk", "POST", f"{base}/release"), 403, "enrollment.role-missing")
    assert ok(doors.ask("boss", "POST", f"{base}/release"))["masks"] is False


def test_a_release_is_stopped_and_a_renewal_takes_the_last_month(one):
    person = enter(one)
    base = f"/v1/office/protection/{person}"
    ok(one.ask("clerk", "POST", base), 201)
    ok(one.ask("boss", "POST", f"{base}/confirmation"))
    refused(one.ask("boss", "POST", f"{base}/renewal"), 409, "enrollment.wrong-state")
    asked = ok(one.ask("boss", "POST", f"{base}/releases", {"reason": "safe now"}), 201)["approval"]
    ok(one.ask("boss2", "POST", f"{base}/releases/{asked}/approval"))
    assert ok(one.ask("boss2", "DELETE", f"{base}/releases"))["release_after"] is None
    one.clock.advance(days=8)
    refused(one.ask("boss", "POST", f"{base}/release"), 409, "enrollment.still-cooling")
    one.clock.advance(days=340)
    assert ok(one.ask("boss", "POST", f"{base}/renewal"))["state"] == "active"


def test_an_address_is_seen_once_by_who_asked_with_anothers_leave(doors):
    person = enter(doors)
    base = f"/v1/office/protection/{person}"
    ok(doors.ask("clerk", "POST", base), 201)
    asked = ok(doors.ask("clerk", "POST", f"{base}/unlocks", {"reason": "ambulance"}), 201)["approval"]
    refused(doors.ask("postclerk", "POST", f"{base}/unlocks/{asked}/approval"), 403, "enrollment.role-missing")
    unlock = {"unlock": ok(doors.ask("boss", "POST", f"{base}/unlocks/{asked}/approval"), 201)["unlock"]}
    refused(doors.ask("boss", "POST", f"{base}/address", unlock), 409, "enrollment.needs-approval")
    assert ok(doors.ask("clerk", "POST", f"{base}/address", unlock)) == {"address": ADDRESS}
    assert ADDRESS not in doors.ask("clerk", "POST", f"{base}/address", unlock).text
    lines = doors.database.read(lambda conn: registry.own_lines(conn, person))
    assert [line.result for line in lines] == ["unlocked", "masked"]
    assert ok(doors.ask("boss", "GET", "/v1/office/near-misses")) == {"days": 30, "near_misses": 1}


def test_nobody_unlocks_their_own_record_or_another_towns(one):
    mine, theirs = enter(one), enter(one, OTHER_TOWN)
    from sqlalchemy import update

    from enrollment.store import tables

    o = tables.operators
    one.database.transaction(lambda conn: conn.execute(update(o).where(o.c.operator == "clerk").values(person=mine)))
    ok(one.ask("boss", "POST", f"/v1/office/protection/{mine}"), 201)
    body = {"reason": "curious"}
    answer = one.ask("clerk", "POST", f"/v1/office/protection/{mine}/unlocks", body)
    refused(answer, 403, "enrollment.self-dealing")
    refused(one.ask("clerk", "POST", f"/v1/office/protection/{theirs}/unlocks", body), 403, "enrollment.not-yours")
    assert one.database.read(lambda conn: rows.owner_of(conn, theirs)) == OTHER_TOWN


def test_snapshots_and_the_shape_of_the_api(one):
    assert ok(one.ask("clerk", "GET", "/v1/office/snapshots")) == {"age_seconds": None, "snapshots": []}
    shape = one.client.get("/openapi.json").json()
    for path, methods in shape["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"], (path, method)
            assert "401" in operation["responses"], (path, method)
