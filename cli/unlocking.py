"""How the authorities' keys are opened: by a file, by one passphrase at a terminal, or by m of n custodians.

Which of them is written in the key store itself. A custodian's passphrase is looked for in the settings' folder for
custodians (a removable medium, say: one file NAME of mode 0600 each) and otherwise asked for at the terminal. Only the
process that signs asks, so no process that faces the network ever holds a passphrase.
"""

import getpass
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from ca.errors import KeyUnavailable, NotEnoughCustodians, WrongPassphrase
from ca.file_key import Access, FileKeyStore, Passphrase
from cli.errors import NobodyToAsk, PassphraseUnfit
from cli.secrets import read_secret, write_secret
from cli.settings import Settings

SHORTEST = 12
"""Characters of a passphrase that a person chooses."""
_TRIES = 3


class UnlockBy(StrEnum):
    """Who opens a new key store."""

    FILE = "file"
    PASSPHRASE = "passphrase"  # noqa: S105 - a way, not a secret
    CUSTODIANS = "custodians"


@dataclass(frozen=True, slots=True)
class Opening:
    """How a new key store is to be opened; custodians by name, `needed` of them, where they are to do it."""

    by: UnlockBy = UnlockBy.FILE
    custodians: tuple[str, ...] = ()
    needed: int = 2


def opening_of(by: str, custodians: Sequence[str], needed: int) -> Opening:
    """From a command line. Errors: PassphraseUnfit."""
    if by not in list(UnlockBy):
        raise PassphraseUnfit(f"keys are opened by {', '.join(UnlockBy)}, not by {by}")
    if by == UnlockBy.CUSTODIANS:
        check_custodians(custodians, needed)
    elif custodians:
        raise PassphraseUnfit("custodians are named and not asked: choose custodians")
    return Opening(UnlockBy(by), tuple(sorted(custodians)), needed)


class Ask(Protocol):
    """Somebody at a terminal."""

    def __call__(self, prompt: str) -> str:
        """What they typed, unseen. Errors: NobodyToAsk."""
        ...


def ask_at_terminal(prompt: str) -> str:
    """Ask on the terminal without showing what is typed. Errors: NobodyToAsk where there is none, or it was left."""
    if not _terminal():
        raise NobodyToAsk(prompt)
    try:
        return getpass.getpass(f"{prompt}: ", stream=sys.stderr)
    except EOFError:
        raise NobodyToAsk(prompt) from None


def _terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:  # a process in a session of its own still has its parent's terminal as standard input
        return sys.stdin is not None and sys.stdin.isatty()
    return True


def will_ask(settings: Settings) -> bool:
    """Whether `authority_passphrase` or `token_pin` needs a person at a terminal."""
    table = settings.authorities
    if table.pkcs11_module is not None:
        return not settings.path(table.pkcs11_pin_file).exists()
    access = FileKeyStore.access(settings.path(table.keys))
    if not access.custodians:
        file = settings.path(table.passphrase_file)
        return not file.exists() and not _coming(file).exists()
    return sum(_medium(settings, name) is not None for name in access.custodians) < access.needed


def authority_passphrase(settings: Settings, ask: Ask = ask_at_terminal) -> Passphrase:
    """What opens the authorities' key store.

    Errors: KeyUnavailable, KeyFileDamaged, SecretMissing, NobodyToAsk, NotEnoughCustodians, WrongPassphrase.
    """
    folder = settings.path(settings.authorities.keys)
    access = FileKeyStore.access(folder)
    if access.custodians:
        return _custodians(settings, folder, access, ask)
    file = settings.path(settings.authorities.passphrase_file)
    coming = _coming(file)
    if coming.exists() and FileKeyStore.opens(folder, read_secret(coming)):
        coming.replace(file)  # a change was cut short after the store took the new passphrase
    if file.exists():
        return read_secret(file)
    return ask("Passphrase of the authorities' keys").encode()


def token_pin(settings: Settings, ask: Ask = ask_at_terminal) -> str:
    """The user PIN of the PKCS#11 token. Errors: SecretMissing, NobodyToAsk."""
    file = settings.path(settings.authorities.pkcs11_pin_file)
    if file.exists():
        return read_secret(file).decode()
    return ask(f"PIN of the token {settings.authorities.pkcs11_token}")


def asked_once(settings: Settings, ask: Ask = ask_at_terminal) -> Passphrase | None:
    """What people must type, asked for here on behalf of several processes; None where nobody has to.

    Errors: as above.
    """
    if not will_ask(settings):
        return None
    if settings.authorities.pkcs11_module is not None:
        return token_pin(settings, ask).encode()
    return authority_passphrase(settings, ask)


