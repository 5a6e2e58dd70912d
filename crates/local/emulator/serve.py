"""Start MiniStack with the corrections that Syncline's local AWS needs.

Every correction below restores something that AWS does and the emulator does not, or makes room for a test. Each is a
small wrapper around a function of the emulator, looked up by name, so a version of MiniStack that lost one of those
names fails here, at start, and not silently in the middle of a test.

This file does not configure the emulator: ports, state and IAM come from the environment that `emulator.rs` sets.
"""

import asyncio
import contextvars
import copy
import fcntl
import functools
import gc
import json
import os
import random
import re
import signal
import socketserver
import struct
import subprocess
import sys
import termios
import threading
import time

import hypercorn.asyncio
import uvicorn
import uvloop
import yaml
from ministack import app
from ministack.core import iam_actions, iam_evaluator, lambda_runtime
from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import cloudformation, cloudtrail, dynamodb, eventbridge, s3, stepfunctions, sts
from ministack.services.cloudformation import changesets, engine, handlers, provisioners, stacks, wait_conditions

CLOUDFORMATION_SOURCE = "local.cloudformation"


def main():
    die_with_the_parent()
    answer_small_messages_at_once()
    serve_from_compiled_code()
    publish_stack_status_events()
    fail_the_state_when_its_function_fails()
    check_task_answers_against_their_state_machine()
    tell_policies_the_role_that_cloudformation_is_given()
    end_tasks_whose_heartbeats_cease()
    tell_policies_the_role_of_a_session()
    tell_the_root_of_nested_stacks()
    say_of_missing_stacks_what_aws_says()
    hand_events_to_other_accounts_and_regions()
    fetch_templates_of_other_accounts()
    give_recorded_calls_page_by_page()
    start_executions_as_fast_as_aws()
    wait_before_retries_as_long_as_aws()
    read_each_expression_and_policy_once()
    copy_and_parse_without_detours()
    tell_which_executions_ended_with_the_emulator()
    let_parameters_take_time_or_fail()
    let_functions_die_in_the_middle()
    throttle_cloudformation()
    return_warm_invocations_without_waiting_for_logs()
    start_fault_proxies()
    # `ministack.app` reads options of its own from the command line; it gets none.
    sys.argv = sys.argv[:1]
    try:
        app.main()
    finally:
        if parent_is_gone.is_set():
            kill_the_process_group()


parent_is_gone = threading.Event()


def die_with_the_parent():
    """End this process and its functions when whoever started it is gone.

    The parent holds the other end of standard input and never writes to it. However the parent ends, a kill -9
    included, the pipe closes, and nothing of the local AWS stays behind.
    """

    def watch():
        # Not through `sys.stdin`, whose lock a thread that still reads would hold when the interpreter ends.
        while os.read(0, 4096):
            pass
        parent_is_gone.set()
        # First politely, so that kept state is written.
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(10)
        kill_the_process_group()

    threading.Thread(target=watch, daemon=True, name="parent-watch").start()


def kill_the_process_group():
    """Kill this process and its functions, if the parent made a group for them; otherwise only this process."""
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpgrp(), signal.SIGKILL)
    os._exit(1)


def answer_small_messages_at_once():
    """AWS's Lambda runtime API answers at once. The emulator's has Nagle's algorithm on, which costs each invocation
    about 41 ms."""
    socketserver.StreamRequestHandler.disable_nagle_algorithm = True


def serve_from_compiled_code():
    """AWS answers many at once. The emulator has one thread for all, and reads and writes HTTP in Python, which is half of the
    time that a small request takes. The same application is served by compiled code here."""

    async def serve(application, config):
        host, _, port = config.bind[0].rpartition(":")
        settings = uvicorn.Config(
            application,
            host=host,
            port=int(port),
            http="httptools",
            lifespan="on",
            log_level="warning",
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=int(config.keep_alive_timeout),
        )
        await uvicorn.Server(settings).serve()

    hypercorn.asyncio.serve = serve
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())


