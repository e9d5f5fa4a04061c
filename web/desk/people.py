"""Finding and opening people. Whoever is seen was recorded as seen before; a protected address is not even here."""

from collections.abc import Mapping
from datetime import date

from fastapi import Response

from enrollment import ledger
from enrollment.errors import EnrollmentError, NoPolicy, NotYours, OutOfScope
from enrollment.events import EventKind
from enrollment.finding import find
from enrollment.person import PersonId
from enrollment.registry import FOUR_ATTRIBUTES, Field
from enrollment.store import people as people_rows
from enrollment.store import work as card_rows
from pki.errors import InvalidValue
from web.desk.beginnings import AT_A_POST_OFFICE, MOVING_IN, Beginnings, card_to_continue, waiting_for_card
from web.desk.officer import Officer
from web.desk.outage import Outages
from web.desk.parts import Desk
from web.desk.timeline import timeline
from web.desk.work import OPEN, Kind, Work
from web.errors import NotPaired, ReaderSilent
from web.pages.passkeys import Passkeys
from web.pages.router import SOMEBODY, Pages, Visit, see_other
from web.pages.wording import plain_speaker
from web.readers.lines import Line
from web.store import desk as rows

CLERK = "clerk"
REASONS = ("counter", "telephone", "application")
_IN_A_LIST = frozenset({Field.NAME, Field.DATE_OF_BIRTH})


def people_pages(pages: Pages, desk: Desk, passkeys: Passkeys, outages: Outages) -> None:
    """The routes."""
    beginnings = Beginnings(desk)

    def line(visit: Visit) -> Line | None:
        try:
            return desk.door.line_of(visit.session)
        except (NotPaired, ReaderSilent):
            return None

    def home_page(visit: Visit, **values: object) -> Response:
        officer: Officer = visit.who
        open_rows = desk.database.read(
            lambda conn: rows.work_in(
                conn, officer.operator.owner, [state.value for state in OPEN], officer.counter.counter
            )
        )
        return pages.page(
            visit,
            "desk/home.html",
            works=[Work(row) for row in open_rows][:20],
            reasons=REASONS,
            line=line(visit),
            passkey_count=passkeys.count(officer.operator.operator),
            passkey_challenge=passkeys.challenge(visit.session),
            passkey_host=passkeys.host,
            passkey_user=officer.operator.operator.encode().hex(),
            **values,
        )

    @pages.get("/desk/", SOMEBODY)
    def home(visit: Visit) -> Response:
        return home_page(visit)

    @pages.get("/desk/reader", SOMEBODY)
    def reader(visit: Visit) -> Response:
        return pages.page(visit, "desk/reader.html", line=line(visit))

    @pages.post("/desk/search", CLERK)
    def search(visit: Visit) -> Response:
        """By name and day of birth, which come in the body: addresses of pages name nobody."""
        officer: Officer = visit.who
        if not officer.counter.kind.is_municipal:
            raise OutOfScope(officer.counter.counter, "search")
        reason = visit.form.get("reason", "")
        try:
            born = date.fromisoformat(visit.form.get("born", ""))
        except ValueError:
            raise InvalidValue("a date of birth") from None
        if reason not in REASONS:
            raise InvalidValue("a reason out of the list")
        name = visit.form.get("name", "")
        ids = desk.database.read(lambda conn: find(conn, officer.operator.owner, name, born))
        found = desk.look_all(officer, [(person, f"search:{reason}") for person in ids], _IN_A_LIST)
        flag = next((view.flag for view in found if view.flag is not None), None)
        return home_page(visit, searched=True, found=found, flag=flag)

    @pages.post("/desk/search/card", CLERK)
    def search_by_card(visit: Visit) -> Response:
        officer: Officer = visit.who
        reading, where = desk.residents_reader(officer)
        card_id = next(one.card for one in reading.readers.readers if one.reader == where)
        card = desk.database.read(lambda conn: card_rows.find_card(conn, card_id))
        if card is None:
            return home_page(visit, searched=True, found=[])
        kept_by = desk.database.read(lambda conn: people_rows.owner_of(conn, card.person))
        if kept_by != desk.provider(officer, card.person):
            raise NotYours(officer.operator.owner)
        return see_other(f"/desk/people/{card.person}")

    @pages.get("/desk/people/{person}", CLERK)
    def person_page(visit: Visit) -> Response:
        officer: Officer = visit.who
        person = _person(visit)
        if officer.counter.kind.needs_confirmation:
            _require_present(officer, person)
        view = desk.look(officer, person, "open", FOUR_ATTRIBUTES)
        at = desk.clock.now()

        def read(conn):  # type: ignore[no-untyped-def]
            try:
                decision = ledger.judge(conn, person, EventKind.REMOTE_MOVE, at)
            except NoPolicy:
                decision = None
            return (
                card_rows.cards_of(conn, person),
                card_rows.certificates_of(conn, person),
                decision,
                ledger.history(conn, person),
                [Work(row) for row in rows.work_in(conn, officer.operator.owner, [state.value for state in OPEN])],
                waiting_for_card(conn, person),
                card_to_continue(conn, person),
            )

        cards, certificates, decision, history, all_work, waits, continues = desk.database.read(read)
        language = pages.renderer.language(visit.request)
        now = line(visit)
        return pages.page(
            visit,
            "desk/person.html",
            view=view,
            flag=view.flag,
            cards=cards,
            certificates=certificates,
            decision=decision,
            history=history,
            timeline=timeline(
                history,
                decision.next_in_person_by if decision and decision.anchor_date else None,
                at,
                plain_speaker(pages.renderer.book, language),
            ),
            works=[one for one in all_work if one.person == person],
            in_reader=now.readers.readers if now else (),
            continues=continues,
            kinds=_kinds(officer, {Kind.UNLOCK: view.flag, Kind.WAITING_CARD: waits, Kind.CONTINUE_CARD: continues})
            if desk.provider(officer, person) == officer.operator.owner
            else sorted(MOVING_IN),
        )

    def _require_present(officer: Officer, person: PersonId) -> None:
        """At a post office: whose card lies in the reader, or whose work this desk has begun."""
        open_rows = desk.database.read(
            lambda conn: rows.work_in(
                conn, officer.operator.owner, [state.value for state in OPEN], officer.counter.counter
            )
        )
        if all(row.person != person for row in open_rows):
            beginnings.present_card(officer, person)

    @pages.post("/desk/people/{person}/work", CLERK)
    def begin_work(visit: Visit) -> Response:
        try:
            kind = Kind(visit.form.get("kind", ""))
        except ValueError:
            raise InvalidValue("a kind of work out of the list") from None
        outages.require(kind)
        work = beginnings.begin(visit.who, _person(visit), kind)
        return see_other(f"/desk/work/{work.id}")


def _kinds(officer: Officer, occasions: Mapping[Kind, object]) -> list[Kind]:
    """What this desk may begin; what needs an occasion (a protected address to see, something that waits for a card)
    only where there is one."""
    found = []
    for kind in Kind:
        try:
            officer.counter.require(kind.affair, officer.session.row.seen_at)
        except EnrollmentError:
            continue
        elsewhere = officer.counter.kind.needs_confirmation and kind not in AT_A_POST_OFFICE
        needless = kind in occasions and occasions[kind] is None
        if not elsewhere and not needless:
            found.append(kind)
    return found


def _person(visit: Visit) -> PersonId:
    return PersonId(str(visit.request.path_params["person"])[:64])
