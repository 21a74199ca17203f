#!/usr/bin/python3
"""kill -9 of worker, agent and server at seeded random moments while one trip loops: compile, package, deploy, predict.

    kills.py [--count N] [--seed N] [--keep]

The invariants:
  * no acknowledged call is lost: every mutating call that was answered 2xx stands in a journal, and is there after each restart and at the end;
  * after the agent's restart, the old or the new version of every deployed model answers within 2 s;
  * a killed worker leaves the other model without one error;
  * the workers of a killed agent end with it;
  * every answer of a model is the right one.
SPDX-License-Identifier: Apache-2.0
"""
import argparse
import collections
import json
import os
import random
import shutil
import sys
import tempfile
import threading
import time

import grpc
import numpy as np
from botocore.exceptions import BotoCoreError, ClientError, ConnectionError as BotoConnectionError, HTTPClientError

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "..", "examples", "client"))
from predict import load_messages  # noqa: E402
from world import ROOT, World  # noqa: E402

ROLE = "arn:aws:iam::000000000000:role/kedge-sagemaker"
HANDLES = ("alpha", "beta")
ANSWER_WITHIN_S = 2.0


class Violations:
    def __init__(self):
        self.lock, self.list = threading.Lock(), []

    def add(self, text):
        with self.lock:
            self.list.append(text)
            print("VIOLATION:", text, flush=True)


class Stopped(Exception):
    pass


class Caller:
    """Calls the server until it answers. A call whose answer was lost may have been done; then "exists already" is success."""

    def __init__(self, stop):
        self.stop = stop

    def __call__(self, function, **arguments):
        lost_answer = False
        while not self.stop.is_set():
            try:
                return function(**arguments)
            except ClientError as error:
                status = error.response["ResponseMetadata"]["HTTPStatusCode"]
                if lost_answer and error.response["Error"]["Code"] in ("ResourceInUse", "ValidationException"):
                    return None
                if status < 500:
                    raise
            except (BotoConnectionError, HTTPClientError, BotoCoreError):
                lost_answer = True
            time.sleep(0.02)
        raise Stopped()


class Journal:
    """What the server acknowledged, each with a check that stays true for ever."""

    def __init__(self, violations):
        self.lock, self.entries, self.violations, self.checked = threading.Lock(), [], violations, 0

    def add(self, what, check):
        with self.lock:
            self.entries.append((what, check))

    def verify(self, newest=None):
        with self.lock:
            entries = self.entries[-newest:] if newest else list(self.entries)
        for what, check in entries:
            self.checked += 1
            try:
                if not check():
                    self.violations.add(f"lost: {what}")
            except ClientError as error:
                self.violations.add(f"lost: {what}: {error}")


class Predictor(threading.Thread):
    """A client of one model that never rests. `calls` has (began, ended, error code or None)."""

    def __init__(self, world, messages, handle, stop, violations):
        super().__init__(daemon=True)
        self.world, self.messages, self.handle, self.stop_event, self.violations = world, messages, handle, stop, violations
        self.calls = collections.deque(maxlen=200_000)
        self.expected, self.deployed = None, False
        image = np.linspace(0, 1, 32 * 32, dtype=np.float32).reshape(1, 1, 32, 32)
        metadata = messages.TensorMetadata(name=b"image", data_type=messages.FLOAT32, shape=image.shape)
        self.request = messages.PredictRequest(name=handle, tensors=[messages.Tensor(tensor_metadata=metadata, byte_data=image.tobytes())])

    def run(self):
        options = [("grpc.initial_reconnect_backoff_ms", 20), ("grpc.min_reconnect_backoff_ms", 500), ("grpc.max_reconnect_backoff_ms", 50)]
        channel = grpc.insecure_channel("unix:" + self.world.socket, options=options)
        call = channel.unary_unary("/AWS.SageMaker.Edge.Agent/Predict", request_serializer=self.messages.PredictRequest.SerializeToString,
                                   response_deserializer=self.messages.PredictResponse.FromString)
        while not self.stop_event.is_set():
            began, error = time.monotonic(), None
            try:
                self.check(call(self.request, timeout=10, wait_for_ready=True))
            except grpc.RpcError as raised:
                error = f"{raised.code().name}: {raised.details()}"
            self.calls.append((began, time.monotonic(), error))
            time.sleep(0.01)
        channel.close()

    def check(self, answer):
        data = answer.tensors[0].byte_data
        if self.expected is None:
            total = float(np.frombuffer(data, np.float32).sum())
            if not 0.99 < total < 1.01:
                self.violations.add(f"{self.handle}: probabilities sum to {total}")
            self.expected = data
        elif data != self.expected:
            self.violations.add(f"{self.handle}: an answer differs")


