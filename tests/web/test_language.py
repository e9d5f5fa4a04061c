"""Accept-Language, RFC 9110 12.5.4."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.language import Language, preferred


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        (None, "ja"),
        ("", "ja"),
        ("en", "en"),
        ("EN-us,ja;q=0.9", "en"),
        ("fr, en;q=0.3, ja;q=0.4", "ja"),
        ("en;q=0", "ja"),
        ("en;q=0.1;x=1, *;q=1", "ja"),
        ("de", "ja"),
        ("en;level=1", "en"),
        ("en;q=zzz", "ja"),
        ("en;q=nan", "ja"),
        ("ja;q=0.5, en;q=7", "en"),
    ],
)
def test_the_language_wanted_most_wins(header: str | None, wanted: str) -> None:
    assert preferred(header, Language.JA) == wanted


@given(st.text())
def test_no_header_is_an_error(header: str) -> None:
    assert preferred(header, Language.EN) in Language
