"""Names the texts of Django's own that our catalogue translates for operators.

Django reads the catalogue of LOCALE_PATHS last, so ours win. The calls below keep makemessages from
removing them; nothing imports the tuple.
"""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

OVERRIDDEN = (
    _(" By %(filter_title)s "),
    _("Add %(name)s"),
    _("Add %s"),
    _("Add"),
    _("Save and add another"),
    _("Log out"),
    _("Logged out"),
    _("Action"),
    _("Action:"),
    _("No action selected."),
    _("Run the selected action"),
    _("0 of %(cnt)s selected"),
    _("Delete selected %(verbose_name_plural)s"),
    _("Breadcrumbs"),
    _("%(model_name)s with this %(field_label)s already exists."),
    _(
        "Designates whether this user should be treated as active. Unselect this instead "
        "of deleting accounts."
    ),
    _("Designates whether the user can log into this admin site."),
    _("Designates that this user has all permissions without explicitly assigning them."),
)
