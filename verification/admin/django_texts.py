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
    _("Add another %(model)s"),
    _("Save and add another"),
    _("Log out"),
    _("Logged out"),
    _("Recent actions"),
    _("My actions"),
    _("None available"),
    _("Action"),
    _("Action:"),
    _("No action selected."),
    _("Run the selected action"),
    _("0 of %(cnt)s selected"),
    _("Change %s"),
    _("View %s"),
    _("Select %s"),
    _("Select %s to change"),
    _("Select %s to view"),
    _("Delete selected %(verbose_name_plural)s"),
    _("Delete selected %(model)s"),
    _("Models in the %(name)s application"),
    _("Model name"),
    _("Add link"),
    _("Change or view list link"),
    _("Breadcrumbs"),
    _("After you’ve created a user, you’ll be able to edit more user options."),
    _(
        "Whether the user will be able to authenticate using a password or not. If "
        "disabled, they may still be able to authenticate using other backends, such as "
        "Single Sign-On or LDAP."
    ),
    _("Password-based authentication"),
    _("%(model_name)s with this %(field_label)s already exists."),
    _("Enabled"),
    _("Disabled"),
    _(
        "Designates whether this user should be treated as active. Unselect this instead "
        "of deleting accounts."
    ),
    _("Designates whether the user can log into this admin site."),
    _("Designates that this user has all permissions without explicitly assigning them."),
)
