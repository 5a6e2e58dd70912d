"""The local AWS that everything is measured on, and what it counted."""

import collections
import json
import os
import pathlib
import subprocess
import tempfile
import time

import boto3

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOLS = pathlib.Path(os.environ.get("SYNCLINE_TOOLS", ROOT / ".tools"))
LOCAL = ROOT / "target/debug/syncline-local"


class LocalAws:
    """A local AWS of its own, which ends with the block."""

    def __init__(self, throttled=False):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="syncline-bench-"))
        environment = {**os.environ, "THROTTLE_CLOUDFORMATION": "1" if throttled else "0"}
        command = [LOCAL, "up", "--state-dir", self.folder, "--tools-dir", TOOLS]
        subprocess.run(command, check=True, env=environment, capture_output=True)
        told = subprocess.run([LOCAL, "env", "--state-dir", self.folder], check=True, capture_output=True, text=True)
        told = subprocess.run(["bash", "-c", f"{told.stdout}\nenv -0"], check=True, capture_output=True, text=True)
        pairs = dict(pair.split("=", 1) for pair in told.stdout.split("\0") if "=" in pair)
        self.environment = {name: value for name, value in pairs.items() if name.startswith(("AWS_", "GIT_"))}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run([LOCAL, "down", "--state-dir", self.folder], check=False, capture_output=True)
        subprocess.run(["rm", "-rf", self.folder], check=False)

    def client(self, service):
        environment = self.environment
        endpoint = environment.get(f"AWS_ENDPOINT_URL_{service.upper()}", environment["AWS_ENDPOINT_URL"])
        return boto3.client(
            service,
            endpoint_url=endpoint,
            region_name=environment["AWS_REGION"],
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def calls(self, since):
        """The calls of CloudFormation since a moment, by action, as the emulator recorded them."""
        source = [{"AttributeKey": "EventSource", "AttributeValue": "cloudformation.amazonaws.com"}]
        recorded = self.recorded(StartTime=since, LookupAttributes=source)
        return collections.Counter(parameters.get("Action", event["EventName"]) for event, parameters in recorded)

    def recorded(self, **which):
        """The calls that the emulator recorded, each with its parameters."""
        for page in self.client("cloudtrail").get_paginator("lookup_events").paginate(**which):
            for event in page["Events"]:
                yield event, json.loads(event["CloudTrailEvent"]).get("requestParameters") or {}

    def stacks(self, prefix):
        """The statuses of the stacks whose names begin so."""
        pages = self.client("cloudformation").get_paginator("describe_stacks").paginate()
        found = [stack for page in pages for stack in page["Stacks"] if stack["StackName"].startswith(prefix)]
        return {stack["StackName"]: stack["StackStatus"] for stack in found}


def timed(command, folder, environment, patience=1800):
    """Runs a command, and gives its seconds and how it ended."""
    began = time.monotonic()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=patience)
    return time.monotonic() - began, done
