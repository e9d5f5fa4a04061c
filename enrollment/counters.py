"""Desks: what each may do, for which municipality, until when, and whether being seen there counts."""

from dataclasses import dataclass
from enum import StrEnum

from enrollment.errors import NotDesignated, OutOfScope
from pki.errors import InvalidValue
from pki.instant import Instant, Validity


class Affair(StrEnum):
    """What can be done at a desk."""

    FIRST_ISSUE = "first-issue"
    RENEWAL = "renewal"
    REISSUE = "reissue"
    PIN_RESET = "pin-reset"
    IN_PERSON_CHECK = "in-person-check"
    MOVE = "move"
    ATTRIBUTE_CHANGE = "attribute-change"
    SUSPENSION = "suspension"
    END_OF_SERVICE = "end-of-service"
    CORRECTION = "correction"
    PROTECTION = "protection"
    GATEWAY = "gateway"


class CounterKind(StrEnum):
    """The kinds of desk; the kiosk stands here only to be refused by name."""

    MUNICIPAL_MAIN = "municipal-main"
    BRANCH = "branch"
    POST_OFFICE = "post-office"
    MOBILE = "mobile"
    KIOSK = "kiosk"

    @property
    def sees_people(self) -> bool:
        """Whether an officer stands there who can compare a face with a photo."""
        return self is not CounterKind.KIOSK

    @property
    def is_municipal(self) -> bool:
        """Whether the municipality's own staff works there."""
        return self in (CounterKind.MUNICIPAL_MAIN, CounterKind.BRANCH, CounterKind.MOBILE)

    @property
    def decides(self) -> bool:
        """Whether a second operator may approve there: supervisors sit in the municipality's own offices, neither in
        the same car as the one who proposes nor at somebody else's desk.
        """
        return self in (CounterKind.MUNICIPAL_MAIN, CounterKind.BRANCH)

    @property
    def needs_photo(self) -> bool:
        """Whether only a compared photo proves a person there: away from the office two papers are not enough."""
        return self in (CounterKind.POST_OFFICE, CounterKind.MOBILE)

    @property
    def needs_designation(self) -> bool:
        """A post office works for a municipality only by a council's resolution, for named affairs and a period."""
        return self is CounterKind.POST_OFFICE

    @property
    def needs_confirmation(self) -> bool:
        """Whether the municipality must confirm each in-person check while it happens."""
        return self is CounterKind.POST_OFFICE


POST_OFFICE_AFFAIRS = frozenset({Affair.IN_PERSON_CHECK, Affair.RENEWAL, Affair.PIN_RESET})
"""The most that may be entrusted to a post office here (郵便局事務取扱法; jpki.md 3.4)."""


@dataclass(frozen=True, slots=True)
class Counter:
    """A desk of, or designated by, the municipality `owner`.

    `designation` and `designation_record` (the resolution and contract that it rests on) are there for post offices.
    """

    counter: str
    owner: str
    kind: CounterKind
    name_ja: str
    affairs: frozenset[Affair]
    designation: Validity | None = None
    designation_record: str = ""

    def __post_init__(self) -> None:
        if self.designation is not None and not self.designation_record:
            raise InvalidValue("a designation rests on a resolution and a contract: name them")

    def require(self, affair: Affair, at: Instant) -> None:
        """Errors: OutOfScope if this desk does not do `affair`; NotDesignated outside the period of designation."""
        if self.kind.needs_designation and (self.designation is None or not self.designation.contains(at)):
            raise NotDesignated(self.counter)
        entrusted = self.affairs & POST_OFFICE_AFFAIRS if self.kind is CounterKind.POST_OFFICE else self.affairs
        if affair not in entrusted or not self.kind.sees_people:
            raise OutOfScope(self.counter, affair.value)
