"""Whether a page is for everybody: in the light and in the dark, wide and narrow, with no noise."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import ConsoleMessage, Page

AXE_CORE = Axe().axe_script
#: What axe-core looks at; the frame and the search box are Django's.
OURS = {"include": [["#content"], ["main"]], "exclude": [["#searchbar"]]}
#: What is wrong beside the colours is so in both schemes: the second look finds it.
LOOKS: list[tuple[str, int, dict[str, Any]]] = [
    ("dark", 390, {"runOnly": ["color-contrast", "link-in-text-block"]}),
    ("light", 1280, {}),
]
#: Django's links take a moment to change their colour.
LET_IT_SETTLE = """document.getAnimations().forEach((animation) => {
  if (animation instanceof CSSTransition) animation.finish();
})"""
RUN = "([context, options]) => axe.run(context, options).then(({ violations }) => violations)"


class Inspection(list[str]):
    """What is wrong with the pages that a test has watched and looked at."""

    def watch(self, page: Page) -> Page:
        """Note what its console complains about, our policy included, and scripts that fail."""
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.append(str(error)))
        return page

    def look(self, page: Page) -> None:
        """Look twice at a page that was loaded once; it is left light and wide."""
        page.wait_for_load_state()
        page.evaluate(AXE_CORE)
        seen, found = len(self), []
        for color_scheme, width, options in LOOKS:
            page.set_viewport_size({"width": width, "height": 800})
            page.emulate_media(color_scheme=color_scheme)  # type: ignore[arg-type]
            page.evaluate(LET_IT_SETTLE)
            where = f"{page.title()} ({page.url}), {color_scheme}, {width} px"
            if page.evaluate("document.documentElement.scrollWidth") > width:
                found.append(f"{where}: is too wide")
            found += [f"{where}: {violation}" for violation in serious_violations(page, options)]
        # axe-core writes styles of its own, which our policy refuses.
        self[seen:] = found

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not is_its_status(message):
            self.append(f"{message.location['url']}: {message.text}")


def is_its_status(message: ConsoleMessage) -> bool:
    """Chromium complains of every page that is an answer of 400 or more."""
    assert message.page
    is_status = message.text.startswith("Failed to load resource")
    return is_status and message.location["url"] == message.page.url


def serious_violations(page: Page, options: dict[str, Any]) -> list[str]:
    found = page.evaluate(RUN, [OURS, {"resultTypes": ["violations"], **options}])
    return [
        f"{rule['id']}: {node['html'][:160]}"
        for rule in found
        if rule["impact"] in {"serious", "critical"}
        for node in rule["nodes"]
    ]
