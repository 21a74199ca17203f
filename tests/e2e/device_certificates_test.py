#!/usr/bin/python3
"""Devices with certificates, from outside: enrolment by claim token, the mTLS listener, renewal, revocation, temporary keys, and the real agent.

Keys and requests are made by openssl, connections by Python's ssl: nothing here is the code under test but the programs themselves.
SPDX-License-Identifier: Apache-2.0
"""
import http.client
import json
import os
import signal
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "servers"))
from kedge import BIN, ROOT, Server, keys_of  # noqa: E402

OUTPUT = {"S3OutputLocation": "s3://bucket/out"}
ROLE = "arn:aws:iam::000000000000:role/kedge-sagemaker"
WAIT_SECONDS_MAX = 120
DAY_SECONDS = 86400
P256 = ("ec", "-pkeyopt", "ec_paramgen_curve:P-256")


def until(what, condition):
    """Waits for a condition of the outside world, and gives its value."""
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError("timed out: " + what)
        time.sleep(0.05)
    return value


class Device:
    """A device that is a few files in a folder."""

    def __init__(self, folder, name, algorithm=P256):
        self.folder, self.name = folder, name
        self.key = os.path.join(folder, name + ".key")
        self.certificate = os.path.join(folder, name + ".pem")
        self.ca = os.path.join(folder, name + "-ca.pem")
        self.endpoint = None
        self.request = self.make_request(name, algorithm)

    def make_request(self, common_name, algorithm=P256):
        return subprocess.run(["openssl", "req", "-newkey", *algorithm, "-nodes", "-keyout", self.key, "-subj", "/CN=" + common_name],
                              check=True, capture_output=True, text=True).stdout

    def keep(self, answer):
        with open(self.certificate, "w", encoding="utf-8") as file:
            file.write(answer["Certificate"])
        with open(self.ca, "w", encoding="utf-8") as file:
            file.write(answer["CertificateAuthority"])
        self.endpoint = answer.get("DeviceEndpoint", self.endpoint)
        return answer

    def connect(self, certificate=True, address="127.0.0.1"):
        context = ssl.create_default_context(cafile=self.ca)
        if certificate:
            context.load_cert_chain(self.certificate, self.key)
        parts = urllib.parse.urlsplit(self.endpoint)
        return http.client.HTTPSConnection(parts.hostname, parts.port, context=context, source_address=(address, 0), timeout=60)

    def call(self, path, body=None, connection=None, method=None, headers=None):
        """(status, JSON or text) of one request with the device's certificate."""
        connection = connection or self.connect()
        connection.request(method or ("POST" if body is not None else "GET"), path,
                           None if body is None else body if isinstance(body, bytes) else json.dumps(body), headers or {})
        response = connection.getresponse()
        text = response.read().decode()
        return response.status, json.loads(text) if text.startswith("{") else text

    def heartbeat(self, connection=None, name=None):
        return self.call("/SendHeartbeat", {"DeviceFleetName": "lab", "DeviceName": name or self.name, "AgentVersion": "1.0"}, connection)


