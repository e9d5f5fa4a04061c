"""`jitsuin doctor`: what is missing on this machine, and how to get it."""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from cli.language import Language, spoken
from pki.errors import Error

app = typer.Typer()

_ROOM = 200 * 1024 * 1024
_MODULES = ("cryptography", "smartcard", "pkcs11", "sqlalchemy", "alembic", "psycopg", "fastapi", "uvicorn", "lxml")
_SOFTHSM = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `packages` are Debian's, `remedy` is a sentence for what no package cures."""

    name: str
    ok: bool
    needed: bool
    """Without it the demo does not run; otherwise only some tests or commands do not."""
    found: str
    ja: str
    en: str
    packages: tuple[str, ...] = ()
    remedy_ja: str = ""
    remedy_en: str = ""


@app.command()
def doctor(
    folder: Annotated[Path | None, typer.Argument(metavar="[DIR]", help="A deployment to look at too.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document instead of text.")] = False,
    language: Annotated[Language | None, typer.Option("--lang", help="ja or en; by default the shell's.")] = None,
) -> None:
    """Look at this machine (and at a deployment): what is there, what is missing, how to get it.

    Ends with status 1 if something is missing that the demo cannot do without.
    """
    findings = [*_machine(), *(_deployment(folder) if folder is not None else ())]
    missing = [finding for finding in findings if not finding.ok]
    if as_json:
        print(json.dumps({"ok": not any(f.needed for f in missing), "findings": [_document(f) for f in findings]}))
    else:
        _print(findings, spoken(language))
    if any(finding.needed for finding in missing):
        raise typer.Exit(1)


def _document(finding: Finding) -> dict[str, object]:
    return {
        "name": finding.name,
        "ok": finding.ok,
        "needed": finding.needed,
        "found": finding.found,
        "packages": list(finding.packages),
        "remedy": {"ja": finding.remedy_ja, "en": finding.remedy_en},
    }


def _print(findings: list[Finding], language: Language) -> None:
    japanese = language is Language.JA
    for finding in findings:
        mark = "✓" if finding.ok else ("✗" if finding.needed else "–")
        said = finding.ja if japanese else finding.en
        print(f"{mark} {said}: {finding.found or ('ありません' if japanese else 'missing')}")
        remedy = finding.remedy_ja if japanese else finding.remedy_en
        if not finding.ok and remedy:
            print(f"    → {remedy}")
    for needed, words in (
        (True, ("デモに必要なもの", "For the demo")),
        (False, ("テストや一部のコマンドに必要なもの", "For tests and some commands")),
    ):
        packages = sorted({p for f in findings if not f.ok and f.needed is needed for p in f.packages})
        if packages:
            print(f"\n{words[0] if japanese else words[1]}:")
            print(f"  sudo apt-get install --no-install-recommends {' '.join(packages)}")
    if all(finding.ok for finding in findings):
        print("\nすべてそろっています。" if japanese else "\nEverything is there.")


def _machine() -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding(
        "python", sys.version_info >= (3, 11), True, version, "Python 3.11 以上", "Python 3.11 or newer", ("python3",)
    )
    absent = [name for name in _MODULES if find_spec(name) is None]
    yield Finding(
        "python-packages",
        not absent,
        True,
        ", ".join(absent) if absent else "requirements.lock",
        "Python パッケージ",
        "Python packages",
        remedy_ja="scripts/setup を実行してください。",
        remedy_en="Run scripts/setup.",
    )
    yield from _card_stack()
    module = next((path for path in _SOFTHSM if Path(path).exists()), "")
    yield Finding("softhsm", bool(module), False, module, "SoftHSM (PKCS#11)", "SoftHSM (PKCS#11)", ("softhsm2",))
    yield _program("openssl", "openssl", "OpenSSL コマンド", "the openssl command", "openssl")
    yield _program("opensc", "pkcs15-tool", "OpenSC", "OpenSC", "opensc")
    yield _program("yubico-piv-tool", "yubico-piv-tool", "yubico-piv-tool", "yubico-piv-tool", "yubico-piv-tool")
    yield _program("gnutls", "certtool", "GnuTLS の certtool", "GnuTLS' certtool", "gnutls-bin")
    yield _program("chromium", "chromium", "Chromium(画面の試験)", "Chromium (tests of pages)", "chromium")
    servers = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    yield Finding(
        "postgresql",
        bool(servers),
        False,
        str(servers[-1]) if servers else "",
        "PostgreSQL サーバー(試験用に個別に起動)",
        "PostgreSQL's server (tests start their own)",
        ("postgresql-15",),
    )
    yield _room()
    yield _loopback()