def publish_stack_status_events():
    """AWS: CloudFormation sends `CloudFormation Stack Status Change` to EventBridge's default bus for every status that
    a stack takes, nested stacks included. The emulator records stack events but sends nothing.

    The source is `local.cloudformation`, because nobody but AWS may send from `aws.…`. The event is handed to the event
    loop's next turn: by then the operation has set the stack's own StackStatus (in places it does so after it recorded
    the event), and the operation itself never waits. Order is kept.
    """
    record = stacks._add_event

    @functools.wraps(record)
    def add_event(stack_id, stack_name, logical_id, resource_type, status, reason="", *args, **kwargs):
        record(stack_id, stack_name, logical_id, resource_type, status, reason, *args, **kwargs)
        if logical_id != stack_name or resource_type != "AWS::CloudFormation::Stack":
            return
        region, account = (stack_id.split(":") + [""] * 5)[3:5]
        detail = {
            "stack-id": stack_id,
            "status-details": {"status": status, "status-reason": reason or ""},
            "client-request-token": stacks.CLIENT_REQUEST_TOKEN.get() or "",
        }
        entry = {
            "Source": CLOUDFORMATION_SOURCE,
            "DetailType": "CloudFormation Stack Status Change",
            "Resources": [stack_id],
            "Detail": json.dumps(detail),
        }
        # Nested stacks run on worker threads, hence threadsafe.
        app._MAIN_LOOP.call_soon_threadsafe(put_event, entry, account or get_account_id(), region or get_region())

    # These modules imported the function by name; `wait_conditions` and `provisioners` look it up in `stacks`.
    for module in (stacks, handlers, changesets):
        if getattr(module, "_add_event", None) is record:
            module._add_event = add_event
    assert stacks._add_event is add_event and handlers._add_event is add_event
    for module in (wait_conditions, provisioners, cloudformation):
        assert getattr(module, "_add_event", None) is None, f"{module.__name__} imports _add_event by name"


def put_event(entry, account, region):
    with request_scope(account, region):
        eventbridge._ensure_default_bus()
        eventbridge._put_events({"Entries": [entry]})


def fail_the_state_when_its_function_fails():
    """AWS: a `.waitForTaskToken` task whose function fails fails at once, with the function's error. The emulator drops
    that error and waits for the token until the timeout.

    The wrapper answers the token with the error, as SendTaskFailure would; the emulator's own wait then ends.
    """
    running = threading.local()
    invoke_with_callback = stepfunctions._invoke_with_callback
    call_lambda = stepfunctions._call_lambda

    @functools.wraps(invoke_with_callback)
    def invoke(resource, input_data, token, state_def):
        running.token = token
        try:
            return invoke_with_callback(resource, input_data, token, state_def)
        finally:
            running.token = None

    @functools.wraps(call_lambda)
    def call(func_ref, event):
        token = getattr(running, "token", None)
        try:
            return call_lambda(func_ref, event)
        except stepfunctions._ExecutionError as failure:
            waiting = stepfunctions._task_tokens.get(token) if token else None
            # A token that the function has answered before it failed stays answered.
            if waiting is not None and not waiting["event"].is_set():
                waiting["error"] = {"Error": failure.error, "Cause": failure.cause}
                waiting["event"].set()
            raise

    stepfunctions._invoke_with_callback = invoke
    stepfunctions._call_lambda = call


def check_task_answers_against_their_state_machine():
    """AWS checks SendTaskSuccess and SendTaskFailure against the ARN of the state machine that the token is of. The
    emulator takes `*` for it, which a role that may answer one state machine only does not match."""
    running = threading.local()
    machines = {}
    execute_task = stepfunctions._execute_task
    invoke_with_callback = stepfunctions._invoke_with_callback
    extract_resource_arn = iam_actions.extract_resource_arn

    @functools.wraps(execute_task)
    def execute(state_def, raw_input, execution, ctx):
        running.machine = (execution or {}).get("stateMachineArn")
        return execute_task(state_def, raw_input, execution, ctx)

    @functools.wraps(invoke_with_callback)
    def invoke(resource, input_data, token, state_def):
        # Kept after the task has ended: a late answer is checked too, and then told that its task is gone.
        machines[token] = running.machine
        return invoke_with_callback(resource, input_data, token, state_def)

    @functools.wraps(extract_resource_arn)
    def extract(service, method, path, headers, body, *others):
        if service == "states" and b'"taskToken"' in (body or b""):
            return machines.get(json.loads(body).get("taskToken")) or "*"
        return extract_resource_arn(service, method, path, headers, body, *others)

    stepfunctions._execute_task = execute
    stepfunctions._invoke_with_callback = invoke
    iam_actions.extract_resource_arn = extract


