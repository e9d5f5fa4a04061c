"""A synthetic population for choosing a cap: who moves when, who would file online, who goes to a post office.

The numbers are parameters. Their defaults lean on what is published (5,190,548 moves between municipalities in 2025;
moves within one are not counted, so the rate here is a guess that doubles them; most moves in March and April) and on
certificates that live five years and are renewed in person.
"""

from dataclasses import dataclass

from pki.errors import InvalidValue

AGE_BANDS = (0, 15, 20, 30, 40, 50, 65, 100)
"""Bounds of the bands of age in years: [0, 15), [15, 20), …; who is 100 stays in the last."""


@dataclass(frozen=True, slots=True)
class Population:
    """What is assumed about people. Shares are percent of 100, so that a policy paper can quote them."""

    people: int = 100_000
    years: int = 10
    moves_per_year: float = 0.085
    """Moves per person and year, over all ages."""
    seasons: tuple[float, ...] = (0.7, 0.8, 2.4, 2.0, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.65, 0.65)
    """Weight of each month of the year, January first; only their proportions count."""
    age_shares: tuple[float, ...] = (0.11, 0.045, 0.10, 0.11, 0.14, 0.20, 0.295)
    """Share of each band of `AGE_BANDS` in the population."""
    age_rates: tuple[float, ...] = (1.0, 1.1, 2.9, 1.8, 0.85, 0.55, 0.35)
    """How often each band moves, against each other."""
    household: float = 2.2
    """Mean size of a household; its members move together, and one filing moves every member's own count."""
    move_together: float = 0.6
    """Share of moves that take the whole household along."""
    online_share: float = 0.6
    """Share of movers who file online where they may."""
    post_office_share: float = 0.25
    """Share of in-person checks that happen at a post office."""
    renewal_years: int = 5
    """Certificates are renewed so often; in person that too is a check."""
    renewal_online_share: float = 0.0
    """Share of renewals that people would do from afar where they may. Today none is; it is here to be tried."""
    reissues_per_year: float = 0.01
    """Remote re-issues per person and year: the same card, a new signature certificate, nothing else changed."""
    desk_headroom: float = 1.2
    """Places at municipal desks, against what would be needed on average if nobody filed online."""

    windows: int = 4
    """Windows of one municipal office; people wait for the next free one."""
    minutes: float = 20.0
    """How long one check takes at a window, on average."""

    def __post_init__(self) -> None:
        if not 1 <= self.people <= 10_000_000 or not 1 <= self.years <= 50:
            raise InvalidValue("people are 1 to 10,000,000 and years 1 to 50")
        if len(self.seasons) != 12 or min(self.seasons) < 0 or sum(self.seasons) <= 0:
            raise InvalidValue("seasons are twelve weights")
        bands = len(AGE_BANDS) - 1
        if len(self.age_shares) != bands or len(self.age_rates) != bands or sum(self.age_shares) <= 0:
            raise InvalidValue(f"age_shares and age_rates have {bands} values")
        for name in ("move_together", "online_share", "post_office_share", "renewal_online_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise InvalidValue(f"{name} lies between 0 and 1")
        if not 0 <= self.reissues_per_year <= 2:
            raise InvalidValue("reissues_per_year is 0 to 2")
        if not 0 <= self.moves_per_year <= 2 or self.household < 1 or self.renewal_years < 1:
            raise InvalidValue("moves_per_year is 0 to 2, household and renewal_years at least 1")
        if self.desk_headroom <= 0 or self.windows < 1 or self.minutes <= 0:
            raise InvalidValue("desk_headroom and minutes are more than 0, windows at least 1")

    @property
    def desk_capacity(self) -> float:
        """Checks that all municipal desks together can do in a month."""
        checks = self.people * (self.moves_per_year / 12 + 1 / (12 * self.renewal_years))
        return max(1.0, checks * (1 - self.post_office_share) * self.desk_headroom)

    def waiting_minutes(self, visits: int) -> float:
        """How long somebody waits for a window in a month with so many visits, on average (Erlang C, M/M/c).

        From 98 % of what the desks can do the rest is counted as a backlog of days, not as minutes in a hall.
        """
        load = min(0.98, visits / self.desk_capacity)
        if load <= 0:
            return 0.0
        offered = load * self.windows
        blocked = 1.0  # Erlang B by its recursion, then C from B
        for number in range(1, self.windows + 1):
            blocked = offered * blocked / (number + offered * blocked)
        waits = blocked / (1 - load * (1 - blocked))
        return waits * self.minutes / (self.windows * (1 - load))
