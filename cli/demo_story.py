"""The demonstration: one person's card from the counter to its loss, and a second person who stayed away too long."""

import base64
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from cardio import jpki
from cardio.pin import Pin
from cli.demo_artifacts import Artifacts
from cli.demo_cards import NotingSlot
from cli.demo_office import Office
from cli.demo_record import Mark, Record, Span, Step
from cli.demo_relying import open_counters
from cli.demo_sight import Sight, on_card
from cli.demo_world import World
from cli.errors import FilingRefused, StoryBroken
from cli.home_filing import Home
from cli.logs import open_logs
from enrollment.application import ApplicationKind
from enrollment.canonical import Json
from enrollment.history import export, history
from enrollment.person import PersonId
from enrollment.store import Connection
from pki.attributes import Attributes, Gender
from pki.certificate import Certificate
from pki.instant import Instant, end_of_japanese_day, years_later
from pki.purpose import Purpose

PIN, PASSWORD = "1234", "ABC123"
"""The demonstration's PINs; nowhere else are PINs written down."""
FILING = "補助金交付申請書\n申請者は、見本市の子育て支援補助金の交付を申請します。\n金額 金五万円\n"
ADDRESSES = (
    "見本県見本市中央一丁目2番3号",
    "見本県見本市港町四丁目5番",
    "見本県見本市緑が丘6番7号",
    "見本県見本市本町八丁目9番",
)
_AGO = timedelta(days=45)
"""So long before today was the fifth anniversary of the second person's last check."""


def renewal_day(now: Instant) -> date:
    """The day on which the second person was last seen: five years and some weeks before `now`."""
    return years_later(now.jst_date(), -5) - _AGO


def founding(now: Instant) -> Instant:
    """When the authorities of the demonstration were founded: some weeks before the second person's first card."""
    return Instant.of_japan(renewal_day(now) - timedelta(days=55), 9)


