"""Read the list of attempts as a person does: its rows, its links and its text."""

from __future__ import annotations

import html
import re

from django.test import Client

LIST = "/admin/verification/verificationattempt/"


def show(client: Client, **query: str) -> str:
    return client.get(LIST, query).text


def follow(client: Client, link: str) -> str:
    """Return the page that a link of the list leads to."""
    return client.get(LIST + html.unescape(link)).text


def column(page: str, name: str) -> list[str]:
    """Return the text of a column, an empty list if nothing is listed."""
    rows = page.partition('id="result_list"')[2].partition("</thead>")[2]
    cells = re.findall(rf'class="field-{name}"[^>]*>(.*?)</t[dh]>', rows, re.DOTALL)
    return [plain(cell) for cell in cells]


def plain(page: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", "", page)).split())
