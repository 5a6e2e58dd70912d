"""Starts each stack as soon as what it waits for is done, and asks for all of them at once each half second."""

import json
import pathlib
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config

prefix = sys.argv[1]
stacks = {stack["name"]: stack for stack in json.loads(pathlib.Path("stacks.json").read_text())}
client = boto3.client("cloudformation", config=Config(retries={"mode": "standard", "max_attempts": 30}, max_pool_connections=50))
started, done = set(), set()


def start(name):
    client.create_stack(StackName=f"{prefix}-{name}", TemplateBody=stacks[name]["template"])


with ThreadPoolExecutor(50) as pool:
    while len(done) < len(stacks):
        ready = [name for name in stacks if name not in started and done.issuperset(stacks[name]["waits_on"])]
        started.update(ready)
        list(pool.map(start, ready))
        time.sleep(0.5)
        pages = client.get_paginator("describe_stacks").paginate()
        statuses = {stack["StackName"]: stack["StackStatus"] for page in pages for stack in page["Stacks"]}
        for name in started - done:
            status = statuses.get(f"{prefix}-{name}", "")
            if status == "CREATE_COMPLETE":
                done.add(name)
            elif status.endswith(("FAILED", "ROLLBACK_COMPLETE")):
                sys.exit(f"{name} is {status}")
