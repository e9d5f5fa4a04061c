"""Errors of the office's periodic work, below `cli.errors.CommandError`.

CommandError
├── ChannelSilent    a channel did not take what it was told, or did not answer
└── ClockStepped     the machine's clock went ahead by more than time passed
"""

from dataclasses import dataclass

from cli.errors import CommandError


@dataclass(eq=False)
class ChannelSilent(CommandError):
    """What is to be told to a channel waits and is tried again."""

    code = "cli.channel-silent"
    why = "channel {channel} did not answer as it must ({what})"
    todo = "See that the channel runs; it is tried again by itself."

    channel: str
    what: str


@dataclass(eq=False)
class ClockStepped(CommandError):
    """A clock that ran ahead would let through at once what must wait until tomorrow noon."""

    code = "cli.clock-stepped"
    why = "the clock went ahead by {seconds} seconds more than time passed; what waits for a time goes on waiting"
    todo = "Put the clock right, or start the service again if the new time is the right one."

    seconds: int
