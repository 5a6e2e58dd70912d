"""What a sync asked of AWS, counted by the local one: calls, units of DynamoDB, transitions, invocations."""

import collections
import json
import math
import urllib.request

# An item is in an index where it has the index's key, and `at`.
INDEX_KEYS = ("subject", "related", "active")


def size(value):
    """Bytes of an attribute's value, near enough: DynamoDB counts names, texts in UTF-8, and a few bytes for structure."""
    ((kind, held),) = value.items()
    if kind == "M":
        return 3 + sum(1 + len(name.encode()) + size(one) for name, one in held.items())
    if kind == "L":
        return 3 + sum(1 + size(one) for one in held)
    if kind in ("SS", "NS"):
        return sum(len(one.encode()) for one in held)
    return 1 if kind in ("BOOL", "NULL") else len(str(held).encode())


def bytes_of(item):
    return sum(len(name.encode()) + size(value) for name, value in item.items())


class Counter:
    """Counts from the moment that it is made."""

    def __init__(self, installed, since):
        self.installed, self.aws, self.since = installed, installed.aws, since

    def codecommit(self):
        """Calls by functions: who pushes makes none, and what the benchmark asks for is of another time."""
        with urllib.request.urlopen(f"{self.aws.environment['AWS_ENDPOINT_URL_CODECOMMIT']}/_local/calls") as answer:
            calls = json.load(answer)
        return sum(call["time"] >= self.since.timestamp() for call in calls)

    def transitions(self):
        sfn, entered = self.aws.client("stepfunctions"), 0
        for machine in sfn.list_state_machines()["stateMachines"]:
            pages = sfn.get_paginator("list_executions").paginate(stateMachineArn=machine["stateMachineArn"])
            for execution in (one for page in pages for one in page["executions"] if one["startDate"] >= self.since):
                history = sfn.get_paginator("get_execution_history").paginate(executionArn=execution["executionArn"])
                entered += sum(event["type"].endswith("StateEntered") for page in history for event in page["events"])
        return entered

    def figures(self):
        """All of it, by what AWS puts a price on."""
        items = {}
        for page in self.installed.table.get_paginator("scan").paginate(TableName=self.installed.table_name):
            items |= {(item["pk"]["S"], item["sk"]["S"]): item for item in page["Items"]}
        of_partition = collections.Counter()
        for (partition, _), item in items.items():
            of_partition[partition] += bytes_of(item)
        counts = collections.Counter()

        def read(key):
            item = items.get((key["pk"]["S"], key["sk"]["S"]), {})
            counts["read units"] += max(1, math.ceil(bytes_of(item) / 4096))

        for event, told in self.aws.recorded(StartTime=self.since):
            # Functions have the keys of a session; the benchmark has not.
            if not event.get("Username", "").startswith("ASIA"):
                continue
            service, name = event["EventSource"].split(".")[0], event["EventName"]
            counts[f"calls of {service}"] += 1
            if service == "s3":
                counts["puts of S3" if name.startswith("Put") else "gets of S3"] += 1
            if service == "cloudformation":
                counts["operations"] += told.get("Action", name) in ("CreateStack", "UpdateStack", "DeleteStack")
            if name == "GetItem":
                read(told["Key"])
            elif name == "BatchGetItem":
                for key in (key for asked in told["RequestItems"].values() for key in asked["Keys"]):
                    read(key)
            # The pages of one question are of one partition, which is counted with the first.
            elif name == "Query" and "ExclusiveStartKey" not in told:
                partition = next((v["S"] for k, v in told["ExpressionAttributeValues"].items() if k == ":pk"), None)
                counts["read units"] += max(1, math.ceil(of_partition[partition] / 4096))
            elif name in ("PutItem", "UpdateItem"):
                key = told.get("Key") or told["Item"]
                item = items.get((key["pk"]["S"], key["sk"]["S"]), {})
                copies = 1 + sum(index in item and "at" in item for index in INDEX_KEYS)
                counts["write units"] += copies * max(1, math.ceil(bytes_of(item) / 1024))
        counts["transitions"] = self.transitions()
        # Each state is a function's, and so are the push and the end of each operation.
        counts["invocations"] = counts["transitions"] + 1 + counts["operations"]
        counts["calls of codecommit"] = self.codecommit()
        return dict(counts)
