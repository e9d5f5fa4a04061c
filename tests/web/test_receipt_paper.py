"""The receipt as it lies in the printer: shown by another program's renderer, its code read by another's decoder."""

import io
import re
from dataclasses import replace

import pypdfium2
import pytest
import zxingcpp
from PIL import Image

from web.desk.paper import FONTS, Paper, receipt_pdf
from web.errors import GlyphMissing

NUMBER = "5A0C9D11E2F3B4A59687"
ADDRESS = f"https://desk.example/receipts/{NUMBER}"
PAPER = Paper(
    title="受付票",
    office="見本市役所 市民課",
    lines=(
        ("受付番号", NUMBER),
        ("手続", "対面での本人確認"),
        ("氏名", "𠮷田　㐂代子"),
        ("日時", "2026-11-23 09:30"),
        ("窓口", "見本市役所 市民課"),
    ),
    check="QR コードで、この受付票が本物か確かめられます。",
    address=ADDRESS,
    prints=2,
    prints_label="印刷回数",
)


def pages(octets: bytes) -> list[tuple[Image.Image, str]]:
    """Every page as a picture at 200 dpi, and its text."""
    document = pypdfium2.PdfDocument(io.BytesIO(octets))
    found = []
    try:
        for page in document:
            width, height = page.get_size()
            assert (round(width / 72 * 25.4), round(height / 72 * 25.4)) == (148, 210), "A5"
            found.append((page.render(scale=200 / 72).to_pil().convert("L"), page.get_textpage().get_text_range()))
        return found
    finally:
        document.close()


def shown(octets: bytes) -> tuple[Image.Image, str]:
    """The only page."""
    (one,) = pages(octets)
    return one


def test_another_decoder_reads_the_code_and_another_renderer_the_words() -> None:
    picture, text = shown(receipt_pdf(PAPER))
    found = zxingcpp.read_barcodes(picture)
    assert [(one.format, one.text) for one in found] == [(zxingcpp.BarcodeFormat.QRCode, ADDRESS)]
    for _, value in PAPER.lines:
        assert re.sub(r"\s", "", value) in re.sub(r"\s", "", text)
    assert re.sub(r"\s", "", "印刷回数: 2") in re.sub(r"\s", "", text)


def test_nothing_leaves_the_page_and_every_character_has_ink() -> None:
    long = replace(PAPER, lines=(("氏名", "例示" * 50), ("住所", "𠮷" * 90)), office="見" * 60, check="確" * 150)
    for picture, _ in [*pages(receipt_pdf(PAPER)), *pages(receipt_pdf(long))]:
        dark = picture.point(lambda level: 255 if level < 160 else 0)
        left, top, right, bottom = dark.getbbox() or (0, 0, 0, 0)
        margin = picture.width * 5 // 148  # what an office printer cannot print
        assert margin <= left < right <= picture.width - margin, "nothing beyond the paper's edge"
        assert margin <= top < bottom <= picture.height - margin
    (code,) = [one.text for picture, _ in pages(receipt_pdf(long)) for one in zxingcpp.read_barcodes(picture)]
    assert code == ADDRESS


def test_each_fonts_own_characters_are_drawn_and_not_as_boxes() -> None:
    with_name, _ = shown(receipt_pdf(PAPER))
    with_other, _ = shown(
        receipt_pdf(replace(PAPER, lines=(*PAPER.lines[:2], ("氏名", "吉田　喜代子"), *PAPER.lines[3:])))
    )
    assert with_name.tobytes() != with_other.tobytes()
    with pytest.raises(GlyphMissing):
        receipt_pdf(replace(PAPER, lines=(("氏名", "花子\U0002ebf0"),)), FONTS[:1])


def test_training_is_across_the_paper_and_the_code_still_reads() -> None:
    marked = replace(PAPER, watermark="研修中: 本物の手続ではありません")
    picture, text = shown(receipt_pdf(marked))
    assert "研修中" in text
    assert [one.text for one in zxingcpp.read_barcodes(picture)] == [ADDRESS]
    plain, _ = shown(receipt_pdf(PAPER))
    lower = (0, picture.height * 3 // 4, picture.width, picture.height * 9 // 10)
    assert sum(picture.crop(lower).tobytes()) < sum(plain.crop(lower).tobytes()), "it is to be seen"
