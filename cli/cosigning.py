"""A deployment asks the witnesses of its settings to cosign its published logs, over HTTP."""

from typing import Final

import httpx

from cli.errors import SettingWrong
from cli.settings import Settings
from transparency.cosigning import Door, Gathered, Reply, gather
from transparency.errors import BadNote, WitnessRefused
from transparency.folder import KEY, Folder
from transparency.note import MAX_NOTE, KeyType, Verifier

_SECONDS: Final = 10.0


def collect_all(settings: Settings) -> list[Gathered]:
    """Each published log's cosignatures, asked for once. Errors: BadNote for a key in the settings that is none."""
    doors = doors_of(settings)
    root = settings.path(settings.log.folder)
    found = []
    for path in sorted(one.parent for one in root.glob(f"*/{KEY}")):
        gathered = gather(Folder(path), Verifier.parse((path / KEY).read_text("utf-8")), doors, _post)
        if gathered is not None:
            found.append(gathered)
    return found


def doors_of(settings: Settings) -> list[Door]:
    """The witnesses of the settings. Errors: SettingWrong."""
    doors = []
    for line in settings.log.witnesses:
        url, _, key = line.partition(" ")
        try:
            verifier = Verifier.parse(key.strip())
        except BadNote as error:
            raise SettingWrong("log.witnesses", f"each is an address, a space and a key: {error.what}") from None
        if not url.startswith(("http://", "https://")) or verifier.type is not KeyType.COSIGNATURE:
            raise SettingWrong("log.witnesses", "each is an http address, a space and a cosignature key")
        doors.append(Door(url.rstrip("/"), verifier))
    return doors


def _post(url: str, body: bytes) -> Reply:
    """Ask a witness over HTTP; its answer is bounded. Errors: WitnessRefused."""
    try:
        with httpx.stream("POST", url, content=body, timeout=_SECONDS, follow_redirects=False) as response:
            octets = b""
            for piece in response.iter_bytes():
                octets += piece
                if len(octets) > MAX_NOTE:
                    raise WitnessRefused(url, "its answer is too long")
            return Reply(response.status_code, response.headers.get("content-type", ""), octets)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise WitnessRefused(url, f"nobody answers ({type(error).__name__})") from None
