"""Builds home: what needs the person who is signed in, and how everything stands.

Each block is left out for people who may not see the page that it leads to.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils import timezone

from verification.accounts.status import read_sorted_statuses
from verification.admin.audit_log.due import read_review
from verification.admin.base import may
from verification.admin.home.activity import read_activity
from verification.admin.home.attention import count_states, find_attention
from verification.admin.home.checklist import read_review_steps, read_setup
from verification.admin.home.log import is_stale, read_changes
from verification.admin.home.operation import find_backlogs, read_operation
from verification.admin.home.secrets import read_ending_secrets
from verification.audit_log.integrity import Check, latest_check
from verification.models import ChangeEvent, Delivery, OfficialAccount, Seal, VerificationAttempt
from verification.times import format_short, format_zone


def home_context(request: HttpRequest) -> dict[str, Any]:
    """Return the blocks of home that this person may see."""
    context: dict[str, Any] = {"zone": format_zone()}
    check = latest_check() if can_view(request, Seal) else None
    if can_view(request, Seal) or may(request, "sign_off"):
        context |= log_blocks(request, check)
    if can_view(request, OfficialAccount):
        context |= account_blocks(request, check)
    if can_view(request, VerificationAttempt):
        context["activity"] = read_activity()
    if can_view(request, ChangeEvent):
        context["changes"] = read_changes()
    return context


def can_view(request: HttpRequest, model: type[Model]) -> bool:
    """Return whether this person may open the pages of the model."""
    return admin.site.get_model_admin(model).has_view_permission(request)


def account_blocks(request: HttpRequest, check: Check | None) -> dict[str, Any]:
    now = timezone.now()
    accounts = read_sorted_statuses(OfficialAccount.objects.all())
    operation = read_operation(now, with_log=can_view(request, Seal))
    with_attempts = can_view(request, VerificationAttempt)
    blocks = {
        "has_accounts": bool(accounts),
        "attention": find_attention(accounts, check, operation, with_attempts=with_attempts),
        "states": count_states(accounts),
        "ending": read_ending_secrets(now),
        "backlogs": find_backlogs(accounts),
        "operation": operation,
        "may_see_deliveries": can_view(request, Delivery),
    }
    if may(request, "add_officialaccount"):
        setup = read_setup(request, accounts, operation)
        blocks["setup"] = setup if setup.next_step else None
    return blocks


def log_blocks(request: HttpRequest, check: Check | None) -> dict[str, Any]:
    review = read_review(timezone.localdate())
    blocks: dict[str, Any] = {
        "log": {
            "check": check,
            "checked_at": format_short(check.at) if check else "",
            "is_stale": is_stale(check, timezone.now()),
            "review": review,
            "signed_at": format_short(review.last.recorded_at) if review.last else "",
            "may_check": can_view(request, Seal),
            "may_see_changes": can_view(request, ChangeEvent),
            "may_sign_off": may(request, "sign_off"),
        }
    }
    if is_reviewer(request):
        steps = read_review_steps(request, check, review)
        blocks["review_steps"] = steps if steps.next_step else None
    return blocks


def is_reviewer(request: HttpRequest) -> bool:
    """Return whether the log, and not the accounts, is this person's first concern."""
    return may(request, "sign_off") and not may(request, "change_officialaccount")
