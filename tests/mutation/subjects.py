"""What is mutated, and the tests that should notice: the quick ones first."""

from pathlib import Path

SOURCE = Path(__file__).parents[2] / "orchestrator"
MODEL = "tests/models/test_job_stores.py::test_a_job_store_answers_as_the_model_does"
SQLITE = [
    "tests/stores/test_sqlite.py",
    "tests/stores/test_batch.py",
    "tests/stores/test_connections.py",
    "tests/stores/test_select.py",
    "tests/stores/test_sessions.py",
    f"{MODEL}[sqlite]",
]
SUBJECTS = {
    "kyanite.core.lifecycle": [
        "tests/core/test_transitions.py",
        "tests/core/test_lifecycle.py",
        "tests/models/test_journal.py",
    ],
    "kyanite.runtime.journal": [
        "tests/runtime/test_gate.py",
        "tests/runtime/test_journal.py",
        "tests/models/test_journal.py",
    ],
    "kyanite.stores.batch": SQLITE,
    "kyanite.stores.memory": ["tests/stores/test_memory.py", "tests/stores/test_connections.py", f"{MODEL}[memory]"],
    "kyanite.stores.select": SQLITE,
    "kyanite.stores.sqlite": SQLITE,
}


def files_of(tests):
    """Return the files that these tests, or parts of them, are in."""
    return {test.partition("::")[0] for test in tests}


def source_of(module):
    """Return a module's source text."""
    return (SOURCE / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8")
