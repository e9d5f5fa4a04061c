"""Operators whose keys are files of a deployment: what they sign, as a card would sign it. Who got a trial's staff card
meanwhile (`jitsuin seats`) signs with that: the file's key is theirs no more.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ca.keys import SigningKey
from cli.keys import open_operator_keys
from cli.settings import Settings
from cli.staff_cards import signed_by_staff_card, staff_card_file
from enrollment import acts, deciding, issuing
from enrollment.acts import SignedAct, What
from enrollment.application import Application, ApplicationKind, filing_content
from enrollment.approvals import ApprovalEvent
from enrollment.errors import NeedsApproval
from enrollment.evidence import InPersonEvidence
from enrollment.store import Connection, people, records
from pki.instant import Instant


@dataclass(frozen=True, slots=True)
class OfficerKeys:
    """The key files of a deployment, for the demonstration, samples and trials."""

    settings: Settings
    random: Callable[[int], bytes]
    _opened: dict[str, SigningKey] = field(default_factory=dict, repr=False)

    def act(self, conn: Connection, operator: str, what: What, subject: str, content: str, at: Instant) -> None:
        """Record the operator's signed act; the deed follows in the same transaction.

        Errors: KeyUnavailable without such a file; UnknownOperator; SignatureInvalid once the operator has a card.
        """
        who = people.operator_of(conn, operator)
        act = acts.prepare(who, what, subject, content, at, self.random)
        acts.record(conn, SignedAct(act, self._sign(operator, act.to_be_signed())), at)

    def evidence(self, seen: InPersonEvidence) -> InPersonEvidence:
        """What its officer saw, signed. Errors: KeyUnavailable."""
        return replace(seen, signature=self._sign(seen.officer, seen.to_be_signed()))

    def file(
        self, conn: Connection, kind: ApplicationKind, seen: InPersonEvidence, card_not_after: Instant, at: Instant
    ) -> Application:
        """What an officer files who saw somebody. Errors: as `act`; those of `enrollment.issuing.file`."""
        about = filing_content(kind, seen.digest(), card_not_after)
        self.act(conn, seen.officer, What.FILE, seen.person, about, at)
        return issuing.file(conn, kind, seen, card_not_after, seen.officer, at, self.random)

    def approve(self, conn: Connection, application: Application, operator: str, at: Instant) -> None:
        """Another officer's yes. Errors: as `act`; those of `enrollment.issuing.approve`."""
        asked = records.find_approval(conn, str(application.approval))
        if asked is None:
            raise NeedsApproval(application.kind.value)
        about = deciding.decision_content(asked, ApprovalEvent.APPROVE)
        self.act(conn, operator, What.APPROVE, asked.approval, about, at)
        issuing.approve(conn, application.application, operator, at)

    def _sign(self, operator: str, octets: bytes) -> bytes:
        card = staff_card_file(self.settings, operator)
        if card.exists():
            return signed_by_staff_card(card, octets, self.random)
        if operator not in self._opened:  # opening one costs a password hash
            self._opened[operator] = open_operator_keys(self.settings, self.random).open(operator)
        return self._opened[operator].sign(octets)
