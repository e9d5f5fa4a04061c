"""Filing a move for the whole household: one paper, one signature, each grown-up's own consent, each one's own result.

    made ─sign▶ signed ─file▶ filed        with every consent it is filed at once; sooner if the filer says so
      └──────────┴─withdraw▶ withdrawn     until it is filed, nothing has happened

Who lives together is what the municipality told; of a protected person nothing is filed from here.
"""

import hashlib
import hmac
from datetime import date, timedelta
from typing import Final

from fastapi import Response

from enrollment import gateway, households, registry
from enrollment.errors import FilingRejected, NotGranted, RemoteBlocked
from enrollment.filing import Consent, HouseholdFiling, VerifiedFiling, parse_filing
from enrollment.households import ADULT, HouseholdAssertion, Households, MemberResult, Outcome, Relation
from enrollment.person import PersonId, age_at
from enrollment.registry import Access, Field, View
from enrollment.store import Connection, people
from pki.errors import Error, InvalidValue
from pki.instant import Instant
from web.citizen.certificates import waiting_for
from web.citizen.parts import Citizen
from web.citizen.resident import CARD, Resident
from web.errors_citizen import NoSuchMove
from web.filings import MAX_SIGNATURE, VerifiedByUs
from web.pages.router import SOMEBODY, Pages, Visit, see_other
from web.store import moves as rows
from web.store.moves import Agreed, Draft

LIFE: Final = timedelta(hours=24)
"""How long a household may take to agree."""
MADE, SIGNED, FILING, FILED, WITHDRAWN = "made", "signed", "filing", "filed", "withdrawn"
LEGAL_BASIS: Final = "住民基本台帳法22条から25条"


