"""What HTTP says about an error: one table from code to status and title (RFC 9457).

A code that is not in the table becomes a 500 that tells nothing: whoever adds an error decides here what strangers may
learn of it. No other file knows both a code and a status.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import date
from enum import Enum
from http import HTTPStatus as S
from types import MappingProxyType
from typing import Protocol, runtime_checkable

from pki.errors import Error
from pki.instant import Instant
from web.language import Language
from web.wording import WORDING

MEDIA_TYPE = "application/problem+json"
INTERNAL = "jitsuin.internal"
"""The one thing said about what nobody foresaw."""


@dataclass(frozen=True, slots=True)
class Title:
    """A status with its short title, which is the same for every occurrence (RFC 9457 3.1.4)."""

    status: S
    en: str
    ja: str

    def in_language(self, language: Language) -> str:
        """The title in one of our languages."""
        return self.ja if language is Language.JA else self.en


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem as it is sent: RFC 9457 3.1 members, then our code, remedy and the error's fields."""

    status: int
    code: str
    title: str
    detail: str
    todo: str
    fields: Mapping[str, object] = field(default_factory=dict)

    def document(self) -> dict[str, object]:
        """The members of the JSON document; `type` is a page of this server about the code."""
        members: dict[str, object] = {
            "type": f"/problems/{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
        }
        if self.todo:
            members["todo"] = self.todo
        if self.fields:
            members["fields"] = dict(self.fields)
        return members


BAD_REQUEST = Title(S.BAD_REQUEST, "The request cannot be read", "リクエストを読み取れません")
NOT_FOUND = Title(S.NOT_FOUND, "There is no such thing here", "該当するものがありません")
FORBIDDEN = Title(S.FORBIDDEN, "Not allowed", "許可されていません")
UNAUTHENTICATED = Title(S.UNAUTHORIZED, "Not authenticated", "認証されていません")
TOO_MANY = Title(S.TOO_MANY_REQUESTS, "Too many requests", "リクエストが多すぎます")
CONFLICT = Title(S.CONFLICT, "Not possible in the present state", "現在の状態では実行できません")
REFUSED = Title(S.UNPROCESSABLE_ENTITY, "Understood, and refused", "内容は読めましたが、受け付けられません")
GONE = Title(S.GONE, "No longer valid", "有効ではなくなりました")
LATER = Title(S.SERVICE_UNAVAILABLE, "Not possible just now", "ただいま処理できません")
TOO_LARGE = Title(S.REQUEST_ENTITY_TOO_LARGE, "The request is too large", "リクエストが大きすぎます")
UNFORESEEN = Title(S.INTERNAL_SERVER_ERROR, "Something went wrong here", "内部でエラーが発生しました")

