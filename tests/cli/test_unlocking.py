"""Who opens the authorities' keys: a file, one person, m of n custodians; at init, at serve, and changed later."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ca.errors import KeyUnavailable, NotEnoughCustodians, WrongPassphrase
from ca.file_key import FileKeyStore
from ca.sealing import Cost
from cli.errors import NobodyToAsk, PassphraseUnfit
from cli.secrets import write_secret
from cli.settings import AuthoritiesTable, Settings, load_settings, make_settings
from cli.unlocking import (
    Opening,
    UnlockBy,
    ask_at_terminal,
    authority_passphrase,
    change_opening,
    choose,
    opening_of,
    token_pin,
    will_ask,
)
from tests.support.service import command
from tests.support.terminal import at_terminal

CHEAP = Cost(memory_kib=64, passes=1, lanes=1)
AOI, HINA, REN = "a red fox in aoi", "a blue hen in hina", "a green owl in ren"
SHARES = {"aoi": AOI.encode(), "hina": HINA.encode(), "ren": REN.encode()}
NAMES = tuple(sorted(SHARES))
CTRL_C = "\x03"


class Person:
    """Answers prompts that begin so; every prompt must be expected."""

    def __init__(self, *answers: tuple[str, str]) -> None:
        self._answers = list(answers)

    def __call__(self, prompt: str) -> str:
        begins, answer = self._answers.pop(0)
        assert begins in prompt
        return answer

    @property
    def done(self) -> bool:
        return not self._answers


def _nobody(prompt: str) -> str:
    raise NobodyToAsk(prompt)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = make_settings({})
    made._file = tmp_path / "jitsuin.toml"
    (tmp_path / "secrets").mkdir(mode=0o700)
    return made


def _store(settings: Settings, passphrase: "bytes | dict[str, bytes]") -> None:
    FileKeyStore.lock(settings.path(settings.authorities.keys), passphrase, os.urandom, cost=CHEAP)


def _with_medium(settings: Settings, **shares: str) -> Settings:
    folder = settings.folder / "medium"
    folder.mkdir()
    for name, share in shares.items():
        write_secret(folder / name, share.encode() + b"\n")
    table = AuthoritiesTable(custodian_folder=folder)
    changed = settings.model_copy(update={"authorities": table})
    changed._file = settings.file
    return changed


def _opens(settings: Settings, ask: Callable[[str], str] = _nobody) -> bool:
    passphrase = authority_passphrase(settings, ask)
    return bool(FileKeyStore.unlock(settings.path(settings.authorities.keys), passphrase, os.urandom))


def test_a_file_opens_without_anybody(settings: Settings) -> None:
    _store(settings, b"drawn at random")
    write_secret(settings.path(settings.authorities.passphrase_file), b"drawn at random\n")
    assert not will_ask(settings)
    assert _opens(settings)


def test_without_the_file_the_one_passphrase_is_asked_for(settings: Settings) -> None:
    _store(settings, AOI.encode())
    assert will_ask(settings)
    assert _opens(settings, Person(("Passphrase of", AOI)))
    with pytest.raises(WrongPassphrase):
        _opens(settings, Person(("Passphrase of", HINA)))


def test_two_of_three_custodians_open_whoever_is_away(settings: Settings) -> None:
    _store(settings, SHARES)
    for away in NAMES:
        person = Person(*((f"passphrase of {name}", "" if name == away else SHARES[name].decode()) for name in NAMES))
        if away == NAMES[-1]:
            person = Person(*((f"passphrase of {name}", SHARES[name].decode()) for name in NAMES[:2]))
        assert _opens(settings, person)
        assert person.done


def test_a_slip_is_told_at_once_and_three_are_too_many(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    _store(settings, SHARES)
    person = Person(("1 of 2: passphrase of aoi", HINA), ("1 of 2", AOI), ("2 of 2: passphrase of hina", HINA))
    assert _opens(settings, person)
    assert capsys.readouterr().err == "not the passphrase of aoi\n"
    with pytest.raises(WrongPassphrase):
        authority_passphrase(settings, Person(*[("aoi", HINA)] * 3))


def test_one_custodian_is_not_two(settings: Settings) -> None:
    _store(settings, SHARES)
    with pytest.raises(NotEnoughCustodians) as caught:
        authority_passphrase(settings, Person(("aoi", AOI), ("hina", ""), ("ren", "")))
    assert (caught.value.given, caught.value.needed) == (1, 2)


def test_custodians_with_their_files_are_not_asked(settings: Settings) -> None:
    _store(settings, SHARES)
    medium = _with_medium(settings, ren=REN)
    assert will_ask(medium)
    assert _opens(medium, Person(("2 of 2: passphrase of aoi", AOI)))
    write_secret(medium.folder / "medium" / "hina", HINA.encode())
    assert not will_ask(medium)
    assert _opens(medium)


@pytest.mark.parametrize(
    ("by", "names", "needed"),
    [
        ("passkey", (), 2),
        ("custodians", (), 2),
        ("custodians", ("aoi",), 2),
        ("custodians", ("aoi", "hina"), 1),
        ("custodians", ("aoi", "hina"), 3),
        ("custodians", ("aoi", "aoi"), 2),
        ("custodians", ("aoi", "../hina"), 2),
        ("custodians", ("aoi", ""), 2),
        ("file", ("aoi", "hina"), 2),
    ],
)
def test_an_opening_that_makes_no_sense_is_refused(by: str, names: tuple[str, ...], needed: int) -> None:
    with pytest.raises(PassphraseUnfit):
        opening_of(by, names, needed)


@pytest.mark.parametrize(
    "person", [Person(("New passphrase", "short")), Person(("New passphrase", AOI), ("once more", HINA))]
)
def test_a_short_or_mistyped_new_passphrase_is_refused(settings: Settings, person: Person) -> None:
    with pytest.raises(PassphraseUnfit):
        choose(settings, Opening(UnlockBy.PASSPHRASE), os.urandom, person)


def test_from_a_file_to_custodians_to_one_person_and_back(settings: Settings) -> None:
    _store(settings, b"drawn at random")
    file = settings.path(settings.authorities.passphrase_file)
    write_secret(file, b"drawn at random")
    made = Person(*((words, SHARES[name].decode()) for name in NAMES for words in (f"New passphrase of {name}", name)))
    change_opening(settings, opening_of("custodians", NAMES, 2), os.urandom, made)
    assert not file.exists(), "the old passphrase opens nothing any more, and is not left lying about"
    two = Person(("aoi", AOI), ("hina", HINA), ("New passphrase", REN), ("once more", REN))
    change_opening(settings, Opening(UnlockBy.PASSPHRASE), os.urandom, two)
    change_opening(settings, Opening(UnlockBy.FILE), os.urandom, Person(("Passphrase of", REN)))
    assert not will_ask(settings)
    assert _opens(settings)


@pytest.fixture
def cut_short(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    _store(settings, b"old")
    write_secret(settings.path(settings.authorities.passphrase_file), b"old")
    with monkeypatch.context() as patch:
        yield patch


@pytest.mark.parametrize("after", [False, True])
def test_a_change_cut_short_leaves_keys_that_open(
    settings: Settings, cut_short: pytest.MonkeyPatch, after: bool
) -> None:
    real = FileKeyStore.change_passphrase

    def dies(self: FileKeyStore, *args: object, **options: object) -> None:
        if after:
            real(self, *args, **options)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    cut_short.setattr(FileKeyStore, "change_passphrase", dies)
    with pytest.raises(KeyboardInterrupt):
        change_opening(settings, Opening(UnlockBy.FILE), os.urandom)
    cut_short.undo()
    assert _opens(settings)
    change_opening(settings, Opening(UnlockBy.FILE), os.urandom)
    assert _opens(settings)


def test_a_token_whose_pin_lies_nowhere_is_asked_for(settings: Settings) -> None:
    table = AuthoritiesTable(pkcs11_module=Path("/nowhere.so"))
    token = settings.model_copy(update={"authorities": table})
    token._file = settings.file
    assert will_ask(token)
    assert token_pin(token, Person(("PIN of the token jitsuin", "1234"))) == "1234"
    with pytest.raises(KeyUnavailable):
        change_opening(token, Opening(), os.urandom)


def test_where_there_is_no_terminal_it_says_so(tmp_path: Path) -> None:
    line = command("init", str(tmp_path / "made"), "--unlock-by", "passphrase")
    ran = subprocess.run(
        line, stdin=subprocess.DEVNULL, capture_output=True, text=True, start_new_session=True, check=False
    )
    assert ran.returncode == 1
    assert ran.stderr.startswith("jitsuin: cli.nobody-to-ask: ")
    assert not (tmp_path / "made").exists()


def test_asking_needs_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.unlocking._terminal", lambda: False)
    with pytest.raises(NobodyToAsk):
        ask_at_terminal("Passphrase")


def test_two_custodians_open_a_deployment_at_a_terminal(tmp_path: Path) -> None:
    """As people meet it: three choose, two open what signs, and the screen never shows what they typed."""
    folder, ready = tmp_path / "made", tmp_path / "ready.json"
    names = [part for name in NAMES for part in ("--custodian", name)]
    chosen = [(words, SHARES[name].decode()) for name in NAMES for words in (f"passphrase of {name}", "once more")]
    made = at_terminal(command("init", str(folder), "--unlock-by", "custodians", *names, "--needed", "2"), chosen)
    assert made.status == 0, made.screen
    assert not load_settings(folder).path(Path("secrets/authorities-passphrase")).exists()
    shown = subprocess.run(command("keys", "show", str(folder), "--json"), capture_output=True, text=True, check=True)
    told = json.loads(shown.stdout)
    assert (told["unlock_by"], told["custodians"], told["needed"]) == ("custodians", list(NAMES), 2)
    assert told["keys"] == ["authentication-1", "signature-1"]

    serve = command(
        "serve", str(folder), "--listen", "127.0.0.1:0", "--ready-file", str(ready), "--clock", "2026-11-23T00:00:00Z"
    )
    others = [("passphrase of aoi", ""), ("passphrase of hina", HINA), ("passphrase of ren", REN)]
    served = at_terminal(serve, [*others, ("Ctrl-C ends it.", CTRL_C)])
    assert served.status == 0, served.screen
    assert "ready: http://" in served.screen
    assert "Custodian 2 of 2: passphrase of ren" in served.screen
    for share in SHARES.values():
        assert share.decode() not in made.screen + served.screen