class Trip:
    """Compile, package, deploy, one version after the other, alternating between two handles on one device."""

    def __init__(self, world, caller, journal, predictors):
        self.world, self.call, self.journal, self.predictors = world, caller, journal, predictors
        self.sm, self.s3 = world.client("sagemaker"), world.client("s3")
        self.versions = 0

    def prepare(self):
        self.call(self.s3.create_bucket, Bucket="soak")
        with open(os.path.join(ROOT, "examples", "shapes", "shapes.onnx"), "rb") as file:
            self.call(self.s3.put_object, Bucket="soak", Key="shapes.onnx", Body=file.read())
        self.call(self.sm.create_device_fleet, DeviceFleetName="fleet", RoleArn=ROLE, OutputConfig={"S3OutputLocation": "s3://soak/c/"})
        self.call(self.sm.register_devices, DeviceFleetName="fleet", Devices=[{"DeviceName": "device"}])
        folder = self.world.enroll("fleet", "device")
        self.world.start_agent(folder)

    def wait(self, describe, status, wanted):
        while True:
            answer = self.call(describe)
            state = status(answer)
            if state in wanted:
                return state
            time.sleep(0.05)

    def once(self):
        """One version: True if it was deployed."""
        self.versions += 1
        n, handle = self.versions, HANDLES[self.versions % 2]
        self.call(self.sm.create_compilation_job, CompilationJobName=f"c-{n}", RoleArn=ROLE, StoppingCondition={"MaxRuntimeInSeconds": 300},
                  InputConfig={"S3Uri": "s3://soak/shapes.onnx", "DataInputConfig": '{"image":[1,1,32,32]}', "Framework": "ONNX"},
                  OutputConfig={"S3OutputLocation": "s3://soak/out/", "TargetPlatform": {"Os": "LINUX", "Arch": "X86_64"}})
        compiled = lambda: self.sm.describe_compilation_job(CompilationJobName=f"c-{n}")  # noqa: E731
        self.journal.add(f"CreateCompilationJob c-{n}", lambda: bool(self.call(compiled)))
        state = self.wait(compiled, lambda a: a["CompilationJobStatus"], ("COMPLETED", "FAILED", "STOPPED"))
        if state != "COMPLETED":
            raise RuntimeError(f"compilation c-{n} ended {state}: {self.call(compiled).get('FailureReason')}")
        self.journal.add(f"c-{n} COMPLETED", lambda: self.call(compiled)["CompilationJobStatus"] == "COMPLETED")
        self.call(self.sm.create_edge_packaging_job, EdgePackagingJobName=f"p-{n}", CompilationJobName=f"c-{n}", ModelName="shapes-" + handle,
                  ModelVersion=str(n), RoleArn=ROLE, OutputConfig={"S3OutputLocation": "s3://soak/packages/"})
        packed = lambda: self.sm.describe_edge_packaging_job(EdgePackagingJobName=f"p-{n}")  # noqa: E731
        self.journal.add(f"CreateEdgePackagingJob p-{n}", lambda: bool(self.call(packed)))
        state = self.wait(packed, lambda a: a["EdgePackagingJobStatus"], ("COMPLETED", "FAILED", "STOPPED"))
        if state != "COMPLETED":
            raise RuntimeError(f"packaging p-{n} ended {state}: {self.call(packed).get('EdgePackagingJobStatusMessage')}")
        key = f"packages/shapes-{handle}-{n}.tar.gz"
        self.journal.add(f"object {key}", lambda: bool(self.call(self.s3.head_object, Bucket="soak", Key=key)))
        plan = f"plan-{n}"
        self.call(self.sm.create_edge_deployment_plan, EdgeDeploymentPlanName=plan, DeviceFleetName="fleet",
                  ModelConfigs=[{"ModelHandle": handle, "EdgePackagingJobName": f"p-{n}"}],
                  Stages=[{"StageName": "s", "DeviceSelectionConfig": {"DeviceSubsetType": "SELECTION", "DeviceNames": ["device"]},
                           "DeploymentConfig": {"FailureHandlingPolicy": "ROLLBACK_ON_FAILURE"}}])
        self.call(self.sm.start_edge_deployment_stage, EdgeDeploymentPlanName=plan, StageName="s")
        described = lambda: self.sm.describe_edge_deployment_plan(EdgeDeploymentPlanName=plan)  # noqa: E731
        stage = lambda a: a["Stages"][0]["DeploymentStatus"]["StageStatus"]  # noqa: E731
        self.journal.add(f"StartEdgeDeploymentStage {plan}", lambda: stage(self.call(described)) != "READYTODEPLOY")
        state = self.wait(described, stage, ("DEPLOYED", "FAILED", "STOPPED"))
        if state != "DEPLOYED":
            raise RuntimeError(f"{plan} ended {state}: {json.dumps(self.call(described)['Stages'], default=str)}")
        self.journal.add(f"{plan} DEPLOYED", lambda: stage(self.call(described)) == "DEPLOYED")
        self.predictors[handle].deployed = True


