"""The pages of guided work: each shows the step that the work waits for, whoever left it there."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date
from typing import Any, Final

from fastapi import Response

from enrollment import catalogue, ledger, protection
from enrollment.errors import OutputBlocked
from enrollment.evidence import DocumentSeen
from enrollment.registry import FOUR_ATTRIBUTES, Field
from enrollment.store import work as card_rows
from pki.card_state import CardState
from pki.errors import InvalidValue, Retryable
from pki.instant import Instant
from web.desk import work as works
from web.desk.beginnings import Beginnings
from web.desk.card_work import CardWork
from web.desk.changes import Changes
from web.desk.checks import Checks, Shown
from web.desk.decisions import Decisions
from web.desk.household_work import Asked, HouseholdWork, members_of
from web.desk.login_codes import GivenCodes
from web.desk.news import look_again
from web.desk.officer import Officer
from web.desk.paper import Paper, receipt_pdf
from web.desk.parts import Desk
from web.desk.people import CLERK
from web.desk.pin_resets import PinResets
from web.desk.work import Kind, State, Work
from web.desk.writing import address_of, faults, masked, substitutes, typed
from web.errors import NoSuchWork
from web.language import Language
from web.pages.forms import Form
from web.pages.rendering import minute
from web.pages.router import ANYBODY, Pages, Visit, see_other
from web.pages.wording import plain_speaker
from web.problems import problem_of
from web.store import desk as rows
from web.store import entries

_PRINTERS: Final = 5
"""So many may print the same receipt at the same moment, and each paper says another number."""


WRITTEN_DOWN: Final = frozenset({Kind.CHANGE, Kind.OFFICIAL_CHANGE})
"""Work whose details are a person's attributes."""
_NAME: Final = frozenset({Field.NAME})


