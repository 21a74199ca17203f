#!/usr/bin/python3
"""Every operation of kedge-server as botocore calls it, against the real program: results, errors, pages, jobs that are stopped, time out
or are interrupted by kill -9, and a disk that is full.
SPDX-License-Identifier: Apache-2.0
"""
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request

from botocore.exceptions import ClientError

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "servers"))
from kedge import BIN, ROOT, Server, keys_of  # noqa: E402

MODEL = os.path.join(ROOT, "examples", "shapes", "shapes.onnx")
ROLE = "arn:aws:iam::000000000000:role/kedge-sagemaker"
OUTPUT = {"S3OutputLocation": "s3://bucket/out"}
FINAL = ("COMPLETED", "FAILED", "STOPPED")


def compilation(name, uri="s3://bucket/shapes.onnx", **more):
    request = {"CompilationJobName": name, "RoleArn": ROLE, "StoppingCondition": {"MaxRuntimeInSeconds": 300},
               "InputConfig": {"S3Uri": uri, "DataInputConfig": '{"image":[1,1,32,32]}', "Framework": "ONNX"},
               "OutputConfig": {**OUTPUT, "TargetPlatform": {"Os": "LINUX", "Arch": "X86_64"}}}
    request.update(more)
    return request


class ServerCase(unittest.TestCase):
    def wrapper(self):
        """What stands before the server's command line."""
        return ()

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.data = os.path.join(folder.name, "data")
        self.server = Server(self.data, wrapper=self.wrapper())
        self.addCleanup(self.end)
        self.keys = keys_of(self.server.printed)
        self.connect()

    def connect(self):
        self.sm = self.server.client("sagemaker", self.keys)
        self.edge = self.server.client("sagemaker-edge", self.keys)
        self.s3 = self.server.client("s3", self.keys)

    def end(self):
        if self.server.process.poll() is None:
            self.server.process.kill()
            self.server.process.wait()

    def restart(self, how):
        code = self.server.stop(how)
        self.server = Server(self.data, wrapper=self.wrapper())
        self.connect()
        return code

    def refused(self, code, words, call, **arguments):
        with self.assertRaises(ClientError) as caught:
            call(**arguments)
        error = caught.exception.response["Error"]
        self.assertEqual(error["Code"], code, error)
        self.assertIn(words, error["Message"])
        return caught.exception.response

    def put_model(self):
        self.s3.create_bucket(Bucket="bucket")
        with open(MODEL, "rb") as model:
            self.s3.put_object(Bucket="bucket", Key="shapes.onnx", Body=model.read())

    def ended(self, name, states=FINAL):
        deadline = time.monotonic() + 120
        while True:
            job = self.sm.describe_compilation_job(CompilationJobName=name)
            if job["CompilationJobStatus"] in states:
                return job
            self.assertLess(time.monotonic(), deadline, "the job does not end")
            time.sleep(0.02)