class Case(unittest.TestCase):
    arguments = ()

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.start()
        self.sm.create_device_fleet(DeviceFleetName="lab", OutputConfig=OUTPUT)

    def start(self, arguments=()):
        self.server = Server(os.path.join(self.folder, "data"), ["--device-listen", "127.0.0.1:0", *self.arguments, *arguments])
        self.addCleanup(self.end, self.server)
        self.keys = self.server.administrator()
        self.sm = self.server.client("sagemaker", self.keys)

    @staticmethod
    def end(server):
        if server.process.poll() is None:
            server.process.kill()
            server.process.wait()

    def kedge(self, operation, **body):
        """An operation of our own, signed as an AWS client does."""
        request = AWSRequest("POST", self.server.url + "/", data=json.dumps(body),
                             headers={"X-Amz-Target": "Kedge." + operation, "Content-Type": "application/x-amz-json-1.1"})
        SigV4Auth(Credentials(self.keys["AWS_ACCESS_KEY_ID"], self.keys["AWS_SECRET_ACCESS_KEY"]), "sagemaker", "us-east-1").add_auth(request)
        with urllib.request.urlopen(urllib.request.Request(self.server.url + "/", request.body, dict(request.headers))) as answer:
            return json.loads(answer.read() or "null")

    def token(self, **more):
        return self.kedge("CreateClaimToken", DeviceFleetName="lab", **more)["ClaimToken"]

    def claim(self, token, name, request):
        """(status, JSON) of POST /enroll."""
        body = json.dumps({"ClaimToken": token, "DeviceName": name, "CertificateSigningRequest": request}).encode()
        try:
            with urllib.request.urlopen(self.server.url + "/enroll", body) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def enrolled(self, name):
        device = Device(self.folder, name)
        status, answer = self.claim(self.token(DevicePattern=name), name, device.request)
        self.assertEqual(status, 200, answer)
        device.keep(answer)
        return device

    def certificates(self, **more):
        return self.kedge("ListDeviceCertificates", DeviceFleetName="lab", **more)["DeviceCertificateSummaries"]

    def events(self, kind):
        with sqlite3.connect("file:" + os.path.join(self.server.data, "kedge.db") + "?mode=ro", uri=True) as database:
            return database.execute("SELECT device, message FROM events WHERE kind = ?", (kind,)).fetchall()


class Enrolment(Case):
    def test_a_token_makes_one_device_once(self):
        token = self.token(DevicePattern="cam-*")
        device = Device(self.folder, "cam-1")
        status, answer = self.claim(token, "cam-1", device.request)
        self.assertEqual(status, 200, answer)
        self.assertEqual((answer["DeviceFleetName"], answer["DeviceName"]), ("lab", "cam-1"))
        self.assertIn("BEGIN CERTIFICATE", answer["RootCertificates"][0])
        device.keep(answer)
        self.assertEqual(device.heartbeat()[0], 200)
        self.assertIn("LatestHeartbeat", self.sm.describe_device(DeviceFleetName="lab", DeviceName="cam-1") or {})
        for name in ("cam-1", "cam-2"):  # replayed; a second device on the same token
            status, answer = self.claim(token, name, Device(self.folder, name).request)
            self.assertEqual((status, answer["__type"]), (403, "AccessDeniedException"), answer)
        until("events of the refusals", lambda: len(self.events("EnrolmentRefused")) == 2)
        tokens = self.kedge("ListClaimTokens", DeviceFleetName="lab")["ClaimTokenSummaries"]
        self.assertEqual([(t["UsesLeft"], t["DevicePattern"]) for t in tokens], [(0, "cam-*")])
        self.assertNotIn(token, json.dumps(tokens))

    def test_of_two_racing_devices_one_wins(self):
        token = self.token()
        answers = []
        devices = [Device(self.folder, f"racer-{i}") for i in range(4)]
        threads = [threading.Thread(target=lambda d=d: answers.append(self.claim(token, d.name, d.request)[0])) for d in devices]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(answers), [200, 403, 403, 403])
        self.assertEqual(len(self.sm.list_devices()["DeviceSummaries"]), 1)

    def test_what_must_be_refused_is(self):
        device = Device(self.folder, "cam-1")
        expired = self.token()
        with sqlite3.connect(os.path.join(self.server.data, "kedge.db"), timeout=30) as database:
            database.execute("UPDATE claim_tokens SET expires_ms = 1")
        deleted = self.kedge("CreateClaimToken", DeviceFleetName="lab")
        self.kedge("DeleteClaimToken", DeviceFleetName="lab", ClaimTokenId=deleted["ClaimTokenId"])
        good = self.token(Uses=100)
        foreign = Device(self.folder, "other").request
        rsa = Device(self.folder, "rsa", ("rsa:2048",)).request
        for what, token, name, request, expected in (
                ("unknown token", "kct_none", "cam-1", device.request, 403),
                ("expired token", expired, "cam-1", device.request, 403),
                ("deleted token", deleted["ClaimToken"], "cam-1", device.request, 403),
                ("token of another name", self.token(DevicePattern="door-*"), "cam-1", device.request, 403),
                ("request for another device", good, "cam-1", foreign, 400),
                ("RSA key", good, "rsa", rsa, 400),
                ("no request", good, "cam-1", "", 400),
                ("no device's name", good, "../cam", device.request, 400)):
            with self.subTest(what):
                status, answer = self.claim(token, name, request)
                self.assertEqual(status, expected, answer)
        self.assertEqual(self.sm.list_devices()["DeviceSummaries"], [])
        self.assertEqual(self.certificates(), [])

    def test_a_pattern_does_not_take_over_a_device_but_its_own_token_does(self):
        first = self.enrolled("cam-1")
        thief = Device(self.folder, "thief")
        thief.name, request = "cam-1", thief.make_request("cam-1")
        self.assertEqual(self.claim(self.token(), "cam-1", request)[0], 403)
        self.assertEqual(first.heartbeat()[0], 200)
        status, answer = self.claim(self.token(DevicePattern="cam-1"), "cam-1", request)
        self.assertEqual(status, 200, answer)
        thief.keep(answer)
        self.assertEqual(thief.heartbeat()[0], 200)
        until("the former certificate is refused", lambda: first.heartbeat()[0] == 403)
        self.assertEqual(sorted(c["Status"] for c in self.certificates(DeviceName="cam-1")), ["ACTIVE", "REVOKED"])

    def test_an_address_may_not_try_for_ever(self):
        statuses = [self.claim("kct_none", "cam-1", "")[0] for _ in range(21)]
        self.assertEqual((statuses[0], statuses[-1]), (400, 429))