def move_pages(pages: Pages, citizen: Citizen, parts: Households, verifier: VerifiedByUs) -> None:
    """The routes."""

    def look(resident: Resident, members: list[PersonId]) -> dict[PersonId, View]:
        """Names and ages of the household: each look is in that member's record."""
        fields, at = frozenset({Field.NAME, Field.DATE_OF_BIRTH}), citizen.clock.now()
        found = {}
        for member in members:
            owner = citizen.database.read(lambda conn, member=member: people.owner_of(conn, member))  # type: ignore[misc]
            recipient = "self" if member == resident.person else "household"
            access = Access("citizen", "household-move", "jpki", owner, recipient, fields, LEGAL_BASIS)
            found[member] = registry.look(citizen.database, member, access, at, citizen.random)
        return found

    def roster(conn: Connection, resident: Resident) -> dict[str, str]:
        told = gateway.household_of(conn, resident.owner, resident.person)
        return dict(told[1]) if told is not None else {resident.person: Relation.HEAD.value}

    def mine(visit: Visit) -> Draft:
        """The draft of the path, for its filer or a member who is asked. Errors: NoSuchMove."""
        filing, person = str(visit.request.path_params["filing"])[:64], visit.who.person
        draft = citizen.database.read(lambda conn: rows.find(conn, filing))
        asked = citizen.database.read(lambda conn: rows.consents(conn, filing))
        if draft is None or (draft.filer != person and all(one.person != person for one in asked)):
            raise NoSuchMove
        return draft

    @pages.get("/citizen/moves", SOMEBODY)
    def moves(visit: Visit) -> Response:
        resident: Resident = visit.who
        at = citizen.clock.now()
        drafts = citizen.database.read(lambda conn: rows.of_filer(conn, resident.person))
        asked = citizen.database.read(lambda conn: rows.asked_of(conn, resident.person, at))
        members: dict[PersonId, View] = {}
        if resident.has_card and not resident.protected:
            told = citizen.database.read(lambda conn: roster(conn, resident))
            members = look(resident, [PersonId(one) for one in sorted(told)])
        instead = None if resident.protected else earlier(visit, visit.request.query_params.get("instead", ""))
        paper = parse_filing(instead.document) if instead is not None else None
        return pages.page(
            visit,
            "citizen/moves.html",
            drafts=drafts,
            asked=asked,
            members={own_name(visit, person): view for person, view in members.items()},
            own=own_name(visit, resident.person),
            instead=instead,
            paper=paper if isinstance(paper, HouseholdFiling) else None,
            today=at.jst_date().isoformat(),
            towns=citizen.database.read(people.municipalities),
        )

    def earlier(visit: Visit, filing: str) -> Draft | None:
        """What the filer wants to write anew, while it is not filed."""
        draft = citizen.database.read(lambda conn: rows.find(conn, filing[:64])) if filing else None
        theirs = draft is not None and draft.filer == visit.who.person and draft.state in (MADE, SIGNED)
        return draft if theirs else None

    @pages.post("/citizen/moves", CARD)
    def make(visit: Visit) -> Response:
        """Write the paper that is to be signed; one that it stands instead of is withdrawn with the same stroke."""
        resident: Resident = visit.who
        if resident.protected:
            raise RemoteBlocked("look-at-counter")
        at = citizen.clock.now()
        told = citizen.database.read(lambda conn: roster(conn, resident))
        ticked = set(visit.form.all("member"))
        wanted = sorted(one for one in told if one == resident.person or own_name(visit, one) in ticked)
        try:
            filing = HouseholdFiling(
                citizen.random(16).hex(),
                visit.form.get("municipality", ""),
                visit.form.get("address", ""),
                date.fromisoformat(visit.form.get("moved_on", "")),
                tuple(wanted),
                at + LIFE,
            )
        except ValueError:
            raise InvalidValue("the day on which you moved") from None
        document = filing.document()
        digest = hashlib.sha256(document).hexdigest()
        consent = Consent(filing.filing, digest, filing.void_after).document()
        views = look(resident, [PersonId(one) for one in wanted if one != resident.person])
        grown = [person for person, view in views.items() if _age(view, at) >= ADULT]
        draft = Draft(filing.filing, resident.person, resident.owner, document, None, MADE, told, at, filing.void_after)
        asked = [Agreed(filing.filing, person, consent, None) for person in grown]
        instead = earlier(visit, visit.form.get("instead", ""))

        def write(conn: Connection) -> None:
            if instead is not None and not _withdrawn(conn, instead):
                raise NoSuchMove  # it was filed meanwhile
            rows.add(conn, draft, asked)

        citizen.database.transaction(write)
        return see_other(f"/citizen/moves/{filing.filing}")

    @pages.get("/citizen/moves/{filing}", SOMEBODY)
    def one(visit: Visit) -> Response:
        resident: Resident = visit.who
        draft = mine(visit)
        asked = citizen.database.read(lambda conn: rows.consents(conn, draft.filing))
        results = citizen.database.read(lambda conn: households.results_of(conn, draft.filing))
        own = next((one for one in asked if one.person == resident.person), None)
        if draft.filer != resident.person:  # a member sees the paper and their own result, not the others'
            results = tuple(one for one in results if one.person == resident.person)
        named = {} if resident.protected else look(resident, _named(draft, results))
        to_sign = draft.document if draft.filer == resident.person and draft.state == MADE else None
        if own is not None and own.signature is None and draft.state in (MADE, SIGNED):
            to_sign = own.document
        return pages.page(
            visit,
            "citizen/move.html",
            draft=draft,
            paper=parse_filing(draft.document) if draft.document else None,
            names={person: view.shown[Field.NAME] for person, view in named.items()},
            filer=draft.filer == resident.person,
            to_sign=None if to_sign is None or not resident.has_card else to_sign.hex(),
            asked=asked,
            results=results,
            waiting={one.application for one in citizen.database.read(lambda conn: waiting_for(conn, resident))},
            in_person=any(one.outcome is Outcome.IN_PERSON for one in results),
            **citizen.pairings.offered(visit.session.handle, pages.sessions.realm),
        )

    @pages.post("/citizen/moves/{filing}/sign", CARD)
    def sign(visit: Visit) -> Response:
        """The card's signature: the filer's over the paper, or a member's over their consent to it."""
        resident: Resident = visit.who
        draft, signature = mine(visit), _signature(visit)
        at = citizen.clock.now()
        if draft.filer == resident.person:
            verifier.verify(draft.document, signature, at)
            _require(
                citizen.database.transaction(lambda conn: rows.advance(conn, draft.filing, MADE, SIGNED, signature))
            )
        else:
            own = _own(citizen, draft, resident)
            verifier.verify(own.document, signature, at)
            _require(
                citizen.database.transaction(lambda conn: rows.agree(conn, draft.filing, resident.person, signature))
            )
        if all(one.signature for one in citizen.database.read(lambda conn: rows.consents(conn, draft.filing))):
            _file(draft.filing)
        return see_other(f"/citizen/moves/{draft.filing}")

    @pages.post("/citizen/moves/{filing}/file", CARD)
    def file_now(visit: Visit) -> Response:
        """Without waiting longer: whoever has not agreed is sent to a counter, and holds up nobody else."""
        draft = mine(visit)
        if draft.filer != visit.who.person:
            raise NoSuchMove
        _file(draft.filing)
        return see_other(f"/citizen/moves/{draft.filing}")

    @pages.post("/citizen/moves/{filing}/withdraw", SOMEBODY)
    def withdraw(visit: Visit) -> Response:
        draft = mine(visit)
        if draft.filer != visit.who.person:
            raise NoSuchMove
        _require(citizen.database.transaction(lambda conn: _withdrawn(conn, draft)))
        return see_other("/citizen/moves")

    def _file(filing: str) -> None:
        """File a signed draft. Filed twice, it is the same filing; cut short, the next try goes on.

        From the first moment on it cannot be withdrawn: nobody is told that it was while it takes effect.
        """

        def begin(conn: Connection) -> Draft | None:
            rows.advance(conn, filing, SIGNED, FILING)
            found = rows.find(conn, filing)
            return found if found is not None and found.state == FILING else None

        draft = citizen.database.transaction(begin)
        if draft is None or draft.signature is None:
            return
        try:
            if parts.answered(draft.document, filing) is None:
                _accept(draft, draft.signature)
        except Error:
            if parts.answered(draft.document, filing) is None:  # refused: it can be corrected or withdrawn as before
                citizen.database.transaction(lambda conn: rows.advance(conn, filing, FILING, SIGNED))
                raise

        def over(conn: Connection) -> None:
            if any(rows.advance(conn, filing, state, FILED) for state in (FILING, SIGNED)):
                rows.forget(conn, filing)

        citizen.database.transaction(over)

    def _accept(draft: Draft, signature: bytes) -> None:
        at = citizen.clock.now()
        verified = verifier.verify(draft.document, signature, at)
        relations = {PersonId(person): Relation(relation) for person, relation in draft.roster.items()}
        known = HouseholdAssertion(draft.owner, relations, 0, draft.void_after)
        parts.accept_known(verified, known, _consents(draft.filing, at), draft.filing, at)

    def _consents(filing: str, at: Instant) -> dict[PersonId, VerifiedFiling]:
        found = {}
        for one in citizen.database.read(lambda conn: rows.consents(conn, filing)):
            if one.signature is not None:
                try:
                    found[PersonId(one.person)] = verifier.verify(one.document, one.signature, at)
                except FilingRejected:
                    continue  # their certificate ended meanwhile: they are sent to a counter
        return found


