"""Builds the checklist of home: what is left to set up, and what is left before a review."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from verification.admin.accounts.connect import find_address_problem
from verification.admin.audit_log.due import Review
from verification.admin.base import account_url, may
from verification.admin.home.attention import AccountRows
from verification.admin.home.log import is_stale
from verification.admin.home.operation import Operation
from verification.audit_log.integrity import Check
from verification.auth.full_name import full_name_of
from verification.change_log import Action
from verification.models import ChangeEvent, TotpDevice


@dataclass(frozen=True)
class Step:
    """A line of the checklist: a link or a command says how to do it."""

    text: str
    is_done: bool
    hint: str = ""
    url: str = ""
    command: str = ""  #: a command, or a variable to set


@dataclass(frozen=True)
class Checklist:
    steps: list[Step]

    @property
    def done(self) -> int:
        return sum(step.is_done for step in self.steps)

    @property
    def next_step(self) -> Step | None:
        """Return the first step that is not done, or None if all are."""
        return next((step for step in self.steps if not step.is_done), None)


# --- Setting up


def read_setup(request: HttpRequest, accounts: AccountRows, operation: Operation) -> Checklist:
    """Return what has to be set up before accounts can be relied upon."""
    return Checklist(
        [
            Step(
                _("Use your own domain"),
                not find_address_problem(settings.PUBLIC_URL),
                _("WeChat must reach it on port 80 or 443. Set in .env, then restart:"),
                command="PUBLIC_URL=https://wx.example.cn",
            ),
            *_first_account(request, accounts),
            *_people(request),
            Step(
                _("Run a worker"),
                not operation.is_worker_missing,
                _("It delivers waiting messages, sends alerts and checks the log every day. Run:"),
                command="manage.py worker",
            ),
            Step(
                _("Choose who gets alerts"),
                operation.has_channels,
                _(
                    "A WeCom group robot, or e-mail. In .env, set ALERT_WECOM_WEBHOOK, or "
                    "ALERT_EMAIL_TO and EMAIL_URL; then restart."
                ),
            ),
            _kept_head(request),
        ]
    )


def _first_account(request: HttpRequest, accounts: AccountRows) -> Iterator[Step]:
    add = may(request, "add_officialaccount")
    yield Step(
        _("Add your first account"),
        bool(accounts),
        url=reverse("admin:verification_officialaccount_add") if add else "",
    )
    first = next((account for account, _status in accounts), None)
    yield Step(
        _("Connect it"),
        any(status.facts.last_accepted for _account, status in accounts),
        _("Its page has the server URL and the token for the console."),
        url=account_url(first.pk) if first else "",
    )


def _people(request: HttpRequest) -> Iterator[Step]:
    yield Step(
        _("Require a second factor to sign in"),
        settings.ADMIN_REQUIRE_TOTP,
        _(
            "Each person sets up an authenticator app at the next sign-in. Set in .env, then "
            "restart:"
        ),
        command="ADMIN_REQUIRE_TOTP=1",
    )
    yield Step(
        _("Have a second person who can rotate tokens"),
        count_managers() > 1,
        _("One of you can then help the other, for example after the loss of a phone."),
        url=reverse("admin:auth_user_changelist")
        if request.user.has_perm("auth.view_user")
        else "",
    )


def count_managers() -> int:
    """Return how many people can sign in and rotate tokens, with a second factor if required."""
    backend = "django.contrib.auth.backends.ModelBackend"
    people = User.objects.with_perm("verification.rotate_token", backend=backend)
    people = people.filter(is_staff=True)
    if settings.ADMIN_REQUIRE_TOTP:
        devices = TotpDevice.objects.filter(confirmed=True)
        people = people.filter(pk__in=devices.values("user"))
    return people.count()


def _kept_head(request: HttpRequest) -> Step:
    """Return whether a head of the chain left this server, with a sign-off or a sealed export.

    Whether somebody keeps it cannot be known.
    """
    candidates = ChangeEvent.objects.filter(action__in=[Action.SIGNED_OFF, Action.EXPORTED])
    kept = candidates.filter(Q(action=Action.SIGNED_OFF) | Q(facts__format="sealed"))
    return Step(
        _("Keep a head of the log elsewhere"),
        kept.exists(),
        _(
            "Sign off a period, or export a sealed record: both hold the head, which Integrity "
            "shows. Keep the paper or the file where who can write to the database cannot change "
            "it."
        ),
        url=reverse("admin:integrity") if may(request, "view_seal") else "",
    )


# --- A review


def read_review_steps(request: HttpRequest, check: Check | None, review: Review) -> Checklist:
    """Return what an auditor needs before the next sign-off."""
    assert request.user.is_authenticated
    return Checklist(
        [
            Step(
                _("Store your full name"),
                bool(full_name_of(request.user)),
                _("Sign-offs show it. An administrator enters it on the page of your user."),
            ),
            Step(
                _("Set the name of your organisation"),
                bool(settings.ORGANISATION),
                _("Printed sign-offs begin with it. Whoever runs this server sets:"),
                command="ORGANISATION",
            ),
            Step(
                _("Check the log this week"),
                check is not None and check.is_intact and not is_stale(check, timezone.now()),
                url=reverse("admin:integrity"),
            ),
            *_last_quarter(review),
        ]
    )


def _last_quarter(review: Review) -> Iterator[Step]:
    """Yield the step about the last full quarter, unless there was nothing to sign off."""
    if not review.is_due and not review.is_done:
        return
    hint = _("Look through {period}, then sign it off.").format(period=review.quarter)
    yield Step(
        _("Sign off the last full quarter"),
        review.is_done,
        hint if review.is_due else "",
        url=review.sign_off_url,
    )
