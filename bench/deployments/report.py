"""Writes the part of RESULTS.md about deployments from what run.py left in deployments.json."""

import datetime
import json
import pathlib
import platform
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
sys.path.append(str(HERE.parent))
sys.path.append(str(HERE))

import cost  # noqa: E402
from graphs import GRAPHS, barriers, critical_path  # noqa: E402
from page import write_part  # noqa: E402
from syncline import HOPS  # noqa: E402


def by_size(column):
    """What was deployed, and then of how many stacks."""
    what, size = column.rsplit(", ", 1)
    return what, int(size)


def table(rows, names, form):
    """A row a tool or a hop, a column each thing that was measured."""
    columns = sorted(rows, key=by_size)
    lines = ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name in names:
        cells = [form(rows[column][name]) if name in rows[column] else "" for column in columns]
        if any(cells):
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def spread(row, figure):
    low, high = row["spread"]
    return f"{row[figure]:.2f}" + (f" ({low:.2f}–{high:.2f})" if row["runs"] > 1 else "")


def tools_of(rows):
    """Syncline first, then what is possible, then the others by name."""
    names = {tool for row in rows.values() for tool in row}
    first = ["git push", "syncline deploy --all", "reference"]
    return [name for name in first if name in names] + sorted(names - set(first))


def report(results):
    lines = ["## Deploying beside other tools", ""]
    lines += ["Every tool deploys the same stacks of one parameter, each of which takes a chosen time, on the same local AWS."]
    lines += ["`git push` is Syncline as it is installed, from the push to the last target that settled; the others are commands."]
    lines += ["The reference is forty lines that start what is ready and ask for all stacks each half second."]
    measured = [row for part in ("graphs", "unchanged", "throttled") for rows in results.get(part, {}).values() for row in rows.values()]
    runs = sorted({row["runs"] for row in measured})
    if runs:
        lines += [f"Each figure is the median of {' or '.join(map(str, runs))} run{'s' if runs != [1] else ''}, if nothing else is said.", ""]
    lines += ["A push is measured where somebody pushed before; environments of functions that are needed beside the first start cold.", ""]
    rows = results.get("graphs", {})
    if rows:
        lines += ["### Wall time over the critical path, first deployment", ""]
        lines += table(rows, tools_of(rows), lambda row: spread(row, "ratio"))
        told = []
        for column in sorted(rows, key=by_size):
            name, size = column.split(", ")
            stacks = GRAPHS[name](int(size))
            told.append(f"{column}: {critical_path(stacks):g} s, with a barrier after each layer {barriers(stacks):g} s")
        lines += ["", "Critical paths: " + "; ".join(told) + ".", "", "### Calls of CloudFormation a stack, first deployment", ""]
        lines += table(rows, tools_of(rows), lambda row: f"{row['calls_a_stack']:.2f}") + [""]
    rows = results.get("hops", {})
    if rows:
        lines += ["### Where a push's time goes", ""]
        lines += ["Milliseconds beside the stacks' own time. The first two once a push, the others once for each stack of the longest chain.", ""]
        lines += table(rows, HOPS, lambda milliseconds: f"{milliseconds:.0f}")
        lines += ["", *(f"- {hop}: {what}" for hop, what in HOPS.items()), ""]
    rows = results.get("unchanged", {})
    if rows:
        lines += ["### Deployed once more", "", "Seconds, and calls of CloudFormation a stack. A push counts from when it returned to the end of its sync.", ""]
        lines += table(rows, tools_of(rows), lambda row: f"{spread(row, 'seconds')} s, {row['calls_a_stack']:.2f} calls") + [""]
    rows = results.get("failing", {})
    if rows:
        one = next(iter(rows.values()))
        lines += ["### One of thirty stacks fails", ""]
        lines += [f"It is in the middle of three layers of ten; {one['dependents']} stacks wait for it and {one['others']} do not. One run.", ""]
        lines += ["| | deployed although they wait for it | left out although they do not | seconds |", "|---|---|---|---|"]
        for tool in tools_of({"": rows}):
            row = rows[tool]
            lines.append(f"| {tool} | {row['dependents deployed']} | {row['others left out']} | {row['seconds']:.1f} |")
        lines.append("")
    rows = results.get("throttled", {})
    if rows:
        lines += ["### Throttled", "", "CloudFormation takes two new stacks a second and five of any other call, five at once; the floor is 47.5 s.", ""]
        lines += table(rows, tools_of(rows), lambda row: f"{row['seconds']:.1f} s, {row['failed']:.0f} failed") + [""]
    rows = results.get("growth", {})
    if rows:
        lines += ["### One stack of so many changed", "", "Ten stacks at a time, in layers. Units are of DynamoDB. Every head is read, since any of them may not be in step.", ""]
        columns = ["seconds", "calls of codecommit", "calls of cloudformation", "transitions", "write units", "read units"]
        lines += ["| sync | stacks | " + " | ".join(columns) + " |", "|---" * (len(columns) + 2) + "|"]
        for what in ("first", "one changed", "nothing changed"):
            for size, figures in rows[what].items():
                cells = [f"{figures.get(column, 0):.2f}" if column == "seconds" else f"{figures.get(column, 0):,}" for column in columns]
                lines.append(f"| {what} | {int(size):,} | " + " | ".join(cells) + " |")
        lines.append("")
    if "cost" in results:
        cost.report(results["cost"])
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.processor())
    cores = subprocess.run(["nproc"], capture_output=True, text=True, check=True).stdout.strip()
    lines += ["### How", ""]
    lines += [f"{datetime.date.today()}, {platform.system()} on {model}, {cores} cores, which the tools, the local AWS and the functions share. In brackets the least and the most."]
    lines += ["`make bench-deployments`, or one part: `python bench/deployments/run.py graphs --size 100 --runs 3 --only push`."]
    lines += ["The local AWS lets a parameter last as long as its description says, and leaves out 150 ms that the emulator sleeps before an execution, and waits before a retry as AWS does."]
    lines += ["Its HTTP is read by compiled code, and what it parses or copies over and over it does once, for every tool alike."]
    lines += ["Functions are built as for an account; the command without optimisation across crates."]
    write_part("deployments", lines)


if __name__ == "__main__":
    report(json.loads((HERE / "deployments.json").read_text()))
