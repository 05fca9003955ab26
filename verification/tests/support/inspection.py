"""Inspect pages in both color schemes and widths: accessibility, focus, width and console."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import ConsoleMessage, Page

AXE_CORE = Axe().axe_script
#: Color scheme, width in pixels, and axe-core's options. Problems other than colors are the same in
#: both schemes, so only the second pass looks for them.
PASSES: list[tuple[str, int, dict[str, Any]]] = [
    ("dark", 390, {"runOnly": ["color-contrast", "link-in-text-block"]}),
    ("light", 1280, {}),
]
#: Ends the transitions with which Django's links change their color.
FINISH_TRANSITIONS = """document.getAnimations().forEach((animation) => {
  if (animation instanceof CSSTransition) animation.finish();
})"""
RUN = """(options) => axe.run(document, options).then(({ violations }) => violations
  .filter(({ impact }) => impact === 'serious' || impact === 'critical')
  .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 160)}`)))"""
#: Lists the controls without a ring while they have the focus. Then it puts the focus back; if none
#: had it, Tab leads to the first control.
WITHOUT_RING = """() => {
  const [before, focus] = [document.activeElement, { focusVisible: true, preventScroll: true }];
  const selector = 'a[href], button, input, select, textarea, summary, [tabindex="0"]';
  const controls = [...document.querySelectorAll(selector)].filter((control) =>
    !control.disabled && control.checkVisibility({ visibilityProperty: true }));
  const found = controls.filter((control) => {
    control.focus(focus);
    if (control !== document.activeElement) return false;
    const { outlineStyle, outlineWidth } = getComputedStyle(control);
    return outlineStyle === 'none' || outlineWidth === '0px';
  });
  if (controls.length) (before === document.body ? controls[0] : before).focus(focus);
  if (before === document.body) document.activeElement.blur();
  return found.map((control) => `no ring of focus: ${control.outerHTML.slice(0, 160)}`);
}"""
#: What a person hears first: the language, the title, and exactly one heading of the first level.
#: In the admin, the title contains it. Titles of error pages are shorter.
HEAD = """() => {
  const words = (text) => text.replace(/\\s+/g, ' ').trim();
  const headings = [...document.querySelectorAll('h1')].map((h1) => words(h1.textContent));
  const isNamed = document.querySelector('#site-name')
    ? words(document.title).includes(headings[0])
    : document.title;
  return [
    headings.length === 1 ? '' : `has ${headings.length} h1`,
    isNamed ? '' : `the title “${document.title}” does not name “${headings}”`,
    document.documentElement.lang ? '' : 'has no lang',
  ].filter(Boolean);
}"""


class Inspection(list[str]):
    """Collects the problems of the pages that a test has watched and inspected."""

    def watch(self, page: Page) -> Page:
        """Collect the console's errors and warnings, also those of our CSP, and script errors."""
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.append(str(error)))
        return page

    def inspect(self, page: Page) -> None:
        """Inspect a page in each of PASSES, without loading it again."""
        page.wait_for_load_state()
        page.evaluate(AXE_CORE)
        count, problems = len(self), [f"{page.url} {problem}" for problem in page.evaluate(HEAD)]
        for color_scheme, width, options in PASSES:
            where = f"{page.url}, {color_scheme}, {width} px"
            problems += [f"{where}: {problem}" for problem in fit(page, color_scheme, width)]
            violations = page.evaluate(RUN, {"resultTypes": ["violations"], **options})
            problems += [f"{where}: {violation}" for violation in violations]
        # This drops the messages about axe-core's own styles, which our CSP refuses.
        self[count:] = problems

    def look(self, page: Page) -> None:
        """Inspect what needs no axe-core, where another test inspects the same page with it."""
        self += [f"{page.url} {problem}" for problem in page.evaluate(HEAD)]
        for color_scheme, width, _options in PASSES:
            where = f"{page.url}, {color_scheme}, {width} px"
            self += [f"{where}: {problem}" for problem in fit(page, color_scheme, width)]

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not is_page_status(message):
            self.append(f"{message.location['url']}: {message.text}")


def fit(page: Page, color_scheme: str, width: int) -> list[str]:
    """Show the page in this scheme and width, and return what does not fit or shows no focus."""
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=color_scheme)  # type: ignore[arg-type]
    problems: list[str] = page.evaluate(WITHOUT_RING)
    page.evaluate(FINISH_TRANSITIONS)
    needed = page.evaluate("document.documentElement.scrollWidth")
    return [*problems, f"needs {needed} px"] if needed > width else problems


def is_page_status(message: ConsoleMessage) -> bool:
    """Return whether the message is the one that Chromium logs for a status of 400 or more."""
    assert message.page
    is_status = message.text.startswith("Failed to load resource")
    return is_status and message.location["url"] == message.page.url
