#!/usr/bin/python3
"""Compilation and packaging jobs as their owners see them: logs while they run, reports, every framework, what is wrong with an archive,
the forms of DataInputConfig, deleting.
SPDX-License-Identifier: Apache-2.0
"""
import base64
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
import unittest
import urllib.error
import urllib.request

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "servers"))
from kedge import BIN, ROOT, Server, keys_of  # noqa: E402

MODEL = os.path.join(ROOT, "examples", "shapes", "shapes.onnx")
ROLE = "arn:aws:iam::000000000000:role/kedge-sagemaker"
FINAL = ("COMPLETED", "FAILED", "STOPPED")


def tar_gz(**files):
    """An archive; '__' in a name stands for '.', '___' for '/'."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name.replace("___", "/").replace("__", "."))
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def varint_field(number, data):
    """A length-delimited protobuf field."""
    return bytes([number << 3 | 2, len(data)]) + data


def onnx_with_operators(*names):
    """A model whose nodes are operators of these names, from x to x."""
    nodes = b"".join(varint_field(1, varint_field(1, b"x") + varint_field(2, f"y{i}".encode()) + varint_field(4, name.encode()))
                     for i, name in enumerate(names))
    tensor = varint_field(1, bytes([8, 1]) + varint_field(2, varint_field(1, bytes([8, 1]))))
    graph = nodes + varint_field(11, varint_field(1, b"x") + varint_field(2, tensor))
    graph += varint_field(12, varint_field(1, b"y0") + varint_field(2, tensor))
    assert len(graph) < 128
    return bytes([8, 8]) + varint_field(7, graph) + varint_field(8, bytes([16, 17]))


class Jobs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.server = Server(os.path.join(cls.folder.name, "data"))
        cls.keys = keys_of(cls.server.printed)
        cls.sm = cls.server.client("sagemaker", cls.keys, parameter_validation=False)  # it requires DataInputConfig
        cls.s3 = cls.server.client("s3", cls.keys)
        cls.s3.create_bucket(Bucket="bucket")
        with open(MODEL, "rb") as file:
            cls.model = file.read()
        cls.s3.put_object(Bucket="bucket", Key="shapes.onnx", Body=cls.model)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.folder.cleanup()

    def call(self, target, **body):
        """An operation that Debian's botocore does not know."""
        request = AWSRequest("POST", self.server.url + "/", data=json.dumps(body).encode(),
                             headers={"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1"})
        SigV4Auth(Credentials(self.keys["AWS_ACCESS_KEY_ID"], self.keys["AWS_SECRET_ACCESS_KEY"]), "sagemaker", "us-east-1").add_auth(request)
        with urllib.request.urlopen(urllib.request.Request(self.server.url + "/", request.data, dict(request.headers))) as answer:
            text = answer.read()
            return json.loads(text) if text else None

    def create(self, name, key="shapes.onnx", framework="ONNX", inputs='{"image":[1,1,32,32]}', **more):
        config = {"S3Uri": f"s3://bucket/{key}", "Framework": framework}
        if inputs:
            config["DataInputConfig"] = inputs
        self.sm.create_compilation_job(**{"CompilationJobName": name, "RoleArn": ROLE, "InputConfig": config,
                                          "StoppingCondition": {"MaxRuntimeInSeconds": 300},
                                          "OutputConfig": {"S3OutputLocation": "s3://bucket/out",
                                                           "TargetPlatform": {"Os": "LINUX", "Arch": "X86_64"}}, **more})

    def ended(self, name):
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            job = self.sm.describe_compilation_job(CompilationJobName=name)
            if job["CompilationJobStatus"] in FINAL:
                return job
            time.sleep(0.1)
        self.fail(f"job {name} did not end")

    def failure(self, name, key, body, framework="ONNX", inputs=None):
        self.s3.put_object(Bucket="bucket", Key=key, Body=body)
        self.create(name, key, framework, inputs)
        job = self.ended(name)
        self.assertEqual(job["CompilationJobStatus"], "FAILED", name)
        return job["FailureReason"]

    def test_a_job_has_a_log_and_a_report(self):
        self.create("logged")
        follow = subprocess.run([os.path.join(BIN, "kedge"), "job", "log", "logged", "--follow", "--endpoint-url", self.server.url],
                                env={**os.environ, **self.keys}, capture_output=True, text=True, timeout=120)
        self.assertEqual(follow.returncode, 0, follow.stderr)
        for line in ("attempt 1 begins", "fetching s3://bucket/shapes.onnx", "kedge-compile: phase: import",
                     "storing s3://bucket/out/shapes-LINUX_X86_64.tar.gz", "ends: COMPLETED"):
            self.assertIn(line + "\n", follow.stdout)
        page = self.call("Kedge.GetJobLog", JobKind="COMPILATION", JobName="logged", MaxBytes=1024)
        self.assertEqual(page["JobStatus"], "COMPLETED")
        self.assertTrue(follow.stdout.startswith(page["Text"]))
        self.assertEqual(page["EndPosition"], len(follow.stdout.encode()))
        report = json.loads(self.call("Kedge.DescribeCompilationReport", CompilationJobName="logged")["Report"])
        self.assertEqual(report["inputs"][0]["shape"], [1, 1, 32, 32])
        self.assertTrue(report["nodes"] and report["steps"])
        job = self.sm.describe_compilation_job(CompilationJobName="logged")
        self.assertEqual(job["ModelArtifacts"]["S3ModelArtifacts"], "s3://bucket/out/shapes-LINUX_X86_64.tar.gz")
        self.assertRegex(job["ModelDigests"]["ArtifactDigest"], "^sha256:[0-9a-f]{64}$")
        with self.assertRaises(urllib.error.HTTPError) as refused:
            self.call("Kedge.GetJobLog", JobKind="PACKAGING", JobName="nobody")
        self.assertEqual(refused.exception.headers["x-amzn-ErrorType"], "ResourceNotFound")

    def test_shapes_come_by_name_in_order_or_from_the_model(self):
        for name, framework, inputs in (("by-name", "ONNX", "{'image': [1, 1, 32, 32]}"), ("in-order", "PYTORCH", "[[1,1,32,32]]"),
                                        ("derived", "ONNX", None)):
            self.s3.put_object(Bucket="bucket", Key=f"{name}.tar.gz", Body=tar_gz(net__onnx=self.model, labels__txt=b"circle"))
            self.create(name, f"{name}.tar.gz", framework, inputs)
            job = self.ended(name)
            self.assertEqual(job["CompilationJobStatus"], "COMPLETED", job["FailureReason"])
            self.assertEqual(job["ModelArtifacts"]["S3ModelArtifacts"], f"s3://bucket/out/{name}-LINUX_X86_64.tar.gz")
            report = json.loads(self.call("Kedge.DescribeCompilationReport", CompilationJobName=name)["Report"])
            self.assertEqual([(i["name"], i["shape"]) for i in report["inputs"]], [("image", [1, 1, 32, 32])])
        self.create("too-many", inputs="[[1,1,32,32],[1]]")
        self.assertIn("2 shapes are given, the model has 1 inputs", self.ended("too-many")["FailureReason"])

    def test_what_is_wrong_with_an_input_is_said(self):
        client = "ClientError: InputConfiguration: "
        cases = (
            ("no-archive", "a.tar.gz", b"plain text", "ONNX", "'s3://bucket/a.tar.gz' is not a tar.gz archive"),
            ("broken", "b.tar.gz", b"\x1f\x8bnoise", "ONNX", "not a tar.gz archive"),
            ("two", "c.tar.gz", tar_gz(a__onnx=b"", b__onnx=b""), "ONNX", "Exactly one .onnx file is allowed"),
            ("no-onnx", "d.onnx", b"noise", "ONNX", ""),
            ("operators", "e.onnx", onnx_with_operators("Foo", "Bar", "Foo"), "ONNX", "operator 'Foo' in"),
            ("tensorflow", "f.tar.gz", tar_gz(saved___saved_model__pb=b"", saved___variables___variables__index=b""), "TENSORFLOW",
             "Framework TENSORFLOW is not compiled by this server, ONNX is. Convert the model"),
            ("keras", "g.tar.gz", tar_gz(a__h5=b"", b__h5=b""), "KERAS", "Multiple h5 files provided"),
            ("mxnet", "h.tar.gz", tar_gz(a__params=b"", b__params=b""), "MXNET", "Only one parameter file is allowed for MXNet model"),
        )
        for name, key, body, framework, message in cases:
            with self.subTest(name):
                reason = self.failure(name, key, body, framework)
                self.assertTrue(reason.startswith(client), reason)
                self.assertIn(message, reason)
                if name == "operators":
                    self.assertIn("nor are 'Bar'", reason)
        self.create("absent", "absent.onnx")
        self.assertIn("object s3://bucket/absent.onnx does not exist", self.ended("absent")["FailureReason"])

    def packaged(self, name, compiled, **output):
        self.sm.create_edge_packaging_job(EdgePackagingJobName=name, CompilationJobName=compiled, ModelName="shapes", ModelVersion=name,
                                          RoleArn=ROLE, OutputConfig={"S3OutputLocation": "s3://bucket/pack", **output})
        return self.packaging_ended(name)

    def packaging_ended(self, name):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            job = self.sm.describe_edge_packaging_job(EdgePackagingJobName=name)
            if job["EdgePackagingJobStatus"] in FINAL:
                return job
            time.sleep(0.1)
        self.fail(f"job {name} did not end")

    def test_the_greengrass_preset_makes_a_component(self):
        self.create("for-greengrass")
        self.ended("for-greengrass")
        preset = {"PresetDeploymentType": "GreengrassV2Component",
                  "PresetDeploymentConfig": json.dumps({"ComponentName": "com.example.Shapes", "ComponentVersion": "1.2.3"})}
        job = self.packaged("gg1", "for-greengrass", **preset)
        self.assertEqual(job["PresetDeploymentOutput"], {
            "Type": "GreengrassV2Component", "Status": "COMPLETED",
            "Artifact": "arn:aws:greengrass:us-east-1:000000000000:components:com.example.Shapes:versions:1.2.3"})
        recipe = json.load(self.s3.get_object(Bucket="bucket", Key="pack/com.example.Shapes-1.2.3.recipe.json")["Body"])
        self.assertEqual((recipe["RecipeFormatVersion"], recipe["ComponentName"], recipe["ComponentVersion"]),
                         ("2020-01-25", "com.example.Shapes", "1.2.3"))
        manifest = recipe["Manifests"][0]
        self.assertEqual(manifest["Platform"], {"os": "linux", "architecture": "amd64"})
        artifact = manifest["Artifacts"][0]
        self.assertEqual(artifact["Uri"], job["ModelArtifact"])
        package = self.s3.get_object(Bucket="bucket", Key="pack/shapes-gg1.tar.gz")["Body"].read()
        self.assertEqual(base64.b64decode(artifact["Digest"]), hashlib.sha256(package).digest())
        # What Greengrass does: the artifact in its folder, the script with the paths put in.
        with tempfile.TemporaryDirectory() as folder:
            work, artifacts = os.path.join(folder, "work"), os.path.join(folder, "artifacts")
            for path in (work, artifacts):
                os.mkdir(path)
            with open(os.path.join(work, "of an old version"), "w", encoding="utf-8"):
                pass
            with open(os.path.join(artifacts, "shapes-gg1.tar.gz"), "wb") as file:
                file.write(package)
            script = manifest["Lifecycle"]["Install"]["Script"].replace("{work:path}", work).replace("{artifacts:path}", artifacts)
            subprocess.run(["sh", "-c", script], check=True)
            self.assertIn("sagemaker_edge_manifest", os.listdir(work))
            self.assertNotIn("of an old version", os.listdir(work))
        # A used version fails the preset and not the job.
        again = self.packaged("gg2", "for-greengrass", **preset)
        self.assertEqual(again["EdgePackagingJobStatus"], "COMPLETED")
        self.assertEqual(again["PresetDeploymentOutput"], {
            "Type": "GreengrassV2Component", "Status": "FAILED",
            "StatusMessage": "version 1.2.3 of component com.example.Shapes exists already"})
        default = self.packaged("gg3", "for-greengrass", PresetDeploymentType="GreengrassV2Component")
        self.assertTrue(default["PresetDeploymentOutput"]["Artifact"].endswith(":components:SagemakerEdgeManagergg3:versions:1.0.0"))
        with self.assertRaises(ClientError) as refused:
            self.packaged("gg4", "for-greengrass", **{**preset, "PresetDeploymentConfig": '{"ComponentVersion":"one"}'})
        self.assertIn("is not major.minor.patch", str(refused.exception))

    def stored_objects(self):
        """The bytes of all content files of the object store, as they stand on the disk."""
        for folder, _, names in os.walk(os.path.join(self.server.data, "objects", "buckets", "bucket", "content")):
            for name in names:
                with open(os.path.join(folder, name), "rb") as file:
                    yield file.read()

    def test_keys_encrypt_packages_at_rest(self):
        key = self.call("Kedge.CreateKey", Alias="alias/models")["KeyMetadata"]
        self.create("for-keys")
        self.ended("for-keys")
        self.sm.create_edge_packaging_job(
            EdgePackagingJobName="sealed", CompilationJobName="for-keys", ModelName="shapes", ModelVersion="sealed", RoleArn=ROLE,
            OutputConfig={"S3OutputLocation": "s3://bucket/sealed", "KmsKeyId": "alias/models"}, ResourceKey=key["Arn"])
        job = self.packaging_ended("sealed")
        self.assertEqual(job["EdgePackagingJobStatus"], "COMPLETED", job)
        name = {"Bucket": "bucket", "Key": "sealed/shapes-sealed.tar.gz"}
        answer = self.s3.get_object(**name)
        package = answer["Body"].read()
        self.assertEqual(package[:2], b"\x1f\x8b")
        self.assertEqual(answer["ETag"], f'"{hashlib.md5(package).hexdigest()}"')
        self.assertEqual(self.s3.head_object(**name)["ContentLength"], len(package))
        self.assertEqual(self.s3.get_object(**name, Range="bytes=70-99")["Body"].read(), package[70:100])
        listed = self.s3.list_objects_v2(Bucket="bucket", Prefix="sealed/")["Contents"]
        self.assertEqual([(o["Key"], o["Size"]) for o in listed], [(name["Key"], len(package))])
        stored = list(self.stored_objects())
        self.assertNotIn(package, stored)
        self.assertEqual(len([s for s in stored if s.startswith(b'{"kedge_envelope":1,"key":"' + key["KeyId"].encode())]), 1)
        # A disabled key closes the package, and jobs that name it fail with its name.
        self.call("Kedge.DisableKey", KeyId="alias/models")
        with self.assertRaises(ClientError) as refused:
            self.s3.get_object(**name)
        self.assertEqual(refused.exception.response["ResponseMetadata"]["HTTPStatusCode"], 403)
        for name, output, more in (("resource", {}, {"ResourceKey": "alias/models"}), ("output", {"KmsKeyId": key["KeyId"]}, {}),
                                   ("nobody", {"KmsKeyId": "alias/nobody"}, {})):
            self.sm.create_edge_packaging_job(
                EdgePackagingJobName=name, CompilationJobName="for-keys", ModelName="shapes", ModelVersion=name, RoleArn=ROLE,
                OutputConfig={"S3OutputLocation": "s3://bucket/sealed", **output}, **more)
            job = self.packaging_ended(name)
            self.assertEqual(job["EdgePackagingJobStatus"], "FAILED")
            self.assertRegex(job["EdgePackagingJobStatusMessage"], "^ClientError: .*(is disabled|No key with name: alias/nobody)$")

    def test_a_job_that_has_ended_is_deleted(self):
        delete = lambda name: self.call("SageMaker.DeleteCompilationJob", CompilationJobName=name)  # noqa: E731
        self.create("deleted", Tags=[{"Key": "a", "Value": "b"}])
        self.ended("deleted")
        delete("deleted")
        with self.assertRaises(ClientError):
            self.sm.describe_compilation_job(CompilationJobName="deleted")
        self.s3.head_object(Bucket="bucket", Key="out/shapes-LINUX_X86_64.tar.gz")  # the result stays
        self.create("deleted")  # the name is free again, and the tags are gone
        arn = self.ended("deleted")["CompilationJobArn"]
        self.assertEqual(self.sm.list_tags(ResourceArn=arn)["Tags"], [])
        with self.assertRaises(urllib.error.HTTPError) as refused:
            delete("nobody")
        self.assertEqual(refused.exception.headers["x-amzn-ErrorType"], "ResourceNotFound")


if __name__ == "__main__":
    unittest.main()