class Clerk(threading.Thread):
    """Small mutating calls without a pause, so that many kills of the server meet one."""

    def __init__(self, world, caller, journal, stop, violations):
        super().__init__(daemon=True)
        self.world, self.call, self.journal, self.stop_event, self.violations = world, caller, journal, stop, violations
        self.heartbeats = 0

    def run(self):
        try:
            self.work()
        except Stopped:
            pass
        except Exception as error:  # noqa: BLE001 - whatever it is, the run must not pass
            self.violations.add(f"clerk: {error!r}")

    def work(self):
        sm = self.world.client("sagemaker")
        edge = self.world.client("sagemaker-edge")
        n = 0
        while not self.stop_event.is_set():
            n += 1
            name = f"d-{n}"
            self.call(sm.register_devices, DeviceFleetName="fleet", Devices=[{"DeviceName": name}])
            describe = lambda name=name: self.call(sm.describe_device, DeviceFleetName="fleet", DeviceName=name)  # noqa: E731
            self.journal.add(f"RegisterDevices {name}", lambda describe=describe, name=name: describe()["DeviceName"] == name)
            self.call(edge.send_heartbeat, AgentVersion=f"1.{n}", DeviceName=name, DeviceFleetName="fleet")
            self.heartbeats += 1
            self.journal.add(f"SendHeartbeat {name}", lambda describe=describe, n=n: describe().get("AgentVersion") == f"1.{n}")
            time.sleep(0.03)


class Killer:
    def __init__(self, world, rng, journal, violations):
        self.world, self.rng, self.journal, self.violations = world, rng, journal, violations
        self.kills = []  # (time, "worker alpha" | "agent" | "server")
        self.count = collections.Counter()

    def kill_worker(self):
        workers = self.world.workers()
        if not workers:
            return None
        pid = self.rng.choice(sorted(workers))
        try:
            os.kill(pid, 9)
        except ProcessLookupError:
            return None
        return "worker " + workers[pid]

    @staticmethod
    def lives(pid):
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii") as file:
                return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"  # nobody may be there to reap it
        except OSError:
            return False

    def check_orphans(self, workers):
        deadline = time.monotonic() + 1
        while any(self.lives(pid) for pid in workers):
            if time.monotonic() > deadline:
                self.violations.add(f"workers {workers} outlived their agent")
                return
            time.sleep(0.01)

    def once(self, kind):
        """Kills one; False if there was none at that moment."""
        what = kind
        workers = self.world.workers() if kind == "agent" else {}
        if kind == "worker":
            what = self.kill_worker()
            if what is None:
                return False
        elif not (self.world.agent if kind == "agent" else self.world.server).kill():
            return False
        self.kills.append((time.monotonic(), what))
        self.count[kind] += 1
        self.check_orphans(workers)
        return True


