"""What one person is told of an incident, on paper: printed at home, or by the office to be sent."""

from collections.abc import Callable, Sequence

from enrollment.incident import Incident
from web.desk.paper import Paper


def notice_paper(
    incident: Incident, to: Sequence[tuple[str, str]], records: Sequence[str], say: Callable[..., str], service: str
) -> Paper:
    """`to`: whom it is for, as lines of label and value. `records`: theirs that it concerns, as they can be told."""
    return Paper(
        title=say("notice-paper"),
        office=say("notice-incident"),
        lines=(
            *to,
            (say("incident-kind"), say(f"incident-{incident.kind.value}")),
            (say("incident-day"), str(incident.found_at.jst_date())),
            *((say("incident-record"), one) for one in records),
        ),
        check=say("notice-paper-more"),
        address=f"{service}/incidents/{incident.incident}",
    )
