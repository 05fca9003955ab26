"""What is told of an error, by mail or on a page of DEBUG."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from django.test import RequestFactory
from django.views.debug import ExceptionReporter

TOKEN = "".join(["TokenOf", "BrandA1234"])  # apart: a report quotes the source


@pytest.fixture
def reporter() -> ExceptionReporter:
    """Of an error in a view that was sent a token, and holds it in a variable."""
    request = RequestFactory().post("/admin/", {"token": TOKEN})
    text = request.POST["token"]
    try:
        raise RuntimeError(f"Something broke after {len(text)} characters.")
    except RuntimeError:
        return ExceptionReporter(request, *sys.exc_info())


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("form", ["html", "text"])
def test_it_says_what_broke_and_where_but_no_value(
    reporter: ExceptionReporter, settings: Any, debug: bool, form: str
) -> None:
    settings.DEBUG = debug
    report = getattr(reporter, f"get_traceback_{form}")()

    assert "Something broke after 17 characters." in report
    assert "test_error_reporting.py" in report
    assert "token" in report
    assert TOKEN not in report
