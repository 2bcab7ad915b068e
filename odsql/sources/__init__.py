"""Queries as they stand in files: TOML, YAML and JSON Lines, calls in Python, URLs in any text.

`walking` lists the files of a repository, `reading` reads one, and `finding` chooses the reader for
it: `toml_files`, `yaml_files`, `json_lines`, `python_calls` or `urls`. Each reader yields `Found`
requests. Their parameters are `views`, which know for every character where it stands in the file,
however it was escaped there; so a finding can be shown at its place and an edit put back.
`suppressing` reads the comments that silence findings.
"""

from __future__ import annotations

from odsql.sources.finding import find
from odsql.sources.model import Found, SourceFile, UnreadableError
from odsql.sources.reading import read_text
from odsql.sources.walking import walk

__all__ = ["Found", "SourceFile", "UnreadableError", "find", "read_text", "walk"]
