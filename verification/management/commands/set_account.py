from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.contrib.admin.utils import label_for_field
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.forms import modelform_factory
from django.forms.models import model_to_dict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from verification.accounts.backends import DECRYPTION_IDS
from verification.accounts.editing import save_changes
from verification.accounts.rotation import current_secret
from verification.change_log import command_line_actor
from verification.management.base import (
    YES_NO,
    GatewayCommand,
    account_facts,
    add_json_argument,
    find_account,
    format_server_url,
)
from verification.management.platforms import PLATFORMS, add_platform_arguments
from verification.models import AESKey, OfficialAccount
from verification.models.account import SLUG_IS_FIXED

#: The field of each option.
FIELDS = {
    "name": "name",
    "new_slug": "slug",
    "at_root": "answers_at_root",
    "platform": "platform",
    "app_id": "app_id",
    "suite_id": "suite_id",
    "original_id": "original_id",
    "notes": "notes",
}


class Command(GatewayCommand):
    help = gettext_lazy(
        "Changes the settings of an account, as its page in the admin does. The change log records "
        "the old and the new values."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", help=_("The slug of the account."))
        parser.add_argument("--name", help=_("The name that the admin shows."))
        parser.add_argument("--notes", help=_("Notes for your colleagues."))
        add_platform_arguments(
            parser, _("The platform. It cannot change once it has called successfully.")
        )
        parser.add_argument(
            "--original-id", metavar="ID", help=_("The original ID, for your own reference.")
        )
        parser.add_argument(
            "--new-slug",
            metavar="SLUG",
            help=_(
                "The new last part of the server URL. It cannot change once the URL has been "
                "called."
            ),
        )
        parser.add_argument(
            "--at-root",
            choices=[*YES_NO],
            help=_("Whether the account also accepts calls at the bare domain."),
        )
        add_json_argument(parser)

    def handle(self, *, slug: str, **options: Any) -> None:
        account = find_account(slug)
        chosen = {name: options[name] for name in FIELDS if options[name] is not None}
        values = {FIELDS[name]: value for name, value in chosen.items()}
        if not values:
            raise CommandError(_("Name at least one setting to change: see --help."))
        if "answers_at_root" in values:
            values["answers_at_root"] = YES_NO[values["answers_at_root"]]
        if "platform" in values:
            values["platform"] = PLATFORMS[values["platform"]].value
        if values.get("slug", slug) != slug and account.was_called():
            raise CommandError(SLUG_IS_FIXED.format(account=account))
        validate(account, values)
        changed = save_changes(account, values, command_line_actor())
        if "app_id" in changed:
            self.warn_about_id(account)
        if DECRYPTION_IDS.intersection(changed):
            self.warn_about_decryption(account)
        if options["json"]:
            self.print_json(**account_facts(account), changed=changed)
            return
        if not changed:
            sentence = _("{account} has these settings already; nothing was changed.")
            self.stdout.write(sentence.format(account=account))
            return
        for line in format_result(account, changed):
            self.stdout.write(line)


def format_result(account: OfficialAccount, changed: list[str]) -> Iterator[str]:
    labels = [
        str(account.id_name if name == "app_id" else label_for_field(name, OfficialAccount))
        for name in changed
    ]
    sentence = _("Changed {fields} of {account}.")
    yield sentence.format(fields=", ".join(labels), account=account)
    if "slug" in changed:
        yield from format_server_url(account)
    if account.is_wecom and current_secret(AESKey, account) is None:
        sentence = _("WeCom encrypts everything: run set_aes_key {slug} before you press {button}.")
        yield sentence.format(slug=account.slug, button=account.submit_button)


def validate(account: OfficialAccount, values: dict[str, Any]) -> None:
    """Set the values on the account, as the form in the admin does. Raises ValidationError."""
    names = [*FIELDS.values()]
    form_class = modelform_factory(OfficialAccount, fields=names)
    form = form_class({**model_to_dict(account, names), **values}, instance=account)
    if not form.is_valid():
        raise ValidationError(form.errors.as_data())
