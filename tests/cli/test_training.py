"""Practice happens in a deployment of its own, says so on every page, and cannot be had on the real registry."""

import re
import secrets
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from cli.clock import SystemClock
from cli.database import Database
from cli.deployment import CLERK, Desks, create_deployment
from cli.errors import TrainingMismatch
from cli.planes import open_web
from cli.settings import FILE, Settings, load_settings, make_settings
from web.pages.sessions import Sessions


def switched(settings: Settings, *, training: bool) -> Settings:
    """The same deployment after somebody changed the setting."""
    file = settings.path(Path(FILE))
    text = re.sub(r"(?m)^training = .*$", f"training = {str(training).lower()}", file.read_text("utf-8"))
    if "\ntraining = " not in text:
        text = text.replace("\n[desk]\n", f"\n[desk]\ntraining = {str(training).lower()}\n")
    file.write_text(text, "utf-8")
    found = load_settings(file.parent)
    assert found.desk.training is training
    return found


def opened(settings: Settings) -> object:
    return open_web(settings, "desk", SystemClock(), secrets.token_bytes, lambda: 0.0)


@pytest.fixture(scope="module")
def practice(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    wanted = make_settings({"service": {"listen": "127.0.0.1:18099"}, "desk": {"training": True}})
    folder = tmp_path_factory.mktemp("practice") / "deployment"
    return create_deployment(folder, wanted, SystemClock().now(), secrets.token_bytes, lambda _: None)


def test_the_real_registry_is_never_opened_for_practice(deployment: Path) -> None:
    settings = load_settings(deployment)
    with opened(settings):  # type: ignore[attr-defined]
        pass
    with pytest.raises(TrainingMismatch), opened(switched(settings, training=True)):  # type: ignore[attr-defined]
        pass


def test_a_place_for_practice_never_becomes_real(practice: Settings) -> None:
    with pytest.raises(TrainingMismatch), opened(switched(practice, training=False)):  # type: ignore[attr-defined]
        pass
    with opened(switched(practice, training=True)):  # type: ignore[attr-defined]
        pass


def test_every_page_of_it_says_in_words_and_across_itself_that_nothing_is_real(practice: Settings) -> None:
    settings = switched(practice, training=True)
    database = Database(settings.database_url)
    try:
        sessions = Sessions("desk", database, SystemClock(), secrets.token_bytes)
        session = sessions.log_in(sessions.begin(), Desks(settings.municipality.code)(CLERK), "", "passkey")
    finally:
        database.close()
    with (
        opened(settings) as web,  # type: ignore[attr-defined]
        TestClient(web.application, base_url=settings.public_url) as http,
    ):
        cookie = {"cookie": f"{sessions.cookie_name}={session.cookie}"}
        pages = ["/desk/login", "/desk/", "/desk/queue", "/desk/day", "/desk/statistics", "/desk/people/none"]
        for path in [*pages, "/receipts/none"]:
            for language, words in (("ja", "研修中"), ("en", "TRAINING")):
                headers = {"accept-language": language, **({} if path == "/desk/login" else cookie)}
                page = http.get(path, headers=headers).text
                assert f'data-watermark="{words}"' in page, (path, language)
                assert '<p class="training" role="note">' in page, (path, language)
