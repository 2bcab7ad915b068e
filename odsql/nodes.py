"""The public names of the tree that `parse_where` and the other parsers return.

The classes are defined in `odsql.syntax.nodes`, next to the parser.
"""

from odsql.syntax.nodes import *  # noqa: F403
from odsql.syntax.nodes import __all__ as __all__
