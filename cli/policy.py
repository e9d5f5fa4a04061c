"""`jitsuin policy`: check a cap policy, see what another one changes, and try policies on a population or a ledger."""

import csv
import json
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.language import Language, spoken

if TYPE_CHECKING:
    from enrollment.policy import CapPolicy
    from enrollment.simulation import Month

app = typer.Typer(no_args_is_help=True, help="Cap policies: check, compare, simulate.")

PolicyFile = Annotated[Path, typer.Argument(metavar="FILE", help="A policy as TOML or JSON.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Lang = Annotated[Language | None, typer.Option("--lang", help="ja or en; by default the shell's.")]


@app.callback()
def _policy() -> None:
    """Cap policies: how often, how long and how much may be done remotely before one must come in person."""


def read_policy(path: Path) -> "CapPolicy":
    """A policy from a TOML or JSON file. Errors: InvalidValue naming the field, Malformed."""
    from enrollment.policy import parse_policy

    return parse_policy(read_table(path))


def read_table(path: Path) -> dict[str, Any]:
    """What a TOML or JSON file says. Errors: Malformed; InvalidValue if it is no table."""
    from pki.errors import InvalidValue, Malformed

    try:
        text = path.read_text("utf-8")
        record: Any = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise Malformed(f"{path.name} cannot be read as a policy") from error
    if not isinstance(record, dict):
        raise InvalidValue("a policy is a table of fields")
    return record


def _told(policy: "CapPolicy") -> dict[str, Any]:
    told: dict[str, Any] = json.loads(json.dumps(policy.body()))
    return told


@app.command()
def check(
    file: PolicyFile,
    common: Annotated[
        Path | None, typer.Option("--common", metavar="FILE", help="The common policy that it must not be looser than.")
    ] = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Read a policy and say what is in it; with --common, refuse it where it is looser."""
    from cli import policy_words

    policy = read_policy(file)
    if common is not None:
        policy.require_not_looser(read_policy(common))
    if as_json:
        print(json.dumps({"ok": True, "policy": _told(policy)}, ensure_ascii=False))
        return
    print("\n".join(policy_words.rules(_told(policy), spoken(lang))))


@app.command()
def diff(before: PolicyFile, after: PolicyFile, as_json: AsJson = False, lang: Lang = None) -> None:
    """What changes from one policy to another, and whether each change is looser or stricter."""
    from cli import policy_words

    old, new = read_policy(before), read_policy(after)
    looser, stricter = set(new.loosened(old)), set(old.loosened(new))
    was, becomes = _told(old), _told(new)
    changes = [
        {
            "field": name,
            "before": was[name],
            "after": becomes[name],
            "direction": "looser" if name in looser else "stricter" if name in stricter else "other",
        }
        for name in was
        if was[name] != becomes[name]
    ]
    if as_json:
        print(json.dumps({"changes": changes}, ensure_ascii=False))
        return
    print("\n".join(policy_words.differences(changes, spoken(lang))))


@app.command()
def simulate(
    policy: Annotated[list[Path], typer.Option("--policy", metavar="FILE", help="A candidate; may be repeated.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where summary.csv and the pictures go.")],
    people: Annotated[int, typer.Option("--people", min=1, max=10_000_000, help="Size of the population.")] = 100_000,
    years: Annotated[int, typer.Option("--years", min=1, max=50, help="How long they live.")] = 10,
    seed: Annotated[int, typer.Option("--random-seed", min=0, help="The same seed tells the same story.")] = 1,
    population: Annotated[
        Path | None,
        typer.Option("--population", metavar="FILE", help="Assumptions about people, as TOML.", exists=True),
    ] = None,
    ledger: Annotated[
        Path | None, typer.Option("--ledger", metavar="DIR", help="Replay this deployment's own ledger instead.")
    ] = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Try policies on a synthetic population, or on the ledger as it happened: summary.csv and pictures in DIR."""
    from rich.progress import Progress

    from cli import policy_words
    from cli.policy_picture import draw_all

    policies = _distinct([read_policy(path) for path in policy])
    with Progress(disable=as_json, transient=True) as progress:
        task = progress.add_task("people" if ledger is not None else "months", total=None)

        def tell(done: int, of: int) -> None:
            progress.update(task, completed=done, total=of)

        if ledger is not None:
            months, distances = _replayed(ledger, policies, tell)
            note = "実際の台帳の再現 / replayed from the ledger as it is"
        else:
            from enrollment.simulation import Simulation

            simulation = Simulation(_population(population, people, years), policies, seed)
            months = list(simulation.months(tell))
            distances = simulation.distances()
            note = (
                f"模擬の人口 {people:,} 人・{years} 年・乱数の種 {seed} / "
                f"simulated: {people:,} people, {years} years, random seed {seed}"
            )
    out.mkdir(parents=True, exist_ok=True)
    _write_csv(out / "summary.csv", months)
    pictures = draw_all(out, months, distances, note)
    totals = _totals(months)
    if as_json:
        print(json.dumps({"out": str(out), "pictures": pictures, "policies": totals}, ensure_ascii=False))
        return
    for name, total in totals.items():
        print(policy_words.outcome(name, total, spoken(lang)))
    print(f"{out}/summary.csv, {', '.join(pictures)}")


def _distinct(policies: "list[CapPolicy]") -> "list[CapPolicy]":
    from pki.errors import InvalidValue

    names = [policy.version for policy in policies]
    if len(set(names)) != len(names):
        raise InvalidValue("two policies have the same version: the table could not tell them apart")
    return policies


def _population(path: Path | None, people: int, years: int) -> Any:
    from enrollment.population import Population
    from pki.errors import InvalidValue

    record: dict[str, Any] = {}
    if path is not None:
        try:
            record = tomllib.loads(path.read_text("utf-8"))
            record = {name: tuple(value) if isinstance(value, list) else value for name, value in record.items()}
            return Population(**{"people": people, "years": years, **record})
        except (ValueError, TypeError) as error:
            raise InvalidValue(f"{path.name}: {error}") from error
    return Population(people=people, years=years)


def _replayed(
    folder: Path, policies: "list[CapPolicy]", tell: Callable[[int, int], None]
) -> "tuple[list[Month], dict[str, list[int]]]":
    from cli.clock import SystemClock
    from cli.database import Database
    from cli.settings import load_settings
    from enrollment.ledger import everybody
    from enrollment.replay import distances, replay

    database = Database(load_settings(folder).database_url)
    try:
        people = database.read(lambda conn: list(everybody(conn)))
    finally:
        database.close()
    return replay(people, policies, tell), {"now": distances(people, SystemClock().now())}


def _write_csv(path: Path, months: "Sequence[Month]") -> None:
    from enrollment.simulation import Month

    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(Month.__dataclass_fields__), lineterminator="\n")
        writer.writeheader()
        for month in months:
            writer.writerow(asdict(month))


def _totals(months: "Sequence[Month]") -> dict[str, dict[str, Any]]:
    totals: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(month.policy for month in months):
        own = [month for month in months if month.policy == name]
        remote, refused = sum(month.remote for month in own), sum(month.refused for month in own)
        busiest = max(own, key=lambda month: month.counter_visits + month.post_office_visits)
        totals[name] = {
            "remote": remote,
            "refused": refused,
            "refused_percent": round(100 * refused / max(1, remote + refused), 2),
            "busiest_month": busiest.month,
            "busiest_visits": busiest.counter_visits + busiest.post_office_visits,
            "at_cap": own[-1].at_cap,
        }
    return totals
