"""What the records call things, in plain words: codes by the book, municipalities and desks by their names."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from enrollment.store import Connection, people
from web.pages.wording import Book, PageLanguage, plain_speaker


@dataclass(frozen=True, slots=True)
class Names:
    """`towns` and `desks` by code, as residents write them."""

    towns: Mapping[str, str]
    desks: Mapping[str, str]

    def teller(self, book: Book, language: PageLanguage) -> Callable[[str], str]:
        """A function for templates: a member of a record → how it reads. What nobody named stays as it is."""
        say = plain_speaker(book, language)

        def one(text: str) -> str:
            if f"code-{text}" in book:
                return say(f"code-{text}")
            return self.towns.get(text) or self.desks.get(text) or text

        def named(text: str) -> str:
            desk, slash, officer = text.partition("/")
            if slash and (desk in self.desks or f"code-{desk}" in book):
                return f"{one(desk)} ({officer})"
            return ": ".join(one(part) for part in text.split(":")) if ":" in text else one(text)

        return named


def names_of(conn: Connection) -> Names:
    """The names that records of this deployment can hold."""
    towns = people.municipalities(conn)
    desks = {desk.counter: desk.name_ja for town in towns for desk in people.counters_of_owner(conn, town.code)}
    return Names({town.code: town.name_ja for town in towns}, desks)
