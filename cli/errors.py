"""Errors of the command: the machine and the deployment, not the domain.

Error
└── CommandError
    ├── DatabaseFull           the disk has no room; nothing was written
    ├── DatabaseUnavailable    it cannot be opened or does not answer
    ├── DatabaseNewer          a later version of this program migrated it
    ├── DatabaseOutdated       `jitsuin migrate` has to run first
    ├── SettingsMissing        no jitsuin.toml where a deployment was expected
    ├── SettingsUnreadable     it is there, but it is not TOML
    ├── SettingWrong           one key of it, named
    ├── SecretMissing          the file of a secret is not there or is open to others
    ├── NobodyToAsk            a passphrase is needed and there is no terminal
    ├── PassphraseUnfit        a new passphrase, or the list of custodians, will not do
    ├── DatabaseInUse          it already belongs to a deployment
    ├── FolderNotEmpty         `jitsuin init` never writes over anything
    ├── PortTaken              somebody else listens there
    ├── AddressUnusable        nobody can listen there
    ├── PartStopped            a process of the deployment ended by itself
    ├── DiskFull               a file could not be written for want of room
    ├── FileUnusable           a file could not be read or written for another reason
    ├── CaseUnusable           a case of a batch asks for what cannot be asked
    ├── FilingRefused          a service refused what was filed
    ├── ServiceSilent          a part of the deployment did not answer in time
    ├── NotADemo               the demonstration clears only its own folder
    ├── DemoGoesOn             and not while another one tells its story there
    ├── StoryBroken            a step of the demonstration did not end as it should
    └── CommandBroken          a command's own module cannot be loaded
"""

from dataclasses import dataclass

from pki.errors import Error


class CommandError(Error):
    """Base of this package's errors."""

    code = "cli.error"


@dataclass(eq=False)
class DatabaseFull(CommandError):
    """The database could not grow; the transaction was rolled back whole."""

    code = "cli.database-full"
    why = "the disk that holds the database is full; nothing was written"
    todo = "Make room on the disk, then repeat the same call."


@dataclass(eq=False)
class DatabaseUnavailable(CommandError):
    """The database cannot be reached, or stayed busy for too long; `what` is the kind of failure."""

    code = "cli.database-unavailable"
    why = "the database cannot be used just now ({what})"
    todo = "Check that it runs and that its address in the settings is right, then repeat the same call."

    what: str


@dataclass(eq=False)
class DatabaseNewer(CommandError):
    """The tables of `package` are at a revision that this version does not know."""

    code = "cli.database-newer"
    why = "the database was migrated by a newer version ({package} is at {revision})"
    todo = "Run that newer version, or restore a database of this one."

    package: str
    revision: str


@dataclass(eq=False)
class DatabaseOutdated(CommandError):
    """The tables of `package` are older than this version needs."""

    code = "cli.database-outdated"
    why = "the database is older than this version (tables of {package})"
    todo = "Run `jitsuin migrate` on this deployment, after a backup."

    package: str


@dataclass(eq=False)
class TrainingMismatch(CommandError):
    """The settings say that this is for practice and the database does not, or the other way round."""

    code = "cli.training-mismatch"
    why = "desk.training is {setting} and this database was made with {made}"
    todo = "Practise in a deployment of its own: set desk.training before `jitsuin init`, and never change it."

    setting: bool
    made: bool


@dataclass(eq=False)
class SettingsMissing(CommandError):
    """There is no settings file at `folder`."""

    code = "cli.settings-missing"
    why = "{folder} is not a deployment: it has no jitsuin.toml"
    todo = "Name a deployment's folder, or make one with `jitsuin init DIR`."

    folder: str


@dataclass(eq=False)
class SettingsUnreadable(CommandError):
    """The settings file is no TOML; `what` says where."""

    code = "cli.settings-unreadable"
    why = "{file} cannot be read: {what}"
    todo = "Correct the file; config/example.toml shows every key."

    file: str
    what: str


@dataclass(eq=False)
class SettingWrong(CommandError):
    """One setting is unknown or out of range. The value is not repeated: it may be an address with a password."""

    code = "cli.setting-wrong"
    why = "the setting {key} is wrong: {what}"
    todo = "Correct it in jitsuin.toml or in the environment; config/example.toml shows every key."

    key: str
    what: str


@dataclass(eq=False)
class SecretMissing(CommandError):
    """The file that holds a secret cannot be used; `what` says why."""

    code = "cli.secret-missing"
    why = "the secret in {file} cannot be used: {what}"
    todo = "Restore the file with mode 0600, owned by the user who runs this command."

    file: str
    what: str


