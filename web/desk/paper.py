"""Paper: a receipt as PDF with a code that checks it. A character that no font here has stops the print."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import segno
from fontTools.ttLib import TTCollection, TTFont
from fpdf import FPDF

from web.errors import GlyphMissing


@dataclass(frozen=True, slots=True)
class FontFile:
    """A font file; `number` of the face in a collection."""

    path: Path
    number: int = 0


FONTS: Final = (
    FontFile(Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc"), 0),
    FontFile(Path("/usr/share/fonts/opentype/ipaexfont-gothic/ipaexg.ttf")),
    FontFile(Path("/usr/share/fonts/truetype/ipamj-mincho/ipamjm.ttf")),
)
"""Where Debian puts them (fonts-noto-cjk, fonts-ipaexfont-gothic, fonts-ipamj-mincho); the first is for most of it,
the others for names that it lacks. What is not installed is passed over."""


@dataclass(frozen=True, slots=True)
class Paper:
    """What is printed: words that are already in one language. `repr` shows none of it."""

    title: str
    office: str
    lines: Sequence[tuple[str, str]]
    check: str
    address: str
    prints: int
    prints_label: str
    watermark: str = ""

    def __repr__(self) -> str:
        return "Paper(…)"


def receipt_pdf(paper: Paper, fonts: Sequence[FontFile] = FONTS) -> bytes:
    """The receipt, A5. Errors: GlyphMissing, before anything is made."""
    texts = [paper.title, paper.office, paper.check, paper.prints_label, paper.watermark, paper.address]
    texts += [text for line in paper.lines for text in line]
    usable = [font for font in fonts if font.path.exists()]
    require_glyphs("".join(texts), usable)
    pdf = FPDF(format=(148, 210))
    pdf.set_title(paper.title)
    names = [f"f{index}" for index, _ in enumerate(usable)]
    for name, font in zip(names, usable, strict=True):
        if font is usable[0] or not _covers(usable[0], "".join(texts)):
            pdf.add_font(name, fname=font.path, collection_font_number=font.number)
    added = [name for name in names if name in pdf.fonts]
    pdf.set_fallback_fonts(added[1:])
    pdf.add_page()
    if paper.watermark:
        pdf.set_font(added[0], size=26)
        pdf.set_text_color(225, 150, 150)
        with pdf.rotation(30, 74, 105):
            pdf.text(20, 110, paper.watermark)
    pdf.set_text_color(0, 0, 0)
    pdf.set_font(added[0], size=20)
    pdf.cell(0, 14, paper.title, new_x="LMARGIN", new_y="NEXT")
    pdf.set_font(added[0], size=11)
    pdf.cell(0, 8, paper.office, new_x="LMARGIN", new_y="NEXT")
    pdf.ln(4)
    for label, value in paper.lines:
        pdf.cell(42, 9, label)
        pdf.multi_cell(0, 9, value, new_x="LMARGIN", new_y="NEXT")
    pdf.ln(6)
    code = io.BytesIO()
    drawn = segno.make(paper.address, error="m", micro=False)
    drawn.save(code, kind="svg", scale=4, border=4, dark="#000", light="#fff", omitsize=True)
    code.seek(0)
    pdf.image(code, w=42)
    pdf.set_font(added[0], size=9)
    pdf.multi_cell(0, 6, f"{paper.check}\n{paper.address}", new_x="LMARGIN", new_y="NEXT")
    pdf.cell(0, 6, f"{paper.prints_label}: {paper.prints}", new_x="LMARGIN", new_y="NEXT")
    return bytes(pdf.output())


def require_glyphs(text: str, fonts: Sequence[FontFile]) -> None:
    """See that every character has a glyph in one of the fonts. Errors: GlyphMissing with the code points."""
    known: set[int] = set()
    for font in fonts:
        known |= _characters(font)
    missing = sorted({character for character in text if ord(character) >= 0x20 and ord(character) not in known})
    if missing:
        raise GlyphMissing(", ".join(f"U+{ord(character):04X}" for character in missing))


def _covers(font: FontFile, text: str) -> bool:
    known = _characters(font)
    return all(ord(character) in known or ord(character) < 0x20 for character in text)


@cache
def _characters(font: FontFile) -> frozenset[int]:
    """The code points that a font has glyphs for; read once."""
    if font.path.suffix == ".ttc":
        with TTCollection(font.path, lazy=True) as collection:
            return frozenset(collection.fonts[font.number].getBestCmap() or {})
    with TTFont(font.path, lazy=True) as one:
        return frozenset(one.getBestCmap() or {})
