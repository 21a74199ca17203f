#!/usr/bin/python3
"""Roles, fleets, sessions, limits and the audit log of kedge-server, against the real program: botocore for calls and objects, curl for
the console's session, `kedge` for users, keys and the log.
SPDX-License-Identifier: Apache-2.0
"""
import json
import os
import subprocess
import sys
import tempfile
import unittest

from botocore.exceptions import ClientError

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "servers"))
from kedge import BIN, ROOT, Server, keys_of  # noqa: E402

OUTPUT = {"S3OutputLocation": "s3://bucket/out"}
ORDER = ["viewer", "operator", "admin"]
PASSWORD = "correct horse battery"


def code_of(call):
    """"" or the error's code."""
    try:
        call()
        return ""
    except ClientError as error:
        return error.response["Error"]["Code"]


class IdentityCase(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.server = Server(os.path.join(self.folder.name, "data"))
        self.admin = keys_of(self.server.printed)

    def tearDown(self):
        self.server.stop()
        self.folder.cleanup()

    def kedge(self, *arguments, keys=None, stdin="", expect=0):
        environment = {**os.environ, **(keys or self.admin), "AWS_ENDPOINT_URL": self.server.url}
        done = subprocess.run([os.path.join(BIN, "kedge"), *arguments], env=environment, input=stdin, text=True, capture_output=True,
                              timeout=60)
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def key(self, role, *more):
        return keys_of(self.kedge("key", "create", "--role", role, *more))

    def curl(self, *arguments):
        done = subprocess.run(["curl", "-s", "-w", "\n%{http_code}", *arguments], capture_output=True, text=True, timeout=60, check=True)
        body, _, status = done.stdout.rpartition("\n")
        return int(status), body


class Roles(IdentityCase):
    def descriptions(self):
        for service in ("sagemaker", "sagemaker_edge"):
            folder = os.path.join(ROOT, "api", "operations", service)
            for name in sorted(os.listdir(folder)):
                with open(os.path.join(folder, name)) as file:
                    for operation, description in json.load(file).get("operations", {}).items():
                        yield operation, description

    def test_every_operation_asks_every_role_what_its_description_says(self):
        """Requests are empty: whoever may call gets an answer or is told what is missing, the others AccessDeniedException."""
        calls = 0
        clients = {}
        for role in ORDER:
            key = self.key(role)
            clients[role] = {"sagemaker": self.server.client("sagemaker", key, parameter_validation=False),
                             "sagemaker-edge": self.server.client("sagemaker-edge", key, parameter_validation=False)}
        for operation, description in self.descriptions():
            least = description["access"].replace("device", "operator")
            for role in ORDER:
                both = clients[role]
                client = both["sagemaker-edge"] if "path" in description else both["sagemaker"]
                if operation not in client.meta.service_model.operation_names:
                    continue  # newer than this botocore
                with self.subTest(operation=operation, role=role):
                    code = code_of(lambda: client._make_api_call(operation, {}))
                    allowed = ORDER.index(role) >= ORDER.index(least)
                    (self.assertNotEqual if allowed else self.assertEqual)(code, "AccessDeniedException")
                    calls += 1
        self.assertGreaterEqual(calls, 60)

    def test_roles_hold_for_calls_and_for_objects(self):
        viewer, operator = self.key("viewer"), self.key("operator")
        sagemaker = self.server.client("sagemaker", operator)
        sagemaker.create_device_fleet(DeviceFleetName="lab", OutputConfig=OUTPUT)
        reader = self.server.client("sagemaker", viewer)
        self.assertEqual(code_of(lambda: reader.describe_device_fleet(DeviceFleetName="lab")), "")
        self.assertEqual(code_of(lambda: reader.delete_device_fleet(DeviceFleetName="lab")), "AccessDeniedException")
        self.assertIn("not authorized to perform ListUsers", self.kedge("user", "list", keys=operator, expect=1))
        s3 = self.server.client("s3", operator)
        s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        s3.put_object(Bucket="bucket", Key="k", Body=b"x")
        s3 = self.server.client("s3", viewer)
        self.assertEqual(s3.get_object(Bucket="bucket", Key="k")["Body"].read(), b"x")
        self.assertEqual(code_of(lambda: s3.put_object(Bucket="bucket", Key="k", Body=b"y")), "AccessDenied")
        self.assertEqual(code_of(lambda: s3.delete_object(Bucket="bucket", Key="k")), "AccessDenied")

    def test_keys_are_held_to_their_fleets(self):
        sagemaker = self.server.client("sagemaker", self.admin)
        for fleet in ("lab-1", "lab-2", "plant"):
            sagemaker.create_device_fleet(DeviceFleetName=fleet, OutputConfig=OUTPUT)
            sagemaker.register_devices(DeviceFleetName=fleet, Devices=[{"DeviceName": "d1"}])
        lab = self.server.client("sagemaker", self.key("operator", "--fleet", "lab-*"))
        seen = [fleet["DeviceFleetName"] for fleet in lab.list_device_fleets()["DeviceFleetSummaries"]]
        self.assertEqual(seen, ["lab-1", "lab-2"])
        seen = {device["DeviceFleetName"] for device in lab.list_devices()["DeviceSummaries"]}
        self.assertEqual(seen, {"lab-1", "lab-2"})
        lab.register_devices(DeviceFleetName="lab-1", Devices=[{"DeviceName": "d2"}])
        for call in (lambda: lab.describe_device_fleet(DeviceFleetName="plant"),
                     lambda: lab.register_devices(DeviceFleetName="plant", Devices=[{"DeviceName": "d2"}]),
                     lambda: lab.stop_compilation_job(CompilationJobName="any"),
                     lambda: lab.create_device_fleet(DeviceFleetName="other", OutputConfig=OUTPUT)):
            self.assertEqual(code_of(call), "AccessDeniedException")

    def test_a_device_puts_its_captures_and_nothing_else(self):
        sagemaker = self.server.client("sagemaker", self.admin)
        sagemaker.create_device_fleet(DeviceFleetName="lab", OutputConfig=OUTPUT)
        self.server.client("s3", self.admin).create_bucket(
            Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        out = os.path.join(self.folder.name, "device")
        self.kedge("device", "enroll", "--fleet", "lab", "--device", "d1", "--register", "-o", out)
        with open(os.path.join(out, "credentials.json")) as file:
            made = json.load(file)
        device = {"AWS_ACCESS_KEY_ID": made["access_key_id"], "AWS_SECRET_ACCESS_KEY": made["secret_access_key"]}
        s3 = self.server.client("s3", device)
        s3.put_object(Bucket="bucket", Key="out/lab/d1/model/2026/11/22/14/x.jsonl", Body=b"{}\n")
        for key in ("out/lab/d2/x", "out/x", "x"):
            self.assertEqual(code_of(lambda key=key: s3.put_object(Bucket="bucket", Key=key, Body=b"x")), "AccessDenied")
        self.assertEqual(code_of(lambda: s3.list_objects_v2(Bucket="bucket")), "AccessDenied")

    def test_keys_can_be_switched_off_and_rotated(self):
        key = self.key("viewer", "--description", "ci", "--days", "1")
        client = self.server.client("sagemaker", key)
        client.list_devices()
        identity = key["AWS_ACCESS_KEY_ID"]
        self.kedge("key", "update", identity, "--disable")
        self.assertEqual(code_of(client.list_devices), "UnrecognizedClientException")
        self.kedge("key", "update", identity, "--enable")
        client.list_devices()
        second = keys_of(self.kedge("key", "rotate", identity))
        self.server.client("sagemaker", second).list_devices()
        client.list_devices()
        self.kedge("key", "delete", identity)
        self.assertEqual(code_of(client.list_devices), "UnrecognizedClientException")
        self.assertIn("last of an administrator", self.kedge("key", "delete", self.admin["AWS_ACCESS_KEY_ID"], expect=1))
        self.assertIn(second["AWS_ACCESS_KEY_ID"], self.kedge("key", "list"))


class Sessions(IdentityCase):
    def setUp(self):
        super().setUp()
        self.kedge("user", "create", "ann", "--role", "operator", "--password-stdin", stdin=PASSWORD + "\n")
        self.jar = os.path.join(self.folder.name, "cookies")

    def log_in(self, password=PASSWORD):
        return self.curl("-c", self.jar, "-H", "Content-Type: application/json", "-d", json.dumps({"UserName": "ann", "Password": password}), self.server.url + "/session")

    def call(self, target, body, *more):
        return self.curl("-b", self.jar, "-H", "X-Amz-Target: " + target, "-d", json.dumps(body), *more, self.server.url + "/")

    def test_a_browser_logs_in_calls_and_logs_out(self):
        self.assertEqual(self.log_in("wrong")[0], 403)
        status, body = self.log_in()
        self.assertEqual(status, 200, body)
        with open(self.jar) as file:
            self.assertIn("#HttpOnly_", file.read())
        csrf = "X-Kedge-Csrf: " + json.loads(body)["CsrfToken"]
        create = ("SageMaker.CreateDeviceFleet", {"DeviceFleetName": "lab", "OutputConfig": OUTPUT})
        self.assertEqual(self.call(*create)[0], 403)  # without the token
        self.assertEqual(self.call(*create, "-H", csrf)[0], 200)
        status, body = self.call("Kedge.ListUsers", {}, "-H", csrf)
        self.assertEqual((status, json.loads(body)["__type"]), (400, "AccessDeniedException"))
        self.assertEqual(self.curl("-b", self.jar, "-X", "DELETE", "-H", csrf, self.server.url + "/session")[0], 200)
        self.assertEqual(self.call("Kedge.WhoAmI", {}, "-H", csrf)[0], 403)
        log = self.kedge("audit", "export")
        self.assertIn('"operation":"LogIn"', log)
        self.assertIn('"principal":"user/ann"', log)

    def test_guessing_passwords_must_wait(self):
        answers = [self.log_in("wrong")[0] for _ in range(8)]
        self.assertEqual(answers[:6], [403] * 6)
        self.assertIn(429, answers[6:])


class Limits(IdentityCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.server = Server(os.path.join(self.folder.name, "data"), arguments=("--rate-limit", "2"))
        self.admin = keys_of(self.server.printed)

    def test_a_key_that_calls_too_often_is_throttled_and_a_patient_client_gets_through(self):
        eager = self.server.client("sagemaker", self.admin)
        self.assertIn("ThrottlingException", [code_of(eager.list_devices) for _ in range(8)])
        edge = self.server.client("sagemaker-edge", self.admin)
        answers = []
        for _ in range(8):
            try:
                edge.get_device_registration(DeviceName="d", DeviceFleetName="f")
            except ClientError as error:
                answers.append(error.response)
        self.assertTrue(answers)
        self.assertEqual({answer["ResponseMetadata"]["HTTPStatusCode"] for answer in answers}, {429})
        self.assertEqual({answer["ResponseMetadata"]["HTTPHeaders"]["retry-after"] for answer in answers}, {"1"})


class AuditLog(IdentityCase):
    def test_the_log_is_exported_and_every_damage_is_found(self):
        sagemaker = self.server.client("sagemaker", self.admin)
        for number in range(5):
            sagemaker.create_device_fleet(DeviceFleetName="lab-%d" % number, OutputConfig=OUTPUT)
        code_of(lambda: sagemaker.create_device_fleet(DeviceFleetName="lab-1", OutputConfig=OUTPUT))
        certificate = os.path.join(self.server.data, "package.cert.pem")
        with open(certificate, "w") as file:
            out = os.path.join(self.folder.name, "d")
            self.kedge("device", "enroll", "--fleet", "lab-0", "--device", "d", "--register", "-o", out)
            with open(os.path.join(out, "root-certs", "root-1.pem")) as root:
                file.write(root.read())
        remembered = os.path.join(self.folder.name, "checkpoint.json")
        with open(remembered, "w") as file:
            file.write(self.kedge("audit", "checkpoint"))
        export = os.path.join(self.folder.name, "audit.jsonl")
        self.kedge("audit", "export", "-o", export)
        check = ("--certificate", certificate, "--checkpoint", remembered)
        self.assertIn("records 1 to 7 are whole", self.kedge("audit", "verify", export, *check))
        self.assertIn("records 1 to 7 are whole", self.kedge("audit", "verify", *check))
        with open(export) as file:
            lines = file.readlines()
        damages = {"changed": lines[:2] + [lines[2].replace("lab-2", "lab-9")] + lines[3:],
                   "removed": lines[:2] + lines[3:],
                   "inserted": lines[:2] + [lines[1]] + lines[2:],
                   "reordered": lines[:2] + [lines[3], lines[2]] + lines[4:],
                   "cut off": lines[:5],
                   "cut off before the checkpoint": lines[:-1],
                   "beginning cut off": lines[-1:]}
        for name, damaged in damages.items():
            with self.subTest(name):
                with open(export, "w") as file:
                    file.writelines(damaged)
                self.kedge("audit", "verify", export, *check, expect=1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
