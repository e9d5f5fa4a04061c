"""The one table from code to HTTP: every error of ours has a place in it, or is untold on purpose; both languages."""

import importlib
import pkgutil
import string
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import Enum

import pytest

from pki.errors import Error, InvalidValue, Malformed
from pki.instant import Instant
from web.language import Language
from web.problems import INTERNAL, TITLES, UNTOLD, plain, problem_of
from web.wording import WORDING

PACKAGES = ("pki", "ca", "verifier", "transparency", "enrollment", "web")


def _errors(of: type[Error] = Error) -> Iterator[type[Error]]:
    for leaf in of.__subclasses__():
        yield leaf
        yield from _errors(leaf)


def _ours() -> list[type[Error]]:
    for package in PACKAGES:
        found = importlib.import_module(package)
        for module in pkgutil.walk_packages(found.__path__, f"{package}."):
            if ".migrations" not in module.name:
                importlib.import_module(module.name)
    return [error for error in _errors() if error.__module__.partition(".")[0] in PACKAGES]


OURS = _ours()
TOLD = [error for error in OURS if error.code in TITLES]


def test_every_error_is_told_or_untold_on_purpose() -> None:
    codes = {error.code for error in OURS}
    assert codes - set(TITLES) - UNTOLD == set(), "write them into web/problems.py"
    assert not set(TITLES) & UNTOLD
    known = {code for code in (*TITLES, *UNTOLD) if not code.startswith(("cli.", "jitsuin."))}
    assert known - codes == set(), "rows that no error has"


def test_every_told_error_speaks_japanese() -> None:
    assert set(TITLES) - set(WORDING) == set()
    assert set(WORDING) - set(TITLES) == set()


def _fields(template: str) -> set[str]:
    return {name.partition(".")[0] for _, name, _, _ in string.Formatter().parse(template) if name}


@pytest.mark.parametrize("error", TOLD, ids=lambda error: error.code)
def test_both_languages_name_only_fields_that_the_error_has(error: type[Error]) -> None:
    has = set(getattr(error, "__dataclass_fields__", ()))
    wording = WORDING[error.code]
    assert _fields(wording.why) | _fields(wording.todo) <= has
    if error.reason is Error.reason:
        assert _fields(error.why) <= has
    assert _fields(error.todo) <= has
    assert wording.why.endswith("。")
    assert wording.todo == "" or wording.todo.endswith("。")
    assert any(ord(letter) > 0x3000 for letter in wording.why), "it is Japanese"


def test_codes_are_of_their_package_and_unlike_each_other() -> None:
    by_code: dict[str, type[Error]] = {}
    for error in OURS:
        if "code" not in vars(error):
            continue  # it shares its base's
        package = error.__module__.partition(".")[0]
        assert error.code.startswith((f"{package}.", "jitsuin.")), error
        assert by_code.setdefault(error.code, error) is error, error.code


def test_an_error_that_is_untold_is_a_500_that_tells_nothing() -> None:
    from ca.errors import KeyFileDamaged

    for language in Language:
        problem = problem_of(KeyFileDamaged("signature-1.key"), language)
        assert (problem.status, problem.code) == (500, INTERNAL)
        assert "signature-1" not in str(problem.document())


def test_the_same_problem_in_two_languages_differs_only_in_words() -> None:
    english, japanese = (
        problem_of(Malformed("tag", 3), language).document() for language in (Language.EN, Language.JA)
    )
    words = {"title", "detail", "todo"}
    assert {name for name in english if english[name] != japanese[name]} == words
    assert english["fields"] == {"what": "tag", "offset": 3}
    assert english["detail"] == "malformed data: tag (at octet 3)"


def test_fields_become_json() -> None:
    class Colour(Enum):
        RED = "red"

    @dataclass(frozen=True)
    class Inner:
        at: Instant
        of: tuple[Colour, ...]

    given = {"a": Inner(Instant(0), (Colour.RED,)), "b": b"\x01", "c": {date(2026, 1, 2)}, "d": None, "e": InvalidValue}
    assert plain(given) == {
        "a": {"at": "1970-01-01T00:00:00Z", "of": ["red"]},
        "b": "01",
        "c": ["2026-01-02"],
        "d": None,
        "e": str(InvalidValue),
    }
