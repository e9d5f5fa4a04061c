"""What a judge of certificates, CRLs and OCSP answers says about one of them."""

from dataclasses import dataclass
from enum import IntEnum


class Severity(IntEnum):
    """How bad: `WARNING` and `ERROR` stop a certificate from being signed, a `NOTICE` does not."""

    NOTICE = 1
    WARNING = 2
    ERROR = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken rule: its id (like `rfc5280.serial-length`), where the rule stands, and what was found.

    `detail` names fields and numbers, never a person's data.
    """

    rule: str
    severity: Severity
    clause: str
    detail: str
