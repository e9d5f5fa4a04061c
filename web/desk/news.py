"""What a page that asks for news every second is told once there are some."""

from fastapi import Response

from web.pages.router import Pages, Visit


def look_again(pages: Pages, visit: Visit, where: str) -> Response:
    """Load `where` anew; where somebody is typing, it is only said, with a link: what they typed would be lost."""
    if visit.request.headers.get("x-typing") == "yes":
        return pages.page(visit, "desk/changed.html", where=where)
    return Response(status_code=204, headers={"hx-redirect": where})
