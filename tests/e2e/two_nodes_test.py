#!/usr/bin/python3
"""Two kedge-server nodes on one PostgreSQL: any node answers anything, a node that is killed loses nothing, one that drains ends what it has begun.

What an operator does for an upgrade (SIGTERM, wait, start) and what a crash does (SIGKILL) is done to real programs under load.
SPDX-License-Identifier: Apache-2.0
"""
import hashlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "servers"))
from kedge import BIN, ROOT, Server  # noqa: E402
from postgres import Missing, Postgres, free_port  # noqa: E402

ROLE = "arn:aws:iam::000000000000:role/kedge"
OUTPUT = {"S3OutputLocation": "s3://bucket/captures/"}
PASSWORD = "correct horse battery"
PATIENCE_S = 120  # a job's lease of 20 s, two compilers, and a busy machine
DRAIN_S = 3
EPOCH_POLL_S = 1  # after which a node asks whether rights changed elsewhere (known_keys.h)


def wait_for(what, condition, seconds=PATIENCE_S):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.05)  # between two looks
    raise AssertionError(f"not within {seconds} s: {what}")


def code_of(call, **arguments):
    """"" or the error's code."""
    try:
        call(**arguments)
        return ""
    except ClientError as error:
        return error.response["Error"]["Code"]


