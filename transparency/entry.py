"""One provision of a person's data: what the person is told, and the commitment that the log keeps of it.

The record stays with its owner; the log gets only a commitment, which tells an outsider nothing, not even whether two
entries speak of the same person. Whoever holds the opening (record and salt) can prove that it is the entry; when the
opening is destroyed after the retention period, the tree still verifies.

    entry       "jitsuin-access-v1" newline || HMAC-SHA-256(salt, canonical record)
    salt        32 random octets, one for each record
    canonical   JSON, keys sorted, no white space, UTF-8
"""

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from pki.errors import InvalidValue
from pki.instant import Instant
from transparency.errors import BadProof

_PREFIX = b"jitsuin-access-v1\n"
SALT = 32
RETENTION_YEARS = 7
"""As long as the prefectures keep theirs, and マイナポータル its history."""


class Result(StrEnum):
    """What came of the request for data."""

    PROVIDED = "provided"
    NOTHING_FOUND = "nothing-found"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class AccessRecord:
    """The seven fields of a provision record (提供状況), with the legal basis and the result.

    `at` when (提供年月日) · `function` by which function (機能区分) · `reason` why (利用事由) · `affairs` for which
    affairs (提供事務区分) · `provider` by whom (提供元) · `recipient` to whom (提供先) · `what` the names of the fields
    that were given (提供された情報), never their values. `subject` is the person's opaque id.
    """

    subject: str
    at: Instant
    function: str
    reason: str
    affairs: str
    provider: str
    recipient: str
    what: tuple[str, ...]
    legal_basis: str
    result: Result

    def __post_init__(self) -> None:
        texts = (self.function, self.reason, self.affairs, self.provider, self.recipient, self.legal_basis)
        if not all(texts) or not self.subject or not self.what:
            raise InvalidValue("an access record has all of its fields")

    @property
    def canonical(self) -> bytes:
        """The octets that are committed to."""
        record = {
            "subject": self.subject,
            "at": self.at.iso(),
            "function": self.function,
            "reason": self.reason,
            "affairs": self.affairs,
            "from": self.provider,
            "to": self.recipient,
            "what": list(self.what),
            "legal_basis": self.legal_basis,
            "result": self.result.value,
        }
        return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@dataclass(frozen=True, slots=True, repr=False)
class Opening:
    """A record with its salt: proves what an entry of the log says. As secret as the record."""

    record: AccessRecord
    salt: bytes

    @property
    def entry(self) -> bytes:
        """The octets of the log's entry."""
        return _PREFIX + hmac.new(self.salt, self.record.canonical, hashlib.sha256).digest()

    def verify(self, entry: bytes) -> None:
        """See that `entry` commits to this record. Errors: BadProof."""
        if not hmac.compare_digest(self.entry, entry):
            raise BadProof("the record is not the one that was logged")

    def __repr__(self) -> str:
        return "Opening(…)"


def commit(record: AccessRecord, random: Callable[[int], bytes]) -> Opening:
    """An opening with a fresh salt."""
    return Opening(record, random(SALT))
