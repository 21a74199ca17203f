#!/usr/bin/python3
"""Two real nodes on one PostgreSQL; the one that advances stages is frozen beyond its lease: no stage is ever advanced twice.

    frozen_leader.py [--freezes N] [--devices N] [--lease-ms MS] [--seed N]

Each round starts a stage over a whole fleet, which takes many advances of 500 devices, and sends SIGSTOP to the node that holds the
lease "stages" at a random moment of it. The other node must take the lease over and end the stage; only then the frozen node goes on,
believing that it still leads. What happened is read from the database's own record (table stage_advances), not from the servers' words:
every step of a start is there once, by tokens that never fall, and every device is in the stage once.

The check is checked too: rows as a second leader would write them must be found (`--check-only` does just that).
SPDX-License-Identifier: Apache-2.0
"""
import argparse
import os
import random
import signal
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "servers"))
from kedge import ROOT, Server  # noqa: E402
from postgres import Missing, Postgres, free_port  # noqa: E402

ROLE = "arn:aws:iam::000000000000:role/kedge"
FLEET, PLAN, STAGE = "frozen", "plan", "all"
TAKE_OVER_S_MAX = 60  # a lease, the 5 s after which PostgreSQL ends a still transaction, and a busy machine
JOB_S_MAX = 300


def violations_of(advances, expected_steps=None):
    """What is wrong with the advances of one deployment, given as (step, token, devices) in the order of their steps."""
    found = []
    steps = [step for step, _, _ in advances]
    for step in sorted(set(steps)):
        if steps.count(step) > 1:
            found.append(f"step {step} was advanced {steps.count(step)} times, by tokens {[t for s, t, _ in advances if s == step]}")
    # The request that stops a stage takes a step without an advance; nothing else does.
    missing = sorted(set(range(min(steps), max(steps) + 1)) - set(steps)) if steps else []
    if len(missing) > 1:
        found.append(f"steps are missing: {missing}")
    tokens = [token for _, token, _ in advances if token != 0]  # 0: the request itself
    if tokens != sorted(tokens):
        found.append(f"tokens fall: {tokens}")
    if expected_steps is not None and len(set(steps)) < expected_steps:
        found.append(f"{len(set(steps))} steps, at least {expected_steps} expected")
    return found


def check_the_check():
    """A second leader's advance, a missing one and a token that falls must each be found."""
    good = [(1, 0, 0), (2, 4, 500), (3, 4, 500), (4, 5, 500)]
    cases = {"advanced 2 times": good + [(3, 5, 500)], "missing": [*good[:1], *good[3:]], "fall": [good[0], (2, 6, 500), *good[2:]]}
    if violations_of(good):
        raise AssertionError(f"good advances are refused: {violations_of(good)}")
    for words, advances in cases.items():
        if not any(words in text for text in violations_of(sorted(advances))):
            raise AssertionError(f"'{words}' is not found in {advances}")


class Nodes:
    """Two nodes: one database, one folder of objects, one master key."""

    def __init__(self, work, database, lease_ms):
        self.database, self.url, self.servers = database, database.create_database(), []
        common = ["--database", self.url, "--objects", os.path.join(work, "objects"), "--lease-ms", str(lease_ms), "--rate-limit", "0",
                  "--log-level", "error"]
        key = os.path.join(work, "a", "keys", "master.key")
        # A port of its own each: the table `nodes` names a node by the address that it was told.
        self.servers.append(Server(os.path.join(work, "a"), common, listen=f"127.0.0.1:{free_port()}"))
        self.servers.append(Server(os.path.join(work, "b"), [*common, "--master-key", key], listen=f"127.0.0.1:{free_port()}"))
        self.keys = self.servers[0].administrator()

    def rows(self, sql):
        return [line.split("|") for line in self.database.query(sql, self.url.rsplit("/", 1)[1])]

    def leader(self):
        """The server that holds the lease, and the lease's token."""
        rows = self.rows("SELECT n.address, l.token FROM leases l JOIN nodes n ON n.id = l.holder WHERE l.name = 'stages'")
        for address, token in rows:
            for server in self.servers:
                if server.url.endswith(":" + address.rsplit(":", 1)[1]):
                    return server, int(token)
        return None, 0

    def stop(self):
        for server in self.servers:
            server.process.send_signal(signal.SIGCONT)
            server.stop()


def wait_for(what, condition, seconds):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.02)  # between two looks at the database
    raise RuntimeError(f"not within {seconds} s: {what}")


