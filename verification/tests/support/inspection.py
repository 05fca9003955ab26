"""Inspect pages for accessibility, in both color schemes and widths, and for console errors."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import ConsoleMessage, Page

AXE_CORE = Axe().axe_script
#: The parts that axe-core checks. The frame and the search box are Django's.
OURS = {"include": [["#content"], ["main"]], "exclude": [["#searchbar"]]}
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
RUN = "([context, options]) => axe.run(context, options).then(({ violations }) => violations)"


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
        count, problems = len(self), []
        for color_scheme, width, options in PASSES:
            page.set_viewport_size({"width": width, "height": 800})
            page.emulate_media(color_scheme=color_scheme)  # type: ignore[arg-type]
            page.evaluate(FINISH_TRANSITIONS)
            where = f"{page.title()} ({page.url}), {color_scheme}, {width} px"
            if page.evaluate("document.documentElement.scrollWidth") > width:
                problems.append(f"{where}: is too wide")
            problems += [f"{where}: {violation}" for violation in serious_violations(page, options)]
        # This drops the messages about axe-core's own styles, which our CSP refuses.
        self[count:] = problems

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not is_page_status(message):
            self.append(f"{message.location['url']}: {message.text}")


def is_page_status(message: ConsoleMessage) -> bool:
    """Return whether the message is the one that Chromium logs for a status of 400 or more."""
    assert message.page
    is_status = message.text.startswith("Failed to load resource")
    return is_status and message.location["url"] == message.page.url


def serious_violations(page: Page, options: dict[str, Any]) -> list[str]:
    violated_rules = page.evaluate(RUN, [OURS, {"resultTypes": ["violations"], **options}])
    return [
        f"{rule['id']}: {node['html'][:160]}"
        for rule in violated_rules
        if rule["impact"] in {"serious", "critical"}
        for node in rule["nodes"]
    ]
