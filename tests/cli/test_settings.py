"""Settings: one typed object, each failure naming its key and never repeating the value."""

import tomllib
from pathlib import Path

import pytest

from cli.errors import SettingsMissing, SettingsUnreadable, SettingWrong
from cli.settings import Settings, load_settings, make_settings

EXAMPLE = Path(__file__).parents[2] / "config" / "example.toml"


def test_the_example_loads_and_shows_exactly_the_defaults() -> None:
    loaded = load_settings(EXAMPLE)
    assert loaded.model_dump() == make_settings({}).model_dump()


def test_the_example_shows_every_key() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    for name, table in Settings.model_fields.items():
        assert f"[{name}]" in text
        for key in type(table.default).model_fields:
            assert f"\n{key} =" in text or f"\n# {key} =" in text, f"{name}.{key}"


def test_the_keys_that_the_example_comments_out_are_right_too(tmp_path: Path) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    for line in text.splitlines():
        if line.startswith("# ") and " = " in line and not line.startswith("# The"):
            text = text.replace(line, line.removeprefix("# "))
    (tmp_path / "jitsuin.toml").write_text(text, encoding="utf-8")
    settings = load_settings(tmp_path)
    assert settings.public_url == "https://id.example.jp"
    assert settings.authorities.pkcs11_module is not None


@pytest.mark.parametrize(
    ("tables", "key"),
    [
        ({"database": {"url": "mysql://root:hunter2@db/x"}}, "database.url"),
        ({"databse": {}}, "databse"),
        ({"database": {"uri": "hunter2"}}, "database.uri"),
        ({"service": {"listen": "localhost:8080"}}, "service.listen"),
        ({"service": {"listen": "127.0.0.1"}}, "service.listen"),
        ({"service": {"listen": "127.0.0.1:70000"}}, "service.listen"),
        ({"service": {"public_url": "ftp://hunter2"}}, "service.public_url"),
        ({"service": {"public_url": "https://h/?q=hunter2"}}, "service.public_url"),
        ({"service": {"language": "fr"}}, "service.language"),
        ({"service": {"max_body": 1}}, "service.max_body"),
        ({"authorities": {"profile": "hunter2"}}, "authorities.profile"),
        ({"authorities": {"policy_arc": "1.3.06"}}, "authorities.policy_arc"),
        ({"authorities": {"policy_arc": "hunter2"}}, "authorities.policy_arc"),
        ({"status": {"ocsp_minutes": 0}}, "status.ocsp_minutes"),
        ({"status": {"crl_hours": "soon"}}, "status.crl_hours"),
        ({"caps": {"max_years": 11}}, "caps.max_years"),
        ({"caps": {"max_consecutive": 0}}, "caps.max_consecutive"),
        ({"municipality": {"code": "1234"}}, "municipality.code"),
        ({"municipality": 7}, "municipality"),
    ],
)
def test_a_wrong_setting_is_named_and_its_value_not_repeated(tables: dict[str, object], key: str) -> None:
    with pytest.raises(SettingWrong) as raised:
        make_settings(tables)
    assert raised.value.key == key
    assert "hunter2" not in str(raised.value)


def test_the_environment_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "jitsuin.toml").write_text("[caps]\nmax_years = 4\nmax_total = 7\n")
    monkeypatch.setenv("JITSUIN_CAPS__MAX_YEARS", "2")
    caps = load_settings(tmp_path).caps
    assert (caps.max_years, caps.max_total) == (2, 7)
    monkeypatch.setenv("JITSUIN_CAPS__MAX_YEARS", "never")
    with pytest.raises(SettingWrong, match=r"caps\.max_years"):
        load_settings(tmp_path)


def test_relative_paths_begin_at_the_file(tmp_path: Path) -> None:
    (tmp_path / "jitsuin.toml").write_text("")
    settings = load_settings(tmp_path)
    assert settings.folder == tmp_path
    assert settings.database_url == f"sqlite:///{tmp_path}/jitsuin.db"
    assert settings.path(settings.authorities.keys) == tmp_path / "keys/authorities"
    (tmp_path / "jitsuin.toml").write_text('[database]\nurl = "postgresql://jitsuin@db/x"\n')
    assert load_settings(tmp_path).database_url == "postgresql://jitsuin@db/x"


def test_no_settings_or_unreadable_ones_are_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsMissing):
        load_settings(tmp_path)
    (tmp_path / "jitsuin.toml").write_text("[caps\n")
    with pytest.raises(SettingsUnreadable):
        load_settings(tmp_path)
    (tmp_path / "jitsuin.toml").write_bytes(b'[caps]\nx = "\xff"\n')
    with pytest.raises(SettingsUnreadable):
        load_settings(tmp_path)


def test_the_example_is_toml_that_others_read() -> None:
    assert tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))["caps"]["max_consecutive"] == 3
