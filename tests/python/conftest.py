import sqlite3

import pytest

PEOPLE = "id,name,zip\n1,Ada,01234\n2,Grace,10001\n2,Grace again,10002\nx,Edsger,30301\n4,\"Bar\"bara,30302\n5,Donald,94305\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder, in which the test is."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def people(folder):
    """The file of the README's first example."""
    path = folder / "people.csv"
    path.write_text(PEOPLE)
    return path


@pytest.fixture
def rows():
    """Rows of a database, which is closed again."""

    def query(database, sql):
        connection = sqlite3.connect(database)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    return query