def check_answers(world, predictors, killer, violations):
    """The invariants about Predict, from the records of the whole run. Gives figures for the summary."""
    longest, errors_of_killed, calls, restarts = 0.0, 0, 0, 0
    for predictor in predictors.values():
        records = list(predictor.calls)
        calls += len(records)
        first_success = next((began for began, _, error in records if error is None), None)
        if first_success is None:
            violations.add(f"{predictor.handle}: no call ever succeeded")
            continue
        killed = [when for when, what in killer.kills if what == "worker " + predictor.handle]
        for began, ended, error in records:
            if error is None or began < first_success or not world.agent.alive_through(began, ended):
                continue
            if any(began - 6 <= when <= ended for when in killed):
                errors_of_killed += 1
                continue
            violations.add(f"{predictor.handle}: {error} at {began:.3f}..{ended:.3f} although the agent lived and its worker was not killed")
        for started, _, ended in world.agent.epochs[1:]:
            if started < first_success:
                continue
            answer = next((end for began, end, error in records if error is None and end > started), None)
            if ended is not None and (answer is None or answer > ended):
                continue  # killed again before it had its two seconds
            if answer is not None:
                restarts += 1
                longest = max(longest, answer - started)
            if answer is None or answer - started > ANSWER_WITHIN_S:
                violations.add(f"{predictor.handle}: no answer within {ANSWER_WITHIN_S} s after the agent's restart "
                               f"({'none' if answer is None else f'{answer - started:.2f} s'})")
    return {"predictions": calls, "answered_after_restarts": restarts, "longest_answer_after_restart_s": round(longest, 3),
            "errors_of_killed_models": errors_of_killed}


def run_trip(trip, stop, violations):
    try:
        while not stop.is_set():
            trip.once()
    except Stopped:
        pass
    except Exception as error:  # noqa: BLE001
        violations.add(f"trip: {error!r}")


def soak(options, work):
    violations, stop, rng = Violations(), threading.Event(), random.Random(options.seed)
    world = World(work)
    caller, journal = Caller(stop), Journal(violations)
    messages = load_messages()
    predictors = {handle: Predictor(world, messages, handle, stop, violations) for handle in HANDLES}
    trip = Trip(world, caller, journal, predictors)
    trip.prepare()
    began = time.monotonic()
    for _ in HANDLES:  # both models are on the device, and the compile cache is warm
        trip.once()
    print(f"two models deployed in {time.monotonic() - began:.1f} s", flush=True)
    clerk = Clerk(world, caller, journal, stop, violations)
    tripper = threading.Thread(target=run_trip, args=(trip, stop, violations), daemon=True)
    for thread in (*predictors.values(), clerk, tripper):
        thread.start()
    time.sleep(1)
    killer = Killer(world, rng, journal, violations)
    kinds = ["worker", "agent", "server"] * options.count
    rng.shuffle(kinds)
    for number, kind in enumerate(kinds):
        time.sleep(0.05 + rng.expovariate(1 / options.pause_s))
        while not killer.once(kind):
            time.sleep(0.02)
        if kind == "server":
            world.server.wait_ready(len(world.server.epochs) - 1)
            journal.verify(newest=6)
        if number % 30 == 29:
            print(f"{number + 1} kills, {trip.versions} versions, {len(journal.entries)} acknowledged calls", flush=True)
        if len(violations.list) > 20:
            break
    time.sleep(3)  # what was broken off must recover: the trip goes on, both models answer
    versions_after_kills = trip.versions
    deadline = time.monotonic() + 60
    while trip.versions < versions_after_kills + 2 and time.monotonic() < deadline and not violations.list:
        time.sleep(0.1)
    if trip.versions < versions_after_kills + 2 and not violations.list:
        violations.add("the trip did not go on after the kills")
    figures = {"kills": dict(killer.count), "versions": trip.versions, "acknowledged": len(journal.entries), "heartbeats": clerk.heartbeats}
    journal.verify()
    stop.set()
    for thread in (*predictors.values(), clerk, tripper):
        thread.join(30)
    figures.update(check_answers(world, predictors, killer, violations))
    codes = world.stop()
    if any(code != 0 for code in codes):
        violations.add(f"a clean stop ended with {codes}")
    figures["journal_checks"] = journal.checked
    figures["seconds"] = round(time.monotonic() - began, 1)
    return figures, violations.list


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=20, help="kills of each of worker, agent and server")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pause-s", type=float, default=0.5, help="mean pause between kills")
    parser.add_argument("--keep", action="store_true", help="leave the working folder")
    options = parser.parse_args()
    work = tempfile.mkdtemp(prefix="kedge-kills-")
    try:
        figures, violations = soak(options, work)
    finally:
        if options.keep:
            print("working folder:", work)
        else:
            shutil.rmtree(work, ignore_errors=True)
    print(json.dumps(figures))
    print(f"kills: {len(violations)} violations, seed {options.seed}")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
