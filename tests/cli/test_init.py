"""`jitsuin init` makes a whole deployment or none, and never writes over anything."""

import json
import stat
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from ca.directory import Directory
from ca.store.crls import partitions
from cli.database import Database
from cli.deployment import create_deployment, settings_text
from cli.errors import DatabaseInUse, FolderNotEmpty, SettingWrong
from cli.secrets import write_secret
from cli.settings import load_settings, make_settings
from enrollment import rules
from enrollment.counters import CounterKind
from enrollment.store import people
from pki.instant import Instant
from pki.purpose import Purpose
from tests.support.service import command, serving


def _init(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command("init", *arguments), capture_output=True, text=True, timeout=120, check=False)


def test_what_is_made_is_whole(deployment: Path) -> None:
    settings = load_settings(deployment)
    database = Database(settings.database_url)
    try:
        database.check()
        found = database.read(Directory().all)
        assert {one.purpose for one in found} == set(Purpose)
        for one in found:
            assert one.certificate is not None
            assert one.parameters.ocsp_uri == f"http://127.0.0.1:8080/ocsp/{one.id}"
            assert database.read(lambda conn, of=one.id: Directory().responders(conn, of))[0].certificate is not None  # type: ignore[misc]
        desks = database.read(lambda conn: people.counters_of_owner(conn, "99201"))
        assert {desk.kind for desk in desks} == {CounterKind.MUNICIPAL_MAIN, CounterKind.POST_OFFICE}
        operators = [
            database.read(lambda conn, who=who: people.operator_of(conn, f"99201-{who}"))  # type: ignore[misc]
            for who in ("clerk", "supervisor", "postal-clerk")
        ]
        assert len({operator.card_fingerprint for operator in operators}) == 3
        policy = database.read(lambda conn: rules.in_force(conn, "99201", Instant.parse("2030-01-01T00:00:00Z")))
        assert (policy.max_consecutive, policy.max_years_since_anchor) == (3, 5)
    finally:
        database.close()


def test_secrets_and_keys_are_for_their_owner_only(deployment: Path) -> None:
    assert stat.S_IMODE((deployment / "secrets").stat().st_mode) == 0o700
    secrets = [path for path in (deployment / "secrets").rglob("*") if path.is_file()]
    files = [*secrets, *(deployment / "keys").rglob("*.*")]
    assert len(files) >= 3 + 3 + 7
    for file in files:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_the_settings_that_are_written_are_the_settings_that_are_read(tmp_path: Path) -> None:
    asked = make_settings(
        {
            "municipality": {"name": '"見本"市\\', "code": "99999"},
            "caps": {"max_consecutive": 1},
            "authorities": {"pkcs11_module": "/usr/lib/x.so"},
        }
    )
    (tmp_path / "jitsuin.toml").write_text(settings_text(asked), encoding="utf-8")
    assert load_settings(tmp_path).model_dump() == asked.model_dump()


def test_nothing_is_written_over(tmp_path: Path) -> None:
    folder = tmp_path / "taken"
    folder.mkdir()
    (folder / "mine").write_text("mine")
    refused = _init(str(folder), "--json")
    assert refused.returncode == 1
    assert json.loads(refused.stdout)["error"]["code"] == FolderNotEmpty.code
    assert [file.name for file in tmp_path.rglob("*")] == ["taken", "mine"]
    assert _init(str(folder / "mine")).stderr.startswith(f"jitsuin: {FolderNotEmpty.code}")


def test_an_empty_folder_will_do_and_the_options_are_heard(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "mine.toml").write_text('[municipality]\ncode = "99203"\nname = "別見本町"\n', encoding="utf-8")
    made = _init(
        str(tmp_path / "empty"),
        *("--settings", str(tmp_path / "mine.toml"), "--listen", "127.0.0.1:9999"),
        *("--clock", "2025-04-01T00:00:00Z", "--json"),
    )
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["url"] == "http://127.0.0.1:9999"
    database = Database(load_settings(tmp_path / "empty").database_url)
    try:
        authority = database.read(Directory().all)[0]
        assert authority.validity.not_before == Instant.parse("2025-04-01T00:00:00Z")
        assert database.read(lambda conn: people.municipality_of(conn, "99203")).name_ja == "別見本町"
    finally:
        database.close()


