"""The tools that people would use otherwise, each with the same stacks in its own format."""

import json
import os
import pathlib

from local import TOOLS

PYTHON = TOOLS / "peers"
NODE = TOOLS / "peers-node"
PREFIX = "bench"


class Peer:
    """A tool. `prepare` writes a folder, and `command` deploys it."""

    name = ""

    def environment(self, aws):
        environment = {**os.environ, **aws, "CI": "1", "AWS_DEFAULT_REGION": aws["AWS_REGION"], "NO_COLOR": "1"}
        environment["PATH"] = f"{PYTHON}/bin:{NODE}/node_modules/.bin:{environment['PATH']}"
        return environment

    def write(self, path, text):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


class Sceptre(Peer):
    name = "Sceptre 4.7.0"

    def prepare(self, folder, stacks, templates):
        self.write(folder / "config/config.yaml", f"project_code: {PREFIX}\nregion: us-east-1\n")
        for stack in stacks:
            config = {
                "stack_name": f"{PREFIX}-{stack.name}",
                "template": {"path": f"{stack.name}.yaml", "type": "file"},
                "dependencies": [f"bench/{other}.yaml" for other in stack.waits_on],
            }
            self.write(folder / f"config/bench/{stack.name}.yaml", json.dumps(config))
            self.write(folder / f"templates/{stack.name}.yaml", templates[stack.name])

    def command(self, folder):
        return ["sceptre", "launch", "-y", "bench"], folder


class Cfngin(Peer):
    """Runway's CFNgin, which asks for each stack's status once a second here; by default every 30 s. Its retries are meant for the
    mode that boto3 had as default before: in `standard` a hundred throttled calls use up what that allows, and it gives up."""

    name = "Runway 2.8.4 (CFNgin, poll 1 s)"

    def environment(self, aws):
        settings = {"CFNGIN_STACK_POLL_TIME": "1", "AWS_RETRY_MODE": "legacy", "DEPLOY_ENVIRONMENT": "bench"}
        return {**super().environment(aws), **settings}

    def prepare(self, folder, stacks, templates):
        modules = {"deployments": [{"modules": [{"path": "stacks.cfn", "parameters": {"namespace": PREFIX}}], "regions": ["us-east-1"]}]}
        self.write(folder / "runway.yml", json.dumps(modules))
        listed = [
            {"name": stack.name, "template_path": f"templates/{stack.name}.yaml", "requires": stack.waits_on}
            for stack in stacks
        ]
        config = {"namespace": PREFIX, "cfngin_bucket": "", "stacks": listed}
        self.write(folder / "stacks.cfn/cfngin.yml", json.dumps(config))
        for stack in stacks:
            self.write(folder / f"stacks.cfn/templates/{stack.name}.yaml", templates[stack.name])

    def command(self, folder):
        return ["runway", "deploy"], folder


class Takomo(Peer):
    """Takomo uses the old AWS SDK for JavaScript, which reads no AWS_ENDPOINT_URL: a file that is loaded first says it."""

    name = "Takomo 2.7.1"

    def environment(self, aws):
        environment = super().environment(aws)
        environment["NODE_OPTIONS"] = f"--require {pathlib.Path(__file__).parent / 'endpoint.js'}"
        return environment

    def prepare(self, folder, stacks, templates):
        for stack in stacks:
            config = {
                "name": f"{PREFIX}-{stack.name}",
                "regions": ["us-east-1"],
                "template": f"{stack.name}.yml",
                "depends": [f"/{other}.yml" for other in stack.waits_on],
            }
            self.write(folder / f"stacks/{stack.name}.yml", json.dumps(config))
            self.write(folder / f"templates/{stack.name}.yml", templates[stack.name])

    def command(self, folder):
        return ["tkm", "stacks", "deploy", "--yes"], folder


class Cdk(Peer):
    name = "AWS CDK 2.1148, --concurrency 100"

    def environment(self, aws):
        return {**super().environment(aws), "NODE_PATH": str(NODE / "node_modules"), "CDK_DISABLE_VERSION_CHECK": "1"}

    def prepare(self, folder, stacks, templates):
        listed = [
            {"name": f"{PREFIX}-{stack.name}", "template": f"{stack.name}.yaml", "waitsOn": [f"{PREFIX}-{other}" for other in stack.waits_on]}
            for stack in stacks
        ]
        self.write(folder / "stacks.json", json.dumps(listed))
        for stack in stacks:
            self.write(folder / f"{stack.name}.yaml", templates[stack.name])
        self.write(folder / "app.js", (pathlib.Path(__file__).parent / "cdk_app.js").read_text())

    def command(self, folder):
        words = "deploy --all --concurrency 100 --require-approval never --progress events --app".split()
        return ["cdk", *words, "node app.js"], folder


PEERS = [Sceptre(), Cfngin(), Takomo(), Cdk()]
