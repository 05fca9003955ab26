"""Passes message pushes on to backends, and keeps in the spool what a backend does not take."""
