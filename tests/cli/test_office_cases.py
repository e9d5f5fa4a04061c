"""`jitsuin office case` and `office incident` on a deployment, and what whoever watches is told of them."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ca.metrics import text
from cli.database import Database
from cli.office_numbers import office_families
from cli.settings import load_settings
from enrollment import cases, notices, registry
from enrollment.person import PersonId
from enrollment.registry import FOUR_ATTRIBUTES, Access
from pki.instant import Instant
from tests.enrollment.town import hanako
from tests.support.service import command

ASKED_AT = Instant.parse("2026-01-15T01:00:00Z")


class Folder:
    """A deployment with one resident and one question that is long overdue."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        settings = load_settings(folder)
        self.owner = settings.municipality.code
        self.database = Database(settings.database_url)
        access = Access("inquiry", "tax", "税", self.owner, "税務署 北支署", FOUR_ATTRIBUTES, "国税通則法")

        def enter(conn: Any) -> tuple[PersonId, str]:
            person = registry.register(conn, self.owner, hanako(), ASKED_AT, os.urandom)
            record = registry.record_access(conn, person, access, ASKED_AT, os.urandom).record
            return person, cases.open_case(conn, person, record, ASKED_AT, os.urandom).case

        self.person, self.case = self.database.transaction(enter)

    def office(self, *arguments: str, who: str = "supervisor", status: int = 0) -> Any:
        group, what, *rest = arguments
        ran = subprocess.run(
            command("office", group, what, str(self.folder), *rest, "--as", f"{self.owner}-{who}", "--json"),
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert ran.returncode == status, ran.stderr + ran.stdout
        assert hanako().name not in ran.stdout and self.person not in ran.stdout
        return json.loads(ran.stdout)

    def watched(self) -> str:
        return self.database.read(lambda conn: text(office_families(conn, Instant.parse("2026-03-01T00:00:00Z"))))


@pytest.fixture
def folder(deployment: Path) -> Any:
    made = Folder(deployment)
    yield made
    made.database.close()


def test_a_question_is_listed_shown_and_answered_and_begins_an_incident(folder: Folder) -> None:
    assert f'jitsuin_cases_overdue{{owner="{folder.owner}"}} 1' in folder.watched()
    (listed,) = folder.office("case", "list")["cases"]
    assert (listed["case"], listed["due"], listed["overdue"]) == (folder.case, "2026-01-30", True)
    shown = folder.office("case", "show", folder.case)
    assert shown["record"]["to"] == "税務署 北支署"
    assert shown["record"]["what"] == ["address", "date-of-birth", "gender", "name"]
    refused = folder.office("case", "list", who="clerk", status=1)
    assert refused["error"]["code"] == "enrollment.role-missing"
    answer = ("case", "answer", folder.case, "--finding", "unlawful", "--text", "不正な照会でした。")
    done = folder.office(*answer)
    assert (done["state"], done["finding"]) == ("answered", "unlawful")
    assert folder.office("case", "list")["cases"] == []
    assert len(folder.office("case", "list", "--all")["cases"]) == 1
    (incident,) = folder.office("incident", "list")["incidents"]
    assert incident["incident"] == done["incident"] and not incident["drill"]
    assert f'jitsuin_incidents_waiting{{owner="{folder.owner}"}} 1' in folder.watched()
    span = ("--since", "2026-01-15T00:00:00Z", "--until", "2026-01-16T00:00:00Z")
    scoped = folder.office("incident", "affected", done["incident"], *span, "--recipient", "税務署 北支署")
    assert (scoped["people"], scoped["records"]) == (1, 1)
    alone = folder.office("incident", "notify", done["incident"], status=1)
    assert alone["error"]["code"] == "enrollment.same-person"


def test_a_drill_is_told_as_one_by_every_command_and_reaches_nobody(folder: Folder) -> None:
    made = folder.office("incident", "open", "--kind", "leak", "--drill")
    number = made["incident"]
    span = ("--since", "2026-01-15T00:00:00Z", "--until", "2026-01-16T00:00:00Z", "--affairs", "税")
    assert folder.office("incident", "affected", number, *span)["drill"] is True
    timeline = folder.office("incident", "timeline", number)
    assert [one["what"] for one in timeline["timeline"]] == ["find", "scope"]
    assert timeline["public"]["drill"] is True and timeline["public"]["affected"] == "<10"
    for line in (["timeline", str(folder.folder), number], ["list", str(folder.folder)]):
        ran = subprocess.run(
            command("office", "incident", *line, "--as", f"{folder.owner}-supervisor"),
            capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip
        assert ran.stdout.startswith("DRILL (nobody is told, nothing is published): "), ran.stdout
    assert folder.office("incident", "close", number, status=1)["error"]["code"] == "enrollment.wrong-state"
    told = folder.database.read(lambda conn: notices.notices_of(conn, folder.person))
    assert told == ()
    assert f'jitsuin_incidents_waiting{{owner="{folder.owner}"}} 0' in folder.watched()
    unknown = folder.office("incident", "open", "--kind", "rubbish", status=1)
    assert unknown["error"]["code"] == "pki.invalid-value"
