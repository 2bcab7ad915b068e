"""The tree under its public name: what `parse_where` and its kin return, and `render` takes.

The classes are defined in `odsql.syntax.nodes`, where the parser is.
"""

from odsql.syntax.nodes import *  # noqa: F403
from odsql.syntax.nodes import __all__ as __all__
