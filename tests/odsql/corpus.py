"""The corpus: queries that were sent to live portals, and how the portals answered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

CORPUS = Path(__file__).parents[1] / "fidelity" / "corpus.jsonl"


def entries(*expect: str) -> list[Any]:
    """Return entries with one of these verdicts as (clause, text), without refine and exclude."""
    lines = CORPUS.read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return [
        (row["clause"], row["text"])
        for row in rows
        if row["expect"] in expect and row["clause"] not in ("refine", "exclude")
    ]


def refinements() -> list[str]:
    """Return the values of refine and exclude."""
    rows = map(json.loads, CORPUS.read_text(encoding="utf-8").splitlines())
    return [row["text"] for row in rows if row["clause"] in ("refine", "exclude")]