TITLES: Mapping[str, Title] = MappingProxyType(
    {
        "pki.malformed": BAD_REQUEST,
        "pki.invalid-value": BAD_REQUEST,
        "jitsuin.retryable": LATER,
        "enrollment.cap-reached": REFUSED,
        "enrollment.filing-from-future": REFUSED,
        "enrollment.filing-malformed": BAD_REQUEST,
        "enrollment.filing-mismatch": REFUSED,
        "enrollment.filing-rejected": REFUSED,
        "enrollment.filing-replayed": CONFLICT,
        "enrollment.filing-void": GONE,
        "enrollment.idempotency-mismatch": CONFLICT,
        "enrollment.certificate-ended": REFUSED,
        "enrollment.certificate-expired": REFUSED,
        "enrollment.card-not-usable": REFUSED,
        "enrollment.nothing-changes": REFUSED,
        "enrollment.remote-blocked": REFUSED,
        "enrollment.unknown-certificate": REFUSED,
        "enrollment.unknown-filing": NOT_FOUND,
        "enrollment.unknown-municipality": REFUSED,
        "enrollment.already-issued": CONFLICT,
        "enrollment.already-adopted": CONFLICT,
        "enrollment.already-protected": CONFLICT,
        "enrollment.not-protected": CONFLICT,
        "enrollment.not-granted": FORBIDDEN,
        "enrollment.residence-unproven": REFUSED,
        "enrollment.signature-invalid": REFUSED,
        "enrollment.gateway-refused": REFUSED,
        "enrollment.gateway-flooded": TOO_MANY,
        "enrollment.braked": LATER,
        "enrollment.snapshot-damaged": REFUSED,
        "enrollment.output-blocked": FORBIDDEN,
        "enrollment.still-cooling": CONFLICT,
        "enrollment.unknown-channel": NOT_FOUND,
        "enrollment.approval-expired": GONE,
        "enrollment.card-differs": CONFLICT,
        "enrollment.evidence-too-weak": REFUSED,
        "enrollment.evidence-used": CONFLICT,
        "enrollment.kiosk-never-anchors": REFUSED,
        "enrollment.looser-policy": REFUSED,
        "enrollment.municipal-desk-needed": REFUSED,
        "enrollment.needs-approval": CONFLICT,
        "enrollment.no-policy": REFUSED,
        "enrollment.no-receipt": FORBIDDEN,
        "enrollment.not-confirmed": REFUSED,
        "enrollment.not-designated": REFUSED,
        "enrollment.not-present": REFUSED,
        "enrollment.not-reversible": CONFLICT,
        "enrollment.not-signed-yet": LATER,
        "enrollment.not-yours": FORBIDDEN,
        "enrollment.operator-not-valid": FORBIDDEN,
        "enrollment.out-of-scope": REFUSED,
        "enrollment.role-missing": FORBIDDEN,
        "enrollment.same-person": FORBIDDEN,
        "enrollment.self-dealing": FORBIDDEN,
        "enrollment.unknown-application": NOT_FOUND,
        "enrollment.unknown-card": NOT_FOUND,
        "enrollment.unknown-counter": NOT_FOUND,
        "enrollment.unknown-event": NOT_FOUND,
        "enrollment.unknown-operator": FORBIDDEN,
        "enrollment.unknown-person": NOT_FOUND,
        "enrollment.wrong-card": CONFLICT,
        "enrollment.key-not-from-card": REFUSED,
        "enrollment.management-refused": FORBIDDEN,
        "enrollment.pin-not-permitted": FORBIDDEN,
        "enrollment.pin-permission-used": CONFLICT,
        "enrollment.pin-permission-expired": GONE,
        "enrollment.wrong-state": CONFLICT,
        "enrollment.filing-too-early": REFUSED,
        "enrollment.filing-too-late": REFUSED,
        "enrollment.code-wrong": REFUSED,
        "enrollment.letter-over": GONE,
        "enrollment.act-not-signed": FORBIDDEN,
        "enrollment.already-registered": CONFLICT,
        "enrollment.act-refused": REFUSED,
        "ca.malformed-request": BAD_REQUEST,
        "ca.possession-not-proven": REFUSED,
        "ca.weak-key": REFUSED,
        "ca.key-already-seen": CONFLICT,
        "ca.key-blocked": REFUSED,
        "ca.profile-mismatch": REFUSED,
        "ca.too-young": REFUSED,
        "ca.nothing-left-to-certify": REFUSED,
        "ca.outlives-authority": LATER,
        "ca.no-active-authority": LATER,
        "ca.idempotency-conflict": CONFLICT,
        "ca.crl-number-taken": LATER,
        "ca.lease-lost": LATER,
        "ca.restored-database": LATER,
        "ca.shelf-unavailable": LATER,
        "pki.card-change-refused": CONFLICT,
        "web.not-authenticated": UNAUTHENTICATED,
        "web.not-allowed": FORBIDDEN,
        "web.quota-exhausted": TOO_MANY,
        "web.idempotency-mismatch": CONFLICT,
        "web.still-running": CONFLICT,
        "web.no-such-verification": NOT_FOUND,
        "web.consent-refused": REFUSED,
        "web.no-verdict": CONFLICT,
        "web.no-such-conversation": NOT_FOUND,
        "web.no-such-message": NOT_FOUND,
        "web.too-many-conversations": LATER,
        "web.conversation-failed": REFUSED,
        "web.keys-silent": LATER,
        "web.not-paired": CONFLICT,
        "web.reader-silent": LATER,
        "web.signing-silent": LATER,
        "web.reader-refused": CONFLICT,
        "web.output-withheld": FORBIDDEN,
        "web.no-such-consent": NOT_FOUND,
        "web.no-such-move": NOT_FOUND,
        "web.prefill-forged": BAD_REQUEST,
        "web.prefill-used": CONFLICT,
        "web.prefill-expired": CONFLICT,
        "web.card-needed": FORBIDDEN,
        "web.no-session": UNAUTHENTICATED,
        "web.form-refused": FORBIDDEN,
        "web.no-such-work": NOT_FOUND,
        "web.work-refused": CONFLICT,
        "web.glyph-missing": REFUSED,
        "verifier.format-failure": BAD_REQUEST,
        "verifier.unacceptable-algorithm": REFUSED,
        "verifier.unacceptable-key": REFUSED,
        "verifier.budget-exhausted": REFUSED,
        "verifier.fetch-refused": REFUSED,
        "verifier.fetch-failed": LATER,
        "verifier.challenge-refused": FORBIDDEN,
        "verifier.token-refused": FORBIDDEN,
        "transparency.not-found": NOT_FOUND,
        "transparency.overtaken": LATER,
        "enrollment.unknown-case": NOT_FOUND,
        "enrollment.unknown-incident": NOT_FOUND,
        "enrollment.answer-unfit": REFUSED,
        "enrollment.same-answerer": FORBIDDEN,
        "enrollment.scope-unfit": REFUSED,
        "enrollment.slot-unfit": CONFLICT,
        "enrollment.unknown-booking": NOT_FOUND,
        "enrollment.stale": LATER,
        "enrollment.place-taken": LATER,
        "cli.database-full": LATER,
        "cli.database-unavailable": LATER,
    }
)
"""Every code that a stranger may see."""