def tell_policies_the_role_that_cloudformation_is_given():
    """AWS lets a policy's condition see the service role of a request under `cloudformation:RoleArn`. The emulator knows
    only conditions on tags; the role goes in beside them."""
    context_of = iam_actions.request_tag_context

    @functools.wraps(context_of)
    def with_role(service, action, body, params):
        context = context_of(service, action, body, params)
        role = iam_actions._query_param(params, "RoleARN") if service == "cloudformation" else ""
        return {**context, "cloudformation:RoleArn": role} if role else context

    iam_actions.request_tag_context = with_role


def tell_policies_the_role_of_a_session():
    """AWS: `aws:PrincipalArn` is the ARN of the role that was assumed. The emulator gives that of the session."""
    resolve = iam_evaluator._resolve_condition_key

    @functools.wraps(resolve)
    def with_role(key, context):
        value = resolve(key, context)
        if key.lower() != "aws:principalarn" or ":assumed-role/" not in (value or ""):
            return value
        account, role = value.split(":")[4], value.split("/")[1]
        return f"arn:aws:iam::{account}:role/{role}"

    iam_evaluator._resolve_condition_key = with_role


def end_tasks_whose_heartbeats_cease():
    """A task with HeartbeatSeconds fails with States.HeartbeatTimeout where no heartbeat came for so long. The emulator
    records heartbeats and goes by none."""
    invoke_with_callback = stepfunctions._invoke_with_callback

    def watch(token, seconds):
        heard, since = None, time.monotonic()
        while (waiting := stepfunctions._task_tokens.get(token)) and not waiting["event"].wait(0.25):
            if waiting["heartbeat"] != heard:
                heard, since = waiting["heartbeat"], time.monotonic()
            elif time.monotonic() - since > seconds:
                waiting["error"] = {"Error": "States.HeartbeatTimeout", "Cause": f"no heartbeat for {seconds} seconds"}
                waiting["event"].set()

    @functools.wraps(invoke_with_callback)
    def invoke(resource, input_data, token, state_def):
        seconds = state_def.get("HeartbeatSeconds")
        if seconds:
            # The token is there from the call on; a little later than that does not matter to seconds.
            threading.Timer(1, contextvars.copy_context().run, (watch, token, seconds)).start()
        return invoke_with_callback(resource, input_data, token, state_def)

    stepfunctions._invoke_with_callback = invoke


def tell_the_root_of_nested_stacks():
    """DescribeStacks tells RootId and ParentId of a nested stack. The emulator knows them and does not tell."""
    describe = handlers._ACTION_HANDLERS["DescribeStacks"]

    @functools.wraps(describe)
    def with_root(params):
        status, headers, body = describe(params)
        text = body.decode()
        for stack in list(cloudformation._stacks.values()):
            told = f"<StackId>{stack.get('StackId')}</StackId>"
            if stack.get("RootId") and told in text:
                own = f"<RootId>{stack['RootId']}</RootId><ParentId>{stack['ParentId']}</ParentId>"
                text = text.replace(told, told + own)
        return status, headers, text.encode()

    handlers._ACTION_HANDLERS["DescribeStacks"] = with_root


def say_of_missing_stacks_what_aws_says():
    """GetTemplate and GetTemplateSummary say `Stack with id <name> does not exist`, by which some tools tell that from other errors.
    The emulator has the words of the other actions."""

    def in_other_words(handle):
        @functools.wraps(handle)
        def handle_and_reword(params):
            status, headers, body = handle(params)
            return status, headers, re.sub(rb"Stack \[([^\]]+)\] does not exist", rb"Stack with id \1 does not exist", body)

        return handle_and_reword

    for action in ("GetTemplate", "GetTemplateSummary"):
        handlers._ACTION_HANDLERS[action] = in_other_words(handlers._ACTION_HANDLERS[action])


