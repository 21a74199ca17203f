#!/usr/bin/python3
"""Drops what was not synced after every 2xx of a mutating call: none of what was acknowledged may be lost.

The server runs on a disk that forgets (durability/forgetful.c). After each acknowledged call the server is stopped (SIGSTOP), the image
that a power cut would leave is taken, and a second server is started on that image: everything acknowledged so far must be there.
At the end the same once more with a deaf disk, where everything must be lost: the check can fail.
SPDX-License-Identifier: Apache-2.0
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import botocore.session
from botocore.config import Config

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(HERE, "durability"))
from restore import identity, restore  # noqa: E402

BIN = os.environ.get("KEDGE_BIN_DIR", os.path.join(ROOT, "build", "dev", "bin"))
FORGETFUL = os.path.join(os.path.dirname(BIN), "test", "libkedge_forgetful.so")
ROLE = "arn:aws:iam::000000000000:role/kedge-sagemaker"
OUTPUT = {"S3OutputLocation": "s3://bucket/out/"}


class Server:
    def __init__(self, data, log, environment=None):
        self.out = tempfile.NamedTemporaryFile("r", suffix=".out")
        self.process = subprocess.Popen([os.path.join(BIN, "kedge-server"), "--data", data, "--listen", "127.0.0.1:0"],
                                        stdout=open(self.out.name, "w"), stderr=open(log, "a"), env={**os.environ, **(environment or {})})
        self.keys, self.url = {}, None
        deadline = time.monotonic() + 30
        while self.url is None:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the server did not start: " + open(log).read()[-2000:])
            for line in open(self.out.name):
                if line.startswith("listening on ") and line.endswith("\n"):
                    self.url = line.split()[-1]
                elif "=" in line:
                    name, _, value = line.strip().partition("=")
                    self.keys[name] = value

    def clients(self, keys):
        session = botocore.session.get_session()
        session.set_credentials(keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"])
        make = lambda name: session.create_client(name, region_name="us-east-1", endpoint_url=self.url,  # noqa: E731
                                                  config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}))
        return make("sagemaker"), make("sagemaker-edge"), make("s3")

    def kill(self):
        self.process.kill()
        self.process.wait()


def stage(name):
    return {"StageName": name, "DeviceSelectionConfig": {"DeviceSubsetType": "SELECTION", "DeviceNames": ["d1"]},
            "DeploymentConfig": {"FailureHandlingPolicy": "ROLLBACK_ON_FAILURE"}}


def compilation(name):
    return {"CompilationJobName": name, "RoleArn": ROLE, "StoppingCondition": {"MaxRuntimeInSeconds": 300},
            "InputConfig": {"S3Uri": "s3://bucket/shapes.onnx", "DataInputConfig": '{"image":[1,1,32,32]}', "Framework": "ONNX"},
            "OutputConfig": {"S3OutputLocation": "s3://bucket/out/", "TargetPlatform": {"Os": "LINUX", "Arch": "X86_64"}}}


def wait_job(describe, key):
    while True:
        state = describe()[key]
        if state in ("COMPLETED", "FAILED", "STOPPED"):
            return state


def steps(sm, edge, s3):
    """(name, mutating call, check that runs on a restored server with its own clients). A check stays true for all later steps, or
    names the step that ends its life."""
    model = open(os.path.join(ROOT, "examples", "shapes", "shapes.onnx"), "rb").read()
    heartbeat = {"AgentVersion": "1.20261122.abcdef0", "DeviceName": "d1", "DeviceFleetName": "fleet"}
    yield "CreateBucket", lambda: s3.create_bucket(Bucket="bucket"), lambda s, e, o: o.head_bucket(Bucket="bucket")
    yield "PutObject", lambda: s3.put_object(Bucket="bucket", Key="shapes.onnx", Body=model), \
        lambda s, e, o: check(o.get_object(Bucket="bucket", Key="shapes.onnx")["Body"].read() == model)
    yield "PutObject again", lambda: s3.put_object(Bucket="bucket", Key="note", Body=b"second"), \
        lambda s, e, o: check(o.get_object(Bucket="bucket", Key="note")["Body"].read() == b"second")
    yield "CreateDeviceFleet", lambda: sm.create_device_fleet(DeviceFleetName="fleet", RoleArn=ROLE, OutputConfig=OUTPUT), \
        lambda s, e, o: s.describe_device_fleet(DeviceFleetName="fleet")
    yield "RegisterDevices", lambda: sm.register_devices(DeviceFleetName="fleet", Devices=[{"DeviceName": "d1"}, {"DeviceName": "d2"}]), \
        lambda s, e, o: s.describe_device(DeviceFleetName="fleet", DeviceName="d1")
    yield "DeregisterDevices", lambda: sm.deregister_devices(DeviceFleetName="fleet", DeviceNames=["d2"]), \
        lambda s, e, o: check([d["DeviceName"] for d in s.list_devices(DeviceFleetName="fleet")["DeviceSummaries"]] == ["d1"])
    yield "SendHeartbeat", lambda: edge.send_heartbeat(**heartbeat), \
        lambda s, e, o: check("LatestHeartbeat" in s.describe_device(DeviceFleetName="fleet", DeviceName="d1"))
    yield "CreateCompilationJob", lambda: sm.create_compilation_job(**compilation("job")), \
        lambda s, e, o: s.describe_compilation_job(CompilationJobName="job")
    yield "compilation COMPLETED", \
        lambda: check(wait_job(lambda: sm.describe_compilation_job(CompilationJobName="job"), "CompilationJobStatus") == "COMPLETED"), \
        lambda s, e, o: check(wait_job(lambda: s.describe_compilation_job(CompilationJobName="job"), "CompilationJobStatus") == "COMPLETED")
    yield "CreateEdgePackagingJob", lambda: sm.create_edge_packaging_job(
        EdgePackagingJobName="pack", CompilationJobName="job", ModelName="shapes", ModelVersion="1", RoleArn=ROLE, OutputConfig=OUTPUT), \
        lambda s, e, o: s.describe_edge_packaging_job(EdgePackagingJobName="pack")
    yield "packaging COMPLETED", \
        lambda: check(wait_job(lambda: sm.describe_edge_packaging_job(EdgePackagingJobName="pack"), "EdgePackagingJobStatus") == "COMPLETED"), \
        lambda s, e, o: check(len(o.get_object(Bucket="bucket", Key="out/shapes-1.tar.gz")["Body"].read()) > 10000)
    yield "CreateEdgeDeploymentPlan", lambda: sm.create_edge_deployment_plan(
        EdgeDeploymentPlanName="plan", DeviceFleetName="fleet", ModelConfigs=[{"ModelHandle": "shapes", "EdgePackagingJobName": "pack"}],
        Stages=[stage("one")]), lambda s, e, o: s.describe_edge_deployment_plan(EdgeDeploymentPlanName="plan")
    yield "CreateEdgeDeploymentStage", lambda: sm.create_edge_deployment_stage(EdgeDeploymentPlanName="plan", Stages=[stage("two")]), \
        lambda s, e, o: check(len(s.describe_edge_deployment_plan(EdgeDeploymentPlanName="plan")["Stages"]) == 2)
    yield "StartEdgeDeploymentStage", lambda: sm.start_edge_deployment_stage(EdgeDeploymentPlanName="plan", StageName="one"), \
        lambda s, e, o: check(len(e.get_deployments(DeviceName="d1", DeviceFleetName="fleet")["Deployments"]) == 1), \
        "StopEdgeDeploymentStage"
    yield "StopEdgeDeploymentStage", lambda: sm.stop_edge_deployment_stage(EdgeDeploymentPlanName="plan", StageName="one"), \
        lambda s, e, o: check(s.describe_edge_deployment_plan(EdgeDeploymentPlanName="plan")["Stages"][0]["DeploymentStatus"]["StageStatus"]
                              in ("STOPPING", "STOPPED"))
    yield "StopCompilationJob", lambda: (sm.create_compilation_job(**compilation("job2")), sm.stop_compilation_job(CompilationJobName="job2")), \
        lambda s, e, o: check(wait_job(lambda: s.describe_compilation_job(CompilationJobName="job2"), "CompilationJobStatus")
                              in ("STOPPED", "COMPLETED"))
    yield "DeleteObject", lambda: s3.delete_object(Bucket="bucket", Key="note"), \
        lambda s, e, o: check("Contents" not in o.list_objects_v2(Bucket="bucket", Prefix="note")), None, "PutObject again"
    yield "DeleteDeviceFleet", lambda: (sm.create_device_fleet(DeviceFleetName="gone", RoleArn=ROLE, OutputConfig=OUTPUT),
                                        sm.delete_device_fleet(DeviceFleetName="gone")), \
        lambda s, e, o: check([f["DeviceFleetName"] for f in s.list_device_fleets()["DeviceFleetSummaries"]] == ["fleet"])


def check(condition):
    if not condition:
        raise AssertionError("an acknowledged change is lost")


def snapshot(server, shadow, root_identity, target):
    server.process.send_signal(signal.SIGSTOP)
    while open(f"/proc/{server.process.pid}/stat").read().rsplit(")", 1)[1].split()[0] != "T":
        pass
    restored = restore(shadow, root_identity, target)
    server.process.send_signal(signal.SIGCONT)
    return restored


def failures_on(image, keys, checks, log):
    """Names of the checks that a server on the image fails."""
    failed = []
    try:
        server = Server(image, log)
    except RuntimeError as error:
        return [f"start: {error}"]
    try:
        if server.keys:  # it took the folder for a new one
            return [name for name, _ in checks]
        clients = server.clients(keys)
        for name, run in checks:
            try:
                run(*clients)
            except Exception as error:  # any refusal is a loss: not found, unknown key, wrong content
                failed.append(f"{name}: {str(error)[:160]}")
    finally:
        server.kill()
    return failed


def main():
    if not os.path.exists(FORGETFUL):
        print(f"{FORGETFUL} is missing: build target kedge_forgetful")
        return 1
    with tempfile.TemporaryDirectory() as work:
        data, shadow, log = (os.path.join(work, name) for name in ("data", "shadow", "log"))
        os.makedirs(data, mode=0o700)
        os.makedirs(shadow)
        root_identity = identity(data)
        environment = {"LD_PRELOAD": FORGETFUL, "KEDGE_FORGETFUL_ROOT": data, "KEDGE_FORGETFUL_SHADOW": shadow}
        server = Server(data, log, environment)
        lost, checks = [], []
        try:
            for name, call, then, *life in steps(*server.clients(server.keys)):
                call()
                checks = [item for item in checks if item[0] != (life[1] if len(life) > 1 else None) and ends.get(item[0]) != name] \
                    if checks else []
                if life and life[0]:
                    ends[name] = life[0]
                checks.append((name, then))
                image = os.path.join(work, "image")
                files = snapshot(server, shadow, root_identity, image)
                failed = failures_on(image, server.keys, checks, log)
                shutil.rmtree(image)
                print(f"{name}: {files} files in the image, {len(checks) - len(failed)} of {len(checks)} checks hold", flush=True)
                lost += [f"after {name}: {failure}" for failure in failed]
        finally:
            server.kill()

        # The same with a disk that notes no sync: a fleet that was acknowledged must be missed.
        deaf, deaf_shadow = os.path.join(work, "deaf"), os.path.join(work, "deaf-shadow")
        os.makedirs(deaf, mode=0o700)
        os.makedirs(deaf_shadow)
        server = Server(deaf, log, {**environment, "KEDGE_FORGETFUL_ROOT": deaf, "KEDGE_FORGETFUL_SHADOW": deaf_shadow, "KEDGE_FORGETFUL_DEAF": "1"})
        try:
            sm, _, _ = server.clients(server.keys)
            sm.create_device_fleet(DeviceFleetName="fleet", RoleArn=ROLE, OutputConfig=OUTPUT)
            image = os.path.join(work, "image")
            snapshot(server, deaf_shadow, identity(deaf), image)
            control = failures_on(image, server.keys, [("CreateDeviceFleet", lambda s, e, o: s.describe_device_fleet(DeviceFleetName="fleet"))], log)
        finally:
            server.kill()
    print(f"deaf disk: {'the loss is seen' if control else 'NO LOSS SEEN, the test proves nothing'}")
    print("\n".join(lost) or "nothing acknowledged was lost")
    return 1 if lost or not control else 0


ends = {}

if __name__ == "__main__":
    sys.exit(main())
