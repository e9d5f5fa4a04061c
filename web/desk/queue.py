"""The second person's page: what waits for a decision that this officer may take, live."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import Response

from enrollment.approvals import DECIDERS
from enrollment.errors import RoleMissing, SamePerson
from enrollment.operators import Role
from enrollment.registry import Field
from pki.errors import InvalidValue
from pki.instant import Instant
from web.desk import work as works
from web.desk.decisions import Decisions
from web.desk.household_work import HouseholdWork
from web.desk.news import look_again
from web.desk.officer import Officer
from web.desk.parts import Desk
from web.desk.work import Kind, State, Work
from web.desk.writing import masked
from web.errors import WorkRefused
from web.pages.rendering import minute
from web.pages.router import SOMEBODY, Pages, Visit, see_other
from web.store import desk as rows
from web.store import entries


@dataclass(frozen=True, slots=True)
class Waiting:
    """One line of the queue."""

    work: Work
    name: str
    flag: object
    until: str | None
    entry: Mapping[str, str | None]
    """What would change."""
    roster: Sequence[Mapping[str, Any]]
    """For whom, where it is a household."""


def queue_pages(pages: Pages, desk: Desk) -> None:
    """The routes."""
    decisions, household = Decisions(desk), HouseholdWork(desk)

    def mine(officer: Officer) -> list[Work]:
        """What this officer may decide: never their own proposals."""
        states = [State.APPROVAL.value, State.CONFIRMATION.value]
        found = desk.database.read(lambda conn: rows.work_in(conn, officer.operator.owner, states))
        return [work for row in found if _may_decide(officer, work := Work(row))]

    @pages.get("/desk/queue", SOMEBODY)
    def queue(visit: Visit) -> Response:
        officer: Officer = visit.who
        waiting = mine(officer)
        views = desk.look_all(
            officer, [(work.person, f"decide:{work.kind.value}") for work in waiting], frozenset({Field.NAME})
        )
        written = desk.database.read(lambda conn: [entries.read(conn, work.id) for work in waiting])
        lines = []
        for work, view, document in zip(waiting, views, written, strict=True):
            until = work.body.get("until")
            entry = masked(document, protected=view.flag is not None)
            time = minute(Instant(until)) if until else None
            together = household.roster(officer, work)
            flag = view.flag or next((one["flag"] for one in together if one["flag"]), None)
            lines.append(Waiting(work, view.shown[Field.NAME], flag, time, entry, together))
        return pages.page(visit, "desk/queue.html", works=lines, known=_known([one.work for one in lines]))

    @pages.get("/desk/queue/list", SOMEBODY)
    def changed(visit: Visit) -> Response:
        """Asked every second: whether there is something else to see."""
        if visit.request.query_params.get("known") == _known(mine(visit.who)):
            return Response(status_code=204)
        return look_again(pages, visit, "/desk/queue")

    @pages.post("/desk/queue/{work}", SOMEBODY)
    def decide(visit: Visit) -> Response:
        officer: Officer = visit.who
        work_id = str(visit.request.path_params["work"])[:64]
        work = desk.database.read(lambda conn: works.load(conn, work_id, officer.operator.owner))
        if not _may_decide(officer, work):
            if work.row.started_by == officer.operator.operator:
                raise SamePerson(officer.operator.operator)
            if work.state not in (State.APPROVAL, State.CONFIRMATION):
                raise WorkRefused(work.state.value)
            raise RoleMissing(officer.operator.operator, work.state.value)
        decision = visit.form.get("decision")
        if decision not in ("yes", "no"):
            raise InvalidValue("yes or no")
        (household if work.kind is Kind.HOUSEHOLD else decisions).decide(
            officer, work, visit.form.get("reason", ""), yes=decision == "yes"
        )
        return see_other("/desk/queue")


def _may_decide(officer: Officer, work: Work) -> bool:
    if work.row.started_by == officer.operator.operator:
        return False
    if work.state is State.CONFIRMATION:
        return Role.CLERK in officer.operator.roles and officer.counter.kind.is_municipal
    decider = DECIDERS.get(work.kind.affair)
    return work.state is State.APPROVAL and decider is not None and decider in officer.operator.roles


def _known(found: list[Work]) -> str:
    return "-".join(f"{work.id[:8]}.{work.row.version}" for work in found)[:1000]
