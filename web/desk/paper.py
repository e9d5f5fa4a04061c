"""Paper: a receipt as PDF with a code that checks it. A character that no font here has stops the print."""

import io
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import segno
import uharfbuzz
from fpdf import FPDF
from fpdf.fonts import TTFFont

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


_ALWAYS: Final = "0123456789: "
"""What is printed besides the words that are handed in."""

_FOR_OTHERS: Final = ("BASE", "DSIG", "GDEF", "GPOS", "GSUB", "VORG", "vhea", "vmtx")
"""Tables of a font that horizontal text without shaping never asks: each glyph they name would come along."""
_CUT: Final = uharfbuzz.SubsetFlags.DESUBROUTINIZE | uharfbuzz.SubsetFlags.NO_LAYOUT_CLOSURE


@dataclass(frozen=True, slots=True)
class Paper:
    """What is printed: words that are already in one language. `repr` shows none of it."""

    title: str
    office: str
    lines: Sequence[tuple[str, str]]
    check: str
    address: str
    prints: int = 0
    """How often it was printed with this time; 0 where nobody counts."""
    prints_label: str = ""
    watermark: str = ""

    @property
    def text(self) -> str:
        """Everything that it says."""
        lines = "".join(text for line in self.lines for text in line)
        return f"{self.title}{self.office}{lines}{self.check}{self.address}{self.prints_label}{self.watermark}"

    def __repr__(self) -> str:
        return "Paper(…)"


class _Marked(FPDF):
    """Pages that say of themselves that they are not real: in a frame above and below everything, and across."""

    mark = ""
    mark_font = ""

    def header(self) -> None:
        if not self.mark:
            return
        self.set_text_color(160, 0, 0)
        self.set_draw_color(160, 0, 0)
        for y in (6.0, 196.0):
            self.set_font(self.mark_font, size=11)
            self.rect(10, y, 128, 8)
            self.text(74 - self.get_string_width(self.mark) / 2, y + 5.6, self.mark)
        self.set_text_color(235, 190, 190)
        size = 11 * 120 / max(self.get_string_width(self.mark), 1)
        self.set_font(self.mark_font, size=size)
        with self.rotation(25, 74, 168):
            self.text(74 - self.get_string_width(self.mark) / 2, 168, self.mark)
        self.set_text_color(0, 0, 0)
        self.set_xy(self.l_margin, 18)


def receipt_pdf(paper: Paper, fonts: Sequence[FontFile] = FONTS) -> bytes:
    """The receipt, A5. Errors: GlyphMissing, before anything is made."""
    return papers_pdf((paper,), fonts)


def papers_pdf(papers: Sequence[Paper], fonts: Sequence[FontFile] = FONTS) -> bytes:
    """At least one paper, each on a page of its own, in one file. Errors: GlyphMissing, before anything is made."""
    text = "".join(paper.text for paper in papers) + _ALWAYS
    usable = [font for font in fonts if font.path.exists()]
    require_glyphs(text, usable)
    pdf = _Marked(format=(148, 210))
    pdf.set_title(papers[0].title)
    added = _add_fonts(pdf, text, usable)
    for paper in papers:
        _add_paper(pdf, paper, added)
    return bytes(pdf.output())


def _add_paper(pdf: _Marked, paper: Paper, added: Sequence[str]) -> None:
    pdf.mark, pdf.mark_font = paper.watermark, added[0]
    pdf.add_page()
    pdf.set_font(added[0], size=20)
    pdf.cell(0, 14, paper.title, new_x="LMARGIN", new_y="NEXT")
    pdf.set_font(added[0], size=11)
    pdf.multi_cell(0, 8, paper.office, new_x="LMARGIN", new_y="NEXT")
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
    if paper.prints:
        pdf.cell(0, 6, f"{paper.prints_label}: {paper.prints}", new_x="LMARGIN", new_y="NEXT")


def require_glyphs(text: str, fonts: Sequence[FontFile]) -> None:
    """See that every character has a glyph in one of the fonts. Errors: GlyphMissing with the code points."""
    known: set[int] = set()
    for font in fonts:
        known |= _characters(font)
    missing = sorted({character for character in text if ord(character) >= 0x20 and ord(character) not in known})
    if missing:
        raise GlyphMissing(", ".join(f"U+{ord(character):04X}" for character in missing))


def _add_fonts(pdf: FPDF, text: str, fonts: Sequence[FontFile]) -> list[str]:
    """Give the document what `text` needs of each font; the names, the first one for most of it.

    Cut down by HarfBuzz before anything else reads them: the whole of Noto CJK costs half a second a document. What
    the font says of its own extent stays, though the cut one's could be less: to measure every glyph again, twice,
    would be most of the work.
    """
    left = {ord(character) for character in text if ord(character) >= 0x20}
    names = []
    with tempfile.TemporaryDirectory(prefix="jitsuin-font-") as place:
        for index, font in enumerate(fonts):
            mine = left & _characters(font)
            left -= mine
            if mine:
                path = Path(place) / f"{index}.otf"
                path.write_bytes(_cut(font, mine))
                names.append(f"f{index}")
                pdf.add_font(names[-1], fname=path)
                added = pdf.fonts[names[-1]]
                assert isinstance(added, TTFFont)
                added.ttfont.recalcBBoxes = False
        pdf.set_fallback_fonts(names[1:])
    return names


def _cut(font: FontFile, characters: Iterable[int]) -> bytes:
    """A font with these characters alone."""
    wanted = uharfbuzz.SubsetInput()
    wanted.sets(uharfbuzz.SubsetInputSets.UNICODE).update(characters)
    wanted.sets(uharfbuzz.SubsetInputSets.DROP_TABLE_TAG).update(int.from_bytes(one.encode()) for one in _FOR_OTHERS)
    wanted.flags |= _CUT
    return bytes(uharfbuzz.subset(_face(font), wanted).blob.data)


@cache
def _face(font: FontFile) -> uharfbuzz.Face:
    """The font; its file is mapped, not read."""
    return uharfbuzz.Face(uharfbuzz.Blob.from_file_path(str(font.path)), font.number)


@cache
def _characters(font: FontFile) -> frozenset[int]:
    """The code points that a font has glyphs for; read once."""
    return frozenset(_face(font).unicodes)
