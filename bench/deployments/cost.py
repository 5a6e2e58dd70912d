"""The tables of docs/cost.md, from what run.py counted (`run.py cost`) and what AWS asks for it."""

import pathlib

from page import write_part

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs/cost.md"

# US dollars in us-east-1, from the pages on pricing of each service, 2026-11, without free tiers.
TRANSITION = 25e-6  # AWS Step Functions, standard workflows
INVOCATION = 0.20e-6  # AWS Lambda
GIGABYTE_SECOND = 16.6667e-6  # AWS Lambda, x86_64, as the template has it by default
WRITE_UNIT, READ_UNIT = 0.625e-6, 0.125e-6  # Amazon DynamoDB, on demand
PUT, GET = 5e-6, 0.4e-6  # Amazon S3
ACTION_MINUTE = 0.002  # AWS CodePipeline, V2

# What cannot be counted here: how long a function takes on AWS. Most of it is waiting for other services.
SECONDS_AN_INVOCATION, GIGABYTES = 0.2, 0.5
# What the others are compared at.
STACK_MINUTES, POLL_SECONDS = 3, 15


def price(figures):
    """Dollars of one sync."""
    return {
        "Step Functions": figures["transitions"] * TRANSITION,
        "Lambda": figures["invocations"] * (INVOCATION + SECONDS_AN_INVOCATION * GIGABYTES * GIGABYTE_SECOND),
        "DynamoDB": figures.get("write units", 0) * WRITE_UNIT + figures.get("read units", 0) * READ_UNIT,
        "S3": figures.get("puts of S3", 0) * PUT + figures.get("gets of S3", 0) * GET,
    }


def cents(dollars):
    return f"{dollars * 100:.4f}"


def report(rows):
    sizes = list(rows["first"])
    lines = ["Cents (US) a sync, of repositories of so many targets:", ""]
    lines += ["| | " + " | ".join(sizes) + " |", "|---" * (len(sizes) + 1) + "|"]
    for what, words in [("first", "first, all are created"), ("one changed", "one changed"), ("nothing changed", "nothing changed")]:
        lines.append(f"| {words} | " + " | ".join(cents(sum(price(rows[what][size]).values())) for size in sizes) + " |")
    polls = STACK_MINUTES * 60 / POLL_SECONDS
    # Begin, then wait, describe and choose again and again, then record.
    polling = (3 * polls + 3) * TRANSITION
    lines.append(f"| a workflow that polls each {POLL_SECONDS} s, first: Step Functions alone | " + " | ".join(cents(int(size) * polling) for size in sizes) + " |")
    pipeline = STACK_MINUTES * ACTION_MINUTE
    lines.append("| CodePipeline V2 with an action a stack, first | " + " | ".join(cents(int(size) * pipeline) for size in sizes) + " |")
    lines += ["", f"The last two are of stacks that take {STACK_MINUTES} minutes each; what Syncline costs does not depend on how long they take.", ""]
    lines += ["What that is made of, counted by the local AWS:", ""]
    columns = ["transitions", "invocations", "write units", "read units", "puts of S3", "gets of S3", "calls of codecommit", "calls of cloudformation"]
    lines += ["| sync | targets | " + " | ".join(columns) + " |", "|---" * (len(columns) + 2) + "|"]
    for what in rows:
        for size in sizes:
            lines.append(f"| {what} | {size} | " + " | ".join(str(rows[what][size].get(column, 0)) for column in columns) + " |")
    write_part("cost", lines, PAGE)
