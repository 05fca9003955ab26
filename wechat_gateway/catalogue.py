"""Opens the project's catalogue to the standard library's gettext, from which argparse reads."""

from __future__ import annotations

import gettext
import os

from django.utils.translation import to_locale

from wechat_gateway import env


def use_catalogue() -> None:
    """Translate gettext.gettext to LANGUAGE_CODE, whatever the language of the terminal is."""
    gettext.bindtextdomain("django", env.ROOT / "verification" / "locale")
    gettext.textdomain("django")
    os.environ["LANGUAGE"] = to_locale(env.text("LANGUAGE_CODE", "en"))
