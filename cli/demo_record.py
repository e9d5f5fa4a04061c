"""What happened in the demonstration, as data: the steps, and the points and spans that its picture is drawn from."""

import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path

from pki.instant import Instant

STEP_NAMES = (
    "card-inserted",
    "keys-generated-on-card",
    "certificates-issued",
    "certificates-on-card",
    "filing-signed",
    "filing-verified",
    "tampered-filing-rejected",
    "remote-move-1",
    "remote-move-2",
    "remote-move-3",
    "remote-move-refused",
    "in-person-check",
    "remote-move-after-check",
    "years-cap-refused",
    "card-lost",
    "filing-after-loss-rejected",
    "old-filing-as-of-then",
)
"""The steps of the story in their order; `report.json` promises exactly these names."""


class Mark(StrEnum):
    """How a point of the picture is drawn."""

    SEEN = "seen"
    FILED = "filed"
    MOVED = "moved"
    REFUSED = "refused"
    LOST = "lost"
    REJECTED = "rejected"
    PROVEN = "proven"


@dataclass(frozen=True, slots=True)
class Step:
    """One step: `ok` says whether it went as the story says, a refusal that was due included."""

    name: str
    ok: bool
    at: Instant
    detail: dict[str, object]


@dataclass(frozen=True, slots=True)
class Point:
    """One event on the picture: `distance` is the number of remote changes since the last in-person check."""

    mark: Mark
    ja: str
    en: str
    at: Instant
    distance: int


@dataclass(slots=True)
class Span:
    """A certificate's life on the picture, in numbers of points: valid from `begin` up to `end` (None: to the last)."""

    ja: str
    en: str
    begin: int
    end: int | None = None
    reason: str = ""


@dataclass(slots=True)
class Record:
    """Everything that the report tells; `cap` and `years` are the policy's limits on consecutive moves and on age."""

    cap: int
    years: int
    steps: list[Step] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)

    def step(self, name: str, ok: bool, at: Instant, **detail: object) -> Step:
        """Add a step. Its name must be the next of STEP_NAMES: the order is a promise to the readers of the file."""
        expected = STEP_NAMES[len(self.steps)]
        if name != expected:
            raise AssertionError(f"the story is at {expected}, not at {name}")
        step = Step(name, ok, at, dict(detail))
        self.steps.append(step)
        return step

    def point(self, mark: Mark, ja: str, en: str, at: Instant, distance: int) -> int:
        """Add an event to the picture and give its number."""
        self.points.append(Point(mark, ja, en, at, distance))
        return len(self.points) - 1

    @property
    def ok(self) -> bool:
        """Whether every step was taken and went as the story says."""
        return tuple(step.name for step in self.steps) == STEP_NAMES and all(step.ok for step in self.steps)

    def write(self, path: Path) -> None:
        """Write `report.json`, whole or not at all."""
        steps = [{**asdict(step), "at": step.at.iso()} for step in self.steps]
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps({"steps": steps}, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        partial.replace(path)
