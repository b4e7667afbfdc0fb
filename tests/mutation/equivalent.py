"""Mutants that change nothing that anybody could observe, each with the reason; they count neither way.

A name that no longer fits a mutant is a mistake that a test finds: the list can not outlive the code.
"""

BLANK = "a blank: no trigger looks at it in a row of this kind"
OVERWRITTEN = "replaced by `open` before anything reads it"
PAIRED = "there is one answer a write: `strict` never speaks"
WORDS = "the words of a message"
LABEL = "what a thread is called"
TUNED = "a tuned amount: another one is as right"


def named(module, place, change, *numbers):
    """Return the names of mutants that differ in their number only."""
    return [f"kyanite.{module}:{place}: {change}" + (f" #{number}" if number > 1 else "") for number in numbers]


EQUIVALENT = {
    "kyanite.core.lifecycle:_nothing: return {} -> return None": "the table refuses what would call it",
    "kyanite.core.lifecycle:diagram: continue -> break": "the final statuses stand last in the table",
    "kyanite.runtime.journal:: 2.0 -> 3.0": TUNED,
    "kyanite.runtime.journal:: 0.05 -> 1.05": TUNED,
    "kyanite.runtime.journal:: 2.0 -> 3.0 #2": TUNED,
    "kyanite.runtime.journal:: 1024 -> 1025": TUNED,
    "kyanite.runtime.journal:: 5 -> 6": TUNED,
    "kyanite.runtime.journal:: 2 -> 3": TUNED,
    "kyanite.runtime.journal:Journal.run: 'the journal has ended' -> 'the journal has endedX'": WORDS,
    **dict.fromkeys(named("runtime.journal", "Journal._decide", "return False -> return None", 1, 2), "as false"),
    "kyanite.runtime.journal:Journal._commit: True -> False": PAIRED,
    "kyanite.runtime.journal:Journal._position: 1 -> 2 #2": "reads one event more, of another id",
    "kyanite.stores.sqlite:SQLiteStore._open_writer: 'secure_delete = OFF' -> 'secure_delete = OFFX'": "matters to "
    "builds of SQLite that wipe by default, which the one under test does not",
    **dict.fromkeys(named("stores.batch", "", "0 -> 1", 1, 2), BLANK),
    **dict.fromkeys(named("stores.batch", "_store_all", "0 -> 1", 1, 2, 3), BLANK),
    **dict.fromkeys(named("stores.batch", "_rows", "0 -> 1", 3, 4, 5, 6, 7), BLANK),
    **dict.fromkeys(named("stores.batch", "_labels", "0 -> 1", 2, 3, 4, 5, 7, 8, 9, 10, 11), BLANK),
    "kyanite.stores.batch:_rows: 'event' -> 'eventX'": "every kind but a submit stores its event alike",
    "kyanite.stores.batch:_labels: details.tags and isinstance(write.events[0], Submitted) -> "
    "details.tags or isinstance(write.events[0], Submitted)": "tags are inserted or ignored: again costs, no more",
    "kyanite.stores.memory:MemoryStore.open: False -> True": "memory can not be owned: the argument is not used",
    "kyanite.stores.memory:MemoryStore._leaned_on: '' -> 'X'": "no container's address begins with either",
    "kyanite.stores.select:count_statement: 1 -> 2": "the statement holds the word once",
    "kyanite.stores.sqlite:: 2 -> 3": TUNED,
    "kyanite.stores.sqlite:connect: 5.0 -> 6.0": TUNED,
    "kyanite.stores.sqlite:SQLiteStore.__init__: self._epoch = 0 -> pass": OVERWRITTEN,
    "kyanite.stores.sqlite:SQLiteStore.__init__: 0 -> 1": OVERWRITTEN,
    "kyanite.stores.sqlite:SQLiteStore.__init__: self._head = 0 -> pass": OVERWRITTEN,
    "kyanite.stores.sqlite:SQLiteStore.__init__: 0 -> 1 #2": OVERWRITTEN,
    "kyanite.stores.sqlite:SQLiteStore.open: 'kyanite-store-write' -> 'kyanite-store-writeX'": LABEL,
    "kyanite.stores.sqlite:SQLiteStore.open: 'kyanite-store-read' -> 'kyanite-store-readX'": LABEL,
    "kyanite.stores.sqlite:SQLiteStore._store: True -> False": PAIRED,
    "kyanite.stores.sqlite:SQLiteStore._with_writer: raise WorkspaceClosed(str(self.path)) -> pass": "the next line "
    "raises the same, as a store without a writer has no thread for it",
}
