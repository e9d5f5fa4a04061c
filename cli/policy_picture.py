"""Pictures of a simulation as SVG and PNG: lines that can be told apart without colour, and numbers on the axes."""

from collections.abc import Sequence
from html import escape
from math import floor, log10
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from enrollment.simulation import Month

WIDTH, HEIGHT = 960, 420
LEFT, RIGHT, TOP, BOTTOM = 80, 190, 56, 52
COLOURS = ("#0031d8", "#b3261e", "#00613b", "#7a4100", "#5b1e8c", "#333333")
DASHES = ("", "8 4", "2 3", "10 3 2 3", "4 2", "14 4")

Lines = dict[str, list[float]]


def draw_all(out: Path, months: "Sequence[Month]", distances: dict[str, list[int]]) -> list[str]:
    """Write every picture into `out`; their names."""
    names = list(dict.fromkeys(month.policy for month in months))

    def lines(field: str) -> Lines:
        return {name: [float(getattr(one, field) or 0) for one in months if one.policy == name] for name in names}

    ticks = [month.month for month in months if names and month.policy == names[0]]
    by_quarter: Lines = {name: [float(count) for count in counts] for name, counts in distances.items()}
    longest = max((len(counts) for counts in distances.values()), default=0)
    quarters = [f"{quarter / 4:g}" for quarter in range(longest)]
    median: Lines = {name: [day / 365 for day in days] for name, days in lines("distance_median_days").items()}
    far: Lines = {name: [day / 365 for day in days] for name, days in lines("distance_p90_days").items()}
    pictures = {
        "sent.svg": chart(
            "窓口への来庁が必要になった人（月） / People sent to a counter, per month", ticks, lines("refused")
        ),
        "remote.svg": chart("オンラインの手続（月） / Remote procedures, per month", ticks, lines("remote")),
        "visits.svg": chart("市区町村窓口の来庁（月） / Visits to municipal counters", ticks, lines("counter_visits")),
        "post-office.svg": chart("郵便局の来局（月） / Visits to post offices", ticks, lines("post_office_visits")),
        "waiting.svg": chart(
            "窓口での待ち時間（分） / Waiting at a municipal counter, minutes", ticks, lines("waiting_minutes")
        ),
        "backlog.svg": chart("予約待ちの日数 / Backlog of municipal counters, days", ticks, lines("waiting_days")),
        "distance.svg": chart(
            "前回の対面からの年数ごとの人数（四半期） / People by years since last seen, at the end",
            quarters,
            by_quarter,
            every=4,
        ),
        "distance-median.svg": chart("前回の対面からの年数（中央値） / Years since last seen, median", ticks, median),
        "distance-p90.svg": chart("前回の対面からの年数（90%点） / Years since last seen, 90 % below", ticks, far),
    }
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


def chart(title: str, ticks: Sequence[str], lines: Lines, every: int | None = None) -> str:
    """One chart: a line for each of `lines`, its points at equal steps under `ticks`, of which `every` so-manyth is
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
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="30" font-size="17" font-weight="bold">{escape(title)}</text>',
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
    for number, (name, values) in enumerate(lines.items()):
        colour, dash = COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)]
        points = " ".join(f"{x(index):.1f},{y(value):.1f}" for index, value in enumerate(values))
        style = f'stroke="{colour}" stroke-width="2" fill="none"' + (f' stroke-dasharray="{dash}"' if dash else "")
        legend = TOP + 10 + 22 * number
        parts.append(f'<polyline points="{points}" {style}/>')
        parts.append(
            f'<path d="M{WIDTH - RIGHT + 16} {legend}h34" {style}/>'
            f'<text x="{WIDTH - RIGHT + 56}" y="{legend + 4}">{escape(name[:18])}</text>'
        )
    return "\n".join([*parts, "</svg>", ""])


def nice_top(largest: float) -> float:
    """The end of the axis: 1, 2 or 5 times a power of ten, or the double of one, not below `largest`."""
    if largest <= 0:
        return 1.0
    power: float = 10.0 ** floor(log10(largest))
    return next(power * factor for factor in (1, 2, 4, 5, 8, 10) if power * factor >= largest)


def _places(top: float) -> int:
    return 0 if top >= 8 else 2
