"""Runs the SQL of its standard input in DuckDB. Usage: duckdb_sql.py DATABASE [EXTENSION_FILE]"""

import sys

import duckdb

connection = duckdb.connect(sys.argv[1])
if len(sys.argv) > 2:
    connection.execute(f"LOAD '{sys.argv[2]}'")
connection.execute(sys.stdin.read())
connection.close()
