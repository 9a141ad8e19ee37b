"""Answers statements by DuckDB: tables are CSV files, each answer is a line of JSON."""

import json
import sys

import duckdb

asked = json.load(sys.stdin)
database = duckdb.connect()
for name, (file, columns) in asked["tables"].items():
    database.execute(f"create table {name} ({columns})")
    database.execute(f"copy {name} from '{file}' (header false, nullstr '')")
database.execute("set preserve_insertion_order = true")
for sql in asked["statements"]:
    print(json.dumps(database.execute(sql).fetchall()))
