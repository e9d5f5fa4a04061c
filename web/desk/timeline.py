"""The trust timeline and plain bar charts as SVG, each with the same in words."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from markupsafe import Markup, escape

from enrollment.events import EventKind, LedgerEvent
from pki.instant import Instant


@dataclass(frozen=True, slots=True)
class Picture:
    """`svg` to show, `words` for whoever does not see it, `rows` as a table."""

    svg: Markup
    words: str
    rows: tuple[tuple[str, int], ...] = ()


_WIDTH, _LEFT, _RIGHT = 640, 20, 20


def timeline(history: Sequence[LedgerEvent], by: date | None, at: Instant, say: Callable[..., str]) -> Picture:
    """Every check, remote change and the day by which the next check is due, on a line of days.

    A check is a green circle, a remote change a blue square with its place: told apart by shape as well.
    """
    today = at.jst_date()
    days = [event.at.jst_date() for event in history]
    first = min([*days, today])
    last = max([*days, today, by or today])
    span = max(1, (last - first).days)

    def x(day: date) -> float:
        return round(_LEFT + (_WIDTH - _LEFT - _RIGHT) * (day - first).days / span, 1)

    marks = [Markup('<line class="axis" x1="%s" y1="60" x2="%s" y2="60"/>') % (_LEFT, _WIDTH - _RIGHT)]
    words = []
    for event, day in zip(history, days, strict=True):
        name = say(f"event-{event.kind.value}")
        words.append(f"{day}: {name}")
        title = Markup("<title>%s %s</title>") % (day, name)
        if event.kind is EventKind.ANCHOR:
            marks.append(Markup('<circle class="anchor" cx="%s" cy="60" r="10">%s</circle>') % (x(day), title))
        elif event.kind.is_remote:
            shape = Markup('<rect class="remote" x="%s" y="51" width="18" height="18">%s</rect>')
            marks.append(shape % (x(day) - 9, title))
            if event.seq is not None:
                marks.append(Markup('<text x="%s" y="42" text-anchor="middle">%s</text>') % (x(day), event.seq))
        else:
            marks.append(Markup('<path class="other" d="M%s 52l8 8-8 8-8-8z">%s</path>') % (x(day), title))
    marks.append(_flagged(x(today), 24, say("today"), first=True))
    words.append(f"{today}: {say('today')}")
    if by is not None:
        due = say("trust-by", day=by.isoformat())
        marks.append(_flagged(x(by), 100, due, first=False))
        words.append(due)
    svg = Markup('<svg viewBox="0 0 %s 116" role="img" aria-label="%s">%s</svg>') % (
        _WIDTH,
        say("timeline"),
        Markup("").join(marks),
    )
    return Picture(svg, "。 ".join(words))


def _flagged(x: float, y: int, text: str, *, first: bool) -> Markup:
    anchor = "start" if x < 160 else "end" if x > _WIDTH - 160 else "middle"
    line = Markup('<line class="axis" x1="%s" y1="%s" x2="%s" y2="%s"%s/>') % (
        x,
        30 if first else 60,
        x,
        72 if first else 86,
        Markup("") if first else Markup(' stroke-dasharray="4 3"'),
    )
    return line + Markup('<text x="%s" y="%s" text-anchor="%s">%s</text>') % (x, y, anchor, escape(text))


def bars(rows: Sequence[tuple[str, int]], label: str) -> Picture:
    """One horizontal bar a row, with its number."""
    most = max((value for _, value in rows), default=0) or 1
    parts = []
    for index, (name, value) in enumerate(rows):  # the name above its bar: at any width, in any language
        y = 62 * index
        width = round(560 * value / most, 1)
        parts.append(Markup('<text x="0" y="%s">%s</text>') % (y + 22, name))
        parts.append(Markup('<rect class="bar" x="0" y="%s" width="%s" height="18"/>') % (y + 30, width))
        parts.append(Markup('<text x="%s" y="%s">%s</text>') % (width + 8, y + 46, value))
    height = 62 * len(rows)
    svg = Markup('<svg viewBox="0 0 640 %s" role="img" aria-label="%s">%s</svg>') % (
        height,
        label,
        Markup("").join(parts),
    )
    return Picture(svg, "。 ".join(f"{name}: {value}" for name, value in rows), tuple(rows))
