"""Defines the levels of an account's state, and how pages show each of them."""

from __future__ import annotations

from enum import IntEnum

from django.utils.translation import gettext_lazy as _


class Level(IntEnum):
    """The state of an account. The list of accounts is in this order."""

    FAILING = 1  #: callbacks are refused, a secret cannot be decrypted, or the backend fails
    WARNING = 2  #: callbacks pass, and somebody has to do something all the same
    RECEIVING = 3
    QUIET = 4
    VERIFIED = 5
    WAITING = 6
    PAUSED = 7

    @property
    def key(self) -> str:
        """The name of the level in filters, JSON and metrics."""
        return self.name.lower()

    @property
    def sign(self) -> str:
        return SIGNS[self]

    @property
    def label(self) -> str:
        """The level in one or two words, in the language of the reader."""
        return str(LABELS[self])

    @property
    def badge(self) -> str:
        """The tone of the badge: bad, warn, good or idle, of the CSS class `is-…`."""
        return BADGES.get(self, "idle")


SIGNS = {
    Level.FAILING: "✕",
    Level.WARNING: "!",
    Level.RECEIVING: "✓",
    Level.QUIET: "–",
    Level.VERIFIED: "✓",
    Level.WAITING: "–",
    Level.PAUSED: "‖",
}
LABELS = {
    Level.FAILING: _("Failing"),
    Level.WARNING: _("Warning"),
    Level.RECEIVING: _("Receiving"),
    Level.QUIET: _("Quiet"),
    Level.VERIFIED: _("Verified"),
    Level.WAITING: _("Waiting"),
    Level.PAUSED: _("Paused"),
}
BADGES = {
    Level.FAILING: "bad",
    Level.WARNING: "warn",
    Level.RECEIVING: "good",
    Level.VERIFIED: "good",
}
