"""What a harvest takes over from a previous one of the same dataset.

There are three outcomes:

* `unchanged`: the portal says the same `data_processed`, number of rows and schema as when the
  previous harvest ended, so all its files are kept and nothing is fetched.
* `grown`: rows were added, and the values of a cursor, the field of `cursor_field`, only grow.
  Files with rows below the largest value of that time are kept, and the rows from it on are
  fetched.
* `replaced`: all rows are fetched, because neither holds, or because the files are of another
  query or format.

Rows with the largest value are never kept, because more rows may have come with the same value, and
a portal may write it rounded down. So a harvest with a cursor puts them, and rows without a value,
in partitions of their own, the `tail`:

    previous:  | value < last: files          | the rest: tail |
    now:       | kept, if it has as many rows | last <= value < new last: files | the rest: tail |

The portal counts the rows below the previous largest value. If it counts others than were kept,
rows were deleted or changed there, and all rows are fetched. As many deleted as added ones below it
are not noticed, nor are rows that change without a new value of the cursor.

The kept files are the first partitions of the plan, and are journalled like any other: `run` links
or copies them into the new folder. So the previous harvest is never changed, and each folder is
complete without the other.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from explore_async.errors import ConfigurationError, StorageError
from explore_async.harvest.counting import ORDERED, Counter, read_bound
from explore_async.harvest.folders import LocalFolder
from explore_async.harvest.manifest import MANIFEST, Cursor, Manifest, Since
from explore_async.harvest.partitions import Between, Partition
from explore_async.harvest.plan import (
    CHECKS,
    HarvestPlan,
    both,
    filters_of,
    is_whole,
    make_plan,
    observe,
    refuse_dear,
)
from explore_async.harvest.remote import folder_at
from explore_async.models import safe_name
from explore_async.results.files import OwnThread
from odsql import F, nodes

if TYPE_CHECKING:
    from explore_async.dataset import Dataset
    from explore_async.harvest.folders import Folder
    from explore_async.harvest.manifest import HarvestedFile, Outcome, State
    from explore_async.harvest.options import Options
    from explore_async.harvest.partitions import Bound
    from explore_async.models import DatasetField, DatasetInfo
    from odsql import Query
    from odsql.builder.expressions import Condition

__all__ = ["Beginning", "asked_for", "asked_of", "begin", "keep_file", "refuse_itself"]


@frozen
class _Previous:
    """The folder of a previous harvest, and its manifest; None if it had no such dataset."""

    folder: Folder
    manifest: Manifest | None


@frozen(kw_only=True)
class Beginning:
    """How a harvest begins.

    Attributes:
        plan: what to fetch; its partitions are numbered after the kept files.
        kept: the files to keep; each is the partition of its place.
        cursor: how far the cursor will have been read at the end; None without one.
    """

    plan: HarvestPlan
    kept: tuple[HarvestedFile, ...] = ()
    cursor: Cursor | None = None

    @property
    def partitions(self) -> list[Partition]:
        """All partitions, those of the kept files first."""
        kept = [
            Partition(number=number, where=file.where, expected=file.rows, tail=file.tail)
            for number, file in enumerate(self.kept)
        ]
        return [*kept, *self.plan.partitions]


def refuse_itself(home: Folder, since: str | Path | None) -> None:
    """Refuse to harvest into the folder of the previous harvest.

    Raises:
        ConfigurationError: it is the same.
    """
    if since is None:
        return
    place, _ = _folder_of(since)
    name = _place(home).replace("\\", "/").rpartition("/")[2]
    if _place(home) in (_place(folder_at(place)), _place(folder_at(place, name))):
        raise ConfigurationError(
            f"The previous harvest is in {home}, where the new one would be. Choose another "
            "folder; files that are kept are linked there."
        )


def keep_file(folder: str, file: HarvestedFile, path: Path) -> None:
    """Put a file of a previous harvest in another place; it blocks.

    Raises:
        StorageError: the file is not there any more, or is not as it was written.
    """
    previous = folder_at(folder)
    path.unlink(missing_ok=True)
    previous.copy(file.path, path)
    if path.stat().st_size != file.bytes:
        path.unlink()
        raise StorageError(
            f"{previous}/{file.path} has another size than its manifest says. Harvest without "
            "--since into another folder."
        )


def _find(since: str | Path, dataset_id: str) -> _Previous:
    """Return the previous harvest of a dataset.

    Raises:
        ConfigurationError: there is no such place, or it holds another dataset.
        StorageError: the manifest cannot be read.
    """
    place, named = _folder_of(since)
    folder = folder_at(place)
    manifest = Manifest.read(folder)
    if manifest is not None and manifest.dataset_id != dataset_id:
        raise ConfigurationError(
            f"{since} holds a harvest of {manifest.dataset_id}, not of {dataset_id}. Pass the "
            f"manifest of {dataset_id}, or the folder of all datasets."
        )
    if manifest is not None:
        return _Previous(folder, manifest)
    if named or (isinstance(folder, LocalFolder) and not folder.path.is_dir()):
        raise ConfigurationError(
            f"{since} does not exist. Pass the manifest.json of a previous harvest, or the folder "
            "of its datasets."
        )
    folder = folder_at(place, safe_name(dataset_id))
    return _Previous(folder, Manifest.read(folder))


def _folder_of(since: str | Path) -> tuple[str, bool]:
    """Return a folder, and whether it was given as the path of its manifest."""
    place = str(since).replace("\\", "/") if isinstance(since, Path) else since
    if place.rpartition("/")[2] != MANIFEST:
        return place, False
    return place.removesuffix(MANIFEST) or ".", True


def _place(folder: Folder) -> str:
    """Return where a folder is, also for a process with another working directory."""
    return str(folder.path.resolve() if isinstance(folder, LocalFolder) else folder)


def asked_for(dataset_id: str, query: Query, options: Options, url: str) -> dict[str, Any]:
    """Return what must be the same when a harvest goes on."""
    return {
        "dataset": dataset_id,
        "url": url,
        "query": [list(pair) for pair in query.params()],
        "format": options.file_format,
        "compression": options.compression,
        "misfits": options.misfits,
    }


def asked_of(manifest: Manifest) -> dict[str, Any]:
    """Return the same of a harvest that is complete."""
    return {
        "dataset": manifest.dataset_id,
        "url": manifest.url,
        "query": [list(pair) for pair in manifest.query],
        "format": manifest.format,
        "compression": manifest.compression,
        "misfits": manifest.misfits_policy,
    }


async def begin(
    dataset: Dataset, query: Query, options: Options, asked: dict[str, Any]
) -> Beginning:
    """Plan a harvest, or what is left of it if files of a previous one can be kept.

    Args:
        dataset: the dataset.
        query: the rows.
        options: the options.
        asked: what `asked_for` returned; files of the previous harvest that were asked for with
            something else are not kept.

    Raises:
        ConfigurationError: the plan is refused, as by `make_plan`; the cursor cannot be one; or
            there is no previous harvest in the place of `since`.
        StorageError: the manifest of the previous harvest cannot be read.
    """
    if options.since is None and options.cursor_field is None:
        return Beginning(plan=await _planned(dataset, query, options))
    previous = await _previous(options.since, dataset.dataset_id)
    info, state = await observe(dataset, query)
    cursor = None
    if options.cursor_field is not None:
        cursor = _cursor(query, info, options.cursor_field)
    start = _Start(dataset, query, options, info, state, cursor)
    manifest = None if previous is None else previous.manifest
    differences = [] if previous is None else _differences(manifest, state, asked)
    if previous is not None and _asks_the_time(query):
        differences.append("the query has other rows at another time, because of now()")
    if previous is not None and manifest is not None and not differences:
        plan = start.kept_all(manifest)
        made = Beginning(plan=plan, kept=manifest.files, cursor=manifest.cursor)
    else:
        usable = manifest is not None and _comparable(manifest, state, query, asked)
        made = await start.after(manifest if usable else None, differences)
    refuse_dear(made.plan, options.max_requests)
    return made if previous is None else _told(made, previous, differences)


async def _previous(since: str | Path | None, dataset_id: str) -> _Previous | None:
    if since is None:
        return None
    thread = OwnThread("previous")
    try:
        return await thread.run(partial(_find, since, dataset_id))
    finally:
        thread.let_go()


def _differences(manifest: Manifest | None, state: State, asked: dict[str, Any]) -> list[str]:
    """Return why files are not all kept, in words."""
    if manifest is None:
        return ["no complete harvest of it was found"]
    before = asked_of(manifest)
    found = [
        f"the {name} was {_shown(value)} and is {_shown(asked[name])}"
        for name, value in before.items()
        if value != asked.get(name, value)
    ]
    found += manifest.state.changes(state)
    if manifest.changes:
        found.append("the dataset changed during the previous harvest")
    if not found and state.data_processed is None:
        found.append("the portal does not say when its rows changed")
    return found


def _shown(value: Any) -> str:
    """Return what was asked for as a person would write it; a query is a list of pairs."""
    if isinstance(value, list):
        value = " & ".join(f"{name}={text}" for name, text in value)
    return value or "none"


def _asks_the_time(query: Query) -> bool:
    """Return whether a query has the function `now`."""
    clauses = query.clauses
    trees = (clauses.select, clauses.where, clauses.group_by, clauses.order_by)
    found = (node for tree in trees if tree is not None for node in nodes.walk(tree))
    return any(isinstance(node, nodes.Call) and node.name == "now" for node in found)


def _comparable(manifest: Manifest, state: State, query: Query, asked: dict[str, Any]) -> bool:
    """Return whether files of a previous harvest may stand beside new ones."""
    before = asked_of(manifest)
    same = all(value == asked.get(name, value) for name, value in before.items())
    same = same and manifest.state.fields == state.fields
    # A DuckDB database is one file with all rows.
    return same and manifest.format != "duckdb" and not _asks_the_time(query)


def _told(made: Beginning, previous: _Previous, differences: list[str]) -> Beginning:
    """Return a beginning whose plan says what it takes over."""
    outcome: Outcome = "replaced"
    if made.kept:
        outcome = "grown" if differences else "unchanged"
    since = Since(
        folder=_place(previous.folder),
        outcome=outcome,
        rows=sum(file.rows for file in made.kept),
        changes=tuple(differences),
    )
    return evolve(made, plan=evolve(made.plan, since=since))


async def _planned(
    dataset: Dataset,
    query: Query,
    options: Options,
    *,
    observed: tuple[DatasetInfo, State] | None = None,
) -> HarvestPlan:
    return await make_plan(
        dataset,
        query,
        strategy=options.strategy,
        partition_rows=options.partition_rows,
        split_by=options.split_by,
        max_requests=options.max_requests,
        observed=observed,
    )


@frozen
class _Start:
    """A dataset as it is now, and what to fetch of it."""

    dataset: Dataset
    query: Query
    options: Options
    info: DatasetInfo
    state: State
    cursor: DatasetField | None

    def kept_all(self, manifest: Manifest) -> HarvestPlan:
        """Return a plan that fetches nothing."""
        return HarvestPlan(
            dataset_id=self.info.dataset_id,
            strategy=manifest.strategy,
            reason="nothing changed",
            state=self.state,
            partitions=(),
            fields=self.info.fields,
            columns=tuple(name for name, _ in self.state.fields),
            planning_requests=CHECKS,
            requests=0,
            bytes=0,
        )

    async def after(self, previous: Manifest | None, differences: list[str]) -> Beginning:
        """Return a plan for the rows that cannot be kept; add to the differences why."""
        field = self.cursor
        if field is None:
            return Beginning(plan=await self._whole(CHECKS))
        counter = Counter(self.dataset, filters_of(self.query), self.options.max_requests)
        counter.requests += CHECKS
        extent = (await counter.extents([field])).get(field.name)
        if extent is None or extent.high is None:
            differences.append(f"the portal tells no largest value of {field.name}")
            return Beginning(plan=await self._whole(counter.requests))
        kept, low = await self._kept(previous, field, extent.high, counter, differences)
        rows = sum(file.rows for file in kept)
        added = await counter.rows([Between(field.name, low, extent.high)])
        plans = await self._plans(field, low, extent.high, added, self.state.total - rows - added)
        return Beginning(
            plan=_combined(plans, self.state, counter.requests, first=len(kept)),
            kept=kept,
            cursor=Cursor(field=field.name, last=_text(extent.high)),
        )

    async def _whole(self, spent: int) -> HarvestPlan:
        plan = await _planned(
            self.dataset, self.query, self.options, observed=(self.info, self.state)
        )
        return evolve(plan, planning_requests=plan.planning_requests + spent)

    async def _kept(
        self,
        previous: Manifest | None,
        field: DatasetField,
        high: Bound,
        counter: Counter,
        differences: list[str],
    ) -> tuple[tuple[HarvestedFile, ...], Bound | None]:
        """Return the files to keep, and the value from which on rows are fetched."""
        if previous is None:
            return (), None
        if previous.cursor is None or previous.cursor.field != field.name:
            differences.append(f"the previous harvest did not use the cursor {field.name}")
            return (), None
        last: Any = read_bound(previous.cursor.last, field.type)
        if last > high:
            differences.append(
                f"the largest value of {field.name} was {previous.cursor.last} and is {_text(high)}"
            )
            return (), None
        kept = tuple(file for file in previous.files if not file.tail)
        rows = sum(file.rows for file in kept)
        counted = await counter.rows([Between(field.name, None, last)])
        if counted != rows:
            differences.append(
                f"of the rows with {field.name} < {previous.cursor.last}, {rows:,} were harvested, "
                f"and the portal has {counted:,} now"
            )
            return (), None
        return kept, last

    async def _plans(
        self, field: DatasetField, low: Bound | None, high: Bound, added: int, tail: int
    ) -> list[HarvestPlan]:
        """Return the plans of the rows below the largest value, and of the tail."""
        value = F[field.name]
        made: list[HarvestPlan] = []
        bounds = Between(field.name, low, high).condition()
        if added:
            made.append(await self._part(bounds, added, self.options, tail=False))
        if tail > 0 or not made:
            paged = bool(made) and made[0].strategy == "pages"
            chosen = self.options.strategy or ("pages" if paged else "exports" if made else None)
            options = evolve(self.options, strategy=chosen)
            rest = Between(field.name, high, None).condition() | value.is_null()
            made.append(await self._part(rest, max(tail, 0), options, tail=True))
        return made

    async def _part(
        self, condition: Condition, rows: int, options: Options, *, tail: bool
    ) -> HarvestPlan:
        observed = (self.info, evolve(self.state, total=rows))
        query = self.query.where(condition)
        plan = await _planned(self.dataset, query, options, observed=observed)
        partitions = [
            evolve(one, where=both(condition, one.where), tail=tail) for one in plan.partitions
        ]
        return evolve(plan, partitions=tuple(partitions))


def _cursor(query: Query, info: DatasetInfo, name: str) -> DatasetField:
    """Return the field of a cursor.

    Raises:
        ConfigurationError: its values have no order, or the query is one as a whole.
    """
    if is_whole(query):
        raise ConfigurationError(
            "A query with a limit, an order or groups has no cursor. Leave out either of them."
        )
    usable = {
        one.name: one
        for one in info.fields
        if one.type in ORDERED and one.annotations.get("multivalued", False) is False
    }
    if name not in usable:
        raise ConfigurationError(
            f"{name} cannot be a cursor. Choose from the fields with one number or date: "
            f"{', '.join(usable) or 'there is none'}."
        )
    return usable[name]


def _combined(plans: list[HarvestPlan], state: State, spent: int, *, first: int) -> HarvestPlan:
    """Return one plan for all; its partitions are numbered from `first`."""
    parts = [one for plan in plans for one in plan.partitions]
    strategy, reason = plans[0].strategy, plans[0].reason
    if strategy == "export" and len(parts) > 1:
        strategy, reason = "exports", "rows with the largest value of the cursor are apart"
    sizes = [plan.bytes for plan in plans if plan.bytes is not None]
    return evolve(
        plans[0],
        strategy=strategy,
        reason=reason,
        state=state,
        partitions=tuple(evolve(one, number=at) for at, one in enumerate(parts, start=first)),
        planning_requests=spent + sum(plan.planning_requests for plan in plans),
        requests=sum(plan.requests - CHECKS for plan in plans) + CHECKS,
        bytes=sum(sizes) if len(sizes) == len(plans) else None,
        split_by=tuple(dict.fromkeys(name for plan in plans for name in plan.split_by)),
        notes=tuple(dict.fromkeys(note for plan in plans for note in plan.notes)),
    )


def _text(bound: Bound) -> str:
    return repr(bound) if isinstance(bound, int | float) else bound.isoformat()
