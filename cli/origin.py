"""The origin of an address that somebody gives: what a browser would send as Origin."""

from urllib.parse import urlsplit

from cli.errors import SettingWrong
from pki.errors import InvalidValue
from verifier.challenge import canonical_origin


def origin_of(url: str) -> str:
    """`https://host[:port]` of `url`. Errors: SettingWrong for http anywhere but on loopback, or what is no URL."""
    parts = urlsplit(url)
    try:
        return canonical_origin(f"{parts.scheme}://{parts.netloc}".lower())
    except InvalidValue as wrong:
        raise SettingWrong("site", wrong.reason) from wrong
