"""How large a run is, and where it may write."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Scale:
    """`quick` proves that everything runs; only a full run says anything. Files go below `root`."""

    quick: bool
    profile: bool
    root: Path

    def of(self, full: int, quick: int) -> int:
        """Return the number that this run uses."""
        return quick if self.quick else full

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """Yield a fresh folder, and remove it with everything in it."""
        path = Path(tempfile.mkdtemp(dir=self.root))
        try:
            yield path
        finally:
            shutil.rmtree(path)
