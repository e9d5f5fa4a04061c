"""Pictures of a simulation as SVG and PNG: lines that can be told apart without colour, and numbers on the axes."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10
from pathlib import Path
from typing import TYPE_CHECKING
from unicodedata import east_asian_width

if TYPE_CHECKING:
    from enrollment.simulation import Month

WIDTH, HEIGHT = 960, 420
LEFT, RIGHT, TOP, BOTTOM = 80, 210, 72, 70
LEGEND = 20
"""Letters of a policy's name on one line; a longer one goes on below, and what is longer than two lines is cut."""
COLOURS = ("#0031d8", "#b3261e", "#00613b", "#7a4100", "#5b1e8c", "#333333")
DASHES = ("", "8 4", "2 3", "10 3 2 3", "4 2", "14 4")

Lines = dict[str, list[float]]


def draw_all(out: Path, months: "Sequence[Month]", distances: dict[str, list[int]], note: str = "") -> list[str]:
    """Write every picture into `out`; their names. `note`: what they were made from, to stand below each."""
    names = list(dict.fromkeys(month.policy for month in months))

    def lines(field: str) -> Lines:
        return {name: [float(getattr(one, field) or 0) for one in months if one.policy == name] for name in names}

    ticks = [month.month for month in months if names and month.policy == names[0]]
    by_quarter: Lines = {name: [float(count) for count in counts] for name, counts in distances.items()}
    longest = max((len(counts) for counts in distances.values()), default=0)
    quarters = [f"{quarter / 4:g}" for quarter in range(longest)]

    def in_years(field: str) -> Lines:
        return {name: [day / 365 for day in days] for name, days in lines(field).items()}

    people, times, years = "人 / people", "件 / procedures", "年 / years"
    by_month = {
        "sent": ("窓口への来庁が必要になった人（月） / People sent to a counter, per month", people, lines("refused")),
        "remote": ("オンラインの手続（月） / Remote procedures, per month", times, lines("remote")),
        "visits": (
            "市区町村窓口の来庁（月） / Visits to municipal counters, per month", people, lines("counter_visits"),
        ),
        "post-office": (
            "郵便局の来局（月） / Visits to post offices, per month", people, lines("post_office_visits"),
        ),
        "waiting": (
            "窓口での待ち時間（月の平均） / Waiting at a municipal counter, mean of the month", "分 / minutes",
            lines("waiting_minutes"),
        ),
        "backlog": ("予約待ちの日数 / Backlog of municipal counters", "日 / days", lines("waiting_days")),
        "distance-median": (
            "前回の対面からの年数（中央値） / Years since last seen, median", years, in_years("distance_median_days"),
        ),
        "distance-p90": (
            "前回の対面からの年数（90%点） / Years since last seen, 90 % below", years,
            in_years("distance_p90_days"),
        ),
    }  # fmt: skip
    pictures = {
        f"{name}.svg": chart(Axes(title, unit, "年月 / month", note), ticks, drawn)
        for name, (title, unit, drawn) in by_month.items()
    }
    pictures["distance.svg"] = chart(
        Axes(
            "前回の対面からの年数ごとの人数（四半期ごと） / People by years since last seen, at the end, per quarter",
            people, years, note,
        ),
        quarters, by_quarter, every=4,
    )  # fmt: skip
    written = []
    for name, picture in pictures.items():
        (out / name).write_text(picture, "utf-8")
        image = Path(name).with_suffix(".png")
        (out / image).write_bytes(png(picture))
        written += [name, image.name]
    return written


def png(picture: str) -> bytes:
    """The same picture for who cannot show SVG, twice as large."""
    from resvg_py import svg_to_bytes

    return bytes(svg_to_bytes(svg_string=picture, zoom=2, background="#ffffff", sans_serif_family="Noto Sans CJK JP"))