@dataclass(eq=False)
class NobodyToAsk(CommandError):
    """`prompt` could not be put to anybody: there is no terminal."""

    code = "cli.nobody-to-ask"
    why = "somebody has to type here, and there is no terminal ({prompt})"
    todo = "Run it at a terminal, or put each custodian's file in authorities.custodian_folder."

    prompt: str


@dataclass(eq=False)
class PassphraseUnfit(CommandError):
    """`what` is wrong with new passphrases or with the list of custodians."""

    code = "cli.passphrase-unfit"
    why = "{what}"
    todo = "Choose others; nothing was changed."

    what: str


@dataclass(eq=False)
class DatabaseInUse(CommandError):
    """A new deployment was to be made in a database that has authorities already."""

    code = "cli.database-in-use"
    why = "the database already belongs to a deployment"
    todo = "Name an empty database in the settings; nothing is ever written over."


@dataclass(eq=False)
class FolderNotEmpty(CommandError):
    """A new deployment was to be made where something is already."""

    code = "cli.folder-not-empty"
    why = "{folder} is not empty"
    todo = "Name a new folder; nothing is ever written over."

    folder: str


@dataclass(eq=False)
class PortTaken(CommandError):
    """Another process listens at `address`."""

    code = "cli.port-taken"
    why = "another program already listens on {address}"
    todo = "Stop that program, or choose another port with --listen."

    address: str


@dataclass(eq=False)
class AddressUnusable(CommandError):
    """This machine cannot listen at `address`."""

    code = "cli.address-unusable"
    why = "nothing can listen on {address} ({what})"
    todo = "Choose an address of this machine with --listen, like 127.0.0.1:8080."

    address: str
    what: str


@dataclass(eq=False)
class PartStopped(CommandError):
    """One process of the deployment ended although nobody told it to."""

    code = "cli.part-stopped"
    why = "the {part} process ended by itself (status {status}); the others were stopped"
    todo = "Look at its last lines above, then start again."

    part: str
    status: int


@dataclass(eq=False)
class DiskFull(CommandError):
    """A file could not be written."""

    code = "cli.disk-full"
    why = "there is no room left for {file}"
    todo = "Make room on that disk, then repeat the same call."

    file: str


@dataclass(eq=False)
class FileUnusable(CommandError):
    """A file could not be read or written; `what` is the operating system's reason."""

    code = "cli.file-unusable"
    why = "{file} cannot be used: {what}"
    todo = "Check the path and its permissions."

    file: str
    what: str


@dataclass(eq=False)
class CommandBroken(CommandError):
    """The module of `command` cannot be loaded."""

    code = "cli.command-broken"
    why = "the command {command} cannot be loaded: {what}"
    todo = "Run scripts/setup, then `jitsuin doctor`."

    command: str
    what: str


@dataclass(eq=False)
class CaseUnusable(CommandError):
    """A case of `jitsuin verify path --batch` that is not in its form, or names a file that cannot be read."""

    code = "cli.case-unusable"
    why = "{what}"
    todo = "Correct that line of the batch."

    what: str


@dataclass(eq=False)
class FilingRefused(CommandError):
    """The service refused a filing; nothing has changed. `problem` is its whole answer (RFC 9457)."""

    code = "cli.filing-refused"
    why = "the service refused the filing ({problem_code}): {detail}"
    todo = "Do what the service's answer says; the same filing may be sent again once that is done."

    problem_code: str
    detail: str
    problem: dict[str, object]


@dataclass(eq=False)
class ServiceSilent(CommandError):
    """The service, or a part of it, did not do what was waited for; `what` names it."""

    code = "cli.service-silent"
    why = "nothing came of waiting for {what}"
    todo = "See whether every part of the deployment runs; then repeat the same call."

    what: str


@dataclass(eq=False)
class DemoGoesOn(CommandError):
    """A demonstration is using `folder` just now."""

    code = "cli.demo-goes-on"
    why = "another demonstration is going on in {folder}"
    todo = "Wait for its end (half a minute), or choose another folder with --out."

    folder: str


@dataclass(eq=False)
class NotADemo(CommandError):
    """The demonstration clears only what an earlier demonstration left."""

    code = "cli.not-a-demo"
    why = "{folder} holds something that no demonstration made"
    todo = "Choose an empty or new folder with --out."

    folder: str


@dataclass(eq=False)
class StoryBroken(CommandError):
    """A step of the demonstration did not end as the story says."""

    code = "cli.story-broken"
    why = "the demonstration did not end as it should at {step}"
    todo = "Look at report.json and service.log in the demonstration's folder."

    step: str