@dataclass(slots=True)
class Story:
    """Tells it step by step; `told` hears of every step as soon as it is over."""

    world: World
    record: Record
    told: Callable[[Step], object]
    office: Office = field(init=False)
    artifacts: Artifacts = field(init=False)
    home: Home = field(init=False)
    person: PersonId = field(init=False)
    second: PersonId = field(init=False)
    signatures: list[Certificate] = field(default_factory=list)
    sight: Sight = field(init=False)
    spans: dict[str, Span] = field(default_factory=dict)
    password: Pin = field(default_factory=lambda: jpki.pin(Purpose.SIGNATURE, PASSWORD))

    def tell(self) -> None:
        """The whole story. Errors: StoryBroken at the first step that does not end as it should."""
        self.artifacts = Artifacts(self.world.out)
        self._years_ago()
        self.world.start_service()
        self.office = Office.staffed(self.world, self._now(), f"-{self._now().jst_date().year}")
        self.sight = Sight(self.world, self.artifacts, self.office.issuers)
        self._enroll()
        verdict, filing, signature, then = self._file_and_verify()
        self._moves()
        self._refused_at_the_cap()
        self._seen_again()
        self._years_cap()
        self._lost()
        self._after_the_loss(verdict, filing, signature, then)
        self._write_end()

    def _now(self) -> Instant:
        return self.world.clock.now()

    def _step(self, name: str, ok: bool, **detail: object) -> None:
        step = self.record.step(name, ok, self._now(), **detail)
        self.told(step)
        if not ok:
            raise StoryBroken(name)

    # ---- five years ago

    def _years_ago(self) -> None:
        """The second person lives here on a term of residence: a first card, then, the term extended, a renewal.

        Renewed within the last three months, certificates last to the sixth birthday: so they outlive the five years
        that the policy allows between two checks in person.
        """
        world, seat = self.world, self.world.seats[1]
        renewed = renewal_day(self._now())
        first = renewed - timedelta(days=40)
        office = Office.staffed(world, Instant.of_japan(first, 9))
        birthday = renewed + timedelta(days=85)
        person = Attributes(
            "見本　マリア", birthday.replace(year=1985, day=min(birthday.day, 28)), Gender.FEMALE, ADDRESSES[1]
        )
        self.second = office.register(person, Instant.of_japan(first, 10))
        end_of_stay = end_of_japanese_day(renewed + timedelta(days=50))
        application = office.apply(ApplicationKind.FIRST_ISSUE, self.second, end_of_stay, Instant.of_japan(first, 11))
        office.issue_then(application, seat, Instant.of_japan(first, 12))
        seat.slot.set_pins(PIN, PASSWORD)
        extended = end_of_japanese_day(renewed + timedelta(days=3650))
        application = office.apply(ApplicationKind.RENEWAL, self.second, extended, Instant.of_japan(renewed, 11))
        office.issue_then(application, seat, Instant.of_japan(renewed, 12))
        for purpose in Purpose:
            self.artifacts.certificate(
                2,
                f"{purpose}.cer" if purpose.value == "authentication" else "signature-1.cer",
                on_card(seat, purpose),
            )

    # ---- today: the counter

    def _enroll(self) -> None:
        world, seat = self.world, self.world.seats[0]
        now = self._now()
        description = seat.card.session
        self._step("card-inserted", bool(description.identity), reader=seat.reader.name, card=description.identity)
        soon = now.jst_date() + timedelta(days=60)
        born = soon.replace(year=1990, day=min(soon.day, 28))
        self.person = self.office.register(Attributes("実印　花子", born, Gender.FEMALE, "見本県見本市元町1番1号"), now)
        card_end = end_of_japanese_day(years_later(born, soon.year + 9 - 1990))
        application = self.office.apply(ApplicationKind.FIRST_ISSUE, self.person, card_end, now)
        made: dict[Purpose, str] = {}

        def proven(purpose: Purpose, spki: bytes) -> None:
            made[purpose] = hashlib.sha256(spki).hexdigest()
            if len(made) == len(Purpose):
                self._step(
                    "keys-generated-on-card", True,
                    **{f"{one.value} key": f"SHA-256 {digest[:32]}…" for one, digest in made.items()},
                    proof="each request is signed by its own new key, on the card",
                )  # fmt: skip

        def issued(certificates: dict[Purpose, bytes]) -> None:
            parsed = {purpose: Certificate(octets) for purpose, octets in certificates.items()}
            self._step(
                "certificates-issued", len(parsed) == len(Purpose),
                recorded_by=self.office.name("clerk"), approved_by=self.office.name("supervisor"),
                **{f"{one.value} until": two.validity.not_after.iso() for one, two in parsed.items()},
            )  # fmt: skip

        noting = NotingSlot(seat.slot, proven)
        done = self.office.issue(application, noting)
        issued(noting.installed)
        seat.slot.set_pins(PIN, PASSWORD)
        same = all(on_card(seat, purpose) == noting.installed[purpose] for purpose in Purpose)
        tries = {purpose: seat.card.tries_left(purpose) for purpose in Purpose}
        self._step(
            "certificates-on-card", same and done.state.is_final,
            read_back="equal octet for octet", pins="set by the holder",
            tries_left=f"{tries[Purpose.AUTHENTICATION]} and {tries[Purpose.SIGNATURE]}",
        )  # fmt: skip
        self.home = Home(seat.card, seat.at_home(world.http), world.http, world.random, time.sleep)
        self.record.point(Mark.SEEN, "窓口で確認", "seen at the counter", self._now(), 0)
        authentication = on_card(seat, Purpose.AUTHENTICATION)
        self.artifacts.certificate(1, "authentication.cer", authentication)
        self._span("authentication", "利用者証明用")
        self._new_signature(noting.installed[Purpose.SIGNATURE])

    # ---- a filing, and whoever relies on it

    def _file_and_verify(self) -> tuple[dict[str, Any], bytes, bytes, Instant]:
        filing = FILING.encode()
        then = self._now()
        signature = self.home.sign(filing, self.password, then)
        self.artifacts.filing(filing, signature)
        self._step(
            "filing-signed", True, document="filing-1.txt", signature="filing-1.p7s: CMS, CAdES level B, SHA-256",
            signed_at=then.iso(),
        )  # fmt: skip
        verdict = self.sight.verdict(filing, signature)
        self.artifacts.verdict("filing-1.verdict.json", verdict)
        told = open_counters(self.world).verdicts(filing, signature, verdict["evidence"], self._now())
        for party, answer in told.items():
            self.artifacts.verdict(f"filing-1.{party}.verdict.json", answer)
        handles = {answer["person"] for answer in told.values()}
        self._step(
            "filing-verified",
            {one["indication"] for one in (verdict, *told.values())} == {"PASSED"} and len(handles) == len(told),
            indication=verdict["indication"], checks=_outcomes(verdict),
            **{f"handle for {party}": answer["person"] for party, answer in told.items()},
            distance_from_trust=", ".join(sorted({_distance_from_trust(answer) for answer in told.values()})),
        )  # fmt: skip
        changed = bytes([filing[0], filing[1] ^ 1]) + filing[2:]
        tampered = self.sight.verdict(changed, signature)
        self.artifacts.verdict("filing-1.tampered.verdict.json", tampered)
        self._step(
            "tampered-filing-rejected", tampered["indication"] == "FAILED", indication=tampered["indication"],
            because=tampered["sub_indication"],
        )  # fmt: skip
        self.record.point(Mark.FILED, "届出に署名", "filing signed, verified", then, 0)
        return verdict, filing, signature, then

    # ---- moves

    def _moves(self) -> None:
        self.sight.ask_ocsp("good", self.signatures[0])
        for number in range(1, 4):
            answer = self._move(ADDRESSES[number - 1])
            status = self.sight.ask_ocsp("revoked" if number == 1 else None, self.signatures[number - 1])
            self._told_move(f"remote-move-{number}", answer, status, number)

    def _move(self, address: str) -> dict[str, Any]:
        now = self._now()
        prepared = self.home.prepare_move(self.office.owner, address, now.jst_date(), self.password, now)
        answer = self.home.finish(prepared)
        self._end(f"signature-{len(self.signatures)}", "affiliationChanged")
        return answer

    def _told_move(self, name: str, answer: dict[str, Any], status: str, number: int) -> None:
        old, new = self.signatures[-1], on_card(self.world.seats[0], Purpose.SIGNATURE)
        distance = self._distance()
        ok = (
            status == "revoked affiliationChanged"
            and new == base64.b64decode(answer["certificate"])
            and Certificate(new).spki != old.spki
            and distance == number
            and self.sight.ask_ocsp(None, self.sight.authentication()) == "good"
        )
        self.record.point(Mark.MOVED, f"転居 {len(self.signatures)}", f"remote move {len(self.signatures)}",
                          self._now(), distance)  # fmt: skip
        self._new_signature(new)
        self._step(
            name, ok, used=distance, limit=self.record.cap, old_certificate=status,
            new_certificate=f"signature-{len(self.signatures)}, fresh key made on the same card",
            authentication_certificate="stays good",
        )  # fmt: skip

    def _refused_at_the_cap(self) -> None:
        before = self.sight.state(self.person, self.signatures[-1])
        now = self._now()
        refusal = self._refusal(self.home, ADDRESSES[3], now)
        decision = _decision(refusal)
        reason = decision["reasons"][0]
        untouched = before == self.sight.state(self.person, self.signatures[-1])
        self.record.point(Mark.REFUSED, "4回目は不可", "fourth refused", now, self._distance())
        self._step(
            "remote-move-refused", refusal.problem_code == "enrollment.cap-reached" and untouched,
            reason=f"{reason['ja']} / {reason['en']}", used=decision["used"], limit=decision["limit"],
            last_seen=decision["anchor_date"], where=f"{reason['where']['ja']} / {reason['where']['en']}",
            changed="nothing" if untouched else "something",
        )  # fmt: skip

    def _refusal(self, home: Home, address: str, now: Instant) -> FilingRefused:
        prepared = home.prepare_move(self.office.owner, address, now.jst_date(), self.password, now)
        try:
            home.finish(prepared)
        except FilingRefused as refused:
            return refused
        raise StoryBroken("a move that should have been refused")

    def _seen_again(self) -> None:
        now = self._now()
        checked = self.office.check_at_post_office(self.person, now)
        self.record.point(Mark.SEEN, "郵便局で確認", "seen at the post office", now, self._distance())
        self._step(
            "in-person-check", checked.decision.allowed and self._distance() == 0,
            desk=self.office.name("post-office"), officer=self.office.name("postal-clerk"),
            confirmed_by=self.office.name("clerk"), used=checked.decision.used, limit=checked.decision.limit,
        )  # fmt: skip
        answer = self._move(ADDRESSES[3])
        self._told_move("remote-move-after-check", answer, self.sight.ask_ocsp(None, self.signatures[-1]), 1)

    def _years_cap(self) -> None:
        seat, now = self.world.seats[1], self._now()
        home = Home(seat.card, seat.at_home(self.world.http), self.world.http, self.world.random, time.sleep)
        refusal = self._refusal(home, ADDRESSES[0], now)
        decision = _decision(refusal)
        codes = [reason["code"] for reason in decision["reasons"]]
        reason = decision["reasons"][0]
        self._step(
            "years-cap-refused", refusal.problem_code == "enrollment.cap-reached" and decision["used"] == 0,
            reason=f"{reason['ja']} / {reason['en']}", codes=", ".join(codes), last_seen=decision["anchor_date"],
            in_person_by=decision["next_in_person_by"], used=decision["used"],
        )  # fmt: skip

    # ---- the end of the card

    def _lost(self) -> None:
        now = self._now()
        current, authentication = self.signatures[-1], self.sight.authentication()
        ended = self.office.report_lost(self.world.seats[0].slot.card_id(), now)
        statuses = [self.sight.ask_ocsp(None, one) for one in (current, authentication)]
        self.record.point(Mark.LOST, "カード紛失", "card reported lost", now, self._distance())
        self._end(f"signature-{len(self.signatures)}", "keyCompromise")
        self._end("authentication", "keyCompromise")
        self._step(
            "card-lost", ended == 2 and all(status.startswith("revoked") for status in statuses),
            signature=statuses[0], authentication=statuses[1],
        )  # fmt: skip

    def _after_the_loss(self, verdict: dict[str, Any], filing: bytes, signature: bytes, then: Instant) -> None:
        self._next_second()
        now = self._now()
        document = FILING.replace("五万円", "九万円").encode()
        late = self.sight.verdict(document, self.home.sign(document, self.password, now))
        self.artifacts.verdict("filing-1.after-loss.verdict.json", late)
        self.record.point(Mark.REJECTED, "届出は無効", "new filing rejected", now, self._distance())
        self._step(
            "filing-after-loss-rejected", late["indication"] == "FAILED", indication=late["indication"],
            because=late["sub_indication"],
        )  # fmt: skip
        as_of = verdict["at"] if "at" in verdict else then.iso()
        past = self.sight.verdict(filing, signature, at=as_of, evidence=verdict["evidence"])
        self.artifacts.verdict("filing-1.as-of-then.verdict.json", past)
        self.record.point(Mark.PROVEN, "最初の届出", "first filing still proven", self._now(), self._distance())
        self._step(
            "old-filing-as-of-then", past["indication"] == "PASSED", indication=past["indication"], as_of=as_of,
            evidence="the OCSP answer and certificates of then",
        )  # fmt: skip

    def _write_end(self) -> None:
        """What the service publishes by itself: CRLs with all that was revoked, and the person's own history."""
        revoked = {
            Purpose.SIGNATURE: {one.serial for one in self.signatures},
            Purpose.AUTHENTICATION: {self.sight.authentication().serial},
        }
        for purpose in Purpose:
            self.artifacts.crl(purpose, self.sight.published(purpose, revoked[purpose]))
            self.artifacts.authority(purpose, self.office.issuers[purpose])
        logs = open_logs(self.world.settings, self.world.database)
        for log in logs:
            log.sequence(self._now())
        keys = {log.name: str(log.verifier) for log in logs}

        def exported(conn: Connection) -> tuple[Json, int]:
            return export(conn, history(conn, self.person), keys.__getitem__)

        document, waiting = self.world.database.read(exported)
        assert waiting == 0, "what happened was sequenced just now"
        self.artifacts.history(1, document)

    def _distance(self) -> int:
        return self.sight.distance(self.person)

    def _next_second(self) -> None:
        """Status is told in whole seconds: what comes after the loss shall carry a later one."""
        begin = self._now()
        while self._now() <= begin:
            time.sleep(0.05)

    def _new_signature(self, octets: bytes) -> None:
        self.signatures.append(Certificate(octets))
        self.artifacts.certificate(1, f"signature-{len(self.signatures)}.cer", octets)
        self._span(f"signature-{len(self.signatures)}", f"署名用 {len(self.signatures)}")

    def _span(self, name: str, ja: str) -> None:
        span = Span(ja, name, len(self.record.points) - 1)
        self.spans[name] = span
        self.record.spans.append(span)

    def _end(self, name: str, reason: str) -> None:
        points = len(self.record.points)
        last = self.record.points[-1]
        self.spans[name].end = points - 1 if last.mark is Mark.LOST else points
        self.spans[name].reason = reason


def _outcomes(verdict: dict[str, Any]) -> str:
    return ", ".join(f"{check['name']} {check['outcome']}" for check in verdict["checks"])


def _distance_from_trust(answer: dict[str, Any]) -> str:
    """As a registered party is told it: a level, and what it is made of, in buckets."""
    level = answer["assurance"]
    return f"{level['level']}: in person within {level['in_person_within_years']} year, remote changes: " + str(
        level["remote_changes"]
    )


def _decision(refusal: FilingRefused) -> dict[str, Any]:
    fields: Any = refusal.problem.get("fields", {})
    decision: dict[str, Any] = fields["decision"]
    return decision
