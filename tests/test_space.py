import sqlite3

import pytest

from kyanite.space import emptied_journal


@pytest.fixture
def connection(tmp_path):
    opened = sqlite3.connect(tmp_path / "some.sqlite", isolation_level=None)
    opened.execute("PRAGMA journal_mode = WAL")
    opened.execute("CREATE TABLE thing (name TEXT)")
    yield opened
    opened.close()


def test_the_journal_gives_its_space_back(connection, tmp_path):
    connection.execute("INSERT INTO thing VALUES (?)", ("x" * 50_000,))
    journal = tmp_path / "some.sqlite-wal"
    assert journal.stat().st_size > 50_000
    assert emptied_journal(connection)
    assert journal.stat().st_size == 0
    assert connection.execute("SELECT length(name) FROM thing").fetchone() == (50_000,)


def test_a_reader_in_the_way_leaves_it_for_the_next_time(connection, tmp_path):
    connection.execute("PRAGMA busy_timeout = 0")
    connection.execute("INSERT INTO thing VALUES ('a')")
    with sqlite3.connect(tmp_path / "some.sqlite", isolation_level=None) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM thing").fetchone()
        connection.execute("INSERT INTO thing VALUES ('b')")
        assert not emptied_journal(connection)
        reader.execute("COMMIT")
    reader.close()
    assert emptied_journal(connection)


def test_what_is_no_fault_of_sqlite_is_raised(connection):
    with pytest.raises(AttributeError):
        emptied_journal(None)
    connection.close()
    with pytest.raises(sqlite3.ProgrammingError):
        emptied_journal(connection)