class Fleets(ServerCase):
    def test_fleets_are_listed_in_every_order_by_the_paginator(self):
        names = [f"fleet-{i}" for i in range(7)]
        for name in names:
            self.sm.create_device_fleet(DeviceFleetName=name, OutputConfig=OUTPUT)
        paginator = self.sm.get_paginator("list_device_fleets")
        for order in ("NAME", "CREATION_TIME", "LAST_MODIFIED_TIME"):
            for direction in ("Ascending", "Descending"):
                pages = list(paginator.paginate(SortBy=order, SortOrder=direction, PaginationConfig={"PageSize": 3}))
                self.assertEqual([len(page["DeviceFleetSummaries"]) for page in pages], [3, 3, 1])
                got = [fleet["DeviceFleetName"] for page in pages for fleet in page["DeviceFleetSummaries"]]
                self.assertEqual(got, names if direction == "Ascending" else names[::-1], order)
        self.assertEqual(len(self.sm.list_device_fleets(NameContains="-3")["DeviceFleetSummaries"]), 1)
        later = self.sm.list_device_fleets(CreationTimeAfter=time.time() + 100)
        self.assertEqual(later["DeviceFleetSummaries"], [])

    def test_devices_live_in_their_fleet(self):
        self.refused("ValidationException", "No devicefleet with name: lab", self.sm.register_devices,
                     DeviceFleetName="lab", Devices=[{"DeviceName": "d1"}])
        self.sm.create_device_fleet(DeviceFleetName="lab", OutputConfig=OUTPUT, Tags=[{"Key": "team", "Value": "vision"}])
        self.sm.register_devices(DeviceFleetName="lab", Devices=[{"DeviceName": f"d{i}", "Description": "at the gate"} for i in range(5)])
        pages = self.sm.get_paginator("list_devices").paginate(DeviceFleetName="la", PaginationConfig={"PageSize": 2})
        self.assertEqual([d["DeviceName"] for p in pages for d in p["DeviceSummaries"]], [f"d{i}" for i in range(5)])
        self.edge.send_heartbeat(DeviceFleetName="lab", DeviceName="d3", AgentVersion="1.0 beta_2",
                                 AgentMetrics=[{"MetricName": "CpuUse", "Dimension": "host/0", "Value": 0.5, "Timestamp": 1790000000}],
                                 Models=[{"ModelName": "digits", "ModelVersion": "1", "LatestInference": 1790000000}])
        self.assertEqual([d["DeviceName"] for d in self.sm.list_devices(ModelName="digit")["DeviceSummaries"]], ["d3"])
        device = self.sm.describe_device(DeviceFleetName="lab", DeviceName="d3")
        self.assertEqual(device["AgentVersion"], "1.0 beta_2")
        self.assertEqual(device["Models"][0]["LatestInference"].timestamp(), 1790000000)
        self.assertEqual(self.edge.get_device_registration(DeviceFleetName="lab", DeviceName="d3")["DeviceRegistration"], "REGISTERED")
        self.refused("ResourceInUse", "has registered devices", self.sm.delete_device_fleet, DeviceFleetName="lab")
        self.sm.deregister_devices(DeviceFleetName="lab", DeviceNames=[f"d{i}" for i in range(5)])
        self.assertEqual(self.edge.get_device_registration(DeviceFleetName="lab", DeviceName="d3")["DeviceRegistration"], "NOT_REGISTERED")
        self.sm.delete_device_fleet(DeviceFleetName="lab")
        self.refused("ValidationException", "No devicefleet with name: lab", self.sm.describe_device_fleet, DeviceFleetName="lab")

    def test_keys_are_printed_once_and_kept_for_the_owner(self):
        with open(os.path.join(self.data, "administrator.env")) as kept:
            self.assertEqual(keys_of(kept.read()), self.keys)
        for name, mode in (("administrator.env", 0o600), ("kedge.db", 0o600), ("keys/master.key", 0o600)):
            self.assertEqual(os.stat(os.path.join(self.data, name)).st_mode & 0o777, mode, name)
        self.assertEqual(self.restart(signal.SIGTERM), 0)
        self.assertEqual(keys_of(self.server.printed), {})
        self.sm.list_device_fleets()

    def test_a_first_start_that_is_killed_is_finished_by_the_next(self):
        command = [os.path.join(BIN, "kedge-server"), "--data", None, "--listen", "127.0.0.1:0"]
        chance = random.Random(1)
        for attempt in range(12):
            data = self.data + f"-{attempt}"
            for _ in range(2):
                command[2] = data
                killed = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
                try:
                    killed.wait(chance.uniform(0.0, 0.1))
                except subprocess.TimeoutExpired:
                    killed.kill()
                killed.communicate()
            server = Server(data)
            try:
                with open(os.path.join(data, "administrator.env")) as kept:
                    keys = keys_of(kept.read())
                server.client("sagemaker", keys).create_device_fleet(DeviceFleetName="lab", OutputConfig=OUTPUT)
            finally:
                server.process.kill()
                server.process.wait()

    def enroll(self, folder, *more, environment=None):
        return subprocess.run([os.path.join(BIN, "kedge"), "device", "enroll", "--endpoint-url", self.server.url + "/", "--fleet", "lab",
                               "--device", "d1", "-o", folder, *more],
                              env={**os.environ, **(self.keys if environment is None else environment)}, capture_output=True, text=True)

    def test_a_device_is_enrolled_by_the_command_line(self):
        folder = self.data + "-device"
        self.assertIn("ValidationException: No devicefleet with name: lab", self.enroll(folder).stderr)
        self.sm.create_device_fleet(DeviceFleetName="lab", OutputConfig=OUTPUT)
        refused = self.enroll(folder)
        self.assertEqual((refused.returncode, os.path.exists(folder)), (1, False))
        self.assertIn("No device with name: d1", refused.stderr)
        self.assertIn("AWS_ACCESS_KEY_ID", self.enroll(folder, environment={"AWS_ACCESS_KEY_ID": ""}).stderr)
        self.assertEqual(self.enroll(folder, "--register").returncode, 0)
        with open(os.path.join(folder, "credentials.json")) as file:
            first = json.load(file)
        for name, mode in (("credentials.json", 0o600), ("root-certs/root-1.pem", 0o444), (".", 0o700)):
            self.assertEqual(os.stat(os.path.join(folder, name)).st_mode & 0o777, mode, name)
        for parent, _, names in os.walk(folder):  # nothing of the operator's stays on the device
            for name in names:
                with open(os.path.join(parent, name)) as file:
                    self.assertNotIn(self.keys["AWS_ACCESS_KEY_ID"], file.read())
        as_device = {"AWS_ACCESS_KEY_ID": first["access_key_id"], "AWS_SECRET_ACCESS_KEY": first["secret_access_key"]}
        edge = self.server.client("sagemaker-edge", as_device)
        self.assertEqual(edge.get_deployments(DeviceFleetName="lab", DeviceName="d1")["Deployments"], [])
        self.refused("AccessDeniedException", "not authorized to act for another device", edge.get_deployments,
                     DeviceFleetName="lab", DeviceName="d2")
        self.refused("AccessDeniedException", "ListDevices", self.server.client("sagemaker", as_device).list_devices)
        self.assertEqual(self.enroll(folder).returncode, 0)  # again: the former key is revoked
        self.refused("UnrecognizedClientException", "", edge.get_deployments, DeviceFleetName="lab", DeviceName="d1")

    def test_wrong_command_lines_are_told_apart_from_failures(self):
        for arguments, code, words in ((["--data", self.data + "-x", "--listen", "8080"], 2, "--listen '8080' is not ADDRESS:PORT"),
                                       (["--data", self.data + "-x", "--account", "12"], 2, "--account '12' is not 12 digits"),
                                       ([], 2, "--data is required"),
                                       (["--data", "/proc/nowhere"], 1, "/proc/nowhere")):
            ended = subprocess.run([os.path.join(BIN, "kedge-server"), *arguments], capture_output=True, text=True, timeout=60)
            self.assertEqual(ended.returncode, code, arguments)
            self.assertIn(words, ended.stderr)
        self.assertFalse(os.path.exists(self.data + "-x"))

    def test_a_second_server_on_the_folder_is_refused(self):
        second = subprocess.run([os.path.join(BIN, "kedge-server"), "--data", self.data, "--listen", "127.0.0.1:0"],
                                capture_output=True, text=True, timeout=60)
        self.assertEqual(second.returncode, 1)
        self.assertIn("another server runs on", second.stderr)

    def test_errors_have_every_form_that_clients_read(self):
        response = self.refused("ValidationException", "1 validation error detected: Value 'a_b' at 'deviceFleetName'",
                                self.sm.describe_device_fleet, DeviceFleetName="a_b")
        headers = response["ResponseMetadata"]["HTTPHeaders"]
        self.assertEqual(headers["x-amzn-errortype"], "ValidationException")
        self.assertRegex(headers["x-amzn-requestid"], "^[0-9a-f-]{36}$")
        request = urllib.request.Request(self.server.url + "/", data=b"{}", headers={"X-Amz-Target": "SageMaker.ListDeviceFleets"})
        with self.assertRaises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request)
        self.assertEqual(caught.exception.code, 403)
        body = json.load(caught.exception)
        self.assertEqual(body["__type"], "MissingAuthenticationTokenException")
        self.assertEqual(body["message"], body["Message"])
        wrong = self.server.client("sagemaker", {**self.keys, "AWS_SECRET_ACCESS_KEY": "wrong"})
        self.assertEqual(self.refused("InvalidSignatureException", "", wrong.list_device_fleets)["ResponseMetadata"]["HTTPStatusCode"], 403)
        self.refused("UnknownOperationException", "CreateEndpoint", self.sm.create_endpoint, EndpointName="e", EndpointConfigName="c")


