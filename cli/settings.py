"""The settings of one deployment: a TOML file, changed by the environment, checked before anything starts.

`JITSUIN_DATABASE__URL=…` in the environment overrides `url` of the table `[database]`. Relative paths are relative to
the folder of the file. Secrets are never settings: a setting names the file that holds one.
"""

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from cli.errors import SettingsMissing, SettingsUnreadable, SettingWrong

FILE = "jitsuin.toml"
"""The name of the settings file inside a deployment's folder."""


def _listen(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise ValueError("must be HOST:PORT, like 127.0.0.1:8080 (port 0: any free one)")
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        raise ValueError("the host must be a numeric address, like 127.0.0.1 or [::1]") from None
    return text


def _oid(text: str) -> str:
    if not re.fullmatch(r"[0-2](\.(0|[1-9]\d*)){2,}", text):
        raise ValueError("must be an object identifier in dots, like 1.3.6.1.4.1.32473")
    return text


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("must be http://… or https://… with a host, without a query")
    return text.rstrip("/")


def _database(text: str) -> str:
    if not text.startswith(("sqlite:///", "postgresql://", "postgresql+psycopg://")):
        raise ValueError("must begin with sqlite:/// or postgresql://")
    return text


def _log_name(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(/[a-z0-9._-]+)*", text):
        raise ValueError("must be like log.example.jp or example.jp/log: a name without scheme, space or plus sign")
    return text


def _municipality_code(text: str) -> str:
    if not re.fullmatch(r"\d{5}", text):
        raise ValueError("must be five digits, like 99201")
    return text


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError("must be a numeric address, like 127.0.0.1 or ::1") from None


IpAddress = Annotated[str, AfterValidator(_address)]
Listen = Annotated[str, AfterValidator(_listen)]
ObjectIdentifier = Annotated[str, AfterValidator(_oid)]
Url = Annotated[str, AfterValidator(_url)]
DatabaseUrl = Annotated[str, AfterValidator(_database)]
LogName = Annotated[str, AfterValidator(_log_name)]
MunicipalityCode = Annotated[str, AfterValidator(_municipality_code)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class DatabaseTable(_Table):
    """Where the one database of this deployment is."""

    url: DatabaseUrl = "sqlite:///jitsuin.db"
    """SQLAlchemy's address; a relative SQLite path is relative to the settings file."""


class ServiceTable(_Table):
    """What the web process listens on and what others call it."""

    listen: Listen = "127.0.0.1:8080"
    """Numeric host and port; port 0 takes any free one."""
    public_url: Url | None = None
    """The address written into certificates (OCSP, CRL) and pages; by default http:// and `listen`."""
    metrics_listen: Listen | None = None
    """Where metrics, health and readiness are told: an address that the public does not reach. None: nowhere."""
    language: Literal["ja", "en"] = "ja"
    """For those who do not ask for one."""
    client_certificates_from: tuple[IpAddress, ...] = ()
    """Addresses of proxies that end mutual TLS for relying parties and tell us the certificate (RFC 9440)."""
    tls_certificate: Path | None = None
    """A PEM file: our certificate for TLS, and those above it. None: plain HTTP, for a proxy that ends TLS."""
    tls_key: Path = Path("secrets/tls-key.pem")
    """A file of mode 0600 with its key in PEM."""
    max_body: Annotated[int, Field(ge=1024, le=100 * 1024 * 1024)] = 2 * 1024 * 1024
    """The largest request body, in octets."""


class AuthoritiesTable(_Table):
    """The two authorities and where their keys live."""

    profile: Literal["jpki", "next"] = "jpki"
    """`jpki`: RSA-2048 with SHA-256; `next`: P-384 with SHA-384."""
    policy_arc: ObjectIdentifier = "1.3.6.1.4.1.32473"
    """The arc that our certificate policies hang under; the default is the arc for documentation."""
    crl_partitions: Annotated[int, Field(ge=1, le=99_999)] = 1
    """Into so many CRLs people's certificates are spread beside the full one; each names its own, for good."""
    crl_partition_by: Literal["random", "municipality"] = "random"
    """What decides on a certificate's partition when it is issued: chance, or (as in JPKI) the municipality."""
    keys: Path = Path("keys/authorities")
    """The folder of the encrypted key files; only the signing process opens it."""
    passphrase_file: Path = Path("secrets/authorities-passphrase")
    """A file of mode 0600 whose content opens the key files; without it, the passphrase is asked for."""
    custodian_folder: Path | None = None
    """A folder, on a removable medium say, with a file of mode 0600 for each custodian; others are asked for theirs."""
    pkcs11_module: Path | None = None
    """A PKCS#11 library: the keys then live in its token instead of in files."""
    pkcs11_token: str = "jitsuin"  # noqa: S105 - a label
    """The label of the token."""
    pkcs11_pin_file: Path = Path("secrets/pkcs11-pin")
    """A file of mode 0600 with the token's user PIN; without it, the PIN is asked for."""


class StatusTable(_Table):
    """How long what we say about a certificate is good for."""

    ocsp_minutes: Annotated[int, Field(ge=1, le=7 * 24 * 60)] = 10
    """From this_update to next_update of an OCSP answer."""
    crl_hours: Annotated[int, Field(ge=1, le=31 * 24)] = 48
    """From this_update to next_update of a CRL; a new one is made after half of it."""
    delta_minutes: Annotated[int, Field(ge=0, le=24 * 60)] = 60
    """How often a delta CRL is made; it holds for three times as long. 0: none are made."""
    crl_keep_days: Annotated[int, Field(ge=0, le=36500)] = 400
    """How long a CRL is kept after its nextUpdate; then its file and row go, and the journal says so. 0: for ever."""
    ocsp_access: Literal["open", "registered"] = "open"
    """Who is answered: everybody, or registered relying parties (a signed request, or a client certificate)."""
    ocsp_archive_days: Annotated[int, Field(ge=0, le=36500)] = 0
    """With it, OCSP answers say that records reach back so far (archive cutoff). 0: they say nothing of it."""
    ocsp_crl_references: bool = False
    """Whether OCSP answers about revoked certificates name the CRL that lists them."""
    presign_hours: Annotated[int, Field(ge=0, le=7 * 24)] = 4
    """How long the answers hold that `jitsuin responder` has signed ahead; all are signed anew after a quarter of it.
    0: none are."""
    release_holds: bool = False
    """Whether a certificate on hold can be good again; JPKI never releases one."""
    keys: Path = Path("keys/responders")
    """The folder of the OCSP responders' encrypted key files; the process that answers OCSP opens it."""
    passphrase_file: Path = Path("secrets/responders-passphrase")
    """A file of mode 0600 whose content opens them."""
    crls: Path = Path("crls")
    """The folder that published CRLs lie in."""
    journal: Path = Path("journal")
    """The file outside the database that every issue and revocation is written to before anybody is answered."""


class BucketTable(_Table):
    """An S3-style store that CRLs are published in, instead of the folder `status.crls`."""

    endpoint: Url | None = None
    """Its address; without one CRLs lie in the folder."""
    name: str = "crl"
    """The bucket, which must be there already; anybody may read it."""
    region: str = "us-east-1"
    """Part of every signature; the store's documentation tells it."""
    prefix: str = ""
    """Stands before every key, as it is."""
    access_key_file: Path = Path("secrets/bucket-access-key")
    """A file of mode 0600: the access key's id in its first line, the secret in its second."""


class CardsTable(_Table):
    """How this deployment manages the cards that it hands out."""

    master_key_file: Path = Path("secrets/card-master-key")
    """A file of mode 0600 with 32 or 64 hex digits, from which each card's management keys are derived; only the
    process of --role card-keys opens it."""
    pin_reset_second_officer: Literal["never", "post-office", "always"] = "post-office"
    """Where a second officer approves that a PIN is set anew."""
    pin_reset_minutes: Annotated[int, Field(ge=1, le=60)] = 15
    """How long such a permission is good for: its holder stands at the counter."""


class DeskTable(_Table):
    """The counter desk's pages."""

    agent: Url = "http://127.0.0.1:27980"
    """Where `jitsuin agent` listens on each counter's PC: desks' pages may speak to it and to nobody else."""
    training: bool = False
    """Every page and paper says that nothing is real, and no blank card is counted. Said before `jitsuin init`: the
    database remembers it, and is never served otherwise."""


class LogTable(_Table):
    """The transparency log of each municipality: who was told what, and every event of the ledger."""

    name: LogName = "log.jitsuin.example"
    """The logs' names begin with it; the municipality's code follows. Unique in the world, and never changed."""
    folder: Path = Path("log")
    """Published here as static files, one folder a municipality, for any web server or CDN."""
    keys: Path = Path("secrets/log")
    """The folder of the logs' signing keys, mode 0600 each."""
    witnesses: tuple[str, ...] = ()
    """Who cosigns the logs: for each an address, a space, and the key that it cosigns with."""


class CapsTable(_Table):
    """How much may be done from afar before one has to come in person."""

    max_consecutive: Annotated[int, Field(ge=1, le=100)] = 3
    """Remote procedures since the last in-person check."""
    max_years: Annotated[int, Field(ge=1, le=10)] = 5
    """Years since the last in-person check."""
    max_total: Annotated[int, Field(ge=1, le=1000)] = 5
    """Remote procedures within `total_years`, in-person checks or not."""
    total_years: Annotated[int, Field(ge=1, le=50)] = 10
    """The span that `max_total` looks back over."""


class MunicipalityTable(_Table):
    """The municipality that this deployment begins with."""

    code: MunicipalityCode = "99201"
    """Five digits; 99xxx exists nowhere."""
    name: str = "見本市"
    """As residents write it."""
    prefecture_roman: str = "Mihon-ken"
    municipality_roman: str = "Mihon-shi"


class Settings(BaseSettings):
    """All of them; frozen once loaded."""

    model_config = SettingsConfigDict(
        env_prefix="JITSUIN_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    database: DatabaseTable = DatabaseTable()
    service: ServiceTable = ServiceTable()
    authorities: AuthoritiesTable = AuthoritiesTable()
    status: StatusTable = StatusTable()
    bucket: BucketTable = BucketTable()
    cards: CardsTable = CardsTable()
    desk: DeskTable = DeskTable()
    log: LogTable = LogTable()
    caps: CapsTable = CapsTable()
    municipality: MunicipalityTable = MunicipalityTable()

    _file: Path = Path(FILE)

    @property
    def file(self) -> Path:
        """The file that they were read from."""
        return self._file

    @property
    def folder(self) -> Path:
        """The deployment's folder: that of the settings file."""
        return self._file.parent

    def path(self, relative: Path) -> Path:
        """A path of these settings, from the settings file's folder."""
        return self.folder / relative

    @property
    def database_url(self) -> str:
        """`database.url` with a relative SQLite path made absolute."""
        file = self.database.url.removeprefix("sqlite:///")
        if file == self.database.url:
            return self.database.url
        return f"sqlite:///{self.folder.absolute() / file}"

    @property
    def public_url(self) -> str:
        """`service.public_url`, or what `service.listen` makes of it; without a slash at the end."""
        scheme = "http" if self.service.tls_certificate is None else "https"
        return self.service.public_url or f"{scheme}://{self.service.listen}"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is pydantic's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment before file; nothing else is read."""
        return env_settings, init_settings


def load_settings(folder: Path) -> Settings:
    """The settings of the deployment in `folder` (or in the TOML file that `folder` names).

    Errors: SettingsMissing, SettingsUnreadable (not TOML), SettingWrong with the first key that is wrong.
    """
    file = folder if folder.is_file() else folder / FILE
    if not file.is_file():
        raise SettingsMissing(str(folder))
    try:
        tables = TomlConfigSettingsSource(Settings, file)()
    except ValueError as error:  # tomllib's and UTF-8's errors are both one
        raise SettingsUnreadable(str(file), str(error)) from None
    settings = make_settings(tables)
    settings._file = file
    return settings


def with_listen(settings: Settings, address: str) -> Settings:
    """The same settings, listening at `address`. Errors: SettingWrong."""
    try:
        service = ServiceTable(**{**settings.service.model_dump(), "listen": address})
    except ValidationError as error:
        raise SettingWrong(
            "--listen", error.errors(include_input=False)[0]["msg"].removeprefix("Value error, ")
        ) from None
    return settings.model_copy(update={"service": service})


def make_settings(tables: dict[str, object]) -> Settings:
    """Settings from tables as TOML gives them, over the defaults and under the environment. Errors: SettingWrong."""
    try:
        return Settings(**tables)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        what = "is not a setting" if first["type"] == "extra_forbidden" else first["msg"].removeprefix("Value error, ")
        raise SettingWrong(".".join(str(part) for part in first["loc"]), what) from None