@pytest.mark.referee
def test_the_authorities_keys_may_live_in_a_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`init` and `serve` with SoftHSM: no file of the deployment holds an authority's key."""
    configuration = tmp_path / "softhsm2.conf"
    (tmp_path / "tokens").mkdir()
    configuration.write_text(
        f"directories.tokendir = {tmp_path}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n"
    )
    monkeypatch.setenv("SOFTHSM2_CONF", str(configuration))
    label = ["softhsm2-util", "--init-token", "--free", "--label", "jitsuin", "--so-pin", "87654321", "--pin", "123456"]
    subprocess.run(label, check=True, capture_output=True)
    module = next(path for path in (_SOFTHSM, _SOFTHSM_ARCHITECTURE) if Path(path).exists())
    (tmp_path / "mine.toml").write_text(f'[authorities]\npkcs11_module = "{module}"\n')
    (tmp_path / "secrets").mkdir()
    write_secret(tmp_path / "secrets" / "pkcs11-pin", b"123456\n")
    made = _init(str(tmp_path / "new"), "--settings", str(tmp_path / "mine.toml"))
    assert made.returncode == 0, made.stderr
    assert not (tmp_path / "new" / "keys" / "authorities").exists()
    with serving(tmp_path / "new") as service:
        assert httpx.get(f"{service.url}/ready").status_code == 200
        assert service.stop() == 0


_SOFTHSM = "/usr/lib/softhsm/libsofthsm2.so"
_SOFTHSM_ARCHITECTURE = "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so"


def test_a_deployment_without_a_port_is_refused_for_certificates_name_it(
    tmp_path: Path, at: Instant, random: Callable[[int], bytes]
) -> None:
    with pytest.raises(SettingWrong, match="choose a port"):
        create_deployment(tmp_path / "x", make_settings({"service": {"listen": "127.0.0.1:0"}}), at, random, print)
    assert not list(tmp_path.iterdir())


def test_a_database_in_use_is_refused_and_no_folder_is_left(
    postgresql_database: Database, tmp_path: Path, at: Instant, random: Callable[[int], bytes]
) -> None:
    url = postgresql_database.engine.url.render_as_string(hide_password=False)
    settings = make_settings({"database": {"url": url}})
    create_deployment(tmp_path / "first", settings, at, random, lambda _: None)
    with pytest.raises(DatabaseInUse):
        create_deployment(tmp_path / "second", settings, at, random, lambda _: None)
    assert [file.name for file in tmp_path.iterdir()] == ["first"]


@pytest.mark.parametrize("room", ["8k", "40k", "64k", "100k", "300k"])
def test_a_full_disk_is_named_and_leaves_nothing(tmp_path: Path, room: str) -> None:
    """On a file system with hardly any room, mounted where only this command sees it."""
    place = tmp_path / "small"
    place.mkdir()
    script = 'mount -t tmpfs -o size="$1" tmpfs "$2" && shift 2 && "$@"; status=$?; ls -A "$PLACE"; exit $status'
    alone = ["unshare", "--mount", "--map-root-user", "sh", "-c", script, "sh", room, str(place)]
    ran = subprocess.run(
        [*alone, *command("init", str(place / "new"))],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={"PATH": "/usr/bin:/bin:/usr/sbin", "PLACE": str(place)},
    )
    assert ran.returncode == 1, (ran.stdout, ran.stderr)
    assert ran.stderr.startswith(("jitsuin: cli.disk-full: ", "jitsuin: cli.database-full: ")), ran.stderr
    assert "new" not in ran.stdout  # neither the folder nor the draft beside it


def test_certificates_may_be_spread_over_several_crls(tmp_path: Path) -> None:
    """Each person's certificate names one partition for good; the full CRL is there beside them."""
    given = tmp_path / "given.toml"
    given.write_text("[authorities]\ncrl_partitions = 4\n")
    folder = tmp_path / "made"
    run = [command("init", str(folder), "--settings", str(given)), command("sample", str(folder))]
    for line in run:
        made = subprocess.run(line, capture_output=True, text=True, timeout=120, check=False)
        assert made.returncode == 0, made.stderr
    crls = subprocess.run(command("ca", "crl", str(folder), "--json"), capture_output=True, text=True, check=True)
    assert {one["scope"] for one in json.loads(crls.stdout)["crls"]} == {"full"}
    with closing(Database(load_settings(folder).database_url)) as database:
        issued = database.read(lambda conn: partitions(conn, "signature-1"))
    assert issued
    assert all(1 <= number <= 4 for number, _ in issued)
    one = str(issued[0][0])
    made = subprocess.run(
        command("ca", "crl", str(folder), "--authority", "signature-1", "--scope", one, "--json"),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert json.loads(made.stdout)["crls"][0]["scope"] == one
