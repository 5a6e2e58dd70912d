"""Times Jinja 2 on the templates of benches/render.rs, with the same inputs, and prints nanoseconds as JSON.

`whole` goes from the template's text to its result, as Syncline does; `compiled` renders a template that was compiled.
"""

import json
import pathlib
import statistics
import time

import jinja2

HERE = pathlib.Path(__file__).parent
ROUNDS = 15


def nanoseconds(work):
    """The median of several rounds, each long enough to be measured."""
    count = 1
    while True:
        begin = time.perf_counter_ns()
        for _ in range(count):
            work()
        if time.perf_counter_ns() - begin > 50_000_000:
            break
        count *= 2
    rounds = []
    for _ in range(ROUNDS):
        begin = time.perf_counter_ns()
        for _ in range(count):
            work()
        rounds.append((time.perf_counter_ns() - begin) / count)
    return {"median": statistics.median(rounds), "min": min(rounds), "max": max(rounds)}


def main():
    inputs = json.loads((HERE / "templates/web.inputs.json").read_text())
    context = {
        "service": {"name": "web", "repository_id": "shop", "repository_connection_arn": "", "branch_name": "main"},
        "environment": {"name": "beta", "account_id": "111122223333", "outputs": {"Listener": "arn:aws:elasticloadbalancing:x"}},
        "service_instance": {"name": "beta", "inputs": inputs},
    }
    # Without its cache of compiled templates, which a function that starts cold would not have either.
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, cache_size=0)
    text = (HERE / "templates/web.yaml").read_text()
    results = {"python-jinja2": jinja2.__version__}
    for name, copies in (("web", 1), ("web-x10", 10)):
        template = text * copies
        compiled = environment.from_string(template)
        results[name] = {
            "whole": nanoseconds(lambda: environment.from_string(template).render(context)),
            "compiled": nanoseconds(lambda: compiled.render(context)),
        }
    print(json.dumps(results))


if __name__ == "__main__":
    main()
