"""How functions start: from the process to the first question for an event, and what that takes of memory; and how large their
packages are. Beside a function that does nothing, and beside a handler written with boto3. Writes a part of RESULTS.md."""

import http.server
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zipfile

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[1]
sys.path.append(str(HERE.parent))

from page import write_part  # noqa: E402

RUNS = 31
FUNCTIONS = ROOT / ".aws-sam/bench"
BARE = ROOT / "target/release/bare"
NAMES = "TABLE_NAME TEMPLATE_BUCKET CLOUDFORMATION_ROLE_ARN CAPABILITIES SYNC_STATE_MACHINE_ARN TARGET_STATE_MACHINE_ARN"
ENVIRONMENT = {
    **{name: "arn:aws:states:us-east-1:000000000000:stateMachine:x" for name in NAMES.split()},
    "STACK_ARNS": "arn:aws:cloudformation:us-east-1:000000000000:stack/",
    "HISTORY_RETENTION_DAYS": "30",
    "ACCOUNT_ID": "000000000000",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_LAMBDA_FUNCTION_NAME": "x",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
    "AWS_LAMBDA_FUNCTION_VERSION": "1",
    "AWS_LAMBDA_LOG_STREAM_NAME": "x",
    "AWS_LAMBDA_LOG_GROUP_NAME": "x",
    "PATH": os.environ["PATH"],
}


class RuntimeApi(http.server.ThreadingHTTPServer):
    """Notes when it is asked for an event first, and answers nothing."""

    daemon_threads = True

    def __init__(self):
        self.asked, self.moment = threading.Event(), 0.0
        super().__init__(("127.0.0.1", 0), Asked)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Asked(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.moment = time.perf_counter()
        self.server.asked.set()
        time.sleep(5)

    def log_message(self, *_):
        pass


def started(command):
    """Milliseconds until a process asks for an event, and its memory in megabytes then."""
    server = RuntimeApi()
    environment = {**ENVIRONMENT, "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.server_address[1]}"}
    began = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert server.asked.wait(20), f"{command} never asked for an event"
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        memory = int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])
        return (server.moment - began) * 1000, memory / 1024
    finally:
        process.kill()
        process.wait()
        server.shutdown()
        server.server_close()


def zipped(path):
    """Megabytes of a package."""
    with tempfile.NamedTemporaryFile(suffix=".zip") as file:
        with zipfile.ZipFile(file.name, "w", zipfile.ZIP_DEFLATED) as package:
            package.write(path, "bootstrap")
        return os.path.getsize(file.name) / 1e6


def main():
    functions = {path.parent.name: path for path in sorted(FUNCTIONS.glob("*/bootstrap"))}
    nothing, with_boto3 = "nothing, in Rust", "OnStackStatus with boto3"
    rows = {nothing: ([BARE], zipped(BARE))}
    rows |= {name: ([path], zipped(path)) for name, path in functions.items()}
    rows[with_boto3] = ([sys.executable, HERE / "on_stack_status.py"], None)
    measured = {name: [] for name in rows}
    # In turns, each beside one that does nothing, so that a moment in which the machine is busy is everybody's. What takes a
    # hundred times as long, and leaves the processor warm for whoever comes next, comes last.
    for _ in range(RUNS):
        for name in functions:
            measured[nothing].append(started(rows[nothing][0]))
            measured[name].append(started(rows[name][0]))
    for _ in range(RUNS):
        measured[with_boto3].append(started(rows[with_boto3][0]))
    lines = ["## How functions start", ""]
    lines += [f"From the process to its first question for an event, median of {RUNS} runs; `nothing` is the least that lambda_runtime takes, run before each.", ""]
    lines += ["| function | over nothing | milliseconds (least–most) | memory | package, zipped |", "|---|---|---|---|---|"]
    least = statistics.median(moment for moment, _ in measured[nothing])
    for name, (_, package) in rows.items():
        moments, memory = zip(*measured[name])
        median = statistics.median(moments)
        size = f"{package:.1f} MB" if package else ""
        lines.append(f"| {name} | {median / least:.2f} | {median:.1f} ({min(moments):.1f}–{max(moments):.1f}) | {statistics.median(memory):.1f} MB | {size} |")
    lines += ["", "`make bench-startup`. The functions are built as for an account."]
    write_part("startup", lines)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