def _medium(settings: Settings, name: str) -> Path | None:
    folder = settings.authorities.custodian_folder
    file = None if folder is None else settings.path(folder) / name
    return file if file is not None and file.exists() else None


def _custodians(settings: Settings, folder: Path, access: Access, ask: Ask) -> Passphrase:
    here = {name: file for name in access.custodians if (file := _medium(settings, name)) is not None}
    given = {name: read_secret(file) for name, file in list(here.items())[: access.needed]}
    waiting = [name for name in access.custodians if name not in given]
    while len(given) < access.needed:
        if not waiting:
            raise NotEnoughCustodians(len(given), access.needed)
        name = waiting.pop(0)
        typed = _from_custodian(folder, name, f"{len(given) + 1} of {access.needed}", bool(waiting), ask)
        if typed is not None:
            given[name] = typed
    return given


def _from_custodian(folder: Path, name: str, place: str, others: bool, ask: Ask) -> bytes | None:
    """A custodian's passphrase, tried at once; None when they are not here. Errors: WrongPassphrase after three."""
    hint = " (Enter alone: somebody else)" if others else ""
    for _ in range(_TRIES):
        typed = ask(f"Custodian {place}: passphrase of {name}{hint}").encode()
        if not typed:
            return None
        if FileKeyStore.accepts(folder, name, typed):
            return typed
        print(f"not the passphrase of {name}", file=sys.stderr)
    raise WrongPassphrase


def choose(
    settings: Settings, opening: Opening, random: Callable[[int], bytes], ask: Ask = ask_at_terminal
) -> Passphrase:
    """What a new key store, or an old one from now on, is to be opened with; with `file`, newly drawn.

    Errors: PassphraseUnfit, NobodyToAsk, SecretMissing.
    """
    match opening.by:
        case UnlockBy.FILE:
            return random(32).hex().encode()
        case UnlockBy.PASSPHRASE:
            return _chosen("the authorities' keys", ask)
        case UnlockBy.CUSTODIANS:
            return {name: _new_share(settings, name, ask) for name in opening.custodians}


def check_custodians(names: Sequence[str], needed: int) -> None:
    """Errors: PassphraseUnfit unless 2 ≤ needed ≤ n different names that can be names of files."""
    fit = all(name.isascii() and name.replace("-", "").isalnum() and name[0] != "-" for name in names if name)
    if len(set(names)) != len(names) or "" in names or not fit:
        raise PassphraseUnfit("custodians have different names of letters, digits and hyphens")
    if not 2 <= needed <= len(names):
        raise PassphraseUnfit(f"{needed} of {len(names)} custodians: at least two must be needed, and so many named")


def _new_share(settings: Settings, name: str, ask: Ask) -> bytes:
    file = _medium(settings, name)
    if file is None:
        return _chosen(name, ask)
    return _fit(read_secret(file).decode(), name)


def _chosen(whose: str, ask: Ask) -> bytes:
    typed = _fit(ask(f"New passphrase of {whose}, at least {SHORTEST} characters"), whose)
    if ask(f"The same once more ({whose})").encode() != typed:
        raise PassphraseUnfit(f"the two of {whose} differ")
    return typed


def _fit(typed: str, whose: str) -> bytes:
    if len(typed) < SHORTEST:
        raise PassphraseUnfit(f"the one of {whose} has fewer than {SHORTEST} characters")
    return typed.encode()


def require_store(settings: Settings) -> Path:
    """The folder of the authorities' key store. Errors: KeyUnavailable where a token holds the keys instead."""
    if settings.authorities.pkcs11_module is not None:
        raise KeyUnavailable(settings.authorities.pkcs11_token)
    return settings.path(settings.authorities.keys)


def change_opening(
    settings: Settings, opening: Opening, random: Callable[[int], bytes], ask: Ask = ask_at_terminal
) -> None:
    """Have the authorities' keys opened by others from now on. Cut short at any moment, either the old or the new way
    opens them. Errors: as `authority_passphrase` and `choose`.
    """
    folder = require_store(settings)
    store = FileKeyStore.unlock(folder, authority_passphrase(settings, ask), random)
    passphrase = choose(settings, opening, random, ask)
    file = settings.path(settings.authorities.passphrase_file)
    coming = _coming(file)
    coming.unlink(missing_ok=True)
    if opening.by is UnlockBy.FILE and isinstance(passphrase, bytes):
        write_secret(coming, passphrase + b"\n")
    store.change_passphrase(passphrase, needed=opening.needed)
    if opening.by is UnlockBy.FILE:
        coming.replace(file)
    else:
        file.unlink(missing_ok=True)


def _coming(file: Path) -> Path:
    return file.with_name(f"{file.name}.new")