def working_pages(pages: Pages, desk: Desk) -> None:
    """The routes."""
    beginnings, checks, decisions, card_work = Beginnings(desk), Checks(desk), Decisions(desk), CardWork(desk)
    pin_resets, changes, codes, household = PinResets(desk), Changes(desk), GivenCodes(desk), HouseholdWork(desk)

    def load(visit: Visit) -> Work:
        officer: Officer = visit.who
        work_id = str(visit.request.path_params["work"])[:64]
        work = desk.database.read(lambda conn: works.load(conn, work_id, officer.operator.owner))
        if officer.counter.kind.needs_confirmation and work.row.counter != officer.counter.counter:
            raise NoSuchWork  # what the municipality does at its own desks is none of a post office's business
        return work

    def show(visit: Visit, work: Work, **values: object) -> Response:
        officer: Officer = visit.who
        seen = FOUR_ATTRIBUTES if work.kind in WRITTEN_DOWN and work.state is State.DETAILS else _NAME
        view = desk.look(officer, work.person, f"work:{work.kind.value}", seen)
        entry = desk.database.read(lambda conn: entries.read(conn, work.id))
        flag = desk.database.read(lambda conn: protection.standing(conn, work.person))
        together = household.roster(officer, work)
        flag = flag or next((one["flag"] for one in together if one["flag"]), None)
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
            view=view,
            roster=together,
            today=desk.clock.now().jst_date().isoformat(),
            entry=masked(entry, protected=flag is not None),
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

    def write_down(visit: Visit, work: Work) -> Response:
        """What changes. Of a character that no certificate carries the clerk is told first, and shows the person."""
        form = visit.form
        fields = {name: form.get(name, "") for name in ("name", "reading", "address", "gender", "born")}
        wrong = faults(**fields)
        if wrong:
            return show(visit, work, fields=fields, faults=wrong)
        new = typed(**fields)
        found = substitutes((new.name or "") + (new.address or ""))
        if found and form.get("shown") != "yes":
            return show(visit, work, fields=fields, substitutes=found)
        if work.kind is Kind.OFFICIAL_CHANGE:
            changes.official(visit.who, work, new)
        else:
            changes.write_down(visit.who, work, new)
        return see_other(f"/desk/work/{work.id}")

    def write_household(visit: Visit, work: Work) -> Response:
        """Where to, and who is here."""
        form = visit.form
        parts = {n: form.get(f"part-{n}", "") for n, _ in enumerate(members_of(work))}
        here = frozenset(n for n, part in parts.items() if part == "here")
        agreed = frozenset(n for n in here if form.get(f"consent-{n}") == "yes")
        wrong, moved_on = faults("", "", form.get("address", ""), "", ""), None
        with suppress(ValueError):
            moved_on = date.fromisoformat(form.get("moved_on", ""))
        if moved_on is None or moved_on > desk.clock.now().jst_date():  # told in advance it would be a transfer out
            wrong.append("moved_on")
        if not here:
            wrong.append("nobody")
        found = substitutes(form.get("address", ""))
        if wrong or moved_on is None or (found and form.get("shown") != "yes"):
            fields = {name: form.get(name, "") for name in ("address", "moved_on")}
            told = {"faults": wrong} if wrong else {"substitutes": found}
            return show(visit, work, fields=fields, parts=parts, agreed=agreed, **told)
        staying = frozenset(n for n, part in parts.items() if part == "stays")
        asked = Asked(address_of(form.get("address", "")), moved_on, here, agreed, staying)
        household.write_down(visit.who, work, asked)
        return see_other(f"/desk/work/{work.id}")

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
        return look_again(pages, visit, f"/desk/work/{work.id}")

    @pages.post("/desk/work/{work}/evidence", CLERK)
    def evidence(visit: Visit) -> Response:
        work = load(visit)
        form = visit.form
        if form.get("present") != "yes":
            raise InvalidValue("the person is here")
        if work.kind is Kind.HOUSEHOLD:
            here = [number for number, member in enumerate(members_of(work)) if not member["reason"]]
            household.record(visit.who, work, {number: _shown(form, f"-{number}") for number in here})
            return see_other(f"/desk/work/{work.id}")
        shown = _shown(form)
        match work.kind:
            case Kind.PIN_RESET:
                pin_resets.record(visit.who, work, shown, form.get("chosen", ""), form.get("purpose", ""))
            case Kind.CHANGE:
                changes.record(visit.who, work, shown)
            case Kind.LOGIN_CODE:
                codes.record(visit.who, work, shown)
            case _:
                checks.record(visit.who, work, shown)
        return see_other(f"/desk/work/{work.id}")

    @pages.post("/desk/work/{work}/details", CLERK)
    def details(visit: Visit) -> Response:
        work = load(visit)
        if work.kind in WRITTEN_DOWN:
            return write_down(visit, work)
        if work.kind is Kind.HOUSEHOLD:
            return write_household(visit, work)
        decisions.details(visit.who, work, visit.form.get("chosen", ""), visit.form.get("reason", ""))
        return see_other(f"/desk/work/{work.id}")

    @pages.post("/desk/work/{work}/carry-out", CLERK)
    def carry_out(visit: Visit) -> Response:
        work = load(visit)
        match work.kind:
            case Kind.PIN_RESET:
                pin_resets.permit(visit.who, work)
            case Kind.CHANGE:
                changes.carry_out(visit.who, work)
            case Kind.HOUSEHOLD:
                household.carry_out(visit.who, work)
            case _:
                decisions.carry_out(visit.who, work)
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

    @pages.post("/desk/work/{work}/again", CLERK)
    def again(visit: Visit) -> Response:
        """A permission is over: back to who stands there."""
        work = pin_resets.again(visit.who, load(visit))
        return see_other(f"/desk/work/{work.id}")

    @pages.post("/desk/work/{work}/later", CLERK)
    def later(visit: Visit) -> Response:
        """The card was not brought."""
        work = load(visit)
        (household if work.kind is Kind.HOUSEHOLD else changes).later(visit.who, work)
        return see_other(f"/desk/work/{work.id}")

    @pages.post("/desk/work/{work}/code", CLERK)
    def give_code(visit: Visit) -> Response:
        """The code is in this one answer, and on the receipt that is printed from it."""
        work, code = codes.give(visit.who, load(visit))
        return show(visit, work, code=code)

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
        view = desk.look(officer, work.person, "receipt", frozenset({Field.NAME}))
        say = plain_speaker(pages.renderer.book, pages.renderer.language(visit.request))
        more: tuple[tuple[str, str], ...] = ()
        if code := visit.form.get("code", ""):
            if work.kind is not Kind.LOGIN_CODE or not codes.stands(work, code):
                raise InvalidValue("a code that was given in this work, and not yet used")
            more = ((say("login-code"), code),)
        more += _results(household.roster(officer, work), say)
        for _ in range(_PRINTERS):
            found = desk.database.read(lambda conn: rows.receipt_of_work(conn, work.id))
            if found is None:
                raise InvalidValue("a receipt of work that is done")
            number = found.prints + 1
            octets = receipt_pdf(_paper(officer, work, found, view.shown[Field.NAME], say, more))
            counted = desk.database.transaction(
                lambda conn, one=found.receipt, number=number: rows.receipt_printed(conn, one, number)  # type: ignore[misc]
            )
            if counted:
                headers = {"content-disposition": f'inline; filename="receipt-{found.receipt}.pdf"'}
                return Response(octets, media_type="application/pdf", headers=headers)
        raise Retryable("the receipt")

    def _paper(
        officer: Officer,
        work: Work,
        found: rows.ReceiptRow,
        name: str,
        say: Callable[..., str],
        more: Sequence[tuple[str, str]],
    ) -> Paper:
        return Paper(
            title=say("receipt"),
            office=officer.counter.name_ja,
            lines=(
                (say("receipt-number"), found.receipt),
                (say("kind"), say(f"work-{work.kind.value}")),
                (say("name"), name),
                (say("near-when"), minute(found.issued_at)),
                (say("at-desk"), officer.counter.name_ja),
                *more,
            ),
            check=say("receipt-check"),
            address=f"{desk.service}/receipts/{found.receipt}",
            prints=found.prints + 1,
            prints_label=say("receipt-prints"),
            watermark=say("training") if desk.training else "",
        )

    @pages.get("/receipts/{number}", ANYBODY)
    def receipt_page(visit: Visit) -> Response:
        """What the code on the paper opens for anybody: that it is real, and nobody's name."""
        number = str(visit.request.path_params["number"])[:40]
        found = desk.database.read(lambda conn: rows.receipt_row(conn, number))
        return pages.page(visit, "desk/receipt.html", receipt=found)


def _results(roster: list[dict[str, Any]], say: Callable[..., str]) -> tuple[tuple[str, str], ...]:
    """Of each member only what is done, or by when they come: why is nobody else's business."""
    told = []
    for one in roster:
        if one["name"] and (one["by"] or not one["reason"]):
            result = say("member-by", day=one["by"]) if one["reason"] else say("member-done")
            told.append((str(one["name"]), result))
    return tuple(told)


def _shown(form: Form, suffix: str = "") -> Shown:
    """The documents that the clerk entered of one person. Errors: InvalidValue."""
    documents = []
    for number in ("1", "2"):
        kind = form.get(f"document{number}{suffix}", "")
        if kind:
            expires = form.get(f"expires{number}{suffix}", "")
            try:
                documents.append(DocumentSeen(kind, date.fromisoformat(expires) if expires else None))
            except ValueError:
                raise InvalidValue("a date of expiry") from None
    return Shown(tuple(documents), form.get(f"photo{suffix}") == "yes")
