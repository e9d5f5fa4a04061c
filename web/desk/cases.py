"""Questions that residents ask about records of access: what waits, by when, and the owner's answer.

The officer sees the record that is asked about and not the person: it says who looked, when, why and at what, and that
is all that an answer needs.
"""

from fastapi import Response

from enrollment import cases
from enrollment.acts import What
from enrollment.case import Case, CaseState, Finding
from pki.errors import InvalidValue
from web.desk import signing
from web.desk.officer import Officer
from web.desk.parts import Desk
from web.desk.signing import Deed
from web.pages.naming import names_of
from web.pages.router import Pages, Visit, see_other

SUPERVISOR = "supervisor"
_SHOWN = 100
"""Of those that wait for nobody here, so many."""


def case_pages(pages: Pages, desk: Desk) -> None:
    """The routes."""

    @pages.get("/desk/cases", SUPERVISOR)
    def all_of_them(visit: Visit) -> Response:
        officer: Officer = visit.who
        owner = officer.operator.owner
        waiting = desk.database.read(lambda conn: cases.waiting(conn, owner))
        others = [one for one in desk.database.read(lambda conn: cases.of_owner(conn, owner)) if one not in waiting]
        return pages.page(visit, "desk/cases.html", waiting=waiting, others=others[:_SHOWN], at=desk.clock.now())

    @pages.get("/desk/cases/{case}", SUPERVISOR)
    def one(visit: Visit) -> Response:
        officer: Officer = visit.who
        at = desk.clock.now()
        case, line = desk.database.read(lambda conn: cases.asked(conn, _case(visit), officer.operator, at))
        names = desk.database.read(names_of)
        return pages.page(
            visit,
            "desk/case.html",
            case=case,
            line=line,
            named=names.teller(pages.renderer.book, pages.renderer.language(visit.request)),
            findings=tuple(Finding),
            mine=_mine(case, officer),
            at=at,
        )

    @pages.post("/desk/cases/{case}", SUPERVISOR)
    def answer(visit: Visit) -> Response:
        officer: Officer = visit.who
        try:
            finding = Finding(visit.form.get("finding", ""))
        except ValueError:
            raise InvalidValue("a finding out of the list") from None
        case, text = _case(visit), visit.form.get("answer", "")
        about = signing.content("answer-case", answer=text, case=case, finding=finding.value)
        done = signing.do(
            desk,
            officer,
            Deed(What.ANSWER_CASE, case, about),
            lambda conn, at: cases.answer(conn, case, officer.operator, finding, text, at, desk.random),
        )
        begun = done.incident if finding.is_incident else None
        return see_other(f"/desk/incidents/{begun}" if begun else "/desk/cases")


def _case(visit: Visit) -> str:
    return str(visit.request.path_params["case"])[:64]


def _mine(case: Case, officer: Officer) -> bool:
    """Whether this officer may answer now; whoever answered first may not answer again."""
    return case.state in (CaseState.OPEN, CaseState.DISPUTED) and officer.operator.operator not in case.answered_by
