"""A relying party in under a hundred lines: takes filings, keeps them by the person's handle, follows renewals.

It never stores a serial number or a certificate, asks for no attribute but the name, and notices by itself when a
person's certificate was revoked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from jitsuin_client import Answer, Client, Refused


@dataclass
class Receipt:
    """What the person gets back."""

    accepted: bool
    message: str
    number: str = ""


@dataclass
class Library:
    """A town's library that lends to residents who apply with their cards."""

    client: Client
    members: dict[str, str] = field(default_factory=dict)
    """The person's handle → name."""
    applications: dict[str, str] = field(default_factory=dict)
    """Application number → the person's handle."""

    def apply(self, form: bytes, signature: bytes, number: str) -> Receipt:
        """Take an application; the same number handed in again gives the same answer."""
        try:
            answer = self.client.verify(
                form,
                signature,
                key=f"application-{number}",
                fields=["name"],
                affairs="図書館の利用登録",
                required_assurance="at-cap",
                once=True,
            )
        except Refused as refused:
            return Receipt(False, f"{refused.reason} {refused.todo}")
        return self._received(answer, number)

    def _received(self, answer: Answer, number: str) -> Receipt:
        if not answer.passed or answer.person is None:
            return Receipt(False, answer.reason("ja") or "この証明書の持ち主を確かめられません。")
        self.members[answer.person] = answer.attributes["name"]
        self.applications[number] = answer.person
        return Receipt(True, f"{answer.attributes['name']} 様、登録しました。", number)

    def log_in(self, challenge: str, token: str) -> str | None:
        """The member's name, if the card's holder is a member."""
        try:
            answer = self.client.log_in(challenge, token)
        except Refused:
            return None
        return self.members.get(answer.person or "")

    def revoked_members(self) -> list[str]:
        """Members who hold no valid certificate any more; to be asked for a new application."""
        handles = list(self.members)
        if not handles:
            return []
        rows: list[Mapping[str, object]] = self.client.status(handles)
        return [self.members[str(row["handle"])] for row in rows if row["status"] in ("revoked", "none")]