class Jobs(ServerCase):
    def test_a_model_becomes_a_package_and_a_deployment(self):
        self.put_model()
        self.sm.create_compilation_job(**compilation("job"))
        job = self.ended("job")
        self.assertEqual(job["CompilationJobStatus"], "COMPLETED", job["FailureReason"])
        self.assertEqual(job["ModelArtifacts"]["S3ModelArtifacts"], "s3://bucket/out/shapes-LINUX_X86_64.tar.gz")
        self.assertRegex(job["ModelDigests"]["ArtifactDigest"], "^sha256:[0-9a-f]{64}$")
        self.assertEqual([s["CompilationJobName"] for s in
                          self.sm.list_compilation_jobs(StatusEquals="COMPLETED", SortBy="Status")["CompilationJobSummaries"]], ["job"])
        self.sm.create_edge_packaging_job(EdgePackagingJobName="pack", CompilationJobName="job", ModelName="shapes", ModelVersion="1.0",
                                          RoleArn=ROLE, OutputConfig=OUTPUT)
        deadline = time.monotonic() + 60
        while (pack := self.sm.describe_edge_packaging_job(EdgePackagingJobName="pack"))["EdgePackagingJobStatus"] not in FINAL:
            self.assertLess(time.monotonic(), deadline)
        self.assertEqual(pack["ModelArtifact"], "s3://bucket/out/shapes-1.0.tar.gz")
        self.assertIn("dsseEnvelope", json.loads(pack["ModelSignature"]))
        self.assertEqual(len(self.sm.list_edge_packaging_jobs(ModelNameContains="shap", SortBy="MODEL_NAME")["EdgePackagingJobSummaries"]), 1)
        self.sm.stop_edge_packaging_job(EdgePackagingJobName="pack")  # an ended job stays as it is
        self.deploy()

    def deploy(self):
        self.sm.create_device_fleet(DeviceFleetName="lab", OutputConfig=OUTPUT)
        self.sm.register_devices(DeviceFleetName="lab", Devices=[{"DeviceName": "d1"}, {"DeviceName": "d2"}])
        stage = {"StageName": "one", "DeviceSelectionConfig": {"DeviceSubsetType": "SELECTION", "DeviceNames": ["d1"]},
                 "DeploymentConfig": {"FailureHandlingPolicy": "ROLLBACK_ON_FAILURE"}}
        plan = self.sm.create_edge_deployment_plan(EdgeDeploymentPlanName="plan", DeviceFleetName="lab", Stages=[stage],
                                                   ModelConfigs=[{"ModelHandle": "shapes", "EdgePackagingJobName": "pack"}])
        self.assertEqual(plan["EdgeDeploymentPlanArn"], "arn:aws:sagemaker:us-east-1:000000000000:edge-deployment/plan")
        self.sm.create_edge_deployment_stage(EdgeDeploymentPlanName="plan", Stages=[
            {"StageName": f"more-{i}", "DeviceSelectionConfig": {"DeviceSubsetType": "PERCENTAGE", "Percentage": 100}} for i in range(11)])
        first = self.sm.describe_edge_deployment_plan(EdgeDeploymentPlanName="plan")
        rest = self.sm.describe_edge_deployment_plan(EdgeDeploymentPlanName="plan", NextToken=first["NextToken"])
        self.assertEqual([len(first["Stages"]), len(rest["Stages"])], [10, 2])
        self.sm.start_edge_deployment_stage(EdgeDeploymentPlanName="plan", StageName="one")
        self.assertEqual(self.edge.get_deployments(DeviceFleetName="lab", DeviceName="d2")["Deployments"], [])
        deployment = self.edge.get_deployments(DeviceFleetName="lab", DeviceName="d1")["Deployments"][0]
        definition = deployment["Definitions"][0]
        self.assertEqual(definition["S3Url"], "s3://bucket/out/shapes-1.0.tar.gz")
        self.assertRegex(definition["Checksum"]["Sum"], "^[0-9a-f]{40}$")
        self.edge.send_heartbeat(DeviceFleetName="lab", DeviceName="d1", AgentVersion="1", DeploymentResult={
            "DeploymentName": deployment["DeploymentName"], "DeploymentStatus": "SUCCESS",
            "DeploymentModels": [{"ModelHandle": "shapes", "Status": "SUCCESS"}]})
        summary = self.sm.list_edge_deployment_plans(DeviceFleetNameContains="lab", SortBy="DEVICE_FLEET_NAME")["EdgeDeploymentPlanSummaries"][0]
        self.assertEqual(summary["EdgeDeploymentSuccess"], 1)
        self.sm.start_edge_deployment_stage(EdgeDeploymentPlanName="plan", StageName="more-0")
        self.sm.stop_edge_deployment_stage(EdgeDeploymentPlanName="plan", StageName="more-0")
        states = [(d["DeviceName"], d["DeviceDeploymentStatus"], d.get("DeployedStageName")) for d in
                  self.sm.list_stage_devices(EdgeDeploymentPlanName="plan", StageName="more-0")["DeviceDeploymentSummaries"]]
        self.assertEqual(states, [("d1", "STOPPED", "one"), ("d2", "STOPPED", None)])

    def test_requests_that_cannot_work_are_refused_at_once(self):
        arguments = compilation("job")
        arguments["OutputConfig"]["TargetDevice"] = "rasp4b"
        self.refused("ValidationException", "exactly one of TargetDevice and TargetPlatform", self.sm.create_compilation_job, **arguments)
        self.refused("ValidationException", "No compilation job with name: job", self.sm.create_edge_packaging_job,
                     EdgePackagingJobName="pack", CompilationJobName="job", ModelName="m", ModelVersion="1", RoleArn=ROLE, OutputConfig=OUTPUT)
        self.refused("ResourceNotFound", "No edge packaging job with name: pack", self.sm.describe_edge_packaging_job, EdgePackagingJobName="pack")

    def test_bad_models_fail_with_the_clients_name(self):
        self.put_model()
        self.s3.put_object(Bucket="bucket", Key="bad.onnx", Body=b"this is no model")
        self.s3.put_object(Bucket="bucket", Key="bad.tar.gz", Body=b"\x1f\x8bthis is no archive")
        for name, uri in (("bad", "s3://bucket/bad.onnx"), ("archive", "s3://bucket/bad.tar.gz"), ("absent", "s3://bucket/absent.onnx")):
            self.sm.create_compilation_job(**compilation(name, uri))
            job = self.ended(name)
            self.assertEqual(job["CompilationJobStatus"], "FAILED", name)
            self.assertTrue(job["FailureReason"].startswith("ClientError: InputConfiguration: "), job["FailureReason"])

    def test_a_job_killed_with_the_server_is_done_by_the_next_one(self):
        self.put_model()
        self.sm.create_compilation_job(**compilation("job"))
        self.ended("job", ("INPROGRESS", *FINAL))
        self.restart(signal.SIGKILL)
        job = self.ended("job")
        self.assertEqual(job["CompilationJobStatus"], "COMPLETED", job["FailureReason"])

    def test_a_running_job_is_stopped(self):
        self.put_model()
        self.sm.create_compilation_job(**compilation("job"))
        self.ended("job", ("INPROGRESS", *FINAL))
        self.sm.stop_compilation_job(CompilationJobName="job")
        self.assertIn(self.ended("job")["CompilationJobStatus"], ("STOPPED", "COMPLETED"))

    def test_a_job_that_takes_too_long_fails(self):
        self.put_model()
        self.sm.create_compilation_job(**compilation("job", StoppingCondition={"MaxRuntimeInSeconds": 1}))
        job = self.ended("job")
        self.assertTrue(job["CompilationJobStatus"] == "COMPLETED" or "MaxRuntimeInSeconds" in job["FailureReason"], job)


