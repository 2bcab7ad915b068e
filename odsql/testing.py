"""A check for the tests of programs that query portals; it sends no requests.

from odsql.testing import assert_valid

def test_the_query_of_the_report(schema):
    assert_valid(report.query(2024), schema=schema)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from odsql.checks.diagnostics import Parameter, Request
from odsql.checks.run import check
from odsql.outputs.results import Checked, Option
from odsql.outputs.text import render

if TYPE_CHECKING:
    from collections.abc import Iterable
    from os import PathLike

    from odsql.builder.query import Query
    from odsql.checks.diagnostics import Diagnostic, Endpoint
    from odsql.schema import Schema

__all__ = ["assert_valid"]


def assert_valid(
    query: Query | Mapping[str, object] | str,
    *,
    schema: Schema | str | PathLike[str] | None = None,
    endpoint: Endpoint = "records",
    strict: bool = False,
) -> None:
    """Check a query as `odsql check` does.

    Args:
        query: a `Query`; a mapping of request parameters, each a value or a list of values; or a
            string, read as a `where` clause.
        schema: the schema of the dataset, or a file that holds it; None to check without one.
        endpoint: the operation that the query is for.
        strict: True to fail on warnings, too.

    Raises:
        AssertionError: the query has errors; the message shows what is wrong and where.
        SchemaError: the file holds no schema, or more than one.
    """
    __tracebackhide__ = True
    parameters = tuple(_parameters(query))
    known = _schema(schema)
    dataset_id = None if known is None else known.dataset_id
    whole = not isinstance(query, str)
    found = check(Request(parameters, dataset_id, endpoint, whole=whole), known)
    failing = [one for one in found if strict or one.severity == "error"]
    if failing:
        raise AssertionError(_shown(parameters, failing))


def _parameters(query: Query | Mapping[str, object] | str) -> Iterable[Parameter]:
    if isinstance(query, str):
        yield Parameter("where", query)
    elif isinstance(query, Mapping):
        for name, value in query.items():
            texts = value if isinstance(value, list | tuple) else [value]
            for text in texts:
                yield Parameter(name, str(text))
    else:
        for name, text in query.params():
            yield Parameter(name, str(text))


def _schema(schema: Schema | str | PathLike[str] | None) -> Schema | None:
    from odsql.schema import Schema, SchemaError, load_schemas

    if schema is None or isinstance(schema, Schema):
        return schema
    loaded = list(load_schemas(schema).values())
    if len(loaded) != 1:
        msg = f"{schema}: expected one schema, found {len(loaded)}"
        raise SchemaError(msg)
    return loaded[0]


def _shown(parameters: tuple[Parameter, ...], found: list[Diagnostic]) -> str:
    """Format the findings as the command line does."""
    clauses = (
        Checked(
            Option(one.name, one.text),
            one.name,
            one.text,
            range(len(one.text) + 1),
            tuple(each for each in found if each.parameter == number),
        )
        for number, one in enumerate(parameters)
    )
    return "the query is not valid\n\n" + "".join(render(clauses)).rstrip()
