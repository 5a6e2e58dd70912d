"""Syncline itself: by a push to a connected repository, and by hand."""

import datetime
import json
import os
import pathlib
import statistics
import subprocess
import time

from graphs import flat
from local import ROOT, TOOLS, timed
from peers import PREFIX, Peer

SYNCLINE = ROOT / "target/release/syncline"


def write(folder, app, stacks, templates):
    """A repository of one service a stack, each from a template of its own and no bundle."""
    services = {}
    for stack in stacks:
        depends_on = {"depends_on": stack.waits_on} if stack.waits_on else {}
        services[stack.name] = {**depends_on, "i": {"branch": "main", "spec": f"specs/{stack.name}.yaml"}}
        for path, text in [("specs", f"template-file-path: templates/{stack.name}.yaml\n"), ("templates", templates[stack.name])]:
            (folder / path).mkdir(parents=True, exist_ok=True)
            (folder / path / f"{stack.name}.yaml").write_text(text)
    (folder / "syncline.yaml").write_text(json.dumps({"app": app, "sync": {"services": services}}))


class ByHand(Peer):
    """`syncline deploy --all` where Syncline is not installed: as the others, it keeps no history then."""

    name = "syncline deploy --all"

    def prepare(self, folder, stacks, templates):
        write(folder, PREFIX, stacks, templates)
        if not (folder / ".git").exists():
            subprocess.run(["git", "init", "--quiet", "--initial-branch", "main"], cwd=folder, check=True)

    def command(self, folder):
        return [SYNCLINE, "deploy", "--all", "--yes", "-r", PREFIX], folder


class Reference(Peer):
    """Forty lines that start what is ready and ask for all stacks at once each half second: what is possible from outside."""

    name = "reference"

    def prepare(self, folder, stacks, templates):
        listed = [{"name": stack.name, "waits_on": stack.waits_on, "template": templates[stack.name]} for stack in stacks]
        (folder / "stacks.json").write_text(json.dumps(listed))

    def command(self, folder):
        return ["python", pathlib.Path(__file__).parent / "reference.py", PREFIX], folder


class Installed:
    """Syncline in a local AWS, deployed by SAM as anywhere."""

    def __init__(self, aws):
        self.aws = aws
        self.environment = {**os.environ, **aws.environment, "SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "us-east-1"}
        self.environment["PATH"] = f"{TOOLS}/aws/bin:{os.environ['PATH']}"
        words = f"sam deploy --config-file {ROOT}/samconfig.toml --template-file .aws-sam/bench/template.yaml --no-progressbar --parameter-overrides".split()
        words += ["EventSourcePrefix=local", "ManifestBranch=main"]
        done = subprocess.run(words, cwd=ROOT, env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{words} failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        self.codecommit, self.table = aws.client("codecommit"), aws.client("dynamodb")
        outputs = aws.client("cloudformation").describe_stacks(StackName="syncline")["Stacks"][0]["Outputs"]
        self.table_name = next(one["OutputValue"] for one in outputs if one["OutputKey"] == "TableName")

    def wait_until_free(self, name, commit):
        """Until a sync of that commit is over, by the branch's item alone: it asks nothing of CloudFormation."""
        key = {"pk": {"S": f"REPOSITORY#{name}"}, "sk": {"S": "BRANCH#main"}}
        is_seen = False
        while True:
            time.sleep(0.2)
            lease = self.table.get_item(TableName=self.table_name, Key=key, ConsistentRead=True).get("Item", {})
            is_seen |= commit in str(lease)
            if is_seen and "holder" not in str(lease.get("lease", lease)):
                return

    def repository(self, folder, name):
        """Connects an empty repository, and gives its clone's folder."""
        url = self.codecommit.create_repository(repositoryName=name)["repositoryMetadata"]["cloneUrlHttp"]
        clone = folder / name
        clone.mkdir()
        self.git(clone, "init", "--quiet", "--initial-branch", "main")
        self.git(clone, "remote", "add", "origin", url)
        return clone

    def warm_up(self, folder):
        """Syncs one stack first, so that the functions' packages are where they run, as they are where anybody has pushed before."""
        stacks = flat(1)
        clone = self.repository(folder, "warm-up")
        write(clone, "warm-up", stacks, {stack.name: stack.template() for stack in stacks})
        self.push(clone, "warm-up", "Warm up")

    def git(self, clone, *words):
        names = {f"GIT_{who}_{what}": "bench@shop.example" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        environment = {**self.environment, **names, "GIT_CONFIG_GLOBAL": "/dev/null"}
        return subprocess.run(["git", *words], cwd=clone, env=environment, check=True, capture_output=True, text=True).stdout.strip()

    def push(self, clone, name, message):
        """Commits everything, pushes it, and gives the sync that follows once it is over, with the moments of the push."""
        self.git(clone, "add", "--all")
        self.git(clone, "commit", "--quiet", "--allow-empty", "--message", message)
        commit = self.git(clone, "rev-parse", "HEAD")
        began = time.time()
        self.git(clone, "push", "--quiet", "origin", "main")
        pushed = time.time()
        self.wait_until_free(name, commit)
        # What was over when it was asked for is only read from the table.
        words = [SYNCLINE, "status", "-r", name, "--watch", "--commit", commit, "--output", "json"]
        _, done = timed(words, clone, self.environment)
        assert done.stdout, done.stderr
        return {"began": began, "pushed": pushed, "sync": json.loads(done.stdout)}


def moment(text):
    """A moment of the record, in seconds since 1970."""
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


# What a push waits for beside its stacks, in order: once a push, and then once for each stack of the longest chain.
HOPS = {
    "pushed → queued": "the push itself, its event and OnPush",
    "queued → in progress": "the sync's execution, Begin's plan",
    "settled → deploying": "whoever waited is released, its execution, Deploy enters",
    "deploying → asked": "Deploy reads, renders and asks CloudFormation",
    "asked → heard": "CloudFormation and its event, without the stack's own time",
    "heard → settled": "its end is recorded",
}


def hops(pushed, stacks):
    """Milliseconds of each hop of a push; of those that come with each stack, the median over the chain that took longest."""
    sync, seconds = pushed["sync"], {stack.name: stack.seconds for stack in stacks}
    targets = {target["target"]: target for target in sync["targets"]}
    found = {"pushed → queued": [moment(sync["queued_at"]) - pushed["began"]]}
    found["queued → in progress"] = [moment(sync["in_progress_at"]) - moment(sync["queued_at"])]
    for name in sync["critical_path"]["targets"]:
        at = {which: moment(targets[name][f"{which}_at"]) for which in ("ready", "deploying", "asked", "heard", "settled")}
        found.setdefault("settled → deploying", []).append(at["deploying"] - at["ready"])
        found.setdefault("deploying → asked", []).append(at["asked"] - at["deploying"])
        found.setdefault("asked → heard", []).append(at["heard"] - at["asked"] - seconds[name.split("/")[0]])
        found.setdefault("heard → settled", []).append(at["settled"] - at["heard"])
    return {hop: 1000 * statistics.median(times) for hop, times in found.items()}


def settled(pushed):
    """Seconds from the push until the last target had settled, or the sync was over without one."""
    sync = pushed["sync"]
    ends = [moment(target["settled_at"]) for target in sync["targets"] if target["settled_at"]]
    return (max(ends) if ends else moment(sync["ended_at"])) - pushed["began"]
