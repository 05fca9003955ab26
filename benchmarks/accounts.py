"""Makes accounts the way an operator does: python -m benchmarks.accounts NUMBER

They have the slugs of the sample log, which then uses them.
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


def callers(number: int, *, at_root: bool = False) -> list[Caller]:
    return [
        Caller("/" if at_root else f"/wechat/{slug(each)}", token(each)) for each in range(number)
    ]


def main(number: int) -> None:
    import django
    from django.core.management import call_command

    os.environ["DJANGO_SETTINGS_MODULE"] = "wechat_gateway.settings"
    django.setup()
    for each in range(number):
        silence = io.StringIO()  # which accounts no longer fit at /
        call_command("add_account", slug(each), token=token(each), stdout=silence, stderr=silence)


if __name__ == "__main__":
    main(int(sys.argv[1]))
