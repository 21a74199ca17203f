#!/usr/bin/python3
"""Captures from the device to the object store: real server, real agent, both kinds of identity, and kill -9 in between.

SPDX-License-Identifier: Apache-2.0
"""
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.request
import uuid

import grpc
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "servers"))
from agent_grpc_test import AgentGrpc, build_package  # noqa: E402
from kedge import BIN, ROOT, Server  # noqa: E402

sys.path.insert(0, os.path.join(ROOT, "examples", "client"))
from predict import Agent  # noqa: E402

del AgentGrpc  # its cases are not ours
WAIT_SECONDS_MAX = 60
SOME = 24
KILLS = 6


def until(what, condition):
    """Waits for a condition of the outside world, and gives its value."""
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError("timed out: " + what)
        time.sleep(0.05)
    return value


class Captures(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = tempfile.mkdtemp()
        keys = os.path.join(cls.work, "keys")
        subprocess.run([os.path.join(BIN, "kedge"), "keygen", "-o", keys], check=True, stdout=subprocess.DEVNULL)
        cls.roots = os.path.join(cls.work, "roots")
        os.mkdir(cls.roots)
        shutil.copy(os.path.join(keys, "cert.pem"), cls.roots)
        os.chmod(os.path.join(cls.roots, "cert.pem"), 0o444)
        cls.package = build_package(cls.work, os.path.join(keys, "key.pem"), "affine")
        cls.server = Server(os.path.join(cls.work, "data"), ["--device-listen", "127.0.0.1:0"])
        cls.keys = cls.server.administrator()
        cls.sm = cls.server.client("sagemaker", cls.keys)
        cls.s3 = cls.server.client("s3", cls.keys)
        cls.s3.create_bucket(Bucket="captures")

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        shutil.rmtree(cls.work)

    def setUp(self):
        self.fleet = "fleet-" + uuid.uuid4().hex[:8]
        self.sm.create_device_fleet(DeviceFleetName=self.fleet, OutputConfig={"S3OutputLocation": "s3://captures/out"})

    def kedge(self, operation, **body):
        request = AWSRequest("POST", self.server.url + "/", data=json.dumps(body),
                             headers={"X-Amz-Target": "Kedge." + operation, "Content-Type": "application/x-amz-json-1.1"})
        SigV4Auth(Credentials(self.keys["AWS_ACCESS_KEY_ID"], self.keys["AWS_SECRET_ACCESS_KEY"]), "sagemaker", "us-east-1").add_auth(request)
        with urllib.request.urlopen(urllib.request.Request(self.server.url + "/", request.body, dict(request.headers))) as answer:
            return json.loads(answer.read() or "null")

    def listed(self, **filters):
        """All captures of the fleet, page by page."""
        captures, token = [], {}
        while True:
            page = self.kedge("ListCaptures", DeviceFleetName=self.fleet, **filters, **token)
            captures += page["Captures"]
            if "NextToken" not in page:
                return captures
            token = {"NextToken": page["NextToken"]}

    def enrol(self, device, by_claim, **changes):
        """The folder of a device whose agent captures."""
        folder = os.path.join(self.work, self.fleet, device)
        os.makedirs(os.path.dirname(folder), exist_ok=True)
        command = [os.path.join(BIN, "kedge"), "device", "enroll", "--device", device, "--endpoint-url", self.server.url, "-o", folder]
        if by_claim:
            token = self.kedge("CreateClaimToken", DeviceFleetName=self.fleet, DevicePattern=device)["ClaimToken"]
            command += ["--claim", token]
        else:
            self.sm.register_devices(DeviceFleetName=self.fleet, Devices=[{"DeviceName": device}])
            command += ["--fleet", self.fleet]
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, **self.keys})
        path = os.path.join(folder, "agent.json")
        with open(path, encoding="utf-8") as file:
            config = json.load(file)
        config.update({"kedge_heartbeat_interval_seconds": 1, "sagemaker_edge_core_root_certs_path": self.roots,
                       "sagemaker_edge_core_capture_data_destination": "Cloud",
                       "sagemaker_edge_core_capture_data_disk_path": os.path.join(folder, "captures"),
                       "sagemaker_edge_core_capture_data_base64_embed_limit": 8,
                       "sagemaker_edge_core_capture_data_buffer_size": 200, "sagemaker_edge_core_capture_data_batch_size": 2,
                       "sagemaker_edge_core_capture_data_push_period_seconds": 1,
                       "sagemaker_edge_core_capture_data_periodic_upload_period_seconds": 1, **changes})
        with open(path, "w", encoding="utf-8") as file:
            json.dump(config, file)
        return folder

    def start(self, folder):
        """The agent's process, and a client of it with the model loaded."""
        log = open(os.path.join(folder, "log"), "a", encoding="utf-8")
        process = subprocess.Popen([os.path.join(BIN, "kedge-agent"), "-f", "-a", os.path.join(folder, "socket"), "-c",
                                    os.path.join(folder, "agent.json")], stdout=log, stderr=log)
        self.addCleanup(log.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        agent = Agent(os.path.join(folder, "socket"))
        agent.LoadModel(agent.messages.LoadModelRequest(url=self.package, name="affine"))
        return process, agent

    @staticmethod
    def request(agent):
        messages = agent.messages
        x = messages.Tensor(tensor_metadata=messages.TensorMetadata(name=b"x", data_type=messages.FLOAT32, shape=[1, 4]),
                            byte_data=bytes(range(16)))
        scale = messages.Tensor(tensor_metadata=messages.TensorMetadata(name=b"scale", data_type=messages.UINT8, shape=[1]), byte_data=b"\2")
        flags = messages.Tensor(tensor_metadata=messages.TensorMetadata(name=b"flags", data_type=messages.UINT8, shape=[4]),
                                byte_data=b"\0\1\0\1")
        return messages.PredictRequest(name="affine", tensors=[x, scale, flags])

    def waiting(self, folder):
        """Files that the spool holds."""
        return [name for _, _, names in os.walk(os.path.join(folder, "captures")) for name in names]

    def test_automatic_ones_are_uploaded_and_listed(self):
        for by_claim in (True, False):
            with self.subTest(by_claim=by_claim):
                device = "claimed" if by_claim else "keyed"
                folder = self.enrol(device, by_claim, kedge_capture_floor_rate=1)
                process, agent = self.start(folder)
                for _ in range(SOME):
                    agent.Predict(self.request(agent))
                captures = until("all captures", lambda: len(found := self.listed(DeviceName=device)) == SOME and found)
                self.assertEqual(len({capture["CaptureId"] for capture in captures}), SOME)
                self.assertEqual({(capture["CaptureReason"], capture["InclusionProbability"]) for capture in captures}, {("floor", 1)})
                until("an empty spool", lambda: not self.waiting(folder))
                got = self.kedge("GetCapture", DeviceFleetName=self.fleet, Location=captures[0]["Location"])
                record = json.loads(got["Record"])
                self.assertEqual(record["eventMetadata"]["deviceId"], device)
                large = next(entry for entry in record["deviceFleetInputs"] if entry["name"] == "x")
                self.assertTrue(large["data-ref"].startswith(got["RawPrefix"]), large)
                bucket, key = large["data-ref"][len("s3://"):].split("/", 1)
                self.assertEqual(self.s3.get_object(Bucket=bucket, Key=key)["Body"].read(), bytes(range(16)))
                until("the count in a heartbeat", lambda: self.uploaded_bytes() > 0)
                process.send_signal(signal.SIGTERM)
                self.assertEqual(process.wait(20), 0)

    def uploaded_bytes(self):
        now = time.time()
        points = self.kedge("GetMetrics", DeviceFleetName=self.fleet, MetricName="CaptureBytesUploaded", Resolution="MINUTE",
                            StartTime=now - 3600, EndTime=now + 3600)["Points"]
        return max((point["Maximum"] for point in points), default=0)

    def test_none_is_lost_or_doubled_by_kills_in_the_middle(self):
        folder = self.enrol("killed", True)
        random_ = random.Random(4)
        promised, stop = [], threading.Event()  # ids whose status was SUCCESS: on the disk
        clients = {}

        def capture():
            while not stop.is_set():
                agent = clients["now"]
                name = uuid.uuid4().hex
                request = self.request(agent)
                try:
                    agent.CaptureData(agent.messages.CaptureDataRequest(model_name="affine", capture_id=name, input_tensors=request.tensors))
                    asking = agent.messages.GetCaptureDataStatusRequest(capture_id=name)
                    while (status := agent.GetCaptureDataStatus(asking).status) == agent.messages.IN_PROGRESS:
                        time.sleep(0.01)
                    if status == agent.messages.SUCCESS:
                        promised.append(name)
                except grpc.RpcError:
                    time.sleep(0.05)

        process, clients["now"] = self.start(folder)
        writers = [threading.Thread(target=capture) for _ in range(4)]
        for writer in writers:
            writer.start()
        for _ in range(KILLS):
            before = len(promised)
            until("some captures", lambda: len(promised) > before + 8)
            time.sleep(random_.random())  # the moment is what varies
            process.send_signal(signal.SIGKILL)
            process.wait()
            process, clients["now"] = self.start(folder)
        stop.set()
        for writer in writers:
            writer.join()
        until("an empty spool", lambda: not any(name.endswith(".jsonl") for name in self.waiting(folder)))
        listed = [capture["CaptureId"] for capture in self.listed()]
        self.assertEqual(len(listed), len(set(listed)), "one twice")
        self.assertEqual(set(promised) - set(listed), set(), "one lost")
        self.assertGreater(len(promised), 8 * KILLS)

    def test_they_wait_for_a_server_that_is_away(self):
        folder = self.enrol("patient", False, kedge_capture_floor_rate=1)
        process, agent = self.start(folder)
        self.server.stop(signal.SIGKILL)
        for _ in range(SOME):
            agent.Predict(self.request(agent))
        until("the captures on the disk", lambda: len([n for n in self.waiting(folder) if n.endswith(".jsonl")]) >= SOME / 2)
        port = self.server.url.rsplit(":", 1)[1]
        type(self).server = Server(os.path.join(self.work, "data"), ["--device-listen", "127.0.0.1:0"], listen="127.0.0.1:" + port)
        until("all captures", lambda: len(self.listed()) == SOME)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(20), 0)


if __name__ == "__main__":
    unittest.main()
