"""Check that the database can store every character."""

from __future__ import annotations

from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.translation import gettext as _


def find_wrong_encoding(connection: BaseDatabaseWrapper) -> str | None:
    """Return what is wrong and what to do if the database is not in UTF-8.

    In SQL_ASCII, PostgreSQL counts bytes instead of characters, and refuses long Chinese names.
    """
    if connection.vendor != "postgresql":
        return None
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_encoding")
        (encoding,) = cursor.fetchone()
    if encoding == "UTF8":
        return None
    return _(
        "The encoding of the database is {encoding}, but must be UTF8. Create a database WITH "
        "TEMPLATE template0 ENCODING 'UTF8', and restore the data there."
    ).format(encoding=encoding)
