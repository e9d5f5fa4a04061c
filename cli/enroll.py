"""`jitsuin enroll`: what an administrator and a clerk do from a terminal: persons, desks, operators, procedures.

Where the operator's key is a file of a trial deployment, each act is signed with it; a real operator's key is on their
card, and where the municipality demands signed acts theirs come from the desk's pages.
"""

import typer

from cli import enroll_counter, enroll_letter, enroll_policy, enroll_registry

app = typer.Typer(no_args_is_help=True, help="Persons, desks, operators, visits and procedures from a terminal.")
app.add_typer(enroll_registry.person, name="person")
app.add_typer(enroll_registry.desk, name="desk")
app.add_typer(enroll_registry.operator, name="operator")
app.add_typer(enroll_policy.app, name="policy")
app.add_typer(enroll_counter.application, name="application")
app.add_typer(enroll_counter.procedure, name="procedure")
app.add_typer(enroll_letter.letter, name="letter")
for command in (
    enroll_counter.visit,
    enroll_counter.confirm,
    enroll_counter.waiting,
    enroll_counter.decide,
    enroll_letter.deadlines,
):
    app.command()(command)