def hand_events_to_other_accounts_and_regions():
    """AWS: a rule may have an event bus of another account or region for a target. The bus gets the event as it was, with
    the account and region that it is of, where the bus is of the same account or its policy lets that account put it. The
    emulator knows only buses of the same account and region, and no policies of buses in templates.

    Conditions on the source and the kind of an event are looked at, others are not.
    """
    dispatch = eventbridge._dispatch_to_event_bus
    policies = eventbridge._event_bus_policies

    @functools.wraps(dispatch)
    def dispatch_anywhere(spec, event, rule, event_path, *others):
        here = (get_account_id(), get_region())
        if (spec.account_id, spec.region) == here:
            return dispatch(spec, event, rule, event_path, *others)
        forwarded = {"Account": here[0], "Region": here[1], **event, "_DispatchPath": [*event_path, str(here)]}
        bus = forwarded["EventBusName"] = spec.resource.split("/", 1)[1]
        with request_scope(spec.account_id, spec.region):
            eventbridge._ensure_default_bus()
            if str((spec.account_id, spec.region)) in event_path:
                return
            if spec.account_id == here[0] or any(lets(one, here[0], event) for one in policies.get(bus, {}).get("Statement", [])):
                eventbridge._dispatch_event(forwarded)

    def lets(statement, account, event):
        principals = statement["Principal"]
        principals = principals.get("AWS", []) if isinstance(principals, dict) else principals
        named = [principals] if isinstance(principals, str) else principals
        if not any(one == "*" or account in one.split(":") for one in named):
            return False
        conditions = statement.get("Condition", {})
        wanted = {**conditions.get("StringEquals", {}), **conditions.get("ForAllValues:StringEquals", {})}
        told = {"events:source": event["Source"], "events:detail-type": event["DetailType"]}
        return statement["Effect"] == "Allow" and all(told.get(key) == value for key, value in wanted.items())

    def put(logical_id, properties, stack_name):
        name, bus = properties["StatementId"], properties.get("EventBusName", "default")
        remove(name, properties)
        policy = policies.setdefault(bus, {"Version": "2012-10-17", "Statement": []})
        policy["Statement"].append({**properties["Statement"], "Sid": name})
        return name, {}

    def update(physical_id, old_properties, new_properties, stack_name):
        return put("", new_properties, stack_name)

    def remove(physical_id, properties):
        policy = policies.get(properties.get("EventBusName", "default"), {"Statement": []})
        policy["Statement"] = [one for one in policy["Statement"] if one.get("Sid") != physical_id]

    eventbridge._dispatch_to_event_bus = dispatch_anywhere
    provisioners._RESOURCE_HANDLERS["AWS::Events::EventBusPolicy"] = {"create": put, "update": update, "delete": remove}


def fetch_templates_of_other_accounts():
    """AWS: names of buckets are of no account, and CloudFormation fetches a template from another account's bucket where the
    bucket's policy lets its caller. The emulator looks in the caller's own account only."""
    get_object = s3._get_object_data
    enforce = iam_evaluator.enforce
    caller = contextvars.ContextVar("caller", default=None)

    @functools.wraps(enforce)
    def enforce_and_remember(access_key_id, *args, **kwargs):
        caller.set(sts._sessions.get(access_key_id, {}).get("Arn"))
        return enforce(access_key_id, *args, **kwargs)

    @functools.wraps(get_object)
    def get_object_of_any_account(bucket, key, *others, **named):
        owner = next((account for account, name in s3._buckets._data if name == bucket), get_account_id())
        if owner == get_account_id():
            return get_object(bucket, key, *others, **named)
        asking = get_account_id()
        # What is nested in a stack is fetched later, as CloudFormation's role.
        principal = caller.get() or f"arn:aws:sts::{asking}:assumed-role/syncline-cloudformation/nested"
        request = iam_evaluator.EvalContext(
            principal_arn=principal,
            principal_type="AssumedRole",
            principal_account=asking,
            action="s3:GetObject",
            resource_arn=f"arn:aws:s3:::{bucket}/{key}",
            region=get_region(),
        )
        with request_scope(owner, get_region()):
            policy = s3._bucket_policies.get(bucket)
            if iam_evaluator.evaluate_resource_policy(policy, request).decision != "Allow":
                raise PermissionError(f"{principal} may not fetch {key} of {bucket}")
            return get_object(bucket, key, *others, **named)

    iam_evaluator.enforce = enforce_and_remember
    s3._get_object_data = get_object_of_any_account


