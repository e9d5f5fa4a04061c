"""A served deployment and seats with agents, made anew for each file: what one file's people did is none of another's
business, and files may come in any order. The browser is made once for all tests of a worker.

`world`     the deployment: people, cards, staff with cards; `world.url`
`clerk_pc`, `supervisor_pc`, `post_pc`   seats
`browser`   Debian's chromium; `open_page(language=…, width=…, …)` opens a page in a context of its own
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser.seats import Seat, seat
from tests.browser.town import World, make_world
from tests.support.service import serving

PATIENCE = 60_000
"""Milliseconds for anything that a page is waited for: a state comes when it comes, on whatever machine."""
expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="session")
def fastpoll(tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    """pcscd looks at its readers every 10 ms instead of 400, if there is a C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    library = tmp_path_factory.mktemp("native") / "fastpoll.so"
    source = Path(__file__).parents[1] / "cardio" / "native" / "fastpoll.c"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    return library


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The deployment, served."""
    folder = tmp_path_factory.mktemp("browser")
    with served(make_world(folder)) as made:
        yield made


@contextmanager
def served(made: World) -> Iterator[World]:
    """Serve it. After the file's last test, nobody may be named in its log, nor in any address that was asked for."""
    with serving(made.folder, "--listen", made.listen) as service:
        made.url = service.url
        yield made
    log = (made.folder.parent / f"{made.folder.name}.stderr").read_text()
    assert " GET /" in log, "the log tells what was asked for"
    assert not made.leaks(log), "in the service's log"
    assert not made.leaks(unquote("\n".join(made.addresses))), "in an address"


@contextmanager
def watched(world: World, folder: Path, preload: Path | None) -> Iterator[Seat]:
    """A seat of the deployment whose agent's log names nobody either."""
    with seat(world.url, folder, preload=preload) as one:
        yield one
    log = one.log.read_text()
    assert "ready:" in log and not world.leaks(log), "in the agent's log"


@pytest.fixture(scope="module")
def clerk_pc(world: World, tmp_path_factory: pytest.TempPathFactory, fastpoll: Path | None) -> Iterator[Seat]:
    with watched(world, tmp_path_factory.mktemp("clerk"), fastpoll) as one:
        yield one


@pytest.fixture(scope="module")
def supervisor_pc(world: World, tmp_path_factory: pytest.TempPathFactory, fastpoll: Path | None) -> Iterator[Seat]:
    with watched(world, tmp_path_factory.mktemp("supervisor"), fastpoll) as one:
        yield one


@pytest.fixture(scope="module")
def post_pc(world: World, tmp_path_factory: pytest.TempPathFactory, fastpoll: Path | None) -> Iterator[Seat]:
    with watched(world, tmp_path_factory.mktemp("post"), fastpoll) as one:
        yield one


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's chromium, found by PATH: Playwright's own is never fetched."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    assert chromium is not None, "apt install chromium"
    # --lang: the order in which a date field is typed into is the browser's own, whatever language a page asks for
    flags = ["--lang=en-US", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        one = playwright.chromium.launch(executable_path=chromium, args=flags)
        yield one
        one.close()


Open = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, world: World) -> Iterator[Open]:
    """Pages in contexts of their own: like browsers on different PCs. Every script error fails the test."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def open_(language: str = "ja", width: int = 1280, *, script: bool = True, dark: bool = False, **more: Any) -> Page:
        context = browser.new_context(
            base_url=world.url,
            locale={"ja": "ja-JP", "easy": "ja-JP", "en": "en-GB"}[language],
            viewport={"width": width, "height": 900},
            java_script_enabled=script,
            color_scheme="dark" if dark else "light",
            **more,
        )
        context.set_default_timeout(PATIENCE)
        context.on("request", lambda request: world.addresses.append(request.url))
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: errors.append(said.text) if "Content Security Policy" in said.text else None)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert not errors, errors


@pytest.fixture(autouse=True)
def _empty_readers(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    for name in ("clerk_pc", "supervisor_pc", "post_pc"):
        if name in request.fixturenames:
            request.getfixturevalue(name).empty()
