"""Marks for tests of what only some systems have."""

from __future__ import annotations

import os

import pytest

posix = pytest.mark.skipif(
    os.name != "posix", reason="needs the files, signals or shell of a POSIX system"
)
