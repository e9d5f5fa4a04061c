"""Verifications for registered parties: reserved before they are made, recorded before they are told."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from pki.attributes import Attributes
from pki.errors import Error, Malformed
from pki.instant import Clock, Instant
from verifier.report import Report
from verifier.verdict import VerdictSigner, sign_verdict
from web.consents import Consents
from web.errors import KeyMismatch, NoSuchVerification, NotAllowed, StillRunning
from web.errors_parties import NoVerdict
from web.filing_check import FilingCheck
from web.handles import Handles
from web.parties import RelyingParty
from web.party_answer import Told, answer, with_assurance
from web.store import Connection, Database
from web.store import relying as rows
from web.subjects import NOTHING_KNOWN, Subjects
from web.verification_request import VerificationRequest

ABANDONED: Final = timedelta(minutes=5)
"""After this a verification that is still running belongs to a process that died: the same key starts it again."""


class Stage(StrEnum):
    """How far a verification has come."""

    WAITING = "waiting"
    VERIFYING = "verifying"
    RECORDING = "recording"


def _progress(stage: str | None) -> dict[str, object]:
    """{"stage", "step", "of"}: the step that it is at, from one."""
    at = Stage.WAITING if stage is None else Stage(stage)
    return {"stage": at.value, "step": list(Stage).index(at) + 1, "of": len(Stage)}


@dataclass(frozen=True, slots=True)
class Begun:
    """A reserved verification; `stored` is the answer if it had been made before."""

    id: str
    stored: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Verifications:
    """Everything about verifications but HTTP. Safe for threads."""

    check: FilingCheck
    database: Database
    handles: Handles
    subjects: Subjects
    clock: Clock
    random: Callable[[int], bytes]
    signing: Callable[[], VerdictSigner | None]
    """Whoever signs verdicts at this moment; None: they are not signed."""
    issuer: str
    consents: Consents | None = None
    """None: nobody can consent here, and parties get only what they are registered for."""

    def begin(self, party: RelyingParty, request: VerificationRequest, body: bytes, key: str | None) -> Begun:
        """Reserve a verification, or find the one that this key began.

        Errors: NotAllowed, Malformed, InvalidValue; KeyMismatch, StillRunning.
        """
        self._allowed(party, request)
        now = self.clock.now()
        request.instant(now), request.what_was_signed(), request.signature_octets(), request.evidence_at_hand()
        digest, fresh = hashlib.sha256(body).hexdigest(), f"v-{self.random(16).hex()}"

        def reserve(conn: Connection) -> Begun:
            if rows.begin_verification(conn, fresh, party.party, key, digest, now):
                return Begun(fresh)
            row = rows.verification_by_key(conn, party.party, key or "")
            if row is None or row["request_sha256"] != digest:
                raise KeyMismatch
            if row["state"] == "done":
                return Begun(row["id"], json.loads(row["answer"]))
            created = Instant(row["created_at"])
            if row["state"] == "running" and now - created < ABANDONED:
                raise StillRunning
            if not rows.restart_verification(conn, row["id"], row["state"], created, now):
                raise StillRunning
            return Begun(row["id"])

        return self.database.transaction(reserve)

    def carry_out(
        self, party: RelyingParty, request: VerificationRequest, begun: Begun, *, watched: bool = False
    ) -> dict[str, Any]:
        """Verify, record, store; the answer. The person's record is durable before the answer exists anywhere.

        `watched`: somebody may ask meanwhile how far it has come. What ends without a verdict is stored as such, so
        that the same key may begin it again.
        """
        try:
            return self._carried_out(party, request, begun, self._stage if watched else lambda _begun, _stage: None)
        except Exception as error:
            cause = json.dumps({"cause": error.code if isinstance(error, Error) else "jitsuin.internal"})
            self.database.transaction(lambda conn: rows.fail_verification(conn, begun.id, cause))
            raise

    def _carried_out(
        self, party: RelyingParty, request: VerificationRequest, begun: Begun, tell: Callable[[Begun, Stage], None]
    ) -> dict[str, Any]:
        now = self.clock.now()
        at = request.instant(now)
        tell(begun, Stage.VERIFYING)
        report = self.check.filing(
            request.what_was_signed(),
            request.signature_octets(),
            at,
            policy=request.narrowed(self.check.policy[request.purpose]),
            evidence=request.evidence_at_hand(),
            first_time=self._first_time(party, begun, now) if request.once else None,
            online=at == now,
        )
        tell(begun, Stage.RECORDING)
        told = self._told(party, request, report, now)
        report = with_assurance(report, told)
        said = {"id": begun.id, "state": "done", **answer(report, party, self.handles, told)}
        may_have_evidence = party.may_have_evidence and not (told.known is not None and told.known.protected)
        if may_have_evidence:
            said["evidence"] = report.evidence.to_json()
        verdict = self._signed(report, request, None if may_have_evidence else said, now)
        self._keep(party, report, told, begun, said, verdict, now)
        return said

    def carry_out_later(self, party: RelyingParty, request: VerificationRequest, begun: Begun) -> None:
        """`carry_out` with nobody waiting: whoever asks later is told how it ended."""
        with suppress(Error):
            self.carry_out(party, request, begun, watched=True)

    def find(self, party: RelyingParty, id_: str) -> dict[str, Any]:
        """The stored answer, or how far it has come. Errors: NoSuchVerification; NoVerdict where it came to an end
        without one, also by the end of the process that was at it."""
        row = self._row(party, id_)
        if row["state"] == "done":
            stored: dict[str, Any] = json.loads(row["answer"])
            return stored
        if row["state"] == "failed":
            raise NoVerdict(str(json.loads(row["answer"])["cause"]))
        created = Instant(row["created_at"])
        if self.clock.now() - created >= ABANDONED:
            raise NoVerdict("abandoned")
        return {"id": id_, "state": "running", "since": created.iso(), "progress": _progress(row["stage"])}

    def progress_of(self, begun: Begun) -> dict[str, object]:
        """Of one that was just reserved."""
        return {"id": begun.id, "state": "running", "since": self.clock.now().iso(), "progress": _progress(None)}

    def verdict(self, party: RelyingParty, id_: str) -> str:
        """The signed verdict. Errors: NoSuchVerification, also where verdicts are not signed."""
        verdict = self._row(party, id_)["verdict"]
        if verdict is None:
            raise NoSuchVerification
        return str(verdict)

    def delete(self, party: RelyingParty, id_: str) -> None:
        """Delete answer and verdict for good; the call log keeps that there was one. Errors: NoSuchVerification."""
        if not self.database.transaction(lambda conn: rows.drop_verification(conn, party.party, id_)):
            raise NoSuchVerification

    # ----

    def _stage(self, begun: Begun, stage: Stage) -> None:
        self.database.transaction(lambda conn: rows.stage_verification(conn, begun.id, stage.value))

    def _row(self, party: RelyingParty, id_: str) -> dict[str, Any]:
        row = self.database.read(lambda conn: rows.verification(conn, party.party, id_))
        if row is None:
            raise NoSuchVerification
        return row

    def _allowed(self, party: RelyingParty, request: VerificationRequest) -> None:
        if request.purpose not in party.purposes:
            raise NotAllowed(f"verifications of the purpose {request.purpose}")
        surplus = sorted(set(request.fields) - party.fields - party.with_consent)
        if surplus:
            raise NotAllowed(f"the attributes {', '.join(surplus)}")
        if request.fields and not request.affairs:
            raise Malformed("affairs expected where attributes are asked for")

    def _first_time(self, party: RelyingParty, begun: Begun, now: Instant) -> Callable[[bytes], bool]:
        def is_first(signature_id: bytes) -> bool:
            handle = self.handles.signature(party.party, signature_id)
            return self.database.transaction(
                lambda conn: rows.is_first_signature(conn, party.party, handle, begun.id, now, now + -ABANDONED)
            )

        return is_first

    def _told(self, party: RelyingParty, request: VerificationRequest, report: Report, now: Instant) -> Told:
        """Whose it is, how far from trust, and the record of it. Nothing of a person for a value that did not hold."""
        if report.signer is None or report.signature_id is None:
            return Told(None, required=request.required_assurance)
        person = self.subjects.person_of(report.signer.fingerprint)
        issued = self.check.issuance_of(report)
        if person is None:
            return Told(None, NOTHING_KNOWN.of_certificate(issued), request.required_assurance)
        affairs = request.affairs or "verification of a signature"
        asked: frozenset[str] = frozenset(request.fields if report.passed else ())
        if asked and request.required_assurance is not None:
            # Whether any attribute is told depends on the level: reading that is a look of its own.
            first = self.subjects.record(person, party, affairs, frozenset(), now, party.legal_basis)
            level = self.subjects.assurance_of(first, now).of_certificate(issued)
            told = Told(first, level, request.required_assurance)
            if told.falls_short:
                return told
        agreed = self._agreed(person, party, asked - party.fields, request.affairs)
        may = asked & (party.fields | set(agreed))
        basis = "、".join((party.legal_basis, *(f"本人の同意 {id_}" for id_ in sorted(set(agreed.values())))))
        recorded = self.subjects.record(person, party, affairs, may, now, basis)
        level = self.subjects.assurance_of(recorded, now).of_certificate(issued)
        withheld = dict.fromkeys(asked - may, "consent") | dict.fromkeys(may - recorded.shown, "protection")
        told = Told(recorded, level, request.required_assurance, withheld=withheld)
        attributes = report.attributes if recorded.shown else None
        return told if attributes is None else replace(told, attributes=_shown(attributes, recorded.shown))

    def _agreed(self, person: str, party: RelyingParty, fields: frozenset[str], affairs: str) -> dict[str, str]:
        """Which of `fields` the person agrees to at this moment, each with its consent. Read anew every time."""
        if self.consents is None or not fields:
            return {}
        return self.consents.covering(person, party.party, fields, affairs)

    def _signed(
        self, report: Report, request: VerificationRequest, whole: dict[str, Any] | None, now: Instant
    ) -> str | None:
        """`whole`: all that the verdict may tell; None for the report with its evidence."""
        signer = self.signing()
        if signer is None:
            return None
        signed = request.signature_octets()
        document = request.what_was_signed()
        octets = signed if signed is not None else document if isinstance(document, bytes) else b""
        policy = request.narrowed(self.check.policy[request.purpose])
        return sign_verdict(report, octets, signer, now, self.issuer, whole, policy)

    def _keep(
        self,
        party: RelyingParty,
        report: Report,
        told: Told,
        begun: Begun,
        said: dict[str, Any],
        verdict: str | None,
        now: Instant,
    ) -> None:
        text = json.dumps(said, ensure_ascii=False, sort_keys=True)
        call = self.random(8).hex()

        def body(conn: Connection) -> None:
            if said["certificate"] is not None and report.signer is not None:
                rows.keep_handle(conn, party.party, said["certificate"], report.signer.fingerprint.hex())
            if told.known is not None:
                rows.keep_handle(conn, party.party, said["person"], told.known.person)
            rows.finish_verification(conn, begun.id, text, verdict)
            rows.note_call(conn, party.party, call, now, "verification", begun.id, str(said["indication"]))

        self.database.transaction(body)


def _shown(attributes: Attributes, fields: frozenset[str]) -> dict[str, str]:
    every = {
        "name": attributes.name,
        "date_of_birth": attributes.date_of_birth.isoformat(),
        "gender": attributes.gender.value,
        "address": attributes.address,
    }
    return {name: every[name] for name in sorted(fields)}
