"""The story as one picture (SVG): the distance from the last in-person check, the cap, and the certificates' lives."""

from html import escape

from cli.demo_record import Mark, Point, Record, Span
from pki.instant import JAPAN

_LEFT, _RIGHT, _TOP = 168, 24, 96
_ROW = 46
_BAR = 26
_STEP = 92

_COLOURS = {
    Mark.SEEN: "#197a4b",
    Mark.FILED: "#0017c1",
    Mark.MOVED: "#c74700",
    Mark.REFUSED: "#ce0000",
    Mark.LOST: "#4d4d4d",
    Mark.REJECTED: "#ce0000",
    Mark.PROVEN: "#197a4b",
}
_SIGNS = {
    Mark.SEEN: "✓",
    Mark.FILED: "✎",
    Mark.MOVED: "→",
    Mark.REFUSED: "✕",
    Mark.LOST: "!",
    Mark.REJECTED: "✕",
    Mark.PROVEN: "✓",
}


def draw(record: Record) -> str:
    """The SVG element of the picture; colours are never alone: every point also has a sign and words."""
    return _Picture(record).draw()


class _Picture:
    """One drawing: points stand side by side in the order of events, since the demonstration takes seconds."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.levels = record.cap + 1
        self.width = _LEFT + _STEP * max(len(record.points), 1) + _RIGHT
        self.floor = _TOP + self.levels * _ROW
        self.height = self.floor + 92 + _BAR * len(record.spans) + 24
        self.parts: list[str] = []

    def draw(self) -> str:
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" role="img"',
            'aria-labelledby="picture-title picture-text" font-family="inherit">',
            '<title id="picture-title">対面確認からの距離 / Distance from the last in-person check</title>',
            f'<desc id="picture-text">{escape(self._in_words())}</desc>',
        ]
        self._levels()
        self._line()
        for number, point in enumerate(self.record.points):
            self._point(number, point)
        for number, span in enumerate(self.record.spans):
            self._span(number, span)
        self.parts.append("</svg>")
        return "\n".join(self.parts)

    def _in_words(self) -> str:
        return " ".join(f"{point.en}: {point.distance}." for point in self.record.points)

    def _x(self, number: float) -> float:
        return _LEFT + _STEP * (number + 0.5)

    def _y(self, level: float) -> float:
        return self.floor - level * _ROW

    def _text(self, x: float, y: float, text: str, *, size: int = 13, colour: str = "#1a1a1a", **more: str) -> None:
        extra = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in more.items())
        self.parts.append(f'<text x="{x:g}" y="{y:g}" font-size="{size}" fill="{colour}"{extra}>{escape(text)}</text>')

    def _levels(self) -> None:
        right = self.width - _RIGHT
        self._text(8, 26, "対面確認からの遠隔変更の回数", size=16, font_weight="bold")
        self._text(8, 46, "remote changes since the last in-person check", size=13, colour="#4d4d4d")
        for level in range(self.levels):
            y = self._y(level)
            self.parts.append(
                f'<line x1="{_LEFT}" x2="{right}" y1="{y:g}" y2="{y:g}" stroke="#d9d9d9" stroke-width="1"/>'
            )
            self._text(_LEFT - 14, y + 5, str(level), size=14, text_anchor="end")
        y = self._y(self.record.cap) - 10
        self.parts.append(
            f'<line x1="{_LEFT}" x2="{right}" y1="{y:g}" y2="{y:g}" stroke="#ce0000" stroke-width="2" '
            'stroke-dasharray="8 5"/>'
        )
        self._text(8, y - 4, f"上限 {self.record.cap} 回", size=14, colour="#ce0000", font_weight="bold")
        self._text(8, y + 13, f"cap: {self.record.cap} in a row", size=12, colour="#ce0000")

    def _line(self) -> None:
        points = self.record.points
        path = []
        for number, point in enumerate(points):
            x, y = self._x(number), self._y(point.distance)
            path.append(
                f"M{x:g} {y:g}" if number == 0 else f"V{y:g}" if y != self._y(points[number - 1].distance) else ""
            )
            if number + 1 < len(points):
                path.append(f"H{self._x(number + 1):g}")
        self.parts.append(f'<path d="{"".join(path)}" fill="none" stroke="#1a1a1a" stroke-width="3"/>')

    def _point(self, number: int, point: Point) -> None:
        x, y, colour = self._x(number), self._y(point.distance), _COLOURS[point.mark]
        fill = "#ffffff" if point.mark in (Mark.REFUSED, Mark.REJECTED) else colour
        self.parts.append(f'<circle cx="{x:g}" cy="{y:g}" r="13" fill="{fill}" stroke="{colour}" stroke-width="3"/>')
        sign = colour if fill == "#ffffff" else "#ffffff"
        self._text(x, y + 5, _SIGNS[point.mark], size=15, colour=sign, text_anchor="middle", font_weight="bold")
        below = self.floor + 34
        self._text(x, below, point.ja, size=13, text_anchor="middle", font_weight="bold")
        for line, words in enumerate(_wrapped(point.en)):
            self._text(x, below + 15 + 12 * line, words, size=11, colour="#4d4d4d", text_anchor="middle")
        moment = point.at.datetime.astimezone(JAPAN)
        self._text(x, _TOP - 22, moment.strftime("%H:%M:%S"), size=11, colour="#4d4d4d", text_anchor="middle")

    def _span(self, number: int, span: Span) -> None:
        y = self.floor + 92 + number * _BAR
        last = len(self.record.points) - 1
        begin, end = self._x(span.begin), self._x(last + 0.4 if span.end is None else span.end)
        self._text(8, y + 14, span.ja, size=13, font_weight="bold")
        colour = "#3460fb" if span.end is None else "#7096f8"
        self.parts.append(
            f'<rect x="{begin:g}" y="{y:g}" width="{max(end - begin, 6):g}" height="16" rx="3" fill="{colour}"/>'
        )
        if span.end is not None:
            self.parts.append(
                f'<line x1="{end:g}" x2="{end:g}" y1="{y - 3:g}" y2="{y + 19:g}" stroke="#ce0000" stroke-width="3"/>'
            )
            fits = end + 7.0 * len(span.reason) < self.width
            self._text(
                end + 7 if fits else begin - 7,
                y + 13,
                span.reason,
                size=11,
                colour="#ce0000",
                text_anchor="start" if fits else "end",
            )


def _wrapped(text: str, width: int = 14) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        if lines and len(lines[-1]) + len(word) < width:
            lines[-1] += " " + word
        else:
            lines.append(word)
    return lines[:3]
