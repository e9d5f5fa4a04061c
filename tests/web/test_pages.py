"""What all pages stand on: words in three languages, furigana, guided work's table, pairing, sealed lines, paper."""

import json
import re
from collections.abc import Callable
from importlib.resources import files
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import uharfbuzz
from markupsafe import Markup

from pki.envelope import TO_READER, TO_SERVICE, Opener, Sealer, line_key, opening_proof
from pki.errors import Malformed
from pki.instant import Instant
from tests.support.chance import SetClock
from web.desk.paper import FONTS, Paper, receipt_pdf, require_glyphs
from web.desk.timeline import bars, timeline
from web.desk.words import WORDS
from web.desk.work import STEPS, TRANSITIONS, Event, Kind, State, advance
from web.errors import GlyphMissing, NotPaired, WorkRefused
from web.pages.wording import PageLanguage, language_of, plain, ruby, speaker
from web.readers.lines import readers_of
from web.readers.pairings import CODE_LIFE, Pairings

# -- words ---------------------------------------------------------------------------------------------------------

_USED = re.compile(r"""\b(?:t|plain)\(\s*"([a-z0-9-]+)"\s*(?=[,)])""")
_BUILT = re.compile(r"""\b(?:t|plain)\(\s*"([a-z0-9-]+-)"\s*\+""")


@pytest.mark.parametrize("key", WORDS)
def test_a_sentence_is_there_in_all_three_languages_with_the_same_places_for_values(key: str) -> None:
    words = WORDS[key]
    places = {language: set(re.findall(r"%\((\w+)\)s", words.in_language(language))) for language in PageLanguage}
    for language in PageLanguage:
        text = words.in_language(language)
        assert text.strip(), language
        assert places[language] == places[PageLanguage.JA]
        assert "{" not in plain(text) and "|" not in plain(text), "a reading that is not written {漢字|かんじ}"
    assert not re.search(r"[ぁ-んァ-ン一-龥]", words.en)


def test_every_word_that_a_template_asks_for_is_in_the_book() -> None:
    folder = files("web").joinpath("templates/desk")
    asked: set[str] = set()
    begun: set[str] = set()
    for template in folder.iterdir():
        text = template.read_text("utf-8")
        asked |= set(_USED.findall(text))
        begun |= set(_BUILT.findall(text))
    assert len(asked) > 100
    assert asked <= set(WORDS), asked - set(WORDS)
    for prefix in begun:
        assert any(key.startswith(prefix) for key in WORDS), prefix


def test_words_that_are_built_from_a_value_exist_for_each_value() -> None:
    assert {f"work-{kind.value}" for kind in Kind} <= set(WORDS)
    assert {f"step-{state.value}" for state in State} <= set(WORDS)


def test_furigana_stand_above_their_characters_and_nothing_gets_through_unescaped() -> None:
    assert ruby("{住所|じゅうしょ}を") == Markup("<ruby>住所<rp>(</rp><rt>じゅうしょ</rt><rp>)</rp></ruby>を")
    assert plain("{住所|じゅうしょ}を") == "住所を"
    assert ruby("<b>{<i>|x}</b>") == ("&lt;b&gt;<ruby>&lt;i&gt;<rp>(</rp><rt>x</rt><rp>)</rp></ruby>&lt;/b&gt;")
    say = speaker(WORDS, PageLanguage.EN)
    assert "<script>" not in say("day-of", day="<script>alert(1)</script>")


@pytest.mark.parametrize(
    ("chosen", "accepted", "expected"),
    [
        (None, "en-GB,ja;q=0.5", "en"),
        (None, None, "ja"),
        ("easy", "en", "easy"),
        ("xx", "en", "en"),
        (None, "fr", "ja"),
    ],
)
def test_the_language_that_was_chosen_wins(chosen: str | None, accepted: str | None, expected: str) -> None:
    assert language_of(chosen, accepted) == expected


# -- guided work ---------------------------------------------------------------------------------------------------


def test_every_pair_of_state_and_event_leads_where_the_table_says_or_is_refused() -> None:
    for kind, state, event in product(Kind, State, Event):
        if (kind, state, event) in TRANSITIONS:
            assert advance(kind, state, event) is TRANSITIONS[kind, state, event]
        else:
            with pytest.raises(WorkRefused):
                advance(kind, state, event)


def test_every_kind_comes_to_its_end_and_nothing_leaves_an_end() -> None:
    for kind in Kind:
        state = STEPS[kind][0]
        for _ in STEPS[kind][1:]:
            state = advance(kind, state, Event.NEXT)
        assert state is State.DONE
    assert not [one for one in TRANSITIONS if one[1].is_final]
    assert {state for (_, state, event) in TRANSITIONS if event is Event.REFUSE} == {
        State.APPROVAL,
        State.CONFIRMATION,
    }


# -- pairing and lines ---------------------------------------------------------------------------------------------


def test_a_code_is_worth_one_channel_for_five_minutes(clock: SetClock, random: Callable[[int], bytes]) -> None:
    pairings = Pairings(clock, random)
    code = pairings.code_for("session", "desk")
    assert re.fullmatch(r"[2-9A-HJ-NP-Z]{10}", code)
    assert pairings.code_for("session", "desk") == code != pairings.code_for("other", "desk")
    made = pairings.redeem(code, 27980)
    assert (made.session, made.agent) == ("session", "http://127.0.0.1:27980")
    with pytest.raises(NotPaired):
        pairings.redeem(code, 27980)
    late = pairings.code_for("late", "desk")
    clock.set(clock.now() + CODE_LIFE)
    with pytest.raises(NotPaired):
        pairings.redeem(late, 27980)
    assert "key" not in repr(made) or made.key.hex() not in repr(made)