def ready(server):
    """The status and the text of /readyz; (0, "") if nobody answers."""
    try:
        with urllib.request.urlopen(server.url + "/readyz", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


class TwoNodes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.postgres = Postgres()
        cls.addClassCleanup(cls.postgres.close)

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.database = self.postgres.create_database()
        self.servers = []
        self.first = self.start("a")
        self.second = self.start("b")
        self.keys = self.first.administrator()

    def start(self, name):
        """A node with a folder of its own; the first one's master key is everybody's."""
        arguments = ["--database", self.database, "--objects", os.path.join(self.folder, "objects"), "--lease-ms", "500", "--rate-limit", "0",
                     "--drain-seconds", str(DRAIN_S), "--compile-jobs", "2", "--log-level", "warning"]
        if self.servers:
            arguments += ["--master-key", os.path.join(self.servers[0].data, "keys", "master.key")]
        server = Server(os.path.join(self.folder, name), arguments, listen=f"127.0.0.1:{free_port()}")
        self.servers.append(server)
        self.addCleanup(lambda: server.process.poll() is None and server.stop(signal.SIGKILL))
        return server

    def client(self, server, service="sagemaker", keys=None):
        return server.client(service, keys or self.keys)

    def rows(self, sql):
        return [line.split("|") for line in self.postgres.query(sql, self.database.rsplit("/", 1)[1])]

    def kedge(self, server, *arguments, stdin=""):
        done = subprocess.run([os.path.join(BIN, "kedge"), *arguments], env={**os.environ, **self.keys, "AWS_ENDPOINT_URL": server.url},
                              input=stdin, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def put_model(self, server):
        s3 = self.client(server, "s3")
        s3.create_bucket(Bucket="bucket")
        with open(os.path.join(ROOT, "examples", "shapes", "shapes.onnx"), "rb") as model:
            s3.put_object(Bucket="bucket", Key="shapes.onnx", Body=model.read())

    def compile(self, server, name, **target):
        self.client(server).create_compilation_job(
            CompilationJobName=name, RoleArn=ROLE, StoppingCondition={"MaxRuntimeInSeconds": 300},
            InputConfig={"S3Uri": "s3://bucket/shapes.onnx", "DataInputConfig": '{"image": [1, 1, 32, 32]}', "Framework": "ONNX"},
            OutputConfig={"S3OutputLocation": f"s3://bucket/{name}/", "TargetPlatform": {"Os": "LINUX", "Arch": "X86_64", **target}})

    def ended(self, server, name):
        answer = self.client(server).describe_compilation_job(CompilationJobName=name)
        self.assertNotIn(answer["CompilationJobStatus"], ("FAILED", "STOPPED"), answer.get("FailureReason"))
        return answer["CompilationJobStatus"] == "COMPLETED"


class AnyNodeAnswers(TwoNodes):
    def test_what_one_node_was_told_the_other_knows_at_once(self):
        one, other = self.first, self.second
        for round_number in range(3):  # in turn
            fleet = f"fleet-{round_number}"
            self.client(one).create_device_fleet(DeviceFleetName=fleet, RoleArn=ROLE, OutputConfig=OUTPUT)
            self.client(other).register_devices(DeviceFleetName=fleet, Devices=[{"DeviceName": "d"}])
            self.client(one, "sagemaker-edge").send_heartbeat(DeviceFleetName=fleet, DeviceName="d", AgentVersion="2.0")
            self.assertEqual(self.client(other).describe_device(DeviceFleetName=fleet, DeviceName="d")["AgentVersion"], "2.0")
            self.client(other, "s3").create_bucket(Bucket=fleet)
            self.client(one, "s3").put_object(Bucket=fleet, Key="k", Body=b"bytes")
            self.assertEqual(self.client(other, "s3").get_object(Bucket=fleet, Key="k")["Body"].read(), b"bytes")
            one, other = other, one
        addresses = {row[0] for row in self.rows("SELECT address FROM nodes")}
        self.assertEqual(addresses, {server.url.split("//")[1] for server in self.servers})

    def test_a_page_goes_on_at_the_other_node(self):
        self.client(self.first).create_device_fleet(DeviceFleetName="lab", RoleArn=ROLE, OutputConfig=OUTPUT)
        self.client(self.first).register_devices(DeviceFleetName="lab", Devices=[{"DeviceName": f"d{i}"} for i in range(5)])
        page = self.client(self.first).list_devices(DeviceFleetName="lab", MaxResults=3)
        rest = self.client(self.second).list_devices(DeviceFleetName="lab", MaxResults=3, NextToken=page["NextToken"])
        names = [device["DeviceName"] for device in page["DeviceSummaries"] + rest["DeviceSummaries"]]
        self.assertEqual(sorted(names), [f"d{i}" for i in range(5)])

    def test_a_key_counts_at_once_everywhere_and_its_end_a_second_later(self):
        made = dict(re.findall(r"(AWS_\w+)=(\S+)", self.kedge(self.first, "key", "create", "--role", "viewer")))
        viewer = self.client(self.second, keys=made)
        self.assertEqual(code_of(viewer.list_devices), "")
        self.kedge(self.first, "key", "delete", made["AWS_ACCESS_KEY_ID"])
        wait_for("the end of the key", lambda: code_of(viewer.list_devices) == "UnrecognizedClientException", 10 * EPOCH_POLL_S)

    def test_a_job_runs_on_any_node_and_a_rotated_key_signs_on_all(self):
        self.put_model(self.first)
        certificates = [self.signing_certificate()]
        for step in ("prepare", "activate"):
            self.kedge(self.second, "signing-key", step)
        certificates.append(self.signing_certificate())
        self.assertNotEqual(*certificates)
        self.compile(self.second, "c")
        wait_for("the compilation", lambda: self.ended(self.first, "c"))
        makers = set()
        for number in range(40):  # until both nodes have made one
            makers.add(self.package(f"p{number}", certificates[1]))
            if len(makers) == 2:
                break
        self.assertEqual(len(makers), 2, makers)

    def signing_certificate(self):
        return json.loads(self.kedge(self.first, "signing-key", "status", "--json"))["Certificate"]

    def package(self, name, certificate):
        """The folder whose node made the package, which the key of `certificate` signed."""
        client = self.client(self.first)
        client.create_edge_packaging_job(EdgePackagingJobName=name, CompilationJobName="c", ModelName=name, ModelVersion="1", RoleArn=ROLE,
                                         OutputConfig={"S3OutputLocation": "s3://bucket/packages/"})

        def done():
            answer = client.describe_edge_packaging_job(EdgePackagingJobName=name)
            self.assertNotEqual(answer["EdgePackagingJobStatus"], "FAILED", answer)
            return answer["EdgePackagingJobStatus"] == "COMPLETED" and answer
        wait_for("the package", done)
        file = os.path.join(self.folder, name + ".tar.gz")
        with open(file, "wb") as package:
            package.write(self.client(self.second, "s3").get_object(Bucket="bucket", Key=f"packages/{name}-1.tar.gz")["Body"].read())
        with open(os.path.join(self.folder, "root.pem"), "w", encoding="ascii") as root:
            root.write(certificate)
        self.kedge(self.first, "verify", "--root", root.name, file)
        return self.rows(f"SELECT holder FROM packaging_jobs WHERE name = '{name}'")[0][0]


class Sessions(TwoNodes):
    def request(self, server, method, path, body=None, **headers):
        connection = http.client.HTTPConnection(server.url.split("//")[1], timeout=60)
        connection.request(method, path, json.dumps(body) if body is not None else None, {k.replace("_", "-"): v for k, v in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), answer.headers

    def test_who_logged_in_at_one_node_is_known_to_both_and_logs_out_of_both(self):
        self.kedge(self.first, "user", "create", "ann", "--role", "operator", "--password-stdin", stdin=PASSWORD + "\n")
        status, body, headers = self.request(self.first, "POST", "/session", {"UserName": "ann", "Password": PASSWORD},
                                             Content_Type="application/json")
        self.assertEqual(status, 200, body)
        session = {"Cookie": headers["Set-Cookie"].split(";")[0], "X_Kedge_Csrf": json.loads(body)["CsrfToken"], "X_Amz_Target": "Kedge.WhoAmI"}
        for server in self.servers:
            status, body, _ = self.request(server, "POST", "/", {}, **session)
            self.assertEqual((status, "ann" in body), (200, True), body)
        self.assertEqual(self.request(self.second, "DELETE", "/session", None, **session)[0], 200)
        for server in self.servers:
            self.assertEqual(self.request(server, "POST", "/", {}, **session)[0], 403)


class Writer(threading.Thread):
    """Registers device after device, at the next node if one does not answer; `done` are those that were acknowledged."""

    def __init__(self, clients):
        super().__init__(daemon=True)
        self.clients, self.done, self.refused, self.stop = clients, [], [], threading.Event()

    def run(self):
        number, at = 0, 0
        while not self.stop.is_set():
            number += 1
            try:
                self.clients[at % len(self.clients)].register_devices(DeviceFleetName="lab", Devices=[{"DeviceName": f"w{number}"}])
                self.done.append(f"w{number}")
            except (ClientError, BotoCoreError, HTTPClientError) as error:
                self.refused.append(error)
                at += 1


class NodesThatEnd(TwoNodes):
    def begin_load(self):
        self.client(self.first).create_device_fleet(DeviceFleetName="lab", RoleArn=ROLE, OutputConfig=OUTPUT)
        writer = Writer([self.client(self.first), self.client(self.second)])
        writer.start()
        wait_for("some acknowledgements", lambda: len(writer.done) >= 10)
        return writer

    def end_load(self, writer):
        """The load goes on at the node that is left, and what either acknowledged is there."""
        before = len(writer.done)
        wait_for("acknowledgements of the other node", lambda: len(writer.done) >= before + 10)
        writer.stop.set()
        writer.join(PATIENCE_S)
        there = {row[0] for row in self.rows("SELECT name FROM devices WHERE fleet = 'lab'")}
        self.assertEqual([name for name in writer.done if name not in there], [])

    def test_a_killed_nodes_jobs_and_leases_go_on_at_the_other(self):
        self.put_model(self.first)
        writer = self.begin_load()
        names = [f"job-{i}" for i in range(6)]  # both nodes together run four at a time
        for i, name in enumerate(names):
            self.compile(self.servers[i % 2], name)
        with open(os.path.join(self.first.data, "folder.id"), encoding="ascii") as file:
            folder = file.read().strip()
        wait_for("a job on the node", lambda: self.rows(f"SELECT name FROM compilation_jobs WHERE holder = '{folder}' AND status = 'INPROGRESS'"))
        self.first.stop(signal.SIGKILL)
        held = {row[0] for row in self.rows(f"SELECT name FROM compilation_jobs WHERE holder = '{folder}' AND status = 'INPROGRESS'")}
        self.assertTrue(held)
        self.end_load(writer)
        for name in names:
            wait_for(name, lambda name=name: self.ended(self.second, name))
        attempts = {row[0]: int(row[1]) for row in self.rows("SELECT name, attempts FROM compilation_jobs")}
        self.assertEqual({name for name, count in attempts.items() if count == 2}, held)
        self.assertEqual({count for name, count in attempts.items() if name not in held}, {1})
        ends = [row[0] for row in self.rows("SELECT resource FROM events WHERE kind = 'JobEnded'")]
        self.assertEqual(len(ends), len(names))  # none is lost, none ends twice
        self.assertEqual(len(set(ends)), len(names))
        wait_for("the leases of the node that is gone", lambda: not self.rows(
            "SELECT l.name FROM leases l WHERE l.name = 'stages' AND l.holder NOT IN (SELECT id FROM nodes WHERE address = "
            f"'{self.second.url.split('//')[1]}')"))

    def test_a_node_that_drains_ends_what_it_began_and_leaves(self):
        writer = self.begin_load()
        self.client(self.second, "s3").create_bucket(Bucket="bucket")
        self.assertEqual(ready(self.first)[0], 200)
        body = os.urandom(1 << 20)
        slow = SlowUpload(self.first, self.keys, body)
        self.first.process.send_signal(signal.SIGTERM)
        wait_for("a node that is not ready", lambda: ready(self.first) == (503, "the node is draining\n"), DRAIN_S)
        self.assertEqual(ready(self.second)[0], 200)
        # It answers until the time is over: whoever has not looked at /readyz yet is served.
        self.assertEqual(code_of(self.client(self.first).describe_device_fleet, DeviceFleetName="lab"), "")
        drained = len(writer.refused)
        slow.wait_until_draining_ended(self.first)
        self.assertEqual(slow.finish(), 200)
        self.assertEqual(self.first.process.wait(30), 0)
        stored = self.client(self.second, "s3").get_object(Bucket="bucket", Key="slow")["Body"].read()
        self.assertEqual(hashlib.sha256(stored).hexdigest(), hashlib.sha256(body).hexdigest())
        self.assertEqual(drained, 0, "a client was refused before the drain's end")
        self.end_load(writer)
        self.assertEqual([row[0] for row in self.rows("SELECT address FROM nodes")], [self.second.url.split("//")[1]])
        self.assertEqual(self.rows("SELECT name FROM leases WHERE holder NOT IN (SELECT id FROM nodes) AND name = 'stages'"), [])


class SlowUpload:
    """A PutObject whose body comes in two halves, the second one when finish() is called."""

    def __init__(self, server, keys, body):
        url = server.client("s3", keys, signature_version="s3v4").generate_presigned_url("put_object", Params={"Bucket": "bucket", "Key": "slow"})
        self.host, path = url.split("//")[1].split("/", 1)
        self.body = body
        self.connection = http.client.HTTPConnection(self.host, timeout=60)
        self.connection.putrequest("PUT", "/" + path)
        self.connection.putheader("Content-Length", str(len(body)))
        self.connection.endheaders(body[:len(body) // 2])

    def wait_until_draining_ended(self, server):
        """Until the node takes no new connection."""
        def refused():
            probe = http.client.HTTPConnection(self.host, timeout=10)
            try:
                probe.request("GET", "/healthz")
                probe.getresponse()
                return False
            except OSError:
                return True
            finally:
                probe.close()
        wait_for("the end of the drain", refused, DRAIN_S + 30)
        assert server.process.poll() is None, "the node ended with a request open"

    def finish(self):
        self.connection.send(self.body[len(self.body) // 2:])
        answer = self.connection.getresponse()
        answer.read()
        return answer.status


if __name__ == "__main__":
    try:
        Postgres().close()
    except Missing as missing:
        print(f"skipped: {missing}")
        sys.exit(77)
    unittest.main(verbosity=2)
