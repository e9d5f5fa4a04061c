"""Errors of the command: the machine and the deployment, not the domain.

Error
└── CommandError
    ├── DatabaseFull           the disk has no room; nothing was written
    ├── DatabaseUnavailable    it cannot be opened or does not answer
    ├── DatabaseNewer          a later version of this program migrated it
    └── DatabaseOutdated       `jitsuin migrate` has to run first
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
