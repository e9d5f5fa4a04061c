"""Draw docs/flow.svg and docs/flow.ja.svg: the distance from the last in-person check, rising and falling.

python3 scripts/flow_picture.py        no dependency; remakes both files, byte for byte
"""

from dataclasses import dataclass
from html import escape
from pathlib import Path

INK, SOFT, LINE, BLUE, RED, GREEN = "#1a1a1c", "#626264", "#d8d8db", "#0017c1", "#c5160a", "#197a4b"
LEFT, TOP, STEP, UNIT, WIDTH, HEIGHT = 96, 70, 112, 52, 1010, 380
GROUND = TOP + 4 * UNIT


@dataclass(frozen=True)
class Event:
    """One point of the story: how far from the last in-person check, and what is written under it."""

    distance: int
    kind: str
    en: tuple[str, ...]
    ja: tuple[str, ...]


STORY = (
    Event(0, "seen", ("counter", "face compared,", "keys made on card"), ("窓口", "対面確認・", "カード内で鍵生成")),
    Event(
        1,
        "remote",
        ("remote move 1", "signed by card,", "new certificate"),
        ("オンライン転居 1", "カードで署名、", "証明書を更新"),
    ),
    Event(2, "remote", ("remote move 2",), ("オンライン転居 2",)),
    Event(3, "remote", ("remote move 3", "the last one left"), ("オンライン転居 3", "これで上限")),
    Event(
        4,
        "refused",
        ("move 4: refused", "reason, numbers,", "where to go"),
        ("4 回目は不受理", "理由・回数・", "行き先を表示"),
    ),
    Event(0, "seen", ("post office", "face compared"), ("郵便局", "対面確認")),
    Event(1, "remote", ("the same move", "accepted"), ("同じ転居", "受理")),
    Event(
        1,
        "lost",
        ("card lost", "both revoked; old", "filings still hold"),
        ("カード紛失", "両方失効。以前の", "申請は有効なまま"),
    ),
)
WORDS = {
    "en": ("Distance from the last in-person check", "cap: 3", "remote procedures"),
    "ja": ("最後の対面確認からの距離", "上限 3", "オンライン手続の回数"),
}
COLOURS = {"seen": GREEN, "remote": BLUE, "refused": RED, "lost": INK}


def _x(index: int) -> int:
    return LEFT + 40 + index * STEP


def _y(distance: int) -> int:
    return GROUND - distance * UNIT


def _text(
    x: int, y: int, text: str, size: int = 13, colour: str = INK, anchor: str = "middle", weight: int = 400
) -> str:
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" fill="{colour}" text-anchor="{anchor}" font-weight="{weight}">'
        f"{escape(text)}</text>"
    )


def _mark(event: Event, x: int, y: int) -> str:
    """Shape as well as colour tells the kind: circle seen, square remote, cross refused, diamond lost."""
    colour = COLOURS[event.kind]
    if event.kind == "seen":
        return f'<circle cx="{x}" cy="{y}" r="10" fill="{colour}"/>'
    if event.kind == "remote":
        return f'<rect x="{x - 8}" y="{y - 8}" width="16" height="16" fill="{colour}"/>'
    if event.kind == "refused":
        return f'<path d="M{x - 9} {y - 9}l18 18m0-18l-18 18" stroke="{colour}" stroke-width="5"/>'
    return f'<path d="M{x} {y - 11}l11 11-11 11-11-11z" fill="{colour}"/>'


def draw(language: str) -> str:
    """The picture as SVG."""
    title, cap, axis = WORDS[language]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" lang="{language}">',
        "<style>text{font-family:'Noto Sans JP','Noto Sans CJK JP','Hiragino Sans',sans-serif}</style>",
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        _text(24, 34, title, 18, INK, "start", 700),
        _text(24, 54, axis, 12, SOFT, "start"),
    ]
    for distance in range(5):
        dash = ' stroke-dasharray="2 4"' if distance else ""
        parts.append(
            f'<line x1="{LEFT}" y1="{_y(distance)}" x2="{WIDTH - 24}" y2="{_y(distance)}" stroke="{LINE}"{dash}/>'
        )
        if distance < 4:
            parts.append(_text(LEFT - 14, _y(distance) + 5, str(distance), 13, SOFT, "end"))
    between = _y(3) - UNIT // 2
    parts.append(
        f'<line x1="{LEFT}" y1="{between}" x2="{WIDTH - 24}" y2="{between}" stroke="{RED}" stroke-width="2.5" '
        'stroke-dasharray="10 5"/>'
    )
    parts.append(_text(WIDTH - 26, between - 8, cap, 14, RED, "end", 700))
    reached, path = 0, [f"M{_x(0)} {_y(0)}"]
    for index, event in enumerate(STORY[1:], 1):
        if event.kind == "refused":  # nothing changes by a refusal: the line goes on where it was
            continue
        path.append(f"H{_x(index)}" if event.distance == reached else f"H{_x(index)}V{_y(event.distance)}")
        reached = event.distance
    parts.append(f'<path d="{"".join(path)}" fill="none" stroke="{BLUE}" stroke-width="3"/>')
    for index, event in enumerate(STORY):
        x, y = _x(index), _y(event.distance)
        parts.append(_mark(event, x, y))
        for row, line in enumerate(event.en if language == "en" else event.ja):
            parts.append(
                _text(x, GROUND + 34 + row * 18, line, 13, INK if row == 0 else SOFT, weight=700 if row == 0 else 400)
            )
        parts.append(f'<path d="M{x} {GROUND + 6}v10" stroke="{COLOURS[event.kind]}" stroke-width="3"/>')
    parts.append("</svg>")
    return "\n".join(parts) + "\n"


def main() -> None:
    """Write both pictures."""
    docs = Path(__file__).parents[1] / "docs"
    (docs / "flow.svg").write_text(draw("en"), encoding="utf-8")
    (docs / "flow.ja.svg").write_text(draw("ja"), encoding="utf-8")


if __name__ == "__main__":
    main()