def own_name(visit: Visit, person: str) -> str:
    """How this session's forms call a member: the register's number of a person is on no page."""
    return hmac.new(visit.session.form_token.encode(), person.encode(), "sha256").hexdigest()[:24]


def _withdrawn(conn: Connection, draft: Draft) -> bool:
    """Withdraw what is not filed yet, and forget what it said; False if it was filed, or withdrawn before."""
    done = any(rows.advance(conn, draft.filing, state, WITHDRAWN) for state in (MADE, SIGNED))
    if done:
        rows.forget(conn, draft.filing)
    return done


def _named(draft: Draft, results: tuple[MemberResult, ...]) -> list[PersonId]:
    paper = parse_filing(draft.document) if draft.document else None
    members = paper.members if isinstance(paper, HouseholdFiling) else tuple(one.person for one in results)
    return [PersonId(one) for one in members]


def _own(citizen: Citizen, draft: Draft, resident: Resident) -> Agreed:
    asked = citizen.database.read(lambda conn: rows.consents(conn, draft.filing))
    own = next((one for one in asked if one.person == resident.person), None)
    if own is None:
        raise NotGranted("household-consent")
    return own


def _age(view: View, at: Instant) -> int:
    return age_at(date.fromisoformat(view.shown[Field.DATE_OF_BIRTH]), at.jst_date())


def _signature(visit: Visit) -> bytes:
    try:
        octets = bytes.fromhex(visit.form.get("signature", ""))
    except ValueError:
        octets = b""
    if not 0 < len(octets) <= MAX_SIGNATURE:
        raise InvalidValue("the card's signature")
    return octets


def _require(done: bool) -> None:
    if not done:
        raise NoSuchMove