def give_recorded_calls_page_by_page():
    """LookupEvents gives 50 events and a NextToken for those before them. The emulator gives 50 and no way to the rest."""
    handle = cloudtrail._lookup_events
    queue = cloudtrail._get_event_queue

    @functools.wraps(handle)
    def lookup(body):
        token = body.get("NextToken")
        recorded = list(queue())
        if token:
            # Newest first: what follows was recorded before the last event of the page before.
            recorded = recorded[: next((at for at, event in enumerate(recorded) if event["EventId"] == token), 0)]
        cloudtrail._get_event_queue = lambda: recorded
        try:
            status, headers, answer = handle(body)
        finally:
            cloudtrail._get_event_queue = queue
        found = json.loads(answer)
        if len(found.get("Events", [])) >= min(int(body.get("MaxResults", 50)), 50):
            found["NextToken"] = found["Events"][-1]["EventId"]
        return status, headers, json.dumps(found).encode()

    cloudtrail._DISPATCH["LookupEvents"] = lookup


def start_executions_as_fast_as_aws():
    """The emulator sleeps a fixed 150 ms before an execution's first state, which AWS does not.

    Only the sleep of `_run_execution` itself is left out; waits and retries of state machines keep their length.
    """
    run_execution = stepfunctions._run_execution.__code__

    class Clock:
        def __getattr__(self, name):
            return getattr(time, name)

        @staticmethod
        def sleep(seconds):
            time.sleep(0 if sys._getframe(1).f_code is run_execution else seconds)

    stepfunctions.time = Clock()


def wait_before_retries_as_long_as_aws():
    """The emulator knows neither MaxDelaySeconds nor JitterStrategy of a retrier: its pauses double without end, all alike.

    https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
    """
    find = stepfunctions._find_matching_retrier

    @functools.wraps(find)
    def find_with_its_pause(retriers, error, retry_counts):
        retrier, place = find(retriers, error, retry_counts)
        if retrier is None:
            return retrier, place
        pause = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2.0) ** retry_counts.get(place, 0)
        pause = min(pause, retrier.get("MaxDelaySeconds", pause))
        if retrier.get("JitterStrategy") == "FULL":
            pause = random.uniform(0, pause)
        return {**retrier, "IntervalSeconds": pause, "BackoffRate": 1.0}, place

    stepfunctions._find_matching_retrier = find_with_its_pause


def read_each_expression_and_policy_once():
    """The emulator parses the caller's policies twice for each request, and a condition for each item that it looks at; on two
    cores, that is what everybody waits for. What was read from the same text before is taken from there."""
    parse_policy = iam_evaluator.parse_policy_document
    from_text = functools.lru_cache(4096)(parse_policy)

    @functools.wraps(parse_policy)
    def parse_policy_once(document):
        # What is done to the list is nobody else's; statements themselves are only looked at.
        return list(from_text(document)) if isinstance(document, str) else parse_policy(document)

    iam_evaluator.parse_policy_document = parse_policy_once
    for name in ("_condition_syntax_error", "_tokenize"):
        read = functools.lru_cache(4096)(getattr(dynamodb, name))
        setattr(dynamodb, name, read)


