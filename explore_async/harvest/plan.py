"""The plan of a harvest: how to get all rows of a query, and what that costs.

Three strategies are complete; the plan takes the first that is possible:

* `export`: one export stream. One request, no limit of rows, and one moment of the dataset, so it
  is the cheapest and the most exact. After an interruption it begins again.
* `exports`: one export for each partition. For more rows than one stream should lose, and for
  portals that break long exports off. It costs one request for each partition, and those that
  count.
* `pages`: pages of 100 rows for each partition. For datasets whose exports are closed (some portals
  answer 403, others an export without rows) or broken. Portals page through 10,000 rows, so
  partitions have fewer, and it costs a request for each 100 rows.

One small export is requested to learn whether exports work, and how long a row is. `Splitter` makes
the partitions by counting. A part that no field can cut is exported whole; pages cannot reach all
of its rows, so then there is no plan.

A query with `limit`, `order_by` or `group_by` means its rows as a whole, so it is not cut: it is
one export, or pages if it has at most 10,000 rows.

A plan holds for the state of the dataset when it was made; `run` checks whether it still does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from attrs import evolve, field, frozen

from explore_async.errors import (
    ConfigurationError,
    DecodeError,
    ExploreError,
    ForbiddenAccess,
    NotFound,
    ServerError,
    TransportError,
)
from explore_async.harvest.counting import Counter
from explore_async.harvest.manifest import State, Strategy
from explore_async.harvest.partitions import Partition, joined
from explore_async.harvest.splitting import Part, Splitter, candidates
from odsql import Query, render

if TYPE_CHECKING:
    from collections.abc import Sequence

    from explore_async.dataset import Dataset
    from explore_async.harvest.manifest import Since
    from explore_async.models import DatasetField, DatasetInfo

__all__ = [
    "CHECKS",
    "PAGE_ROWS",
    "HarvestPlan",
    "both",
    "count_rows",
    "filters_of",
    "is_whole",
    "make_plan",
    "observe",
    "refuse_dear",
    "split_up",
    "state_of",
]

CHECKS = 2
"""The requests that tell the state of a dataset."""
EXPORT_ROWS = 1_000_000
"""The rows of an export from which on it is split, because so much may be lost at once."""
PAGE_ROWS = 9_500
"""The rows of a partition for pages: below the 10,000 that can be paged, as rows may be added."""
_WINDOW = 10_000
_PAGE = 100
_SAMPLE = 100
_CHOSEN = "it was chosen"


@frozen(kw_only=True)
class HarvestPlan:
    """How to get all rows of a query.

    Attributes:
        dataset_id: the dataset.
        strategy: `export`, `exports` or `pages`.
        reason: why this strategy.
        state: the dataset when the plan was made.
        partitions: the units of work; together they are all rows, and no row is in two.
        fields: the schema of the dataset.
        columns: the columns of the rows, in order.
        planning_requests: requests that the plan took; they are spent.
        requests: requests that fetching and checking will take, without retries.
        bytes: about how many bytes of JSON Lines the rows are; None if unknown.
        split_by: the fields that cut the dataset, the first one first.
        notes: what to know about it.
        since: what is taken over from a previous harvest; None without one.
    """

    dataset_id: str
    strategy: Strategy
    reason: str
    state: State
    partitions: tuple[Partition, ...] = field(repr=False)
    fields: tuple[DatasetField, ...] = field(repr=False)
    columns: tuple[str, ...]
    planning_requests: int
    requests: int
    bytes: int | None
    split_by: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    since: Since | None = None

    @property
    def rows(self) -> int:
        """The number of rows to fetch."""
        return sum(one.expected for one in self.partitions)

    @property
    def quota(self) -> int:
        """The calls that planning and fetching take together, without retries."""
        return self.planning_requests + self.requests


@frozen(kw_only=True)
class _Draft:
    strategy: Strategy
    reason: str
    parts: Sequence[Part]
    notes: tuple[str, ...] = ()


async def observe(dataset: Dataset, query: Query) -> tuple[DatasetInfo, State]:
    """Return what the portal says about a dataset and a query now, with two requests.

    With `group_by` the groups are counted by paging.

    Raises:
        ForbiddenAccess: the rows of the dataset are not visible to this caller.
        WindowExceeded: there are 20,000 groups or more, which cannot be counted.
    """
    info = await dataset.info()
    if not info.data_visible:
        raise ForbiddenAccess(
            f"The portal shows the description of {info.dataset_id}, but not its rows. "
            f"{ForbiddenAccess.advice}"
        )
    return info, state_of(info, await count_rows(dataset, query))


def state_of(info: DatasetInfo, total: int) -> State:
    """Return the state of a dataset with so many rows of a query."""
    default = info.metas.get("default")
    processed = default.get("data_processed") if isinstance(default, dict) else None
    return State(
        total=total,
        data_processed=None if processed is None else str(processed),
        fields=tuple((one.name, _kind(one)) for one in info.fields),
    )


async def count_rows(dataset: Dataset, query: Query) -> int:
    """Return the number of rows of a query; groups are counted by paging."""
    unlimited = filters_of(query)
    if query.clauses.group_by is not None:
        unlimited = query.limit(lambda _: -1).order_by([])
    total = await dataset.records(unlimited).count()
    limit = query.clauses.limit
    return total if limit is None or limit < 0 else min(total, limit)


async def make_plan(
    dataset: Dataset,
    query: Query,
    *,
    strategy: Strategy | None = None,
    partition_rows: int | None = None,
    split_by: Sequence[str] = (),
    max_requests: int | None = None,
    observed: tuple[DatasetInfo, State] | None = None,
) -> HarvestPlan:
    """Plan a harvest; this sends requests that count rows, but fetches none but a sample.

    Args:
        dataset: the dataset.
        query: the rows.
        strategy: the strategy; None for the cheapest that is possible.
        partition_rows: the maximum number of rows of a partition; None for 1,000,000 with exports
            and 9,500 with pages.
        split_by: the fields that cut the dataset, the first one first; empty for those with the
            most different values.
        max_requests: refuse a plan that takes more requests, planning included.
        observed: what `observe` returned; None to ask now.

    Raises:
        ConfigurationError: an argument is out of range, the plan takes too many requests, or no
            field cuts the dataset into partitions that fit.
    """
    _refuse(query, strategy, partition_rows)
    info, state = await observe(dataset, query) if observed is None else observed
    counter = Counter(dataset, filters_of(query), max_requests)
    counter.requests += CHECKS if observed is None else 0
    usable, row, size = await _sampled(dataset, query, counter, state, strategy)
    if partition_rows is None:
        partition_rows = EXPORT_ROWS if usable else PAGE_ROWS
    partition_rows = partition_rows if usable else min(partition_rows, _WINDOW)
    whole = is_whole(query)
    if strategy == "export" or state.total <= partition_rows or (whole and usable):
        draft = _Draft(
            strategy="export" if usable else "pages",
            reason=_reason_for_one(state.total, strategy, usable=usable, whole=whole),
            parts=[Part((), state.total)],
        )
    else:
        _refuse_whole(query, state.total)
        splitter = Splitter(counter, partition_rows)
        draft = await _draft(splitter, info, state, split_by, usable=usable, chosen=strategy)
    plan = _finished(info, draft, state, counter, row, size)
    refuse_dear(plan, max_requests)
    return plan


def refuse_dear(plan: HarvestPlan, max_requests: int | None) -> None:
    """Refuse a plan that takes more requests than are allowed.

    Raises:
        ConfigurationError: it does.
    """
    if max_requests is not None and plan.quota > max_requests:
        raise ConfigurationError(
            f"The harvest would take {plan.quota:,} requests, of which {plan.planning_requests:,} "
            f"are spent, but {max_requests:,} are allowed; no row was fetched. Allow more with "
            "--max-requests, or narrow the query."
        )


async def split_up(
    dataset: Dataset, query: Query, partition: Partition, *, most: int
) -> list[Partition]:
    """Return partitions with at most so many rows in the place of one.

    Raises:
        ConfigurationError: no field cuts it.
    """
    narrowed = filters_of(query).where(partition.where)
    counter = Counter(dataset, narrowed)
    info = await dataset.info()
    splitter = Splitter(counter, most)
    fields = await splitter.ranked(candidates(info.fields), chosen=False)
    parts = await splitter.split(Part((), await counter.rows()), fields)
    if len(parts) < 2:
        raise ConfigurationError(_no_cut(partition.expected, most, [one.name for one in fields]))
    return [
        evolve(one, where=both(partition.where, one.where), tail=partition.tail)
        for one in _partitions(parts)
    ]


def filters_of(query: Query) -> Query:
    """Return a query that has the same rows, but neither chooses nor orders anything."""
    clauses = query.clauses
    filters = Query(timezone=clauses.timezone, lang=clauses.lang)
    return filters.where(clauses.where).refine(*clauses.refine).exclude(*clauses.exclude)


def is_whole(query: Query) -> bool:
    """Return whether the rows of a query mean something only together."""
    clauses = query.clauses
    limited = clauses.limit is not None and clauses.limit >= 0
    return limited or clauses.order_by is not None or clauses.group_by is not None


def _refuse(query: Query, strategy: str | None, partition_rows: int | None) -> None:
    if strategy is not None and strategy not in get_args(Strategy):
        raise ConfigurationError(
            f"The strategy is {strategy!r}; it must be one of {', '.join(get_args(Strategy))}."
        )
    if partition_rows is not None and partition_rows < 1:
        raise ConfigurationError(f"partition_rows is {partition_rows}; it must be at least 1.")
    if query.clauses.offset is not None or query.clauses.facet:
        raise ConfigurationError(
            "A harvest takes all rows of a query, so it accepts neither offset nor facet."
        )


def _refuse_whole(query: Query, total: int) -> None:
    if is_whole(query):
        raise ConfigurationError(
            f"The query has {total:,} rows and a limit, an order or groups, so it cannot be cut "
            "into partitions. Leave these clauses out, or export it whole with --strategy export."
        )


async def _sampled(
    dataset: Dataset, query: Query, counter: Counter, state: State, strategy: Strategy | None
) -> tuple[bool, tuple[str, ...], int | None]:
    """Return whether exports work, the columns, and the estimated bytes of all rows."""
    names = tuple(name for name, _ in state.fields)
    if not state.total:
        return strategy != "pages", names, 0
    counter.requests += 1
    sample = min(_SAMPLE, state.total)
    if strategy == "pages":
        page = await dataset.records(query, max_rows=sample)
        first = page.rows[0] if page.rows else None
        return False, names if first is None else tuple(first), None
    try:
        async with dataset.export("jsonl", query.limit(sample)) as stream:
            rows = [row async for row in stream.rows()]
    except (ForbiddenAccess, NotFound, ServerError, DecodeError, TransportError) as error:
        return await _without_exports(dataset, query, counter, strategy, error)
    if rows:
        return True, tuple(rows[0]), stream.bytes_received * state.total // len(rows)
    return await _without_exports(dataset, query, counter, strategy, None)


async def _without_exports(
    dataset: Dataset,
    query: Query,
    counter: Counter,
    strategy: Strategy | None,
    error: ExploreError | None,
) -> tuple[bool, tuple[str, ...], int | None]:
    if strategy is not None:
        raise error or ConfigurationError(
            f"The portal exports {dataset.dataset_id} without rows. Use --strategy pages."
        )
    counter.requests += 1
    row = await dataset.records(query).first()
    return False, tuple(row or ()), None


async def _draft(
    splitter: Splitter,
    info: DatasetInfo,
    state: State,
    split_by: Sequence[str],
    *,
    usable: bool,
    chosen: Strategy | None,
) -> _Draft:
    """Return the draft of a plan with partitions."""
    fields = await splitter.ranked(candidates(info.fields, split_by), chosen=bool(split_by))
    names = [one.name for one in fields]
    parts = await splitter.split(Part((), state.total), fields)
    largest = max(part.rows for part in parts)
    if usable:
        notes: tuple[str, ...] = ()
        if largest > splitter.most:
            notes = (_no_cut(largest, splitter.most, names) + " They are exported whole.",)
        return _Draft(
            strategy="exports",
            reason=_CHOSEN
            if chosen
            else f"one export of {state.total:,} rows would lose them all if it broke off",
            parts=parts,
            notes=notes,
        )
    if largest > _WINDOW:
        raise ConfigurationError(
            f"{_no_cut(largest, _WINDOW, names)} The portal pages through 10,000 rows only, and "
            "its exports do not work. Narrow the query with --where, choose other fields with "
            "--split-by, or request access to the exports."
        )
    return _Draft(
        strategy="pages",
        reason=_CHOSEN if chosen else "the exports of this dataset are closed or broken",
        parts=parts,
    )


def _finished(
    info: DatasetInfo,
    draft: _Draft,
    state: State,
    counter: Counter,
    columns: tuple[str, ...],
    size: int | None,
) -> HarvestPlan:
    partitions = _partitions(draft.parts)
    requests = len(partitions)
    if draft.strategy == "pages":
        requests = sum(max(1, -(-one.expected // _PAGE)) for one in partitions)
    return HarvestPlan(
        dataset_id=info.dataset_id,
        strategy=draft.strategy,
        reason=draft.reason,
        state=state,
        partitions=tuple(partitions),
        fields=info.fields,
        columns=columns,
        planning_requests=counter.requests,
        requests=requests + CHECKS,
        bytes=size,
        split_by=tuple(dict.fromkeys(one.field for part in draft.parts for one in part.slices)),
        notes=draft.notes,
    )


def _partitions(parts: Sequence[Part]) -> list[Partition]:
    """Return the parts that have rows; rows that come into another part change the total."""
    filled = [part for part in parts if part.rows] or list(parts[:1])
    return [
        Partition(number=number, where=_text(joined(part.slices)), expected=part.rows)
        for number, part in enumerate(filled)
    ]


def _text(condition: object) -> str | None:
    return None if condition is None else str(condition)


def both(first: Any, second: Any) -> str | None:
    """Return the condition of rows that match two conditions, as ODSQL; None matches all."""
    made = Query().where(first).where(second).clauses.where
    return None if made is None else render(made)


def _reason_for_one(total: int, chosen: Strategy | None, *, usable: bool, whole: bool) -> str:
    if chosen is not None:
        return _CHOSEN
    if not usable:
        return "the exports of this dataset are closed or broken"
    if whole:
        return "a query with a limit, an order or groups is one export"
    return f"one request brings {'the only row' if total == 1 else f'all {total:,} rows'}"


def _no_cut(rows: int, most: int, names: Sequence[str]) -> str:
    return (
        f"{rows:,} rows have the same values in every field that was tried "
        f"({', '.join(names) or 'none can cut the dataset'}), so they cannot be cut into "
        f"partitions of at most {most:,}."
    )


def _kind(one: DatasetField) -> str:
    return one.type if one.annotations.get("multivalued", False) is False else f"{one.type}[]"
