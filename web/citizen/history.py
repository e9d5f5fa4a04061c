"""Who looked at me: filters, files to keep with proofs, and asking about what one does not recognise."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import date

from fastapi import Response

from enrollment import cases
from enrollment.disclosure import Disclosed, Line, Member, disclose
from enrollment.history import export, history
from enrollment.store import Connection
from pki.errors import InvalidValue
from web.citizen.parts import Citizen
from web.citizen.resident import Resident
from web.errors_citizen import OutputWithheld
from web.pages.naming import names_of
from web.pages.router import SOMEBODY, Pages, Visit, see_other

PAGE = 50
_COLUMNS = ("first", "last", "count", *(member.value for member in Member if member is not Member.WHEN))


def history_pages(pages: Pages, citizen: Citizen) -> None:
    """The routes."""

    def seen(visit: Visit) -> Disclosed:
        resident: Resident = visit.who
        return citizen.database.read(lambda conn: disclose(conn, resident.person))

    @pages.get("/citizen/history", SOMEBODY)
    def history_page(visit: Visit) -> Response:
        told = seen(visit)
        lines = list(_filtered(told.lines, visit))
        asked = citizen.database.read(lambda conn: cases.cases_of(conn, visit.who.person))
        names = citizen.database.read(names_of)
        return pages.page(
            visit,
            "citizen/history.html",
            named=names.teller(pages.renderer.book, pages.renderer.language(visit.request)),
            told=told,
            lines=lines[:PAGE],
            more=max(0, len(lines) - PAGE),
            functions=sorted({line.members[Member.FUNCTION] for line in told.lines}),
            query=dict(visit.request.query_params),
            asked={one.record: one for one in asked},
        )

    @pages.get("/citizen/history.csv", SOMEBODY)
    def as_csv(visit: Visit) -> Response:
        """The lines as they are shown."""
        out = io.StringIO()
        writer = csv.DictWriter(out, _COLUMNS, extrasaction="ignore")
        writer.writeheader()
        for line in seen(visit).lines:
            told = line.to_json()
            writer.writerow({**told, "what": " ".join(line.fields)})
        return _file("﻿" + out.getvalue(), "text/csv; charset=utf-8", "history.csv")

    @pages.get("/citizen/history.json", SOMEBODY)
    def with_proofs(visit: Visit) -> Response:
        """Every record whole, with the proof that it is in its owner's log: `jitsuin audit verify` checks it.

        Not while a support measure is in force: the records name the offices near which the person lives.
        """
        resident: Resident = visit.who
        if resident.protected:
            raise OutputWithheld

        def read(conn: Connection) -> str:
            document, waiting = export(conn, history(conn, resident.person), citizen.log_key)
            return json.dumps({**document, "waiting": waiting}, ensure_ascii=False, indent=1)

        return _file(citizen.database.read(read), "application/json", "history.json")

    @pages.post("/citizen/history/ask", SOMEBODY)
    def ask(visit: Visit) -> Response:
        """“I don't recognise this.”"""
        record, at = visit.form.get("record", ""), citizen.clock.now()
        citizen.database.transaction(lambda conn: cases.open_case(conn, visit.who.person, record, at, citizen.random))
        return see_other("/citizen/cases")

    @pages.get("/citizen/cases", SOMEBODY)
    def cases_page(visit: Visit) -> Response:
        asked = citizen.database.read(lambda conn: cases.cases_of(conn, visit.who.person))
        names = citizen.database.read(names_of)
        return pages.page(
            visit,
            "citizen/cases.html",
            asked=reversed(asked),
            lines={record: line for line in seen(visit).lines for record in line.records},
            named=names.teller(pages.renderer.book, pages.renderer.language(visit.request)),
            at=citizen.clock.now(),
        )

    @pages.post("/citizen/cases/{case}", SOMEBODY)
    def respond(visit: Visit) -> Response:
        content = visit.form.get("content", "")
        if content not in ("yes", "no"):
            raise InvalidValue("yes or no")
        case, at = str(visit.request.path_params["case"])[:64], citizen.clock.now()
        citizen.database.transaction(
            lambda conn: cases.respond(conn, visit.who.person, case, accept=content == "yes", at=at)
        )
        return see_other("/citizen/cases")


def _filtered(lines: tuple[Line, ...], visit: Visit) -> Iterator[Line]:
    """By function and by days in Japan; what cannot be read of a filter filters nothing."""
    query = visit.request.query_params
    function, since, until = query.get("function", ""), _day(query.get("from", "")), _day(query.get("until", ""))
    for line in lines:
        if function and line.members[Member.FUNCTION] != function:
            continue
        if since is not None and line.last.jst_date() < since:
            continue
        if until is not None and line.first.jst_date() > until:
            continue
        yield line


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _file(content: str, media_type: str, name: str) -> Response:
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(content.encode(), media_type=media_type, headers=headers)
