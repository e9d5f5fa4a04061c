"""The cap policy as versioned, dated data: how often, how long and how much, before one must come in person."""

from dataclasses import dataclass
from typing import Any

from enrollment.canonical import Json
from enrollment.counters import CounterKind
from enrollment.errors import LooserPolicy
from enrollment.events import EventKind
from pki.errors import InvalidValue
from pki.instant import Instant

COMMON = ""
"""The owner of the policy that binds every municipality."""


@dataclass(frozen=True, slots=True)
class CapPolicy:
    """One version of the rules, in force from `effective_from` until a later one of the same owner is."""

    version: str
    effective_from: Instant
    owner: str = COMMON
    max_consecutive: int = 3
    """Remote procedures after one in-person check (minutes 476-486: "once in how many times")."""
    max_years_since_anchor: int = 5
    """Years after the check within which remote procedures are possible: a certificate's life."""
    max_total: int = 5
    """Remote procedures within any `total_window_years`, in-person checks or not."""
    total_window_years: int = 10
    """The window of `max_total`; an event leaves it on its anniversary."""
    consumes: frozenset[EventKind] = frozenset(
        {EventKind.REMOTE_MOVE, EventKind.REMOTE_REISSUE, EventKind.REMOTE_RENEWAL}
    )
    """Which remote procedures take a place."""
    anchors: frozenset[CounterKind] = frozenset(
        {CounterKind.MUNICIPAL_MAIN, CounterKind.BRANCH, CounterKind.POST_OFFICE, CounterKind.MOBILE}
    )
    """At which desks being seen counts."""
    municipal_every: int = 0
    """Of so many in-person checks in a row one must be at a municipal desk; 0: any desk will do."""
    warn_places_left: int = 1
    """Warn when so many places are left."""
    warn_days: int = 90
    """Warn so many days before the years are over."""

    def __post_init__(self) -> None:
        if not self.version:
            raise InvalidValue("a policy has a version")
        if not 0 <= self.max_consecutive <= 100 or not 0 <= self.max_total <= 1000:
            raise InvalidValue("max_consecutive is 0 to 100, max_total 0 to 1000")
        if not 1 <= self.max_years_since_anchor <= 50 or not 1 <= self.total_window_years <= 100:
            raise InvalidValue("max_years_since_anchor is 1 to 50, total_window_years 1 to 100")
        if min(self.municipal_every, self.warn_places_left, self.warn_days) < 0:
            raise InvalidValue("municipal_every, warn_places_left and warn_days are not negative")
        if CounterKind.KIOSK in self.anchors:
            raise InvalidValue("a kiosk never anchors")
        if not all(kind.is_remote for kind in self.consumes):
            raise InvalidValue("only remote procedures can consume a place")

    def loosened(self, common: "CapPolicy") -> tuple[str, ...]:
        """The fields in which this policy allows something that `common` does not."""
        looser = {
            "max_consecutive": self.max_consecutive > common.max_consecutive,
            "max_years_since_anchor": self.max_years_since_anchor > common.max_years_since_anchor,
            "max_total": self.max_total > common.max_total,
            "total_window_years": self.total_window_years < common.total_window_years,
            "consumes": not self.consumes >= common.consumes,
            "anchors": not self.anchors <= common.anchors,
            "municipal_every": _every(self.municipal_every) > _every(common.municipal_every),
            "warn_places_left": self.warn_places_left < common.warn_places_left,
            "warn_days": self.warn_days < common.warn_days,
        }
        return tuple(name for name, is_looser in looser.items() if is_looser)

    def require_not_looser(self, common: "CapPolicy") -> None:
        """Errors: LooserPolicy naming the fields."""
        if loosened := self.loosened(common):
            raise LooserPolicy(", ".join(loosened))

    def body(self) -> dict[str, Json]:
        """The policy as canonical JSON data; `parse_policy` reads it back."""
        return {
            "anchors": sorted(self.anchors),
            "consumes": sorted(self.consumes),
            "effective_from": self.effective_from.iso(),
            "max_consecutive": self.max_consecutive,
            "max_total": self.max_total,
            "max_years_since_anchor": self.max_years_since_anchor,
            "municipal_every": self.municipal_every,
            "owner": self.owner,
            "total_window_years": self.total_window_years,
            "version": self.version,
            "warn_days": self.warn_days,
            "warn_places_left": self.warn_places_left,
        }


def _every(number: int) -> float:
    return number if number else float("inf")


_NUMBERS = (
    "max_consecutive",
    "max_years_since_anchor",
    "max_total",
    "total_window_years",
    "municipal_every",
    "warn_places_left",
    "warn_days",
)


def parse_policy(record: dict[str, Any]) -> CapPolicy:
    """Read a policy from JSON or TOML data; fields left out keep defaults. Errors: InvalidValue with the field."""
    known = {*_NUMBERS, "version", "effective_from", "owner", "consumes", "anchors"}
    for name in record:
        if name not in known:
            raise InvalidValue(f"a policy has no field {name!r}")
    fields: dict[str, Any] = {}
    for name in _NUMBERS:
        if name in record:
            if type(record[name]) is not int:
                raise InvalidValue(f"{name} is a whole number")
            fields[name] = record[name]
    for name, kind in (("consumes", EventKind), ("anchors", CounterKind)):
        if name in record:
            try:
                fields[name] = frozenset(kind(value) for value in record[name])
            except (TypeError, ValueError):
                raise InvalidValue(f"{name} is a list of {', '.join(kind)}") from None
    for name in ("version", "effective_from"):
        if not isinstance(record.get(name), str):
            raise InvalidValue(f"a policy needs {name} as text")
    owner = record.get("owner", COMMON)
    if not isinstance(owner, str):
        raise InvalidValue("owner is the five digits of a municipality, or empty")
    return CapPolicy(record["version"], Instant.parse(record["effective_from"]), owner, **fields)
