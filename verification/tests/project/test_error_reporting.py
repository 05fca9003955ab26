"""Error reports, in mails and on DEBUG pages, contain no values."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from django.test import RequestFactory
from django.views.debug import ExceptionReporter

TOKEN = "".join(["TokenOf", "BrandA1234"])  # in two parts, because a report quotes the source


@pytest.fixture
def reporter() -> ExceptionReporter:
    """Return the report of an error in a view with a token in its form and in a variable."""
    request = RequestFactory().post("/admin/", {"token": TOKEN})
    text = request.POST["token"]
    try:
        raise RuntimeError(f"Something broke after {len(text)} characters.")
    except RuntimeError:
        return ExceptionReporter(request, *sys.exc_info())


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("form", ["html", "text"])
def test_a_report_names_the_error_and_its_place_but_no_value(
    reporter: ExceptionReporter, settings: Any, debug: bool, form: str
) -> None:
    settings.DEBUG = debug
    report = getattr(reporter, f"get_traceback_{form}")()

    assert "Something broke after 17 characters." in report
    assert "test_error_reporting.py" in report
    assert "token" in report
    assert TOKEN not in report