UNTOLD: frozenset[str] = frozenset(
    {
        # bases, which nobody raises as such
        *("jitsuin.error", "ca.error", "ca.refused", "ca.key-store", "ca.ceremony", "ca.status"),
        *("verifier.error", "transparency.error", "web.error"),
        # OCSP has its own answer for it: tryLater
        "web.status-unsure",
        # the authority's own house: keys, ceremonies, statuses, CRLs, the journal
        *("ca.lint-failed", "ca.signature-mismatch", "ca.wrong-state", "ca.unknown-intent", "ca.unknown-authority"),
        *("ca.key-unavailable", "ca.key-exists", "ca.wrong-passphrase", "ca.not-enough-custodians"),
        *("ca.key-file-damaged", "ca.key-not-protected", "ca.token-error"),
        *("ca.ceremony-file-wrong", "ca.approval-missing", "ca.ceremony-diverged"),
        *("ca.never-issued", "ca.reason-not-allowed", "ca.invalidity-in-future", "ca.hold-is-final", "ca.not-on-hold"),
        *("ca.no-active-responder", "ca.no-base-crl", "ca.publication-refused", "ca.responder-unusable"),
        "ca.journal-broken",
        # what an auditor's own program says, and what only the log's keeper may learn
        *("transparency.bad-proof", "transparency.bad-note", "transparency.fork", "transparency.log-behind"),
        "transparency.clock-stepped",
        # a witness answers with the specification's own statuses (web/witness.py)
        *("transparency.unknown-log", "transparency.bad-submission", "transparency.not-seen-last"),
        "transparency.witness-refused",
    }
)
"""Every code that becomes a 500 on purpose: it would tell a stranger about our inside, and could tell nobody else."""


def problem_of(error: Error, language: Language) -> Problem:
    """What is said about `error`; about an unknown code nothing but that it happened."""
    title = TITLES.get(error.code)
    if title is None:
        return unforeseen(language)
    given = {name: plain(value) for name, value in error.fields().items()}
    why, todo = error.reason, error.remedy
    if language is Language.JA and (wording := WORDING.get(error.code)) is not None:
        why, todo = wording.why.format(**error.fields()), wording.todo.format(**error.fields())
    return Problem(int(title.status), error.code, title.in_language(language), why, todo, given)


def unforeseen(language: Language) -> Problem:
    """A 500 that tells nothing."""
    said = {
        Language.EN: (
            "The request was not carried out.",
            "Try again later; give the request id when you ask for help.",
        ),
        Language.JA: (
            "リクエストは処理されませんでした。",
            "しばらくしてからやり直してください。お問い合わせの際はリクエスト ID をお知らせください。",
        ),
    }[language]
    return Problem(int(UNFORESEEN.status), INTERNAL, UNFORESEEN.in_language(language), *said)


@runtime_checkable
class _Documented(Protocol):
    """A value that says itself how it looks as JSON: a decision reads the same here as everywhere else."""

    def to_json(self) -> object: ...


def plain(value: object) -> object:
    """A field as JSON can hold it: numbers and text as they are, times as RFC 3339, octets in hex, records by name."""
    if isinstance(value, Enum):
        return plain(value.value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Instant):
        return value.iso()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, _Documented):
        return plain(value.to_json())
    if is_dataclass(value) and not isinstance(value, type):
        return {part.name: plain(getattr(value, part.name)) for part in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(part) for part in value]
    return str(value)
