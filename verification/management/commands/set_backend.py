from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from verification.accounts.backends import (
    mask_url,
    remove_backend,
    reveal_webhook_secret,
    set_backend,
)
from verification.change_log import command_line_actor
from verification.management.base import (
    YES_NO,
    GatewayCommand,
    account_facts,
    add_json_argument,
    backend_facts,
    find_account,
)
from verification.models import Backend, OfficialAccount
from verification.relay.report import read_backlog


class Command(GatewayCommand):
    help = gettext_lazy(
        "Sets, changes or removes the backend of an account: the system of yours to which its "
        "messages are forwarded."
    )

    def create_parser(self, *names: Any, **kwargs: Any) -> CommandParser:
        """Let the URL stand behind options, too, which argparse does not by itself.

        Its own parse_intermixed_args() cuts the usage line in Chinese.
        """
        parser = super().create_parser(*names, **kwargs)

        def parse_args(args: Any = None, namespace: Any = None) -> Namespace:
            known: Namespace
            known, rest = parser.parse_known_args(args, namespace)
            if known.url is None and rest and not rest[0].startswith("-"):
                known.url = rest.pop(0)
            if rest:
                parser.error(_("unrecognized arguments: %s") % " ".join(rest))
            return known

        parser.parse_args = parse_args  # type: ignore[method-assign,assignment]
        return parser

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", help=_("The slug of the account."))
        parser.add_argument(
            "url", metavar="URL", nargs="?", help=_("The address that gets the messages.")
        )
        parser.add_argument(
            "--on-failure",
            choices=Backend.OnFailure.values,
            help=_(
                "What happens when the backend fails. keep: the message is stored encrypted, and "
                "delivered later; the follower gets no reply. resend: nothing is stored, and "
                "WeChat sends the message twice more; then the follower sees an error. You must "
                "choose when you set a backend."
            ),
        )
        parser.add_argument(
            "--retention-days",
            metavar="N",
            type=int,
            help=_("After how many days a message in the spool is deleted (default: 3)."),
        )
        parser.add_argument(
            "--decrypted",
            choices=[*YES_NO],
            help=_(
                "Whether the backend gets messages decrypted, and replies with plain ones. The "
                "account needs its EncodingAESKey here, and the backend does not (default: no)."
            ),
        )
        parser.add_argument("--none", action="store_true", help=_("Removes the backend."))
        parser.add_argument(
            "--show-secret",
            action="store_true",
            help=_("Prints the webhook secret as well. The change log records it."),
        )
        add_json_argument(parser)

    def handle(
        self, *, slug: str, url: str | None, none: bool, show_secret: bool, **options: Any
    ) -> None:
        account = find_account(slug)
        chosen = {
            "url": url,
            "on_failure": options["on_failure"],
            "retention_days": options["retention_days"],
            "forwards_decrypted": YES_NO.get(options["decrypted"]),
        }
        values = {name: value for name, value in chosen.items() if value is not None}
        if none and (values or show_secret):
            raise CommandError(_("--none takes no URL and no other setting."))
        if none:
            self.remove(account, options["json"])
            return
        if not values and not show_secret:
            raise CommandError(_("Name a URL, or remove the backend with --none: see --help."))
        changed = change(account, values) if values else []
        backend = find_backend(account)
        secret = reveal_webhook_secret(backend, command_line_actor()) if show_secret else None
        if options["json"]:
            facts = {"backend": backend_facts(backend), "changed": changed}
            if secret:
                facts["webhook_secret"] = secret
            self.print_json(**account_facts(account), **facts)
            return
        for line in describe(account, backend, changed if values else None):
            self.stdout.write(line)
        if secret:
            self.stdout.write(_("Webhook secret: {secret}").format(secret=secret))

    def remove(self, account: OfficialAccount, is_json: bool) -> None:
        was_removed = remove_backend(account, command_line_actor())
        backlog = read_backlog(account.pk)
        if is_json:
            self.print_json(
                **account_facts(account),
                backend=None,
                changed=["url"] if was_removed else [],
                messages_waiting=backlog.waiting,
                dead_letters=backlog.dead,
            )
            return
        if not was_removed:
            sentence = _("{account} has no backend; nothing was changed.")
            self.stdout.write(sentence.format(account=account))
            return
        sentence = _(
            "Removed the backend of {account}. Its messages are counted and no longer forwarded, "
            "so followers get no reply."
        )
        self.stdout.write(sentence.format(account=account))
        if count := backlog.waiting + backlog.dead:
            sentence = ngettext(
                "{count} message is still in the spool. It goes to the next backend, or is deleted "
                "when its retention ends.",
                "{count} messages are still in the spool. They go to the next backend, or are "
                "deleted when their retention ends.",
                count,
            )
            self.stdout.write(sentence.format(count=f"{count:,}"))


def find_backend(account: OfficialAccount) -> Backend:
    """Return the account's backend. Raises CommandError."""
    backend = Backend.objects.filter(account=account).select_related("account").first()
    if backend is None:
        raise CommandError(_("{account} has no backend. Name its URL.").format(account=account))
    return backend


def change(account: OfficialAccount, values: dict[str, Any]) -> list[str]:
    """Set these values, and leave the others of an existing backend as they are."""
    backend = Backend.objects.filter(account=account).first()
    if backend is None and "url" not in values:
        raise CommandError(_("{account} has no backend. Name its URL.").format(account=account))
    if backend is None and "on_failure" not in values:
        raise CommandError(
            _("Choose what happens when the backend fails: --on-failure keep or resend.")
        )
    known = backend or Backend()
    names = ("url", "on_failure", "retention_days", "forwards_decrypted")
    chosen = {name: values.get(name, getattr(known, name)) for name in names}
    try:
        return set_backend(account, actor=command_line_actor(), **chosen)
    except ValidationError as error:
        # Without the names of fields: each sentence says what is wrong.
        raise CommandError(" ".join(error.messages)) from error


def describe(
    account: OfficialAccount, backend: Backend, changed: list[str] | None
) -> Iterator[str]:
    """Yield what was changed, and the backend as it is now."""
    if changed == []:
        sentence = _("{account} has these settings already; nothing was changed.")
        yield sentence.format(account=account)
    elif changed:
        yield _("Set the backend of {account}.").format(account=account)
    yield _("Backend URL:    {url}").format(url=mask_url(backend.url))
    yield _("When it fails:  {choice}").format(choice=backend.get_on_failure_display())
    if backend.on_failure == Backend.OnFailure.KEEP:
        days = backend.retention_days
        sentence = ngettext(
            "Kept for:       at most {count} day", "Kept for:       at most {count} days", days
        )
        yield sentence.format(count=days)
    if backend.forwards_decrypted:
        yield _("Messages:       forwarded decrypted")