def _program(name: str, program: str, ja: str, en: str, package: str) -> Finding:
    found = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin") or ""
    return Finding(name, bool(found), False, found, ja, en, (package,))


def _card_stack() -> Iterator[Finding]:
    from cardio.private_pcscd import find_pcscd, find_vpcd, surroundings

    yield _from_search(
        "pcscd", find_pcscd, "pcscd(カードリーダーのサービス)", "pcscd, the card reader service", "pcscd"
    )
    yield _from_search("vpcd", find_vpcd, "仮想カードリーダー vpcd", "vpcd, the virtual card reader", "vsmartcard-vpcd")
    own = surroundings()
    allowed = not own or subprocess.run([*own, "true"], capture_output=True, check=False).returncode == 0
    yield Finding(
        "pcscd-may-start",
        allowed,
        True,
        "root" if os.geteuid() == 0 else "unshare -Urm" if own else "/run/pcscd",
        "専用の pcscd を起動できる",
        "a pcscd of our own may be started",
        remedy_ja="root で実行するか、/run/pcscd を作るか(sudo mkdir /run/pcscd)、ユーザー名前空間を許可してください。",
        remedy_en="Run as root, or make the folder (sudo mkdir /run/pcscd), or allow user namespaces.",
    )


def _from_search(name: str, search: Callable[[], Path], ja: str, en: str, package: str) -> Finding:
    try:
        return Finding(name, True, True, str(search()), ja, en, (package,))
    except Error:
        return Finding(name, False, True, "", ja, en, (package,))


def _room() -> Finding:
    free = shutil.disk_usage(Path.cwd()).free
    return Finding(
        "room",
        free >= _ROOM,
        True,
        f"{free // 2**20} MiB",
        "ディスクの空き",
        "room on the disk",
        remedy_ja="200 MiB 以上空けてください。",
        remedy_en="Make room for at least 200 MiB.",
    )


def _loopback() -> Finding:
    try:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            found = "127.0.0.1"
    except OSError as error:
        found = error.strerror or ""
    return Finding(
        "loopback",
        found == "127.0.0.1",
        True,
        found,
        "自分自身への接続",
        "connections to this machine itself",
        remedy_ja="ループバックを有効にしてください: ip link set lo up",
        remedy_en="Bring the loopback interface up: ip link set lo up",
    )


def _deployment(folder: Path) -> Iterator[Finding]:
    """Settings, the secrets' modes and the database, each only if the one before it holds."""
    from cli.database import Database
    from cli.secrets import read_secret
    from cli.settings import load_settings

    def finding(name: str, found: str, ja: str, en: str, error: Error | None = None) -> Finding:
        return Finding(name, error is None, True, found, ja, en, (), *((error.remedy,) * 2 if error else ()))

    try:
        settings = load_settings(folder)
    except Error as error:
        yield finding("settings", error.reason, "設定", "settings", error)
        return
    yield finding("settings", str(folder), "設定", "settings")
    try:
        read_secret(settings.path(settings.authorities.passphrase_file))
        yield finding("secrets", "0600", "秘密のファイル", "secrets")
    except Error as error:
        yield finding("secrets", error.reason, "秘密のファイル", "secrets", error)
    database = Database(settings.database_url)
    try:
        database.check()
        yield finding("database", database.engine.dialect.name, "データベース", "database")
    except Error as error:
        yield finding("database", error.reason, "データベース", "database", error)
    finally:
        database.close()