@unittest.skipUnless(subprocess.run(["unshare", "--user", "--map-root-user", "--mount", "true"], capture_output=True).returncode == 0,
                     "no user namespaces on this machine")
class FullDisk(ServerCase):
    """The data folder is a file system of 12 MB of its own."""

    def wrapper(self):
        script = f'mkdir "{self.data}" && mount -t tmpfs -o size=12m tmpfs "{self.data}" && exec "$0" "$@"'
        return ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script)

    def test_a_full_disk_refuses_and_loses_nothing(self):
        self.sm.create_device_fleet(DeviceFleetName="before", OutputConfig=OUTPUT)
        self.s3.create_bucket(Bucket="bucket")
        kept = 0
        for size in (1 << 20, 64 << 10, 4096):
            while True:
                try:
                    self.s3.put_object(Bucket="bucket", Key=f"fill-{kept}", Body=b"x" * size)
                    kept += 1
                except ClientError as error:
                    self.assertGreaterEqual(error.response["ResponseMetadata"]["HTTPStatusCode"], 500)
                    break
        fleets = ["before"]
        refused = None
        for i in range(2000):
            try:
                self.sm.create_device_fleet(DeviceFleetName=f"fleet-{i:04}", OutputConfig=OUTPUT, Description="x" * 800)
                fleets.append(f"fleet-{i:04}")
            except ClientError as error:
                refused = error.response
                break
        self.assertIsNotNone(refused, "the disk did not fill")
        self.assertEqual(refused["Error"]["Code"], "ServiceUnavailable", refused)
        self.assertIn("disk", refused["Error"]["Message"])
        listed = [f["DeviceFleetName"] for p in self.sm.get_paginator("list_device_fleets").paginate() for f in p["DeviceFleetSummaries"]]
        self.assertEqual(sorted(listed), sorted(fleets))
        for i in range(kept):
            self.s3.delete_object(Bucket="bucket", Key=f"fill-{i}")
        self.sm.create_device_fleet(DeviceFleetName="after", OutputConfig=OUTPUT)


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2, warnings="ignore"))