def copy_and_parse_without_detours():
    """The emulator copies an item four times for each update of it, by way of everything that can be copied, and parses
    templates in Python. Items are JSON, and there is a parser in C; no collector need look through all that is kept."""
    deepcopy = copy.deepcopy

    def copied(value):
        kind = type(value)
        if kind is dict:
            return {key: copied(one) for key, one in value.items()}
        if kind is list:
            return [copied(one) for one in value]
        return value if kind in (str, int, float, bool, type(None)) else deepcopy(value)

    class Copy:
        def __getattr__(self, name):
            return getattr(copy, name)

        deepcopy = staticmethod(copied)

    class Loader(yaml.CSafeLoader):
        yaml_constructors = engine.CfnLoader.yaml_constructors
        yaml_multi_constructors = engine.CfnLoader.yaml_multi_constructors
        yaml_implicit_resolvers = engine.CfnLoader.yaml_implicit_resolvers

    dynamodb.copy = Copy()
    engine.CfnLoader = Loader
    gc.set_threshold(50_000, 50, 50)


def tell_which_executions_ended_with_the_emulator():
    """An execution that ends tells EventBridge. One that ran when the emulator ended is found FAILED by the next one, which
    tells nobody. On AWS executions outlive whatever fails; here that is how one dies."""
    load = stepfunctions.load_persisted_state

    @functools.wraps(load)
    def load_and_tell(data):
        load(data)
        ended = [one for one in stepfunctions._executions.all_values() if one.get("error") == "States.ServiceRestart"]
        threading.Timer(1, tell, [ended]).start()

    def tell(ended):
        for execution in ended:
            account = execution["executionArn"].split(":")[4]
            region = execution["executionArn"].split(":")[3]
            app._MAIN_LOOP.call_soon_threadsafe(emit, execution, account, region)

    def emit(execution, account, region):
        with request_scope(account, region):
            stepfunctions._emit_execution_status_event(execution)

    stepfunctions.load_persisted_state = load_and_tell


def let_parameters_take_time_or_fail():
    """For tests: AWS takes seconds to minutes for a stack and sometimes fails, the emulator takes 2 ms and does not.

    An AWS::SSM::Parameter whose Description holds `sleep=SECONDS` takes that long to create or update, and one whose
    Description holds `fail=TEXT` fails with TEXT (all that follows) as its reason. One with `keep=TEXT` is created, and
    fails to be deleted. Parameters run on worker threads
    then, one each, so that a hundred such stacks sleep side by side and the event loop stays free. What writes to the
    parameter store itself stays one at a time, as it was on the event loop.
    """
    kind = "AWS::SSM::Parameter"
    store = threading.Lock()
    plain = dict(provisioners._RESOURCE_HANDLERS[kind])
    runs_on_worker_thread = stacks._runs_on_worker_thread

    def wait_and_fail(properties):
        description = str(properties.get("Description", ""))
        wish, _, reason = description.partition("fail=")
        seconds = re.search(r"\bsleep=(\d+(?:\.\d+)?)", wish)
        if seconds:
            time.sleep(float(seconds.group(1)))
        if reason:
            raise ValueError(reason)

    def create(logical_id, properties, stack_name):
        wait_and_fail(properties)
        with store:
            return plain["create"](logical_id, properties, stack_name)

    def update(physical_id, old_properties, new_properties, stack_name, logical_id=None):
        wait_and_fail(new_properties)
        with store:
            return plain["update"](physical_id, old_properties, new_properties, stack_name, logical_id)

    def delete(physical_id, properties):
        _, _, reason = str(properties.get("Description", "")).partition("keep=")
        if reason:
            raise ValueError(reason)
        with store:
            return plain["delete"](physical_id, properties)

    assert plain.get("update_with_logical_id")
    provisioners._RESOURCE_HANDLERS[kind].update(create=create, update=update, delete=delete)
    stacks._runs_on_worker_thread = lambda resource_type: resource_type == kind or runs_on_worker_thread(resource_type)


