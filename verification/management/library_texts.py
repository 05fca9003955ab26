"""Names the texts of argparse's and Django's own that a command's --help and its errors show.

They are in no source of this project, so the calls below keep makemessages from removing them;
nothing imports the tuple. argparse finds its texts through the standard library's gettext, which
manage.py points at our catalogue. Django does not translate the help of its base options, so
GatewayCommand does.
"""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

ARGPARSE = (
    _("usage: "),
    _("positional arguments"),
    _("options"),
    _("show this help message and exit"),
    _("%(prog)s: error: %(message)s\n"),
    _("argument %(argument_name)s: %(message)s"),
    _("the following arguments are required: %s"),
    _("one of the arguments %s is required"),
    _("unrecognized arguments: %s"),
    _("expected one argument"),
    _("expected at least one argument"),
    _("not allowed with argument %s"),
    _("ambiguous option: %(option)s could match %(matches)s"),
    _("ignored explicit argument %r"),
    _("invalid %(type)s value: %(value)r"),
    _("invalid choice: %(value)r (choose from %(choices)s)"),
)

BASE_OPTIONS = (
    _("Show program's version number and exit."),
    _(
        "Verbosity level; 0=minimal output, 1=normal output, 2=verbose output, 3=very verbose "
        "output"
    ),
    _(
        'The Python path to a settings module, e.g. "myproject.settings.main". If this isn\'t '
        "provided, the DJANGO_SETTINGS_MODULE environment variable will be used."
    ),
    _('A directory to add to the Python path, e.g. "/home/djangoprojects/myproject".'),
    _("Display a full stack trace on CommandError exceptions."),
    _("Don't colorize the command output."),
    _("Force colorization of the command output."),
)