@dataclass(frozen=True, slots=True)
class Axes:
    """What a chart is of; `unit` of the upright axis, `across` of the other; `note`: where its numbers come from."""

    title: str
    unit: str
    across: str
    note: str = ""


def chart(axes: Axes, ticks: Sequence[str], lines: Lines, every: int | None = None) -> str:
    """A line for each of `lines`, its points at equal steps under `ticks`, of which `every` so-manyth is
    written (about ten if it is left out)."""
    top = nice_top(max((max(values, default=0.0) for values in lines.values()), default=0.0))
    count = max(len(ticks), 2)
    inner_width, inner_height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def x(index: int) -> float:
        return LEFT + inner_width * index / (count - 1)

    def y(value: float) -> float:
        return TOP + inner_height * (1 - value / top)

    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
            f'font-family="Noto Sans CJK JP, Noto Sans JP, sans-serif" font-size="13" fill="#1a1a1c">'
        ),
        f"<title>{escape(axes.title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="28" font-size="17" font-weight="bold">{escape(axes.title)}</text>',
        f'<text x="{LEFT}" y="{TOP - 14}" text-anchor="middle" fill="#4d4d52">{escape(axes.unit)}</text>',
        (
            f'<text x="{LEFT + inner_width}" y="{HEIGHT - BOTTOM + 44}" text-anchor="end" fill="#4d4d52">'
            f"{escape(axes.across)}</text>"
        ),
        f'<text x="{LEFT}" y="{HEIGHT - 12}" font-size="12" fill="#4d4d52">{escape(axes.note)}</text>',
    ]
    for step in range(5):
        value = top * step / 4
        parts.append(
            f'<path d="M{LEFT} {y(value):.1f}H{LEFT + inner_width}" stroke="#d8d8db"/>'
            f'<text x="{LEFT - 8}" y="{y(value) + 4:.1f}" text-anchor="end">{value:,.{_places(top)}f}</text>'
        )
    every = every or max(1, -(-len(ticks) // 10))
    parts += [
        f'<text x="{x(index):.1f}" y="{HEIGHT - BOTTOM + 22}" text-anchor="middle">{escape(ticks[index])}</text>'
        for index in range(0, len(ticks), every)
    ]
    legend = TOP + 10
    for number, (name, values) in enumerate(lines.items()):
        colour, dash = COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)]
        points = " ".join(f"{x(index):.1f},{y(value):.1f}" for index, value in enumerate(values))
        style = f'stroke="{colour}" stroke-width="2" fill="none"' + (f' stroke-dasharray="{dash}"' if dash else "")
        parts.append(f'<polyline points="{points}" {style}/>')
        parts.append(f'<path d="M{WIDTH - RIGHT + 16} {legend}h34" {style}/>')
        for row in named(name):
            parts.append(f'<text x="{WIDTH - RIGHT + 56}" y="{legend + 4}">{escape(row)}</text>')
            legend += 18
        legend += 6
    return "\n".join([*parts, "</svg>", ""])


def named(name: str) -> list[str]:
    """A policy's name on one line or two of `LEGEND` half-width letters; an ellipsis where it is longer."""
    rows = [""]
    for letter in name:
        if _width(rows[-1] + letter) > LEGEND:
            if len(rows) == 2:
                return [rows[0], f"{rows[1][:-1]}…"]
            rows.append("")
        rows[-1] += letter
    return rows


def _width(text: str) -> int:
    return sum(2 if east_asian_width(letter) in "WFA" else 1 for letter in text)


def nice_top(largest: float) -> float:
    """The end of the axis, not below `largest` and easy to divide by four."""
    if largest <= 0:
        return 1.0
    power: float = 10.0 ** floor(log10(largest))
    return next(power * factor for factor in (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 5, 6, 8, 10) if power * factor >= largest)


def _places(top: float) -> int:
    """Decimals by which four steps of the axis differ."""
    step = top / 4
    places = max(0, ceil(-log10(step)))
    return places if round(step, places) == round(step, places + 3) else places + 1
