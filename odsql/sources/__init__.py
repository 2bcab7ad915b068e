"""Where queries live in a repository: named queries, JSON Lines, URLs and calls in any text.

Every reader yields `Found` requests whose parameters can be traced back to the file, character by
character, however they were escaped there. `walk` lists the files of a repository, `read_text`
reads one, `find` finds the requests in it.
"""

from __future__ import annotations

from odsql.sources.finding import find
from odsql.sources.model import Found, SourceFile, UnreadableError
from odsql.sources.reading import read_text
from odsql.sources.walking import walk

__all__ = ["Found", "SourceFile", "UnreadableError", "find", "read_text", "walk"]
