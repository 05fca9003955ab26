"""Adds accounts with `manage.py add_account`: python -m benchmarks.accounts NUMBER

They have the slugs that benchmarks.sample_log uses, so that it finds them.
"""

from __future__ import annotations

import io
import os
import sys

from benchmarks.signed_requests import Caller


def slug(number: int) -> str:
    return f"sample-{number}"


def token(number: int) -> str:
    return f"TokenOfTheBenchmark{number}"


def callers(count: int, *, at_root: bool = False) -> list[Caller]:
    """Return one caller for each of the first `count` accounts."""
    return [
        Caller("/" if at_root else f"/wechat/{slug(number)}", token(number))
        for number in range(count)
    ]


def main(count: int) -> None:
    import django
    from django.core.management import call_command

    os.environ["DJANGO_SETTINGS_MODULE"] = "wechat_gateway.settings"
    django.setup()
    for number in range(count):
        output = io.StringIO()  # discarded: it warns about accounts that do not fit at /
        call_command("add_account", slug(number), token=token(number), stdout=output, stderr=output)


if __name__ == "__main__":
    main(int(sys.argv[1]))
