#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Damaged, foreign, newer and hostile database files: an error that names the file, never a
crash, a hang or a wrong answer; damage to any block is found."""

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import oracle  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAMS = f"{HERE}/../programs"


def questions(database):
    return (["info", "--verify", database], ["info", database], ["lookup", "-m", database, "*"],
            ["type", "-m", database, "everything"], ["type", "-m", database, "self"],
            ["line", "-m", database, "rich.c:100"], ["scope", "-m", database, "0x1234"],
            ["unwind-info", "-m", database, "0x1234"], ["dumpdebuginfo", database],
            ["addr2line", "-e", database, "-f", "-i", "0x1234"])


def ask(stackdb, check, what, database, must_fail=True, only=None):
    """Asks everything; --verify has to find the damage when MUST_FAIL."""
    for arguments in questions(database)[:only]:
        try:
            status, _, errors = stackdb.outcome(*arguments, timeout=30)
        except oracle.Failure as reason:
            check.differ("crashed or hung", f"{what}: {arguments[0]}: {reason}")
            return
        if status not in (0, 1):
            check.differ("status", f"{what}: {arguments[0]}: exit {status}: {errors[:200]}")
            return
        if status == 1 and not errors.startswith("stackdb"):
            check.differ("no message", f"{what}: {arguments[0]}: {errors[:200]!r}")
            return
        if arguments[1] == "--verify" and must_fail and status == 0:
            check.differ("not noticed", what)
            return
    check.same()


def blocks(database):
    """(table, rowid, column) of every blob."""
    with sqlite3.connect(f"file:{database}?mode=ro&immutable=1", uri=True) as db:
        found = []
        tables = [row[0] for row in db.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table'")]
        for table in tables:
            columns = [row[1] for row in db.execute(f'PRAGMA table_info("{table}")')]
            for column in columns:
                try:
                    found += [(table, row[0], column) for row in db.execute(
                        f'SELECT rowid FROM "{table}" WHERE typeof("{column}") = \'blob\'')]
                except sqlite3.Error:
                    pass
        return found


def damaged_blocks(stackdb, report, database, scale):
    """A changed bit in a block; SQLite itself sees nothing wrong with the file."""
    check = report.check("a changed bit in a block")
    every = blocks(database)
    with tempfile.TemporaryDirectory() as work:
        copy = f"{work}/copy.sdb"
        for index in range(max(len(every), int(400 * scale))):
            table, rowid, column = every[index % len(every)]
            shutil.copy(database, copy)
            with sqlite3.connect(copy) as db:
                data = bytearray(db.execute(f'SELECT "{column}" FROM "{table}" WHERE rowid = ?',
                                            (rowid,)).fetchone()[0])
                if not data:
                    continue
                bit = random.randrange(len(data) * 8)
                data[bit // 8] ^= 1 << bit % 8
                db.execute(f'UPDATE "{table}" SET "{column}" = ? WHERE rowid = ?',
                           (bytes(data), rowid))
            db.close()
            ask(stackdb, check, f"{table} {rowid} bit {bit}", copy, only=None if index % 8 == 0
                else 1)
    check.close(20)
    check = report.check("blocks that were moved, cut or replaced")
    with tempfile.TemporaryDirectory() as work:
        copy = f"{work}/copy.sdb"
        for table, rowid, column in every:
            for change in ("cut", "empty", "text", "huge", "null", "moved"):
                shutil.copy(database, copy)
                db = sqlite3.connect(copy)
                try:
                    if change == "moved":
                        db.execute(f'UPDATE "{table}" SET rowid = rowid + 1 WHERE rowid = ?',
                                   (rowid,))
                    else:
                        value = {"cut": f'substr("{column}", 1, length("{column}") / 2)',
                                 "empty": "x''", "text": "'text'", "null": "NULL",
                                 "huge": "zeroblob(50000000)"}[change]
                        db.execute(f'UPDATE "{table}" SET "{column}" = {value} WHERE rowid = ?',
                                   (rowid,))
                    db.commit()
                except sqlite3.Error:
                    continue  # the schema forbids it
                finally:
                    db.close()
                ask(stackdb, check, f"{table} {rowid} {change}", copy, only=1)
    check.close(20)


def damaged_files(stackdb, report, database, scale):
    with open(database, "rb") as file:
        data = file.read()
    check = report.check("damage anywhere in the file")
    with tempfile.TemporaryDirectory() as work:
        copy = f"{work}/copy.sdb"
        for index in range(int(300 * scale)):
            damaged = bytearray(data)
            kind = index % 4
            if kind == 0:
                damaged = damaged[:random.randrange(len(data))]
            elif kind == 1:
                damaged[random.randrange(len(data))] ^= 1 << random.randrange(8)
            elif kind == 2:
                page = random.randrange(len(data) // 4096 or 1) * 4096
                damaged[page:page + 4096] = random.randbytes(4096)
            else:
                for _ in range(30):
                    damaged[random.randrange(len(data))] = random.randrange(256)
            with open(copy, "wb") as file:
                file.write(damaged)
            # A bit in a free byte or an unused header field is no damage.
            ask(stackdb, check, f"kind {kind}, number {index}", copy, must_fail=False,
                only=None if index % 5 == 0 else 3)
    check.close(20)


def statements(*commands):
    def change(path):
        db = sqlite3.connect(path)
        for command in commands:
            db.execute(command)
        db.commit()
        db.close()
    return change


ENDLESS = ("WITH RECURSIVE c(first, data) AS (SELECT 1, x'00' UNION ALL"
           " SELECT first + 1, data FROM c) SELECT first, data FROM c")


def hostile_schemas(database):
    """(name, function that changes a copy, whether it must be refused)"""
    db = sqlite3.connect(database)
    tables = [row[0] for row in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    application = db.execute("PRAGMA application_id").fetchone()[0]
    version = db.execute("PRAGMA user_version").fetchone()[0]
    db.close()
    yield "another application's file", statements(f"PRAGMA application_id = {application + 1}")
    yield "a newer version", statements(f"PRAGMA user_version = {version + 2}")
    yield "the version of what is not packed", statements(f"PRAGMA user_version = {version + 1}")
    yield "a version below zero", statements("PRAGMA user_version = -1")
    for table in tables:
        yield f"{table} dropped", statements(f'DROP TABLE "{table}"')
        yield f"{table} an endless view", statements(f'DROP TABLE "{table}"',
                                                     f'CREATE VIEW "{table}" AS {ENDLESS}')
        yield f"{table} a view of itself", statements(
            f'DROP TABLE "{table}"',
            f'CREATE VIEW "{table}" AS SELECT * FROM "{table}"')
        yield f"{table} with computed columns", statements(
            f'DROP TABLE "{table}"',
            f'CREATE TABLE "{table}"(first INTEGER PRIMARY KEY,'
            " data AS (zeroblob(100000000)), key, value)",
            f'INSERT INTO "{table}"(first, key, value) VALUES (1, 1, 1)')
    yield "a virtual table", statements(
        f'DROP TABLE "{tables[0]}"', f'CREATE VIRTUAL TABLE "{tables[0]}" USING fts5(first, data)')


def hostile_files(stackdb, report, database):
    check = report.check("foreign, newer and hostile files")
    with tempfile.TemporaryDirectory() as work:
        copy = f"{work}/copy.sdb"
        for name, change in hostile_schemas(database):
            shutil.copy(database, copy)
            try:
                change(copy)
            except sqlite3.Error:
                continue
            ask(stackdb, check, name, copy)
        for name, content in (("empty", b""), ("text", b"hello\n" * 100), ("one byte", b"S"),
                              ("header only", b"SQLite format 3\0"),
                              ("zeros", bytes(100000))):
            with open(copy, "wb") as file:
                file.write(content)
            ask(stackdb, check, f"a file of {name}", copy)
        os.unlink(copy)
        ask(stackdb, check, "no file", copy)
        os.mkdir(copy)
        ask(stackdb, check, "a directory", copy)
        os.rmdir(copy)
        os.mkfifo(copy)
        ask(stackdb, check, "a FIFO", copy)
    check.close(20)


def run(stackdb, report, arguments):
    with tempfile.TemporaryDirectory() as work:
        program = f"{work}/rich"
        subprocess.run(["gcc", "-g", "-O2", f"{PROGRAMS}/rich.c", f"{PROGRAMS}/other.c", "-o",
                        program], check=True)
        database = f"{work}/rich.sdb"
        stackdb("index", "-o", database, program)
        with report.guard("damaged blocks"):
            damaged_blocks(stackdb, report, database, arguments.scale)
        with report.guard("damaged files"):
            damaged_files(stackdb, report, database, arguments.scale)
        with report.guard("hostile files"):
            hostile_files(stackdb, report, database)


oracle.main("bad_db", run)
