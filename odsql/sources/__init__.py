"""Finding queries in files: TOML, YAML and JSON, programs, and URLs in any text.

`walking` lists the files of a repository, `reading` reads one, and `finding` chooses the reader for
it: `toml_files`, `yaml_files`, `json_lines`, `python_calls` or `urls`. `scripts` finds requests in
R, Julia and Power Query M, `code` in programs in many other languages, `data_programs` in YAML and
JSON, and `old_urls` the URLs of older generations of the API. Each reader yields `Found` requests.
Their parameters are `views`, which know the position in the file of every character, however it was
escaped there. A finding can therefore be shown at its position, and an edit written back.
`suppressing` reads the comments that suppress findings.
"""

from __future__ import annotations

from odsql.sources.finding import find, lacks_grammar
from odsql.sources.model import Found, SourceFile, UnreadableError
from odsql.sources.reading import read_text
from odsql.sources.walking import walk

__all__ = ["Found", "SourceFile", "UnreadableError", "find", "lacks_grammar", "read_text", "walk"]