class Listener(Case):
    def test_only_devices_come_in_and_only_for_themselves(self):
        device = self.enrolled("cam-1")
        self.enrolled("cam-2")
        with self.assertRaises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
            device.heartbeat(device.connect(certificate=False))
        stranger = Device(self.folder, "stranger")
        subprocess.run(["openssl", "req", "-x509", "-key", stranger.key, "-subj", "/CN=cam-1", "-addext",
                        "subjectAltName=URI:urn:kedge:device:lab/cam-1", "-out", stranger.certificate], check=True, capture_output=True)
        stranger.ca, stranger.endpoint = device.ca, device.endpoint
        with self.assertRaises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
            stranger.heartbeat()
        blind = Device(self.folder, "blind")
        blind.ca, blind.endpoint = stranger.certificate, device.endpoint
        with self.assertRaises(ssl.SSLCertVerificationError):
            blind.heartbeat(blind.connect(certificate=False))
        self.assertEqual(device.heartbeat(name="cam-2")[0], 400)
        self.assertEqual(device.call("/bucket/out/lab/cam-2/x")[0], 403)
        self.assertEqual(device.call("/", {})[0], 404)

    def test_objects_captures_and_many_requests_on_one_connection(self):
        s3 = self.server.client("s3", self.keys)
        s3.create_bucket(Bucket="bucket")
        device = self.enrolled("cam-1")
        connection = device.connect()
        for _ in range(20):
            self.assertEqual(device.heartbeat(connection)[0], 200)
        status, answer = device.call("/bucket/out/lab/cam-1/capture.jsonl", b"{}\n", connection, "PUT")
        self.assertEqual(status, 200, answer)
        self.assertEqual(s3.get_object(Bucket="bucket", Key="out/lab/cam-1/capture.jsonl")["Body"].read(), b"{}\n")
        self.assertEqual(device.call("/bucket/out/lab/cam-2/capture.jsonl", b"{}\n", connection, "PUT")[0], 403)
        self.assertEqual(device.call("/bucket/out/lab/cam-1/capture.jsonl", None, connection)[0], 403)

    def test_revocation_and_deregistration_end_open_connections_too(self):
        device = self.enrolled("cam-1")
        connection = device.connect()
        self.assertEqual(device.heartbeat(connection)[0], 200)
        serial = self.certificates()[0]["Serial"]
        self.assertEqual(self.kedge("RevokeDeviceCertificate", DeviceFleetName="lab", DeviceName="cam-1", Serial=serial, Reason="lost"),
                         {"Revoked": 1})
        status, answer = until("the revocation is known", lambda: (r := device.heartbeat(connection))[0] != 200 and r)
        self.assertEqual((status, answer["__type"]), (403, "AccessDeniedException"))
        self.assertEqual(device.call("/certificates/renew", {"CertificateSigningRequest": device.request})[0], 403)
        self.assertEqual((self.certificates()[0]["Status"], self.certificates()[0]["RevocationReason"]), ("REVOKED", "lost"))
        self.assertEqual(len(self.events("CertificateRevoked")), 1)

        other = self.enrolled("cam-2")
        self.assertEqual(other.heartbeat()[0], 200)
        self.sm.deregister_devices(DeviceFleetName="lab", DeviceNames=["cam-2"])
        until("the deregistered device is refused", lambda: other.heartbeat()[0] == 403)

    def test_one_certificate_at_two_addresses_is_told(self):
        device = self.enrolled("cam-1")
        for address in ("127.0.0.1", "127.0.0.2"):
            self.assertEqual(device.heartbeat(device.connect(address=address))[0], 200)
        self.assertEqual(self.events("CertificateShared"), [])  # it may have moved
        self.assertEqual(device.heartbeat(device.connect(address="127.0.0.1"))[0], 200)
        (name, message), = until("the event", lambda: self.events("CertificateShared"))
        self.assertEqual(name, "cam-1")
        self.assertIn("127.0.0.2 and 127.0.0.1", message)

    def test_temporary_keys_are_the_devices_and_end_with_its_certificate(self):
        device = self.enrolled("cam-1")
        self.enrolled("cam-2")
        path = "/role-aliases/SageMakerEdge-lab/credentials"
        self.assertEqual(device.call("/role-aliases/SageMakerEdge-other/credentials")[0], 400)
        self.assertEqual(device.call(path, headers={"x-amzn-iot-thingname": "cam-2"})[0], 400)
        status, answer = device.call(path, headers={"x-amzn-iot-thingname": "cam-1"})
        self.assertEqual(status, 200, answer)
        given = answer["credentials"]
        keys = {"AWS_ACCESS_KEY_ID": given["accessKeyId"], "AWS_SECRET_ACCESS_KEY": given["secretAccessKey"],
                "AWS_SESSION_TOKEN": given["sessionToken"]}
        edge = self.server.client("sagemaker-edge", keys)
        beat = {"AgentVersion": "1.0", "DeviceFleetName": "lab"}
        edge.send_heartbeat(DeviceName="cam-1", **beat)
        with self.assertRaises(ClientError):
            edge.send_heartbeat(DeviceName="cam-2", **beat)
        with self.assertRaises(ClientError) as caught:
            self.server.client("s3", keys).list_buckets()
        self.assertEqual(caught.exception.response["Error"]["Code"], "AccessDenied")
        for changed in ({"AWS_SESSION_TOKEN": given["sessionToken"][:-2]}, {"AWS_SECRET_ACCESS_KEY": "x" * 40},
                        {"AWS_ACCESS_KEY_ID": "KEDT00ffffffff" + given["accessKeyId"][14:]}):
            with self.subTest(changed), self.assertRaises(ClientError):
                self.server.client("sagemaker-edge", {**keys, **changed}).send_heartbeat(DeviceName="cam-1", **beat)
        self.kedge("RevokeDeviceCertificate", DeviceFleetName="lab", DeviceName="cam-1")

        def refused():
            try:
                edge.send_heartbeat(DeviceName="cam-1", **beat)
            except ClientError as error:
                return error.response["Error"]["Code"] == "UnrecognizedClientException"
        until("the keys end with the certificate", refused)

    def test_renewal_keeps_the_former_certificate_to_its_end(self):
        device = self.enrolled("cam-1")
        former = device.connect()
        self.assertEqual(device.heartbeat(former)[0], 200)
        status, answer = device.call("/certificates/renew", {"CertificateSigningRequest": Device(self.folder, "other").request})
        self.assertEqual(status, 400, answer)
        renewed = Device(self.folder, "renewed")
        renewed.name, request = "cam-1", renewed.make_request("cam-1")
        status, answer = device.call("/certificates/renew", {"CertificateSigningRequest": request})
        self.assertEqual(status, 200, answer)
        renewed.endpoint = device.endpoint
        renewed.keep(answer)
        self.assertEqual([d.heartbeat()[0] for d in (device, renewed)], [200, 200])
        self.assertEqual(device.heartbeat(former)[0], 200)
        self.assertEqual([c["Status"] for c in self.certificates()], ["ACTIVE", "ACTIVE"])