def let_functions_die_in_the_middle():
    """Room for a test: a file `die/<function>` in the working folder lets the next invocation of that function that lasts so
    long be killed so many milliseconds after it began. AWS ends an environment at any moment too."""
    invoke = lambda_runtime.ProvidedWorker.invoke

    @functools.wraps(invoke)
    def invoke_and_kill(self, *args, **kwargs):
        told = told_to_die(self.func_name)
        if told is not None:
            name, milliseconds = told
            threading.Thread(target=kill, args=[self, name, args[1], milliseconds], daemon=True).start()
        return invoke(self, *args, **kwargs)

    def told_to_die(function):
        for name in os.listdir("die") if os.path.isdir("die") else []:
            if f"-{name}-" not in f"{function}-":
                continue
            try:
                # Whoever renames it is the one that is meant.
                os.rename(f"die/{name}", f"die.{name}")
            except FileNotFoundError:
                continue
            with open(f"die.{name}") as file:
                return name, int(file.read())

    def kill(worker, name, request_id, milliseconds):
        # It begins once its environment is up.
        since = time.monotonic()
        while worker._current_request_id != request_id and time.monotonic() - since < 10:
            time.sleep(0.001)
        until = time.monotonic() + milliseconds / 1000
        while worker._current_request_id == request_id and time.monotonic() < until:
            time.sleep(0.001)
        if worker._proc is not None and worker._current_request_id == request_id:
            worker._proc.kill()
            open(f"died.{name}", "w").close()
        else:
            # It has answered meanwhile, and was not in the middle of anything: the next one is meant.
            os.rename(f"die.{name}", f"die/{name}")

    lambda_runtime.ProvidedWorker.invoke = invoke_and_kill


def throttle_cloudformation():
    """Room for a benchmark: with THROTTLE_CLOUDFORMATION=1 CloudFormation takes 2 CreateStack a second and 5 of each other
    action, with 5 at once, and refuses more, as users report of AWS, which publishes no rates."""
    if os.environ.get("THROTTLE_CLOUDFORMATION") != "1":
        return
    rates, burst = {"CreateStack": 2.0}, 5.0
    left, since = {}, {}

    def throttled(action, handle):
        @functools.wraps(handle)
        def handle_or_refuse(params):
            now = time.monotonic()
            rate = rates.get(action, 5.0)
            left[action] = min(burst, left.get(action, burst) + (now - since.get(action, now)) * rate)
            since[action] = now
            if left[action] < 1:
                return handlers._error("Throttling", "Rate exceeded", 400)
            left[action] -= 1
            return handle(params)

        return handle_or_refuse

    for action, handle in list(handlers._ACTION_HANDLERS.items()):
        handlers._ACTION_HANDLERS[action] = throttled(action, handle)


def return_warm_invocations_without_waiting_for_logs():
    """AWS ships logs beside the response. The emulator waits up to 50 ms for a first line of a function that wrote
    none.

    A function writes its lines before it responds, so they are in its pipe by then. Wait for a line only while the
    pipe holds something, else for the moment that the reader needs to pass on what it has already taken.
    """
    drain = lambda_runtime.ProvidedWorker._drain_stderr_bounded

    def drain_what_is_there(self, first_line_wait=0.050, *args, **kwargs):
        if first_line_wait == 0.050 and self._stderr_queue.empty() and not bytes_in_pipe(self._proc):
            first_line_wait = 0.002
        return drain(self, first_line_wait, *args, **kwargs)

    lambda_runtime.ProvidedWorker._drain_stderr_bounded = drain_what_is_there


def start_fault_proxies():
    """Room for a test: proxies that functions call AWS through. They are in this process group and end with it."""
    for proxy in os.environ.get("FAULT_PROXIES", "").split():
        port, upstream = proxy.split("=", 1)
        command = [sys.executable, "-c", FAULT_PROXY, "--host", "127.0.0.1", "--port", port, "--upstream", upstream]
        subprocess.Popen(command, stdin=subprocess.DEVNULL)


# A request is signed for the host that it was sent to, and with its length; microburst puts other ones in their place.
FAULT_PROXY = """
from microburst import cli, forward

outbound = forward.Upstream._outbound_headers

def with_what_was_signed(self, request):
    kept = {name: request.headers[name] for name in ("Host", "Content-Length") if name in request.headers}
    return {name: value for name, value in outbound(self, request).items() if name != "host"} | kept

forward.Upstream._outbound_headers = with_what_was_signed
raise SystemExit(cli.main())
"""


def bytes_in_pipe(process):
    try:
        return struct.unpack("i", fcntl.ioctl(process.stdout, termios.FIONREAD, b"\0" * 4))[0]
    except (AttributeError, OSError, ValueError):
        return 0


if __name__ == "__main__":
    main()
