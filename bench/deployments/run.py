"""Deploys the same graphs with Syncline and with what people would use otherwise, on the same local AWS, and writes what it
took to deployments.json: `run.py [graphs|unchanged|failing|throttled|growth|cost …] [--size 100] [--runs 3] [--only NAME]`."""

import argparse
import contextlib
import datetime
import json
import pathlib
import statistics
import sys
import tempfile
import time

from counting import Counter
from graphs import GRAPHS, critical_path, dependents, flat, layers
from local import LocalAws, timed
from peers import PEERS, PREFIX
from syncline import ByHand, Installed, Reference, hops, moment, settled, write

RESULTS = pathlib.Path(__file__).parent / "deployments.json"
PUSH = "git push"
TOOLS = [ByHand(), Reference(), *PEERS]


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def templates(stacks, changed=(), value="second"):
    """The template of each stack. Those that changed have another value than at first."""
    return {stack.name: stack.template(value if stack.name in changed else "first") for stack in stacks}


class Runner:
    def __init__(self, arguments):
        self.runs, self.size, self.only = arguments.runs, arguments.size, arguments.only
        self.rows = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
        self.failed = []

    @contextlib.contextmanager
    def measuring(self, what):
        """A tool that fails keeps no other from being measured; the row that it had before stays, and the run fails in the end."""
        try:
            yield
        except AssertionError as error:
            self.failed.append(what)
            print(f"{what} failed: {error}", file=sys.stderr, flush=True)

    def is_meant(self, name):
        return self.only is None or self.only in name

    def peers(self):
        """The tools that are meant, without the reference, which only knows how to deploy for the first time."""
        return [tool for tool in TOOLS if self.is_meant(tool.name) and not isinstance(tool, Reference)]

    def note(self, part, what, tool, **figures):
        """Keeps the median of each figure, and the spread of the first."""
        kept = {name: statistics.median(values) for name, values in figures.items()}
        first = next(iter(figures.values()))
        kept["spread"], kept["runs"] = [min(first), max(first)], len(first)
        self.rows.setdefault(part, {}).setdefault(f"{what}, {self.size}", {})[tool] = kept
        self.keep()
        told = ", ".join(f"{name} {value:.2f}" for name, value in kept.items() if isinstance(value, float | int))
        print(f"{part}: {what}, {self.size}: {tool}: {told}", flush=True)

    def keep(self):
        RESULTS.write_text(json.dumps(self.rows, indent=1, sort_keys=True) + "\n")

    def graphs(self):
        """First deployments: wall time over the critical path, and calls a stack."""
        for name, graph in GRAPHS.items():
            stacks = graph(self.size)
            shortest = critical_path(stacks)
            for tool in filter(lambda tool: self.is_meant(tool.name), TOOLS):
                with self.measuring(f"{name}: {tool.name}"):
                    self.graph_by(tool, name, stacks, shortest)
            if self.is_meant(PUSH):
                with LocalAws() as aws, tempfile.TemporaryDirectory() as folder:
                    installed, walls, calls, waits = Installed(aws), [], [], []
                    installed.warm_up(pathlib.Path(folder))
                    for run in range(self.runs):
                        since, repository = now(), f"{name}{run}"
                        clone = installed.repository(pathlib.Path(folder), repository)
                        write(clone, repository, stacks, templates(stacks))
                        pushed = installed.push(clone, repository, "First")
                        assert pushed["sync"]["status"] == "SUCCEEDED", pushed["sync"]
                        walls.append(settled(pushed) / shortest)
                        calls.append(sum(aws.calls(since).values()) / len(stacks))
                        waits.append(hops(pushed, stacks))
                medians = {hop: statistics.median(wait[hop] for wait in waits) for hop in waits[0]}
                self.rows.setdefault("hops", {})[f"{name}, {self.size}"] = medians
                self.note("graphs", name, PUSH, ratio=walls, calls_a_stack=calls)

    def graph_by(self, tool, name, stacks, shortest):
        walls, calls = [], []
        for _ in range(self.runs):
            with LocalAws() as aws, tempfile.TemporaryDirectory() as folder:
                wall, called = self.deployed(tool, aws, pathlib.Path(folder), stacks, templates(stacks))
                walls.append(wall / shortest)
                calls.append(sum(called.values()) / len(stacks))
        self.note("graphs", name, tool.name, ratio=walls, calls_a_stack=calls)

    def unchanged(self):
        """Nothing changed, and one stack of all: seconds, and calls a stack."""
        stacks = flat(self.size)
        variants = [("nothing changed", ()), ("one changed", (stacks[0].name,))]
        for tool in self.peers():
            with self.measuring(f"unchanged: {tool.name}"), LocalAws() as aws, tempfile.TemporaryDirectory() as folder:
                folder = pathlib.Path(folder)
                self.deployed(tool, aws, folder, stacks, templates(stacks))
                for what, changed in variants:
                    walls, calls = [], []
                    for run in range(self.runs):
                        texts = templates(stacks, changed, f"second-{run}")
                        wall, called = self.deployed(tool, aws, folder, stacks, texts)
                        walls.append(wall)
                        calls.append(sum(called.values()) / len(stacks))
                    self.note("unchanged", what, tool.name, seconds=walls, calls_a_stack=calls)
        if self.is_meant(PUSH):
            with LocalAws() as aws, tempfile.TemporaryDirectory() as folder:
                installed = Installed(aws)
                clone = installed.repository(pathlib.Path(folder), PREFIX)
                write(clone, PREFIX, stacks, templates(stacks))
                installed.push(clone, PREFIX, "First")
                for what, changed in variants:
                    walls, calls = [], []
                    for run in range(self.runs):
                        write(clone, PREFIX, stacks, templates(stacks, changed, f"second-{run}"))
                        since = now()
                        pushed = installed.push(clone, PREFIX, what)
                        assert pushed["sync"]["status"] == "SUCCEEDED", pushed["sync"]
                        walls.append(moment(pushed["sync"]["ended_at"]) - pushed["pushed"])
                        calls.append(sum(aws.calls(since).values()) / len(stacks))
                    self.note("unchanged", what, PUSH, seconds=walls, calls_a_stack=calls)

    def failing(self):
        """One of thirty stacks fails, in the middle of three layers: what waits for it must stay away, and nothing else."""
        stacks = layers(30, seconds=1)
        stacks[15].fails = True
        waiting = dependents(stacks, stacks[15].name)
        for tool in self.peers():
            with LocalAws() as aws, tempfile.TemporaryDirectory() as folder:
                wall, _ = self.deployed(tool, aws, pathlib.Path(folder), stacks, templates(stacks), check=False)
                # What a tool that gave up had begun goes on.
                time.sleep(5)
                self.note_failing(tool.name, wall, aws.stacks(f"{PREFIX}-"), stacks, waiting)
        if self.is_meant(PUSH):
            with LocalAws() as aws, tempfile.TemporaryDirectory() as folder:
                pushed = self.pushed(aws, pathlib.Path(folder), stacks)
                self.note_failing(PUSH, settled(pushed), aws.stacks(f"{PREFIX}-"), stacks, waiting)

    def note_failing(self, tool, seconds, statuses, stacks, waiting):
        deployed = {part for name, status in statuses.items() if status == "CREATE_COMPLETE" for part in name.split("-")}
        others = {stack.name for stack in stacks if not stack.fails} - waiting
        self.rows.setdefault("failing", {})[tool] = {
            "seconds": seconds,
            "dependents": len(waiting),
            "dependents deployed": len(waiting & deployed),
            "others": len(others),
            "others left out": len(others - deployed),
        }
        self.keep()
        print(f"failing: {tool}: {self.rows['failing'][tool]}", flush=True)

    def throttled(self):
        """CloudFormation that takes two new stacks a second and five of any other call: seconds, and stacks that failed."""
        stacks = flat(self.size)
        for tool in self.peers():
            with LocalAws(throttled=True) as aws, tempfile.TemporaryDirectory() as folder:
                wall, _ = self.deployed(tool, aws, pathlib.Path(folder), stacks, templates(stacks), check=False)
                time.sleep(5)
                failed = self.size - list(aws.stacks(f"{PREFIX}-").values()).count("CREATE_COMPLETE")
                self.note("throttled", "no stack waits", tool.name, seconds=[wall], failed=[failed])
        if self.is_meant(PUSH):
            with LocalAws(throttled=True) as aws, tempfile.TemporaryDirectory() as folder:
                pushed = self.pushed(aws, pathlib.Path(folder), stacks)
                statuses = [target["status"] for target in pushed["sync"]["targets"]]
                self.note("throttled", "no stack waits", PUSH, seconds=[settled(pushed)], failed=[self.size - statuses.count("SUCCEEDED")])

    def growth(self):
        """One file changed of repositories of several sizes: what it takes follows the change. That of 10,000 takes a quarter of
        an hour to set up: `--size 10000`."""
        for size in (size for size in (100, 1000, 10_000) if size <= max(self.size, 1000)):
            self.counted(layers(size, seconds=0), "growth")

    def cost(self):
        """What a sync asks of AWS by what AWS puts a price on: of one target, ten and a hundred."""
        for size in (1, 10, 100):
            self.counted(flat(size), "cost")

    def counted(self, stacks, part):
        """Counts a first sync, one with nothing changed, and one with a stack changed that no other waits for."""
        size = len(stacks)
        with LocalAws() as aws, tempfile.TemporaryDirectory() as folder:
            installed = Installed(aws)
            clone = installed.repository(pathlib.Path(folder), PREFIX)
            for what, changed in [("first", ()), ("nothing changed", ()), ("one changed", (stacks[-1].name,))]:
                write(clone, PREFIX, stacks, templates(stacks, changed))
                counter = Counter(installed, now())
                pushed = installed.push(clone, PREFIX, what)
                assert pushed["sync"]["status"] == "SUCCEEDED", pushed["sync"]
                seconds = moment(pushed["sync"]["ended_at"]) - pushed["pushed"]
                figures = {"seconds": seconds, **counter.figures()}
                self.rows.setdefault(part, {}).setdefault(what, {})[str(size)] = figures
                self.keep()
                print(f"{part}: {what}, {size}: {figures}", flush=True)

    def pushed(self, aws, folder, stacks):
        """What came of the first push of these stacks, where somebody pushed before."""
        installed = Installed(aws)
        installed.warm_up(folder)
        clone = installed.repository(folder, PREFIX)
        write(clone, PREFIX, stacks, templates(stacks))
        return installed.push(clone, PREFIX, "First")

    def deployed(self, tool, aws, folder, stacks, texts, check=True):
        tool.prepare(folder, stacks, texts)
        since = now()
        command, place = tool.command(folder)
        wall, done = timed(command, place, tool.environment(aws.environment))
        if check:
            assert done.returncode == 0, f"{tool.name} failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        return wall, aws.calls(since)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=["graphs", "unchanged", "failing", "throttled", "growth", "cost"])
    parser.add_argument("--size", type=int, default=100)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", help="a part of a tool's name")
    arguments = parser.parse_args()
    runner = Runner(arguments)
    for part in arguments.parts:
        getattr(runner, part)()
    if runner.failed:
        sys.exit(f"not measured: {', '.join(runner.failed)}")


if __name__ == "__main__":
    main()