class ShortLives(Case):
    arguments = ("--certificate-days", str(2 / DAY_SECONDS))

    def test_an_expired_certificate_is_good_for_its_renewal_only(self):
        device = self.enrolled("cam-1")
        connection = device.connect()
        status, answer = until("the certificate ends", lambda: (r := device.heartbeat(connection))[0] != 200 and r)
        self.assertEqual((status, answer["__type"]), (403, "ExpiredTokenException"))
        self.assertEqual(self.certificates()[0]["Status"], "EXPIRED")
        status, answer = device.call("/certificates/renew", {"CertificateSigningRequest": device.request})
        self.assertEqual(status, 200, answer)
        device.keep(answer)
        self.assertEqual(device.heartbeat()[0], 200)

    def test_but_not_after_its_grace_time(self):
        device = self.enrolled("cam-1")
        self.server.stop()
        self.start(["--certificate-grace-days", "0"])
        device.endpoint = self.server.wait_for(r"^listening for devices on (\S+)$")
        until("the certificate ends", lambda: device.heartbeat()[0] == 403)
        self.assertEqual(device.call("/certificates/renew", {"CertificateSigningRequest": device.request})[0], 403)


class RealAgent(Case):
    def enrol(self, name, **changes):
        """The folder that `kedge device enroll --claim` wrote."""
        folder = os.path.join(self.folder, name)
        subprocess.run([os.path.join(BIN, "kedge"), "device", "enroll", "--claim", self.token(), "--device", name, "--endpoint-url",
                        self.server.url, "-o", folder], check=True, capture_output=True, env={"PATH": os.environ["PATH"]})
        path = os.path.join(folder, "agent.json")
        with open(path, encoding="utf-8") as file:
            config = json.load(file)
        config.update({"kedge_heartbeat_interval_seconds": 1, "kedge_deployment_poll_interval_seconds": 1, **changes})
        with open(path, "w", encoding="utf-8") as file:
            json.dump(config, file)
        return folder

    def run_agent(self, folder):
        log = open(os.path.join(folder, "log"), "a", encoding="utf-8")
        agent = subprocess.Popen([os.path.join(BIN, "kedge-agent"), "-f", "-a", os.path.join(folder, "socket"), "-c",
                                  os.path.join(folder, "agent.json")], stdout=log, stderr=log)
        self.addCleanup(log.close)
        self.addCleanup(agent.wait)
        self.addCleanup(agent.kill)
        return agent

    def last_heartbeat(self, name):
        return self.sm.describe_device(DeviceFleetName="lab", DeviceName=name).get("LatestHeartbeat")

    def test_it_reports_renews_and_survives_a_kill(self):
        self.server.stop()
        self.start(["--certificate-days", str(60 / DAY_SECONDS)])  # due at once
        folder = self.enrol("cam-1")
        identity = os.path.join(folder, "identity.pem")
        self.assertEqual(os.stat(identity).st_mode & 0o777, 0o600)
        with open(identity, encoding="utf-8") as file:
            before = file.read()
        agent = self.run_agent(folder)
        first = until("a heartbeat over mTLS", lambda: self.last_heartbeat("cam-1"))
        until("a renewal", lambda: len(self.certificates()) > 1)

        def read():
            with open(identity, encoding="utf-8") as file:
                return file.read()
        self.assertNotEqual(until("the new identity", lambda: (text := read()) != before and text), before)
        self.assertNotEqual(read().split("-----END PRIVATE KEY-----")[0], before.split("-----END PRIVATE KEY-----")[0])
        agent.send_signal(signal.SIGKILL)
        agent.wait()
        self.run_agent(folder)
        until("a heartbeat with the new certificate", lambda: self.last_heartbeat("cam-1") > first)

    def test_it_signs_with_temporary_keys_where_that_is_configured(self):
        folder = self.enrol("cam-1")
        with open(os.path.join(folder, "agent.json"), encoding="utf-8") as file:
            config = json.load(file)
        device = config["sagemaker_edge_core_endpoint_override"]
        config.update({"sagemaker_edge_core_endpoint_override": self.server.url,
                       "sagemaker_edge_provider_aws_iot_cred_endpoint": device + "/role-aliases/SageMakerEdge-lab/credentials"})
        with open(os.path.join(folder, "agent.json"), "w", encoding="utf-8") as file:
            json.dump(config, file)
        self.run_agent(folder)
        until("a signed heartbeat at the API", lambda: self.last_heartbeat("cam-1"))

    def test_a_deployment_arrives_over_mtls(self):
        folder = self.enrol("cam-1")
        s3 = self.server.client("s3", self.keys)
        s3.create_bucket(Bucket="bucket")
        with open(os.path.join(ROOT, "examples", "shapes", "shapes.onnx"), "rb") as model:
            s3.put_object(Bucket="bucket", Key="shapes.onnx", Body=model.read())
        self.sm.create_compilation_job(
            CompilationJobName="job", RoleArn=ROLE, StoppingCondition={"MaxRuntimeInSeconds": 300},
            InputConfig={"S3Uri": "s3://bucket/shapes.onnx", "DataInputConfig": '{"image":[1,1,32,32]}', "Framework": "ONNX"},
            OutputConfig={**OUTPUT, "TargetPlatform": {"Os": "LINUX", "Arch": "X86_64"}})
        until("compiled", lambda: self.sm.describe_compilation_job(CompilationJobName="job")["CompilationJobStatus"] == "COMPLETED")
        self.sm.create_edge_packaging_job(EdgePackagingJobName="pack", CompilationJobName="job", ModelName="shapes", ModelVersion="1.0",
                                          RoleArn=ROLE, OutputConfig=OUTPUT)
        until("packaged", lambda: self.sm.describe_edge_packaging_job(EdgePackagingJobName="pack")["EdgePackagingJobStatus"] == "COMPLETED")
        self.run_agent(folder)
        self.sm.create_edge_deployment_plan(
            EdgeDeploymentPlanName="plan", DeviceFleetName="lab", ModelConfigs=[{"ModelHandle": "shapes", "EdgePackagingJobName": "pack"}],
            Stages=[{"StageName": "all", "DeviceSelectionConfig": {"DeviceSubsetType": "SELECTION", "DeviceNames": ["cam-1"]},
                     "DeploymentConfig": {"FailureHandlingPolicy": "DO_NOTHING"}}])
        self.sm.start_edge_deployment_stage(EdgeDeploymentPlanName="plan", StageName="all")
        until("deployed", lambda: self.sm.describe_edge_deployment_plan(EdgeDeploymentPlanName="plan")["EdgeDeploymentSuccess"] == 1)


