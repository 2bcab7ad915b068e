"""A harvest that is killed goes on, and its result never differs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from explore_async.harvest import Manifest
from explore_async.harvest.manifest import MANIFEST
from explore_async.testing import Portal
from tests.explore_async.harvest.crashing import STRIDE
from tests.explore_async.harvest.trees import FIELDS, METAS, multiset, rows_of, trees
from tests.platforms import posix

MOMENTS = 6
ROOT = Path(__file__).parents[3]


@posix
def test_a_harvest_that_is_killed_at_any_moment_goes_on(tmp_path: Path) -> None:
    """The files hold each row once, and nothing else is in the folder."""
    rows = trees(200)
    with Portal({"trees": rows}, fields={"trees": FIELDS}, metas={"trees": METAS}) as portal:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "tests.explore_async.harvest.crashing"),
                *(portal.url, str(tmp_path), str(MOMENTS)),
            ],
            cwd=ROOT, text=True, capture_output=True, check=False, timeout=50,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    operations = [int(line) for line in done.stdout.split()]
    whole = operations[:: MOMENTS + 1]
    assert min(whole) >= STRIDE * MOMENTS  # so all moments are in a run
    places = sorted(tmp_path.iterdir())
    assert len(places) == 3 * MOMENTS + 3
    for place in places:
        manifest = Manifest.read(place / "trees")
        assert manifest is not None, place
        assert multiset(rows_of(place, manifest)) == multiset(rows), place
        left = {path.name for path in (place / "trees").iterdir()}
        assert left == {MANIFEST, ".harvest.lock", *(file.path for file in manifest.files)}