def prepare(nodes, devices):
    """A packaged model, a fleet of `devices`, and a plan with one stage over all of it."""
    sm = nodes.servers[0].client("sagemaker", nodes.keys)
    s3 = nodes.servers[1].client("s3", nodes.keys)
    s3.create_bucket(Bucket="frozen")
    with open(os.path.join(ROOT, "examples", "shapes", "shapes.onnx"), "rb") as model:
        s3.put_object(Bucket="frozen", Key="shapes.onnx", Body=model.read())
    sm.create_compilation_job(
        CompilationJobName="c", RoleArn=ROLE, StoppingCondition={"MaxRuntimeInSeconds": JOB_S_MAX},
        InputConfig={"S3Uri": "s3://frozen/shapes.onnx", "DataInputConfig": '{"image": [1, 1, 32, 32]}', "Framework": "ONNX"},
        OutputConfig={"S3OutputLocation": "s3://frozen/out/", "TargetPlatform": {"Os": "LINUX", "Arch": "X86_64"}})
    wait_for("the compilation", lambda: ended(sm.describe_compilation_job(CompilationJobName="c"), "CompilationJobStatus"), JOB_S_MAX)
    sm.create_edge_packaging_job(EdgePackagingJobName="p", CompilationJobName="c", ModelName="shapes", ModelVersion="1", RoleArn=ROLE,
                                 OutputConfig={"S3OutputLocation": "s3://frozen/packages/"})
    wait_for("the package", lambda: ended(sm.describe_edge_packaging_job(EdgePackagingJobName="p"), "EdgePackagingJobStatus"), JOB_S_MAX)
    sm.create_device_fleet(DeviceFleetName=FLEET, RoleArn=ROLE, OutputConfig={"S3OutputLocation": "s3://frozen/captures/"})
    for first in range(0, devices, 1000):
        sm.register_devices(DeviceFleetName=FLEET, Devices=[{"DeviceName": f"device-{i}"} for i in range(first, min(first + 1000, devices))])
    sm.create_edge_deployment_plan(
        EdgeDeploymentPlanName=PLAN, DeviceFleetName=FLEET, ModelConfigs=[{"ModelHandle": "shapes", "EdgePackagingJobName": "p"}],
        Stages=[{"StageName": STAGE, "DeviceSelectionConfig": {"DeviceSubsetType": "PERCENTAGE", "Percentage": 100}}])


def ended(answer, member):
    if answer[member] in ("FAILED", "STOPPED"):
        raise RuntimeError(f"a job {answer[member]}: {answer}")
    return answer[member] == "COMPLETED"


class Rounds:
    def __init__(self, nodes, options):
        self.nodes, self.options = nodes, options
        self.random = random.Random(options.seed)
        self.take_overs = self.frozen_inside = 0
        self.cleared = False  # whether an earlier start left rows
        self.violations = []

    def stage(self, column):
        return self.nodes.rows(f"SELECT {column} FROM deployment_stages WHERE plan = '{PLAN}'")[0][0]

    def advances(self, deployment):
        rows = self.nodes.rows(f"SELECT step, token, devices FROM stage_advances WHERE deployment_name = '{deployment}' ORDER BY step, token")
        return [tuple(int(word) for word in row) for row in rows]

    def still(self):
        return self.stage("phase") == "NONE"

    def once(self):
        """Starts the stage, freezes the leader in the middle, and looks at what became of it."""
        leader, token = wait_for("a leader", self.leader, TAKE_OVER_S_MAX)
        other = next(server for server in self.nodes.servers if server is not leader)
        other.client("sagemaker", self.nodes.keys).start_edge_deployment_stage(EdgeDeploymentPlanName=PLAN, StageName=STAGE)
        deployment = self.stage("deployment_name")
        wait_at = self.random.randrange(max(1, self.options.devices // 500))
        wait_for("the first advances", lambda: len(self.advances(deployment)) > wait_at or self.still(), TAKE_OVER_S_MAX)
        leader.process.send_signal(signal.SIGSTOP)
        try:
            self.frozen_inside += not self.still()
            wait_for("another leader", lambda: self.leader_after(token), TAKE_OVER_S_MAX)
            self.take_overs += 1
            wait_for("the end of the stage's start", self.still, TAKE_OVER_S_MAX)
        finally:
            leader.process.send_signal(signal.SIGCONT)
        # The frozen node finds out when it tries; what it would do wrong, it does now.
        other.client("sagemaker", self.nodes.keys).stop_edge_deployment_stage(EdgeDeploymentPlanName=PLAN, StageName=STAGE)
        wait_for("the end of the stage's stop", self.still, TAKE_OVER_S_MAX)
        self.judge(deployment)

    def leader(self):
        found = self.nodes.leader()
        return found if found[0] else None

    def leader_after(self, token):
        return self.nodes.leader()[1] > token

    def judge(self, deployment):
        found = violations_of(self.advances(deployment), self.options.devices // 500)
        devices = int(self.nodes.rows(f"SELECT count(*) FROM stage_devices WHERE plan = '{PLAN}'")[0][0])
        if devices != self.options.devices:
            found.append(f"{devices} devices are in the stage of {self.options.devices}")
        # Each device is given the deployment once and loses it once; before, the rows of the last start are cleared away.
        touched = sum(devices for _, _, devices in self.advances(deployment))
        if touched != (3 if self.cleared else 2) * self.options.devices:
            found.append(f"the advances touched {touched} devices")
        self.cleared = True
        for text in found:
            print("VIOLATION:", deployment, text, flush=True)
        self.violations += found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--freezes", type=int, default=200)
    parser.add_argument("--devices", type=int, default=4000)
    parser.add_argument("--lease-ms", type=int, default=500)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--check-only", action="store_true")
    options = parser.parse_args()
    check_the_check()
    if options.check_only:
        return 0
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kedge-frozen-") as work, Postgres() as database:
        nodes = Nodes(work, database, options.lease_ms)
        try:
            prepare(nodes, options.devices)
            rounds = Rounds(nodes, options)
            for number in range(1, options.freezes + 1):
                rounds.once()
                if number % 10 == 0 or number == options.freezes:
                    print(f"{number} freezes, {rounds.frozen_inside} inside a start, {len(rounds.violations)} violations, "
                          f"{time.monotonic() - started:.0f} s", flush=True)
        finally:
            nodes.stop()
    if rounds.take_overs < options.freezes or rounds.frozen_inside == 0:
        print(f"only {rounds.take_overs} take-overs, {rounds.frozen_inside} freezes inside a start: the run shows nothing")
        return 1
    return 1 if rounds.violations else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Missing as missing:
        print(f"skipped: {missing}")
        sys.exit(77)
