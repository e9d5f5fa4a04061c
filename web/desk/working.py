"""The pages of guided work: each shows the step that the work waits for, whoever left it there."""

from datetime import date

from fastapi import Response

from enrollment import catalogue, ledger, protection
from enrollment.errors import OutputBlocked
from enrollment.evidence import DocumentSeen
from enrollment.registry import Field
from enrollment.store import work as card_rows
from pki.card_state import CardState
from pki.errors import InvalidValue
from pki.instant import Instant
from web.desk import work as works
from web.desk.beginnings import Beginnings
from web.desk.card_work import CardWork
from web.desk.checks import Checks, Shown
from web.desk.decisions import Decisions
from web.desk.officer import Officer
from web.desk.paper import Paper, receipt_pdf
from web.desk.parts import Desk
from web.desk.people import CLERK
from web.desk.work import State, Work
from web.errors import NoSuchWork
from web.language import Language
from web.pages.rendering import minute
from web.pages.router import ANYBODY, Pages, Visit, see_other
from web.pages.wording import plain_speaker
from web.problems import problem_of
from web.store import desk as rows


def working_pages(pages: Pages, desk: Desk) -> None:
    """The routes."""
    beginnings, checks, decisions, card_work = Beginnings(desk), Checks(desk), Decisions(desk), CardWork(desk)

    def load(visit: Visit) -> Work:
        officer: Officer = visit.who
        work_id = str(visit.request.path_params["work"])[:64]
        work = desk.database.read(lambda conn: works.load(conn, work_id, officer.operator.owner))
        if officer.counter.kind.needs_confirmation and work.row.counter != officer.counter.counter:
            raise NoSuchWork  # what the municipality does at its own desks is none of a post office's business
        return work

    def show(visit: Visit, work: Work, **values: object) -> Response:
        officer: Officer = visit.who
        view = desk.look(officer, work.person, f"work:{work.kind.value}", frozenset({Field.NAME}))
        flag = desk.database.read(lambda conn: protection.standing(conn, work.person))
        language = pages.renderer.language(visit.request)
        failure = desk.errands.failure(work.id)
        receipt = desk.database.read(lambda conn: rows.receipt_of_work(conn, work.id))
        accepted = desk.database.read(lambda conn: catalogue.in_force(conn, officer.counter.owner, desk.clock.now()))
        until = work.body.get("until")
        steps = work.steps
        return pages.page(
            visit,
            "desk/work.html",
            work=work,
            name=view.shown[Field.NAME],
            flag=flag,
            position=steps.index(work.state) if work.state in steps else len(steps),
            documents=[*accepted.documents.values()],
            cards=_stoppable(work),
            history=desk.database.read(lambda conn: ledger.history(conn, work.person)),
            running=desk.errands.running(work.id),
            failure=problem_of(failure, Language.JA if language.is_japanese else Language.EN) if failure else None,
            until=minute(Instant(until)) if until else None,
            receipt=receipt,
            line=desk.door.lines.find(channel.channel)
            if (channel := desk.door.pairings.of_session(visit.session.handle))
            else None,
            **values,
        )

    def _stoppable(work: Work) -> list[object]:
        cards = desk.database.read(lambda conn: card_rows.cards_of(conn, work.person))
        return [card for card in cards if card.state in (CardState.ACTIVE, CardState.SUSPENDED, CardState.PREPARED)]

    @pages.get("/desk/work/{work}", CLERK)
    def work_page(visit: Visit) -> Response:
        return show(visit, load(visit))

    @pages.get("/desk/work/{work}/now", CLERK)
    def now(visit: Visit) -> Response:
        """Asked every second by a page that waits: it is told to look again once there is something else to see."""
        work = load(visit)
        same = visit.request.query_params.get("version") == str(work.row.version)
        waits_for_people = work.state in (State.APPROVAL, State.CONFIRMATION)
        if same and (waits_for_people or desk.errands.running(work.id)):
            return Response(status_code=204)
        return Response(status_code=204, headers={"hx-redirect": f"/desk/work/{work.id}"})

    @pages.post("/desk/work/{work}/evidence", CLERK)
    def evidence(visit: Visit) -> Response:
        work = load(visit)
        form = visit.form
        if form.get("present") != "yes":
            raise InvalidValue("the person is here")
        documents = []
        for number in ("1", "2"):
            kind = form.get(f"document{number}", "")
            if kind:
                expires = form.get(f"expires{number}", "")
                try:
                    documents.append(DocumentSeen(kind, date.fromisoformat(expires) if expires else None))
                except ValueError:
                    raise InvalidValue("a date of expiry") from None
        checks.record(visit.who, work, Shown(tuple(documents), form.get("photo") == "yes"))
        return see_other(f"/desk/work/{work.id}")

    @pages.post("/desk/work/{work}/details", CLERK)
    def details(visit: Visit) -> Response:
        work = load(visit)
        decisions.details(visit.who, work, visit.form.get("chosen", ""), visit.form.get("reason", ""))
        return see_other(f"/desk/work/{work.id}")

    @pages.post("/desk/work/{work}/carry-out", CLERK)
    def carry_out(visit: Visit) -> Response:
        work = decisions.carry_out(visit.who, load(visit))
        return see_other(f"/desk/work/{work.id}")

    @pages.post("/desk/work/{work}/see", CLERK)
    def see(visit: Visit) -> Response:
        """The address is in this one answer, and in no other."""
        work = load(visit)
        view = decisions.see(visit.who, work)
        return show(visit, load(visit), seen=view.shown[Field.ADDRESS])

    @pages.post("/desk/work/{work}/card", CLERK)
    def with_card(visit: Visit) -> Response:
        work = load(visit)
        card_work.with_card(visit.who, work)
        return see_other(f"/desk/work/{work.id}")

    @pages.post("/desk/work/{work}/give-up", CLERK)
    def give_up(visit: Visit) -> Response:
        work = load(visit)
        reason = visit.form.get("reason", "")
        if not 0 < len(reason) <= 200:
            raise InvalidValue("a reason of 1 to 200 characters")
        beginnings.give_up(visit.who, work, reason)
        return see_other(f"/desk/work/{work.id}")

    @pages.post("/desk/work/{work}/receipt", CLERK)
    def print_receipt(visit: Visit) -> Response:
        """Blocked here, not in the page, for a protected person; each print is counted."""
        officer: Officer = visit.who
        work = load(visit)
        try:
            desk.database.read(lambda conn: protection.require_output(conn, work.person))
        except OutputBlocked:
            desk.near_miss(officer, "print-of-protected")
            raise
        found = desk.database.read(lambda conn: rows.receipt_of_work(conn, work.id))
        if found is None:
            raise InvalidValue("a receipt of work that is done")
        view = desk.look(officer, work.person, "receipt", frozenset({Field.NAME}))
        language = pages.renderer.language(visit.request)
        say = plain_speaker(pages.renderer.book, language)
        paper = Paper(
            title=say("receipt"),
            office=officer.counter.name_ja,
            lines=(
                (say("receipt-number"), found.receipt),
                (say("kind"), say(f"work-{work.kind.value}")),
                (say("name"), view.shown[Field.NAME]),
                (say("near-when"), minute(found.issued_at)),
                (say("at-desk"), officer.counter.name_ja),
            ),
            check=say("receipt-check"),
            address=f"{desk.service}/receipts/{found.receipt}",
            prints=found.prints + 1,
            prints_label=say("receipt-prints"),
            watermark=say("training") if desk.training else "",
        )
        octets = receipt_pdf(paper)
        desk.database.transaction(lambda conn: rows.receipt_printed(conn, found.receipt))
        headers = {"content-disposition": f'inline; filename="receipt-{found.receipt}.pdf"'}
        return Response(octets, media_type="application/pdf", headers=headers)

    @pages.get("/receipts/{number}", ANYBODY)
    def receipt_page(visit: Visit) -> Response:
        """What the code on the paper opens for anybody: that it is real, and nobody's name."""
        number = str(visit.request.path_params["number"])[:40]
        found = desk.database.read(lambda conn: rows.receipt_row(conn, number))
        return pages.page(visit, "desk/receipt.html", receipt=found)
