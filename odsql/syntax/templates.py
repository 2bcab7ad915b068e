"""Clauses with holes: text that is only partly known, because a program fills in the rest.

A hole is one character, `HOLE`, in the text of a clause.
"""

from __future__ import annotations

__all__ = ["HOLE"]

HOLE = "\ufdd0"
"""Stands for a part of a text that is unknown. It is no character, so no file can hold it."""
