"""Writes RESULTS.md from what `cargo bench` left in target/criterion, and from with_jinja2.py."""

import datetime
import json
import pathlib
import platform
import re
import shutil
import subprocess
import sys

from page import write_part

HERE = pathlib.Path(__file__).parent
CRITERION = HERE.parent / "target/criterion"
SIZES = (100, 1_000, 10_000)


def measured(*names):
    """The median and its bounds at 95 %, in nanoseconds."""
    estimates = json.loads(CRITERION.joinpath(*map(str, names), "new/estimates.json").read_text())
    median = estimates["median"]
    interval = median["confidence_interval"]
    return median["point_estimate"], interval["lower_bound"], interval["upper_bound"]


def shown(nanoseconds):
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if nanoseconds >= size:
            return f"{nanoseconds / size:.3g} {unit}"
    return f"{nanoseconds:.0f} ns"


def first_line(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0]


def instructions():
    """Instructions an instance at 10,000 over those at 1,000, for parse and plan of each kind; nothing without valgrind."""
    if shutil.which("valgrind") is None:
        return None
    subprocess.run(["cargo", "build", "--quiet", "--profile", "bench", "-p", "syncline-bench", "--example", "work"], check=True, cwd=HERE.parent)

    def count(size, kind, parses, plans):
        command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", HERE.parent / "target/release/examples/work"]
        words = [str(word) for word in (size, kind, parses, plans)]
        said = subprocess.run(command + words, capture_output=True, text=True, check=True).stderr
        return int(re.search(r"Collected : (\d+)", said).group(1))

    def each(size, kind):
        without = count(size, kind, 0, 0)
        return [(count(size, kind, *what) - without) / size for what in ((1, 0), (0, 1))]

    return {kind: [large / small for small, large in zip(each(1_000, kind), each(10_000, kind))] for kind in ("deployment-files", "bundle")}


def main():
    jinja = json.loads(subprocess.run([sys.executable, HERE / "with_jinja2.py"], capture_output=True, text=True, check=True).stdout)
    lines = ["## Reading and planning grow with the input", ""]
    lines += ["Time an instance at 10,000 instances over that at 1,000; 1.0 is growth in step with the input.", ""]
    lines += ["| | parse | check | plan |", "|---|---|---|---|"]
    groups = (("DeploymentFiles", "deployment files"), ("Bundle", "Proton specs and a bundle"))
    for group, words in groups:
        ratios = [measured(group, step, 10_000)[0] / 10 / measured(group, step, 1_000)[0] for step in ("parse", "check", "plan")]
        lines.append(f"| {words} | " + " | ".join(f"{ratio:.2f}" for ratio in ratios) + " |")
    ratio = measured("Wrong", "say", 10_000)[0] / 10 / measured("Wrong", "say", 1_000)[0]
    lines += ["", f"Where everything is wrong, finding and drawing it: {ratio:.2f}.", ""]

    counted = instructions()
    if counted is None:
        lines += ["Instructions were not counted: there is no valgrind here.", ""]
    else:
        lines += ["The same in instructions (valgrind), which neither caches nor neighbours change:", ""]
        lines += ["| | parse | plan |", "|---|---|---|"]
        for (_, words), ratios in zip(groups, counted.values()):
            lines.append(f"| {words} | " + " | ".join(f"{ratio:.2f}" for ratio in ratios) + " |")
        lines.append("")

    lines += ["## Rendering beside Python's Jinja 2", ""]
    lines += ["How many times as long Jinja 2 takes for the same template and inputs.", ""]
    lines += ["| template | from its text | compiled before |", "|---|---|---|"]
    for name in ("web", "web-x10"):
        ours = measured("Render", name)[0]
        whole, compiled = (jinja[name][kind]["median"] / ours for kind in ("whole", "compiled"))
        lines.append(f"| {name} | {whole:.1f} | {compiled:.2f} |")
    lines += ["", "Syncline always renders from the text; a function renders a template once.", ""]

    lines += ["## Raw", "", "Median, with its bounds at 95 %.", ""]
    lines += ["| what | " + " | ".join(f"{size:,}" for size in SIZES) + " |", "|---|---|---|---|"]
    rows = [(group, step, f"{words}: {step}") for group, words in groups for step in ("parse", "check", "plan")]
    for group, step, words in rows + [("Wrong", "say", "all wrong: say")]:
        cells = [" ".join((shown(m), f"({shown(low)}–{shown(high)})")) for m, low, high in (measured(group, step, size) for size in SIZES)]
        lines.append(f"| {words} | " + " | ".join(cells) + " |")
    lines += ["", "| template | Syncline | Jinja 2, from its text | Jinja 2, compiled |", "|---|---|---|---|"]
    for name in ("web", "web-x10"):
        ours, low, high = measured("Render", name)
        theirs = [f"{shown(t['median'])} ({shown(t['min'])}–{shown(t['max'])})" for t in (jinja[name]["whole"], jinja[name]["compiled"])]
        lines.append(f"| {name} | {shown(ours)} ({shown(low)}–{shown(high)}) | " + " | ".join(theirs) + " |")

    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.processor())
    lines += ["", "## How", "", f"{datetime.date.today()}, {platform.system()} on {model}, {first_line('nproc')} cores; "
              f"{first_line('rustc', '--version')}, profile `bench` (as `release`, without LTO); "
              f"Python {platform.python_version()}, Jinja2 {jinja['python-jinja2']}.", "",
              "`make bench`, or one part: `cargo bench -p syncline-bench --bench plan`, `… --bench render`, `python bench/with_jinja2.py`."]
    write_part("reading and rendering", lines)


if __name__ == "__main__":
    main()
