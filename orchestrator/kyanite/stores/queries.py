"""SQL by name: the statements of a `.sql` file, each under its `-- name:` line, and the migrations in order."""

from __future__ import annotations

from functools import cache
from pathlib import Path

# Not importlib.resources, which takes as long to import as a tenth of everything else.
FOLDER = Path(__file__).parent / "sql"


@cache
def load(file: str) -> dict[str, str]:
    """Return the statements of `stores/sql/<file>` by name."""
    text = (FOLDER / file).read_text(encoding="utf-8")
    blocks = (block.partition("\n") for block in text.split("-- name: ")[1:])
    return {name.strip(): body.strip() for name, _, body in blocks}


def migrations() -> list[str]:
    """Return the migration scripts in order; number k brings a store from schema version k - 1 to k."""
    scripts = sorted((FOLDER / "migrations").glob("*.sql"))
    for number, script in enumerate(scripts, start=1):
        if int(script.name.partition("_")[0]) != number:
            message = f"migration {script.name} should be number {number}"
            raise ValueError(message)
    return [script.read_text(encoding="utf-8") for script in scripts]


@cache
def many(statement: str, rows: int) -> str:
    """Return the statement with its one row of placeholders repeated."""
    start = statement.index("VALUES (") + len("VALUES ")
    end = statement.index(")", start) + 1
    return statement[:start] + ", ".join([statement[start:end]] * rows) + statement[end:]


def width(rows: int) -> int:
    """Return the next power of two: so few prepared statements serve every number of rows."""
    return 1 << max(rows - 1, 0).bit_length()
