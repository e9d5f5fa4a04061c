"""No receipt, no data: whoever is told anything of a person is in that person's record before, on every path there is.

The routes and commands are those of the mask matrix, which fails when one is new; here the same walk looks for the
name, the address and the day of birth of somebody who is not protected, and for the line in their record that has to
have been there first. What reads a person without a receipt is a list of functions, each with its reason.
"""

import ast
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from cli.logs import open_logs
from cli.planes import open_web
from enrollment import history, registry
from tests.journeys import test_mask_matrix as matrix
from tests.journeys.mask_world import BASE, SECRET, MaskWorld, shows
from tests.support.service import command
from web.citizen.citizen import REALM as CITIZEN

SHOWN = ("実印　花子", SECRET, "1980-02-17")

OWN = {
    "GET /v1/filings/{filing}": "the answer to whoever signed the filing: the person's own",
    "GET /v1/household-filings/applications/{application}": "the same for a household",
}
"""Routes that tell a person's data to the person: theirs is no record of somebody who looked."""

UNRECORDED = {
    "enrollment/registry.py": "reads with a receipt, and is the only file that gives a person away",
    "enrollment/store/people.py": "the rows themselves",
    "web/desk/household_work.py": "who of a household that the clerk's look recorded is of age; their new addresses",
    "web/desk/changes.py": "the old beside the new, of whom the clerk's look just recorded",
}
"""Files that read a person's row → why nobody is told anything by it without a receipt."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MaskWorld]:
    made = MaskWorld(tmp_path_factory.mktemp("receipts"))
    yield made
    made.close()


def _lines(world: MaskWorld) -> int:
    return len(world.database.read(lambda conn: registry.own_lines(conn, world.person)))


def _tells(octets: bytes) -> bool:
    return shows(octets) or any(text.encode() in octets or json.dumps(text)[1:-1].encode() in octets for text in SHOWN)


def test_every_route_that_tells_of_a_person_wrote_it_into_their_record(world: MaskWorld) -> None:
    told, unrecorded = set(), set()
    visitors = matrix._logged_in(world)
    with open_web(world.settings, "all", world.clock, os.urandom, lambda: 0.0) as web, matrix.as_it_was(world) as undo:
        client = TestClient(web.application, base_url=BASE, raise_server_exceptions=False, follow_redirects=False)
        for row, how in matrix.ROWS.items():
            method, template = row.split(" ", 1)
            if method == "WEBSOCKET" or how != matrix.ASKED:
                continue
            for path in matrix._paths(world, template):
                for ask in _askers(world, client, method, path, visitors):
                    before = _lines(world)
                    if _tells(ask().content):
                        told.add(row)
                        if _lines(world) == before and row not in OWN:
                            unrecorded.add(row)
                    if method != "GET":
                        undo()
    assert unrecorded == set(), "told of a person without a line in their record"
    assert {"GET /desk/people/{person}", *OWN} <= told, "the walk sees nothing"
    assert set(OWN) <= told, "a row of OWN that tells nothing any more"


def _askers(
    world: MaskWorld, client: TestClient, method: str, path: str, visitors: list[matrix.Visitor]
) -> Iterator[Callable[[], Response]]:
    for body in matrix._bodies(world, method)[-1:]:
        for who in ("nobody", "officer", "boss", "town", "kiosk"):
            yield lambda who=who, body=body: world.ask(client, who, method, path, body)
    for visitor in visitors:
        if visitor.realm != CITIZEN or not path.startswith("/citizen"):  # their own pages tell them of themselves
            yield lambda visitor=visitor: _visit(world, client, method, path, visitor)


def _visit(world: MaskWorld, client: TestClient, method: str, path: str, visitor: matrix.Visitor) -> Response:
    client.cookies.clear()
    return client.request(method, path, content=visitor.form(world, method), headers=visitor.headers)


def test_only_files_with_a_reason_read_a_person_without_a_receipt() -> None:
    found = set()
    for package in ("enrollment", "web", "cli", "ca", "transparency", "verifier"):
        for file in Path(package).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                reads = isinstance(node, ast.Attribute) and node.attr == "person_of" and _is_rows(node.value)
                row = isinstance(node, ast.Attribute) and ast.unparse(node) in ("t.people", "tables.people")
                if reads or row:
                    found.add(file.as_posix())
    assert found == set(UNRECORDED), "a new way to read a person: through `registry.look`, or with its reason"


def _is_rows(value: ast.expr) -> bool:
    """`people_rows.person_of`, `people.person_of`, `rows.person_of`: the row. `subjects.person_of` is an id."""
    return isinstance(value, ast.Name) and value.id in ("people_rows", "people", "rows")


def test_support_staff_at_the_machine_are_in_the_record_before_they_see(world: MaskWorld, tmp_path: Path) -> None:
    folder, serial = str(world.folder), f"0x{world.ids['serial']}"
    for line, reason in (
        (["ledger", "show", folder, world.person], "ledger-show"),
        (["ledger", "explain", folder, world.person], "ledger-show"),
        (["ca", "show", folder, serial, "--pem"], "certificate-show"),
        (["ca", "export", folder, "--certificates", str(tmp_path / "out")], "certificate-show"),
    ):
        before = _lines(world)
        ran = subprocess.run(command(*line), capture_output=True, timeout=120, check=False)
        assert ran.returncode == 0, ran.stderr
        new = world.database.read(lambda conn: registry.own_lines(conn, world.person))[before:]
        assert new, line
        assert {(one.access.function, one.access.reason) for one in new} == {("support", reason)}, line


def test_a_look_can_be_seen_and_proven_by_the_person_within_a_minute(world: MaskWorld) -> None:
    """What the desk shows now is in the person's history in the same transaction, and in the log's checkpoint by the
    signing process's next round, which comes every second."""
    clerk, _, own = (visitor.headers for visitor in matrix._logged_in(world))
    with open_web(world.settings, "all", world.clock, os.urandom, lambda: 0.0) as web:
        client = TestClient(web.application, base_url=BASE)
        assert _tells(client.get(f"/desk/people/{world.person}", headers=clerk).content)
        page = client.get("/citizen/history", headers={**own, "accept-language": "en"}).text
        assert "Record opened" in page
        assert client.get("/citizen/history.json", headers=own).json()["waiting"] > 0
    world.clock.advance(seconds=30)
    for log in open_logs(world.settings, world.database):
        log.sequence(world.clock.now())
    _, waiting = world.database.read(
        lambda conn: history.export(conn, history.history(conn, world.person), lambda _owner: "x")
    )
    assert waiting == 0
