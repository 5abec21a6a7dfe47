#!/usr/bin/env python3
"""Is what powlab reads from a ledger what the database's own shell reads from it?

    ledger_same.py table ROWS.json TABLE.csv TABLE.jsonl
    ledger_same.py summary ROWS.json SUMMARY.json

ROWS.json: the rows as an array of objects, by the shell; of a summary, those of shares and
sessions joined, plus "runs", "sessions", "jobs", "blocks" in the first."""
import collections
import csv
import json
import sys


def shown(value):
    return "" if value is None else str(value)


def load(path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    return json.loads(text) if text.strip() else []


def same_table(rows_path, csv_path, jsonl_path):
    rows = load(rows_path)
    with open(csv_path, newline="", encoding="utf-8") as file:
        table = list(csv.reader(file))
    with open(jsonl_path, encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    assert lines == rows, f"{len(lines)} lines of JSON, {len(rows)} rows"
    assert len(table) == len(rows) + 1
    for line, row in zip(table[1:], rows):
        assert dict(zip(table[0], line)) == {key: shown(value) for key, value in row.items()}, row
    print(f"  {len(rows)} rows")


def same_summary(rows_path, summary_path):
    rows, summary = load(rows_path), load(summary_path)
    good = [row for row in rows if row["verdict"] == "accepted"]
    totals = summary["totals"]
    for key in ("runs", "sessions", "jobs"):
        assert totals[key] == rows[0][key], key
    assert totals["blocks_found"] == rows[0]["blocks"]
    assert totals["shares"] == len(rows)
    assert totals["accepted"] == len(good)
    assert totals["accepted_work"] == sum(row["difficulty"] for row in good)
    assert totals["unverified"] == sum(1 - row["verified"] for row in rows)
    assert totals["latency_max_us"] == max(row["latency_us"] for row in rows)
    mean = sum(row["latency_us"] for row in rows) / len(rows)
    assert abs(totals["latency_mean_us"] - mean) < 1e-6 * mean
    verdicts = collections.Counter(row["verdict"] for row in rows)
    assert {one["verdict"]: one["shares"] for one in summary["verdicts"]} == verdicts
    work = collections.Counter()
    for row in good:
        work[row["login"]] += row["difficulty"]
    for worker in summary["workers"]:
        assert worker["accepted_work"] == work[worker["login"]], worker
    assert len(summary["workers"]) == min(20, len({row["login"] for row in rows}))
    per_run = collections.Counter(row["run"] for row in good)
    for run in summary["runs"]:
        assert run["accepted"] == per_run[run["run"]], run


{"table": same_table, "summary": same_summary}[sys.argv[1]](*sys.argv[2:])
