"""What people are told without having to look: by `manage.py watch`, never on a request's way."""

from __future__ import annotations
