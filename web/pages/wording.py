"""What pages say: a key, and the same sentence in Japanese, easy Japanese (やさしい日本語) and English.

Furigana are written as {漢字|かんじ} and become ruby; placeholders are %(name)s and are escaped like everything else.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from markupsafe import Markup, escape

_RUBY = re.compile(r"\{([^{}|]+)\|([^{}|]+)\}")


class PageLanguage(StrEnum):
    """The languages of pages. EASY is Japanese in short sentences with furigana."""

    JA = "ja"
    EASY = "easy"
    EN = "en"

    @property
    def tag(self) -> str:
        """The language tag of HTML (BCP 47)."""
        return {"ja": "ja", "easy": "ja-Hira", "en": "en"}[self.value]

    @property
    def own_name(self) -> str:
        """As its readers call it."""
        return {"ja": "日本語", "easy": "やさしい日本語", "en": "English"}[self.value]

    @property
    def is_japanese(self) -> bool:
        """Whether sentences of the domain (reasons, names of documents) are shown in Japanese."""
        return self is not PageLanguage.EN


@dataclass(frozen=True, slots=True)
class Words:
    """One sentence three times."""

    ja: str
    easy: str
    en: str

    def in_language(self, language: PageLanguage) -> str:
        """The sentence as it is written in the table."""
        return {PageLanguage.JA: self.ja, PageLanguage.EASY: self.easy, PageLanguage.EN: self.en}[language]


Book = Mapping[str, Words]
Say = Callable[..., Markup]


def ruby(text: str) -> Markup:
    """HTML of `text`, in which {漢字|かんじ} has its reading above it, or in brackets where ruby is not known."""
    parts = []
    end = 0
    for found in _RUBY.finditer(text):
        parts.append(escape(text[end : found.start()]))
        parts.append(Markup("<ruby>%s<rp>(</rp><rt>%s</rt><rp>)</rp></ruby>") % (found.group(1), found.group(2)))
        end = found.end()
    parts.append(escape(text[end:]))
    return Markup("").join(parts)


def plain(text: str) -> str:
    """The same without readings: for titles, attributes and paper."""
    return _RUBY.sub(r"\1", text)


def speaker(book: Book, language: PageLanguage) -> Say:
    """`t("key", name=value)` for templates. Errors: KeyError for a key that is not in the book."""

    def say(key: str, **values: object) -> Markup:
        text = ruby(book[key].in_language(language))
        return text % {name: escape(value) for name, value in values.items()} if values else text

    return say


def plain_speaker(book: Book, language: PageLanguage) -> Callable[..., str]:
    """The same as plain text."""

    def say(key: str, **values: object) -> str:
        text = plain(book[key].in_language(language))
        return text % values if values else text

    return say


def language_of(chosen: str | None, accepted: str | None) -> PageLanguage:
    """What was chosen (query or cookie), else what the browser asks for, else Japanese."""
    if chosen in set(PageLanguage):
        return PageLanguage(chosen)
    first = (accepted or "").split(",")[0].strip().lower()
    return PageLanguage.EN if first.startswith("en") else PageLanguage.JA
