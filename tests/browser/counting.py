"""How much somebody has to do at a page: every click, key and filled-in field, counted in the browser itself.

    watch(page)              before its first page is opened
    inputs(page)             what was done since, as words; `besides` are fields that do not count (names)

A key that writes a character is part of its field; a field counts once for each time that it was changed.
"""

from playwright.sync_api import Page

_SCRIPT = """
(() => {
  const kept = () => JSON.parse(sessionStorage.getItem("inputs") ?? "[]");
  const add = (what) => {
    const all = kept();
    if (what.startsWith("field") && all.at(-1) === what) return;
    sessionStorage.setItem("inputs", JSON.stringify([...all, what]));
  };
  const name = (one) => one.getAttribute?.("name") || one.id || one.textContent.trim().slice(0, 20);
  addEventListener("click", (event) => {
    if (!event.isTrusted || event.detail === 0) return;
    const at = event.target.closest("a, button, input, label, summary") ?? event.target;
    add(`click ${at.localName} ${name(at)}`);
  }, true);
  addEventListener("keydown", (event) => {
    if (event.isTrusted && event.key.length > 1) add(`key ${event.key}`);
  }, true);
  addEventListener("change", (event) => {
    if (event.target.matches("select, textarea, input:not([type=checkbox]):not([type=radio])"))
      add(`field ${name(event.target)}`);
  }, true);
})();
"""


def watch(page: Page) -> None:
    """Count from now on, through every page that is opened in this tab."""
    page.add_init_script(_SCRIPT)


def forget(page: Page) -> None:
    """Begin anew: what came before (log-in) is not part of the affair."""
    page.evaluate("sessionStorage.removeItem('inputs')")


def inputs(page: Page, besides: frozenset[str] = frozenset({"name"})) -> list[str]:
    """What was done, in order."""
    done: list[str] = page.evaluate("JSON.parse(sessionStorage.getItem('inputs') ?? '[]')")
    return [one for one in done if not (one.startswith("field ") and one.removeprefix("field ") in besides)]