def test_a_new_pairing_ends_the_old_one_and_log_in_takes_it_along(
    clock: SetClock, random: Callable[[int], bytes]
) -> None:
    pairings = Pairings(clock, random)
    first = pairings.redeem(pairings.code_for("session", "desk"), 1)
    second = pairings.redeem(pairings.code_for("session", "desk"), 2)
    assert pairings.channel(first.channel) is None
    pairings.rename("session", "logged-in")
    moved = pairings.of_session("logged-in")
    assert moved is not None and moved.channel == second.channel and pairings.of_session("session") is None
    pairings.end("logged-in")
    assert pairings.channel(second.channel) is None


def test_wrong_codes_keep_nobody_from_pairing(clock: SetClock, random: Callable[[int], bytes]) -> None:
    pairings = Pairings(clock, random)
    code = pairings.code_for("session", "desk")
    for _ in range(500):
        with pytest.raises(NotPaired):
            pairings.redeem("2222222222", 1)
    assert pairings.redeem(code, 1).session == "session"


def sealed() -> tuple[Sealer, Opener]:
    key = line_key(bytes(32), "nonce")
    return Sealer(key, TO_READER), Opener(key, TO_READER)


def test_sealed_messages_open_in_order_on_their_own_line_and_way() -> None:
    sealer, opener = sealed()
    messages = [sealer.seal({"id": number, "operation": "look"}) for number in range(3)]
    assert opener.open(messages[0]) == {"id": 0, "operation": "look"}
    for wrong in (messages[0], messages[2]):  # again, and one left out
        with pytest.raises(Malformed):
            opener.open(wrong)
    assert opener.open(messages[1])["id"] == 1
    with pytest.raises(Malformed):
        Opener(line_key(bytes(32), "nonce"), TO_SERVICE).open(messages[0])
    with pytest.raises(Malformed):
        Opener(line_key(bytes(32), "another nonce"), TO_READER).open(messages[0])
    with pytest.raises(Malformed):
        Opener(line_key(bytes(31) + b"x", "nonce"), TO_READER).open(messages[0])
    assert opening_proof(bytes(32), "a", "n") != opening_proof(bytes(32), "b", "n")


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "null", '{"n":0,"b":"{}","m":"00"}', '{"n":0,"b":7,"m":[]}', "[" * 9999]
)
def test_what_is_not_sealed_does_not_open(text: str) -> None:
    with pytest.raises(Malformed):
        sealed()[1].open(text)


def test_a_changed_octet_anywhere_does_not_open() -> None:
    message = sealed()[0].seal({"operation": "apdu", "command": "00a4"})
    for place in range(len(message)):
        changed = message[:place] + chr(ord(message[place]) ^ 1) + message[place + 1 :]
        opener = sealed()[1]
        try:
            opened = opener.open(changed)
        except Malformed:
            continue
        assert opened == {"operation": "apdu", "command": "00a4"}, "only blanks and the like may differ"


@pytest.mark.parametrize(
    "body", [{}, {"readers": 5}, {"readers": [1, {}]}, {"service": 1, "readers": [{"card": 7}] * 99}]
)
def test_what_an_agent_says_is_taken_as_far_as_it_fits(body: dict[str, Any]) -> None:
    now = readers_of(json.loads(json.dumps(body)))
    assert len(now.readers) <= 16
    assert not now.holds("") or all(one.fingerprint == "" for one in now.readers)


# -- paper and pictures --------------------------------------------------------------------------------------------


def paper(**changes: Any) -> Paper:
    given: dict[str, Any] = {
        "title": "受付票",
        "office": "見本市役所",
        "lines": (("氏名", "𠮷田　花子"), ("受付番号", "ABC")),
        "check": "QR",
        "address": "https://desk.example/receipts/ABC",
        "prints": 1,
        "prints_label": "印刷回数",
    }
    return Paper(**{**given, **changes})


def test_a_receipt_holds_a_rare_character_and_a_code_for_checking() -> None:
    octets = receipt_pdf(paper())
    assert octets.startswith(b"%PDF-") and len(octets) > 5000
    assert "花子" not in repr(paper())


def test_a_character_that_no_font_has_stops_the_print_and_is_named() -> None:
    with pytest.raises(GlyphMissing) as missing:
        receipt_pdf(paper(lines=(("氏名", "花子\U000e0100\U0002ebf0"),)))
    assert missing.value.codes == "U+2EBF0, U+E0100"
    assert "花子" not in str(missing.value)


def test_without_any_font_nothing_is_printed() -> None:
    with pytest.raises(GlyphMissing):
        require_glyphs("a", [])


def test_the_font_is_where_debian_puts_it_and_is_the_japanese_face() -> None:
    face = uharfbuzz.Face(uharfbuzz.Blob.from_file_path(str(FONTS[0].path)), FONTS[0].number)
    assert "JP" in face.get_name(uharfbuzz.OTNameIdPredefined.FULL_NAME)


def test_pictures_say_the_same_in_words(at: Instant) -> None:
    say: Callable[..., str] = lambda key, **values: f"{key} {values or ''}".strip()  # noqa: E731
    empty = timeline((), None, at, say)
    assert "<svg" in empty.svg and "today" in empty.words
    chart = bars([("main", 3), ("<b>", 0)], "desks")
    assert chart.words == "main: 3。 <b>: 0" and "&lt;b&gt;" in chart.svg


def test_static_files_have_their_licences_beside_them() -> None:
    folder = Path(str(files("web").joinpath("static/licences")))
    assert {one.name for one in folder.iterdir()} >= {"htmx.txt", "design-tokens.txt"}