class ApiTls(unittest.TestCase):
    def test_the_api_speaks_https_and_takes_new_certificates(self):
        with tempfile.TemporaryDirectory() as folder:
            certificate, key = os.path.join(folder, "c.pem"), os.path.join(folder, "k.pem")

            def make(name):
                subprocess.run(["openssl", "req", "-x509", "-newkey", *P256, "-nodes", "-keyout", key, "-out", certificate, "-subj",
                                "/CN=" + name, "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)

            def name():
                parts = urllib.parse.urlsplit(server.url)
                pem = ssl.get_server_certificate((parts.hostname, parts.port))
                return subprocess.run(["openssl", "x509", "-noout", "-subject"], input=pem, check=True, capture_output=True, text=True).stdout
            make("first")
            server = Server(os.path.join(folder, "data"), ["--tls-certificate", certificate, "--tls-key", key])
            self.addCleanup(Case.end, server)
            self.assertTrue(server.url.startswith("https://"))
            self.assertIn("first", name())
            make("second")
            server.process.send_signal(signal.SIGHUP)
            until("the new certificate", lambda: "second" in name())
            listed = subprocess.run(["/usr/bin/aws", "--endpoint-url", server.url, "--region", "us-east-1", "sagemaker", "list-device-fleets"],
                                    env={**os.environ, **keys_of(server.printed), "AWS_CA_BUNDLE": certificate}, check=True,
                                    capture_output=True, text=True)
            self.assertIn("DeviceFleetSummaries", listed.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
