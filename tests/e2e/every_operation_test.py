#!/usr/bin/python3
"""Every operation of the AWS API against the real kedge-server, as unmodified AWS clients call it: results, errors, all paginators.

  every_operation_test.py CLIENT ENGINE [ahead]
    CLIENT  boto3 | cli | node     python3-boto3, Debian's AWS CLI, the AWS SDK for JavaScript
    ENGINE  sqlite | postgresql
    ahead   a rolling upgrade: while the server runs, the database gets what a node of the next version may do to it (a column in every
            table, a table, an index); everything must go on, and a new start of this version must be refused

One scenario, whoever plays it. What it called is compared with the catalogue (api/operations/): an operation that nobody called fails
the test, but for those that a client does not have. Exit code 77: the client or the engine cannot be had here.
SPDX-License-Identifier: Apache-2.0
"""
import glob
import fcntl
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timezone

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "servers"))
import kedge  # noqa: E402
import postgres  # noqa: E402

ROLE = "arn:aws:iam::000000000000:role/kedge-sagemaker"
MODEL = os.path.join(ROOT, "examples", "shapes", "shapes.onnx")
OUTPUT = {"S3OutputLocation": "s3://bucket/out"}
BUILD = os.path.dirname(kedge.BIN)
OLD_CLIENTS_LACK = {"DeleteCompilationJob"}  # not in the models of botocore 1.29 and of CLI 2.9
WAIT_MAX_S = 90


class Refused(Exception):
    def __init__(self, code, message):
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


class Skip(Exception):
    pass


class Boto3:
    lacks = OLD_CLIENTS_LACK

    def __init__(self, server):
        import boto3
        keys = server.administrator()
        self.clients = {name: boto3.client(name, region_name="eu-west-1", endpoint_url=server.url,
                                           aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
                                           aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"]) for name in ("sagemaker", "sagemaker-edge")}

    def call(self, service, operation, request, pages=None):
        from botocore import xform_name
        from botocore.exceptions import ClientError
        client, method = self.clients[service], xform_name(operation)
        try:
            if pages:
                return list(client.get_paginator(method).paginate(**request, PaginationConfig={"PageSize": pages}))
            return getattr(client, method)(**request)
        except ClientError as error:
            raise Refused(error.response["Error"]["Code"], error.response["Error"]["Message"]) from None

    def close(self):
        pass


class Cli:
    """Debian's AWS CLI, many commands in one process."""
    lacks = OLD_CLIENTS_LACK

    def __init__(self, server):
        if not os.path.exists("/usr/bin/aws"):
            raise Skip("no AWS CLI: install the package awscli")
        environment = {**os.environ, **server.administrator(), "AWS_DEFAULT_REGION": "eu-west-1", "AWS_PAGER": "",
                       "AWS_MAX_ATTEMPTS": "1", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}
        self.url = server.url
        self.process = subprocess.Popen(["/usr/bin/python3", os.path.join(HERE, "aws_cli_pipe.py")], env=environment,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def call(self, service, operation, request, pages=None):
        from botocore import xform_name
        arguments = [service, xform_name(operation, "-"), "--endpoint-url", self.url, "--output", "json",
                     "--cli-input-json", json.dumps(request)]
        if pages:
            arguments += ["--page-size", str(pages)]
        self.process.stdin.write(json.dumps(arguments) + "\n")
        self.process.stdin.flush()
        done = json.loads(self.process.stdout.readline())
        text = done["err"].strip()
        if done["code"] != 0:
            # An error occurred (CODE) when calling the OPERATION operation: MESSAGE
            assert "An error occurred (" in text, f"{arguments}: {done}"
            raise Refused(text.split("(")[1].split(")")[0], text.split("operation: ", 1)[-1])
        answer = json.loads(done["out"]) if done["out"].strip() else {}
        return [answer] if pages else answer  # the CLI puts the pages together

    def close(self):
        self.process.stdin.close()
        self.process.wait(30)


class Node:
    lacks = set()

    def __init__(self, server):
        folder = self.install()
        environment = {**os.environ, **server.administrator(), "KEDGE_URL": server.url}
        self.process = subprocess.Popen(["node", "drive.mjs"], cwd=folder, env=environment, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    @staticmethod
    def install():
        """A folder below the build with what package-lock.json names; installed once."""
        if shutil.which("node") is None or shutil.which("npm") is None:
            raise Skip("no node and npm")
        source = os.path.join(HERE, "node")
        with open(os.path.join(source, "package-lock.json"), "rb") as lock:
            digest = hashlib.sha256(lock.read()).hexdigest()[:16]
        folder = os.path.join(BUILD, "test", f"node-{digest}")
        os.makedirs(folder, exist_ok=True)
        with open(folder + ".lock", "w", encoding="utf-8") as lock:  # the tests of both engines may come at once
            fcntl.flock(lock, fcntl.LOCK_EX)
            Node.install_into(folder, source)
        return folder

    @staticmethod
    def install_into(folder, source):
        if not os.path.exists(os.path.join(folder, "installed")):
            for name in ("package.json", "package-lock.json"):
                shutil.copy(os.path.join(source, name), folder)
            done = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=240, check=False)
            if done.returncode != 0:
                raise Skip(f"npm ci: {done.stdout[-400:]}")
            with open(os.path.join(folder, "installed"), "w", encoding="utf-8"):
                pass
        shutil.copy(os.path.join(source, "drive.mjs"), folder)

    def call(self, service, operation, request, pages=None):
        line = {"service": service, "operation": operation, "input": request}
        if pages:
            line["pages"] = pages
        self.process.stdin.write(json.dumps(line) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            assert answer["error"]["requestId"], answer
            raise Refused(answer["error"]["name"], answer["error"]["message"])
        return answer["items"] if pages else answer["answer"]

    def close(self):
        self.process.stdin.close()
        self.process.wait(30)


class Player:
    """Calls operations and notes which."""

    def __init__(self, client):
        self.client, self.called = client, set()

    def __call__(self, operation, **request):
        edge = operation in ("GetDeployments", "GetDeviceRegistration", "SendHeartbeat")
        answer = self.client.call("sagemaker-edge" if edge else "sagemaker", operation, request)
        self.called.add(operation)
        return answer

    def pages(self, operation, key, page_size=1, **request):
        """The items of all pages of the client's own paginator."""
        pages = self.client.call("sagemaker", operation, request, page_size)
        self.called.add(operation)
        return [item for page in pages for item in page.get(key, [])]

    def by_hand(self, operation, key, **request):
        """The same with NextToken, where SDKs have no paginator."""
        items, token = [], {}
        while True:
            answer = self(operation, **request, **token)
            items += answer[key]
            if not answer.get("NextToken"):
                return items
            token = {"NextToken": answer["NextToken"]}

    def refused(self, code, words, operation, **request):
        try:
            self(operation, **request)
        except Refused as error:
            self.called.add(operation)
            assert error.code == code and words in error.message, f"{operation}: {error}, wanted {code}: {words}"
            return
        raise AssertionError(f"{operation} was not refused")

    def ended(self, operation, key, **request):
        deadline = time.monotonic() + WAIT_MAX_S
        while True:
            answer = self(operation, **request)
            if answer[key] in ("COMPLETED", "FAILED", "STOPPED"):
                return answer
            assert time.monotonic() < deadline, f"{request}: still {answer[key]}"
            time.sleep(0.1)


def names(items, member):
    return [item[member] for item in items]


def equal(got, wanted):
    assert got == wanted, f"{got} is not {wanted}"


def fleets(play):
    for fleet in ("lab", "roof", "yard"):
        play("CreateDeviceFleet", DeviceFleetName=fleet, OutputConfig=OUTPUT, RoleArn=ROLE, Description=f"cameras of the {fleet}",
             EnableIotRoleAlias=True, Tags=[{"Key": "site", "Value": fleet}])
    play.refused("ResourceInUse", "already exists", "CreateDeviceFleet", DeviceFleetName="lab", OutputConfig=OUTPUT)
    play.refused("ValidationException", "satisfy regular expression pattern", "CreateDeviceFleet", DeviceFleetName="a_b", OutputConfig=OUTPUT)
    fleet = play("DescribeDeviceFleet", DeviceFleetName="lab")
    equal(fleet["DeviceFleetArn"], "arn:aws:sagemaker:us-east-1:000000000000:device-fleet/lab")
    equal((fleet["RoleArn"], fleet["OutputConfig"]), (ROLE, OUTPUT))
    equal(fleet["IotRoleAlias"], "arn:aws:iot:us-east-1:000000000000:rolealias/SageMakerEdge-lab")
    assert fleet["CreationTime"] and fleet["LastModifiedTime"]
    play.refused("ValidationException", "No devicefleet with name", "DescribeDeviceFleet", DeviceFleetName="none")
    play("UpdateDeviceFleet", DeviceFleetName="lab", Description="changed", OutputConfig={"S3OutputLocation": "s3://bucket/new"})
    fleet = play("DescribeDeviceFleet", DeviceFleetName="lab")
    equal((fleet["Description"], fleet["OutputConfig"]["S3OutputLocation"], fleet["RoleArn"]), ("changed", "s3://bucket/new", ROLE))
    equal(names(play.pages("ListDeviceFleets", "DeviceFleetSummaries", SortBy="NAME"), "DeviceFleetName"), ["lab", "roof", "yard"])
    equal(names(play.pages("ListDeviceFleets", "DeviceFleetSummaries", SortBy="LAST_MODIFIED_TIME", SortOrder="Descending"),
                "DeviceFleetName")[0], "lab")
    equal(names(play.pages("ListDeviceFleets", "DeviceFleetSummaries", NameContains="ar"), "DeviceFleetName"), ["yard"])
    return fleet["DeviceFleetArn"]


def devices(play):
    play("RegisterDevices", DeviceFleetName="lab", Tags=[{"Key": "batch", "Value": "1"}],
         Devices=[{"DeviceName": f"camera-{i}", "IotThingName": f"thing-{i}", "Description": "new"} for i in range(1, 6)])
    play.refused("ValidationException", "already registered", "RegisterDevices", DeviceFleetName="lab", Devices=[{"DeviceName": "camera-1"}])
    play("UpdateDevices", DeviceFleetName="lab", Devices=[{"DeviceName": "camera-1", "Description": "at the gate"}])
    device = play("DescribeDevice", DeviceFleetName="lab", DeviceName="camera-1")
    assert device["Description"] == "at the gate" and "IotThingName" not in device, device
    models = [{"ModelName": f"model-{i:02}", "ModelVersion": "1.0"} for i in range(12)]
    play("SendHeartbeat", DeviceFleetName="lab", DeviceName="camera-1", AgentVersion="1.2.3", Models=models,
         AgentMetrics=[{"Dimension": "cpu/0", "MetricName": "CpuUse", "Value": 0.5}])
    play("SendHeartbeat", DeviceFleetName="lab", DeviceName="camera-2", AgentVersion="1.2.3")
    device = play("DescribeDevice", DeviceFleetName="lab", DeviceName="camera-1")
    assert device["LatestHeartbeat"] and device["AgentVersion"] == "1.2.3", device
    shown = play.by_hand("DescribeDevice", "Models", DeviceFleetName="lab", DeviceName="camera-1")
    equal(names(shown, "ModelName"), names(models, "ModelName"))
    equal(names(play.pages("ListDevices", "DeviceSummaries", 2, DeviceFleetName="lab"), "DeviceName"), [f"camera-{i}" for i in range(1, 6)])
    equal(names(play.pages("ListDevices", "DeviceSummaries", ModelName="model-0"), "DeviceName"), ["camera-1"])
    report = play("GetDeviceFleetReport", DeviceFleetName="lab")
    equal((report["DeviceStats"]["RegisteredDeviceCount"], report["DeviceStats"]["ConnectedDeviceCount"]), (5, 2))
    equal(report["AgentVersions"], [{"Version": "1.2.3", "AgentCount": 2}])
    equal(report["ModelStats"][0]["ConnectedDeviceCount"], 1)
    equal(play("GetDeviceRegistration", DeviceFleetName="lab", DeviceName="camera-1")["DeviceRegistration"], "REGISTERED")
    equal(play("GetDeviceRegistration", DeviceFleetName="lab", DeviceName="nobody")["DeviceRegistration"], "NOT_REGISTERED")


def tags(play, arns):
    for arn in arns:
        before = len(play.pages("ListTags", "Tags", 50, ResourceArn=arn))
        added = play("AddTags", ResourceArn=arn, Tags=[{"Key": f"k{i}", "Value": str(i)} for i in range(50 - before)])["Tags"]
        equal(len(added), 50)
        play.refused("ResourceLimitExceeded", "50", "AddTags", ResourceArn=arn, Tags=[{"Key": "more", "Value": ""}])
        play("DeleteTags", ResourceArn=arn, TagKeys=["k0", "k1", "never"])
        equal(len(play.pages("ListTags", "Tags", 50, ResourceArn=arn)), 48)
    play.refused("ValidationException", "No resource", "ListTags", ResourceArn=arns[0] + "x")


def compilation_request(name, seconds=300, **more):
    return {"CompilationJobName": name, "RoleArn": ROLE, "StoppingCondition": {"MaxRuntimeInSeconds": seconds},
            "InputConfig": {"S3Uri": "s3://bucket/shapes.onnx", "DataInputConfig": "{'image':[1,1,32,32]}", "Framework": "ONNX"},
            "OutputConfig": {**OUTPUT, "TargetPlatform": {"Os": "LINUX", "Arch": "X86_64"}}, **more}


def jobs(play):
    made = play("CreateCompilationJob", **compilation_request("compile", Tags=[{"Key": "team", "Value": "vision"}]))
    job = play.ended("DescribeCompilationJob", "CompilationJobStatus", CompilationJobName="compile")
    equal((job["CompilationJobStatus"], job["FailureReason"]), ("COMPLETED", ""))
    equal(job["ModelArtifacts"]["S3ModelArtifacts"], "s3://bucket/out/shapes-LINUX_X86_64.tar.gz")
    assert job["ModelDigests"]["ArtifactDigest"] and job["CompilationEndTime"], job
    play.refused("ResourceInUse", "already exists", "CreateCompilationJob", **compilation_request("compile"))
    both = compilation_request("both")
    both["OutputConfig"]["TargetDevice"] = "rasp4b"
    play.refused("ValidationException", "TargetDevice", "CreateCompilationJob", **both)
    play("CreateCompilationJob", **compilation_request("second"))
    play("StopCompilationJob", CompilationJobName="second")
    play.ended("DescribeCompilationJob", "CompilationJobStatus", CompilationJobName="second")
    play.refused("ResourceNotFound", "No compilation job", "StopCompilationJob", CompilationJobName="none")
    equal(sorted(names(play.pages("ListCompilationJobs", "CompilationJobSummaries", SortBy="Name"), "CompilationJobName")),
          ["compile", "second"])
    if "DeleteCompilationJob" not in play.client.lacks:
        play("DeleteCompilationJob", CompilationJobName="second")
        play.refused("ResourceNotFound", "No compilation job", "DeleteCompilationJob", CompilationJobName="second")
    package = {"CompilationJobName": "compile", "ModelName": "shapes", "ModelVersion": "1.0", "RoleArn": ROLE, "OutputConfig": OUTPUT}
    play("CreateEdgePackagingJob", EdgePackagingJobName="package", **package)
    packaged = play.ended("DescribeEdgePackagingJob", "EdgePackagingJobStatus", EdgePackagingJobName="package")
    equal(packaged["EdgePackagingJobStatus"], "COMPLETED")
    equal(packaged["ModelArtifact"], "s3://bucket/out/shapes-1.0.tar.gz")
    assert packaged["ModelSignature"], packaged
    play("CreateEdgePackagingJob", EdgePackagingJobName="other", **{**package, "ModelVersion": "2.0"})
    play("StopEdgePackagingJob", EdgePackagingJobName="other")
    play.ended("DescribeEdgePackagingJob", "EdgePackagingJobStatus", EdgePackagingJobName="other")
    equal(names(play.pages("ListEdgePackagingJobs", "EdgePackagingJobSummaries", SortBy="NAME"), "EdgePackagingJobName"),
          ["other", "package"])
    play.refused("ResourceNotFound", "No edge packaging job", "DescribeEdgePackagingJob", EdgePackagingJobName="none")
    return [made["CompilationJobArn"], packaged["EdgePackagingJobArn"]]


def stage(name, **selection):
    return {"StageName": name, "DeviceSelectionConfig": selection, "DeploymentConfig": {"FailureHandlingPolicy": "DO_NOTHING"}}


def deployments(play):
    plan = {"EdgeDeploymentPlanName": "plan"}
    arn = play("CreateEdgeDeploymentPlan", **plan, DeviceFleetName="lab", ModelConfigs=[
        {"ModelHandle": "shapes", "EdgePackagingJobName": "package"}], Stages=[
            stage("first", DeviceSubsetType="SELECTION", DeviceNames=["camera-1", "camera-2"])])["EdgeDeploymentPlanArn"]
    play("CreateEdgeDeploymentPlan", EdgeDeploymentPlanName="later", DeviceFleetName="lab",
         ModelConfigs=[{"ModelHandle": "shapes", "EdgePackagingJobName": "package"}])
    play("CreateEdgeDeploymentStage", **plan, Stages=[stage("names", DeviceSubsetType="NAMECONTAINS", DeviceNameContains="camera")])
    play("CreateEdgeDeploymentStage", **plan, Stages=[stage("all", DeviceSubsetType="PERCENTAGE", Percentage=100)])
    equal(names(play.pages("ListEdgeDeploymentPlans", "EdgeDeploymentPlanSummaries", SortBy="NAME"), "EdgeDeploymentPlanName"),
          ["later", "plan"])
    play("StartEdgeDeploymentStage", **plan, StageName="first")
    deployment = play("GetDeployments", DeviceFleetName="lab", DeviceName="camera-1")["Deployments"][0]
    definition = deployment["Definitions"][0]
    equal((definition["ModelHandle"], definition["S3Url"], definition["Checksum"]["Type"], definition["State"]),
          ("shapes", "s3://bucket/out/shapes-1.0.tar.gz", "SHA1", "DEPLOY"))
    equal(names(play.pages("ListStageDevices", "DeviceDeploymentSummaries", **plan, StageName="first"), "DeviceName"),
          ["camera-1", "camera-2"])
    play.refused("ResourceInUse", "", "DeleteEdgeDeploymentStage", **plan, StageName="first")
    play.refused("ResourceInUse", "", "DeleteEdgeDeploymentPlan", **plan)
    play("SendHeartbeat", DeviceFleetName="lab", DeviceName="camera-1", AgentVersion="1.2.3", DeploymentResult={
        "DeploymentName": deployment["DeploymentName"], "DeploymentStatus": "SUCCESS", "DeploymentModels": [
            {"ModelHandle": "shapes", "DesiredState": "DEPLOY", "State": "DEPLOY", "Status": "SUCCESS"}]})
    described = play("DescribeEdgeDeploymentPlan", **plan)
    equal((described["EdgeDeploymentSuccess"], described["EdgeDeploymentPending"], described["EdgeDeploymentFailed"]), (1, 1, 0))
    equal(names(play.by_hand("DescribeEdgeDeploymentPlan", "Stages", **plan, MaxResults=1), "StageName"), ["first", "names", "all"])
    play("StopEdgeDeploymentStage", **plan, StageName="first")
    play("DeleteEdgeDeploymentStage", **plan, StageName="all")
    play.refused("ResourceNotFound", "", "DescribeEdgeDeploymentPlan", EdgeDeploymentPlanName="none")
    return arn


KINDS = ("DataQuality", "ModelQuality", "ModelBias", "ModelExplainability")


def definition(kind, name, **more):
    app = {"ImageUri": "kedge", **({"ConfigUri": "s3://bucket/analysis.json"} if kind in KINDS[2:] else {}),
           "Environment": {"KEDGE_MODEL": "shapes"}}
    truth = {"GroundTruthS3Input": {"S3Uri": "s3://bucket/labels"}} if kind in KINDS[1:3] else {}
    return {"JobDefinitionName": name, f"{kind}AppSpecification": app,
            f"{kind}JobInput": {"EndpointInput": {"EndpointName": "lab", "LocalPath": "/opt/ml/processing/input"}, **truth},
            f"{kind}JobOutputConfig": {"MonitoringOutputs": [{"S3Output": {"S3Uri": "s3://bucket/reports", "LocalPath": "/out"}}]},
            "JobResources": {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 20}},
            "RoleArn": ROLE, **more}


def definitions(play):
    arns = []
    for kind in KINDS:
        for name in ("first", "second"):
            made = play(f"Create{kind}JobDefinition", **definition(kind, name, Tags=[{"Key": "team", "Value": "vision"}]))
        arns.append(made["JobDefinitionArn"])
        play.refused("ResourceInUse", "already exists", f"Create{kind}JobDefinition", **definition(kind, "first"))
        described = play(f"Describe{kind}JobDefinition", JobDefinitionName="first")
        equal(described[f"{kind}AppSpecification"]["Environment"], {"KEDGE_MODEL": "shapes"})
        equal(described["JobResources"]["ClusterConfig"]["InstanceType"], "ml.m5.large")
        listed = play.by_hand(f"List{kind}JobDefinitions", "JobDefinitionSummaries", MaxResults=1, EndpointName="lab", SortBy="Name",
                              SortOrder="Ascending")
        equal(names(listed, "MonitoringJobDefinitionName"), ["first", "second"])
        play(f"Delete{kind}JobDefinition", JobDefinitionName="first")
        play.refused("ResourceNotFound", "No ", f"Describe{kind}JobDefinition", JobDefinitionName="first")
    return arns


def put_baseline(s3):
    """statistics.json and constraints.json of 400 rows, by `kedge monitor suggest`."""
    with tempfile.TemporaryDirectory() as folder:
        data = os.path.join(folder, "baseline.csv")
        with open(data, "w", encoding="utf-8") as file:
            file.write("score,age,color\n" + "".join(f"0.{i % 10},{i % 100},{'red' if i % 2 else 'blue'}\n" for i in range(400)))
        subprocess.run([os.path.join(kedge.BIN, "kedge"), "monitor", "suggest", "--data", data, "-o", folder], check=True,
                       stdout=subprocess.DEVNULL)
        for name in ("statistics.json", "constraints.json"):
            with open(os.path.join(folder, name), "rb") as file:
                s3.put_object(Bucket="bucket", Key=f"baseline/{name}", Body=file.read())


def put_captures(s3, prefix):
    """400 inferences of this hour, their age shifted by 50."""
    def side(mode, data):
        return {"observedContentType": "text/csv", "mode": mode, "data": data, "encoding": "CSV"}
    lines = [json.dumps({"captureData": {"endpointInput": side("INPUT", f"{i % 100 + 50},{'red' if i % 2 else 'blue'}"),
                                         "endpointOutput": side("OUTPUT", f"0.{i % 10}")},
                         "eventMetadata": {"eventId": str(i)}, "eventVersion": "0"}) for i in range(400)]
    hour = datetime.now(timezone.utc).strftime("%Y/%m/%d/%H")
    s3.put_object(Bucket="bucket", Key=f"{prefix}/lab/shapes/{hour}/captures.jsonl", Body="\n".join(lines).encode())


def ended_execution(play, schedule):
    deadline = time.monotonic() + WAIT_MAX_S
    while True:
        executions = play("ListMonitoringExecutions", MonitoringScheduleName=schedule)["MonitoringExecutionSummaries"]
        if executions and executions[0]["MonitoringExecutionStatus"] not in ("Pending", "InProgress"):
            return executions[0]
        assert time.monotonic() < deadline, executions
        time.sleep(0.2)


def attribution(play, s3):
    """The packaged model is run on a row; its own attributions are a baseline that holds, one of the least feature alone is not."""
    s3.put_object(Bucket="bucket", Key="rows/row.csv", Body=",".join(str(i % 7 / 7) for i in range(1024)).encode())
    s3.put_object(Bucket="bucket", Key="analysis.json", Body=json.dumps({
        "predictor": {"model_name": "package"}, "methods": {"shap": {"baseline": [[0] * 1024], "num_samples": 1}}}).encode())
    source = {"BatchTransformInput": {"DataCapturedDestinationS3Uri": "s3://bucket/rows", "LocalPath": "/in",
                                      "DatasetFormat": {"Csv": {"Header": False}}}}
    reports = {}
    for name, baseline in (("bare", None), ("same", "s3://bucket/attribution.json"), ("turned", "s3://bucket/turned.json")):
        more = {"ModelExplainabilityBaselineConfig": {"ConstraintsResource": {"S3Uri": baseline}}} if baseline else {}
        play("CreateModelExplainabilityJobDefinition", **{**definition("ModelExplainability", name, **more), "ModelExplainabilityJobInput": source})
        play("CreateMonitoringSchedule", MonitoringScheduleName=name, MonitoringScheduleConfig={
            "ScheduleConfig": {"ScheduleExpression": "NOW"}, "MonitoringJobDefinitionName": name, "MonitoringType": "ModelExplainability"})
        reports[name] = ended_execution(play, name)
        if name == "bare":
            assert reports[name]["MonitoringExecutionStatus"] == "Completed", reports[name]
            key = next(item["Key"] for item in s3.list_objects_v2(Bucket="bucket", Prefix="reports/bare/")["Contents"] if "analysis" in item["Key"])
            report = json.loads(s3.get_object(Bucket="bucket", Key=key)["Body"].read())
            s3.put_object(Bucket="bucket", Key="attribution.json", Body=json.dumps(report).encode())
            for label in report["explanations"]["kernel_shap"].values():
                values = label["global_shap_values"]
                least = min(values, key=values.get)
                label["global_shap_values"] = {feature: float(feature == least) for feature in values}
            s3.put_object(Bucket="bucket", Key="turned.json", Body=json.dumps(report).encode())
    equal(reports["same"]["MonitoringExecutionStatus"], "Completed")
    equal(reports["turned"]["MonitoringExecutionStatus"], "CompletedWithViolations")


def monitoring(play, s3):
    attribution(play, s3)
    arns = definitions(play)
    put_baseline(s3)
    put_captures(s3, "new")
    baseline = {"ConstraintsResource": {"S3Uri": "s3://bucket/baseline/constraints.json"},
                "StatisticsResource": {"S3Uri": "s3://bucket/baseline/statistics.json"}}
    play("CreateDataQualityJobDefinition", **definition("DataQuality", "drift", DataQualityBaselineConfig=baseline))
    when = {"MonitoringJobDefinitionName": "drift", "MonitoringType": "DataQuality"}
    made = play("CreateMonitoringSchedule", MonitoringScheduleName="once", Tags=[{"Key": "team", "Value": "vision"}],
                MonitoringScheduleConfig={"ScheduleConfig": {"ScheduleExpression": "NOW"}, **when})
    execution = ended_execution(play, "once")
    assert execution["MonitoringExecutionStatus"] == "CompletedWithViolations", execution
    equal((execution["EndpointName"], execution["MonitoringJobDefinitionName"]), ("lab", "drift"))
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket="bucket", Prefix="reports/lab/once/")["Contents"]]
    equal([key.rsplit("/", 1)[1] for key in keys], ["constraint_violations.json", "constraints.json", "statistics.json"])
    violations = json.loads(s3.get_object(Bucket="bucket", Key=keys[0])["Body"].read())["violations"]
    equal([(item["feature_name"], item["constraint_check_type"]) for item in violations], [("age", "baseline_drift_check")])
    hourly = {"ScheduleConfig": {"ScheduleExpression": "cron(0 * ? * * *)"}, **when}
    play("CreateMonitoringSchedule", MonitoringScheduleName="hourly", MonitoringScheduleConfig=hourly)
    play.refused("ResourceInUse", "already exists", "CreateMonitoringSchedule", MonitoringScheduleName="hourly", MonitoringScheduleConfig=hourly)
    play("UpdateMonitoringSchedule", MonitoringScheduleName="hourly",
         MonitoringScheduleConfig={"ScheduleConfig": {"ScheduleExpression": "cron(0 12/6 ? * * *)"}, **when})
    play("StopMonitoringSchedule", MonitoringScheduleName="hourly")
    described = play("DescribeMonitoringSchedule", MonitoringScheduleName="hourly")
    equal((described["MonitoringScheduleStatus"], described["MonitoringType"]), ("Stopped", "DataQuality"))
    equal(described["MonitoringScheduleConfig"]["ScheduleConfig"]["ScheduleExpression"], "cron(0 12/6 ? * * *)")
    play("StartMonitoringSchedule", MonitoringScheduleName="hourly")
    listed = play.by_hand("ListMonitoringSchedules", "MonitoringScheduleSummaries", MaxResults=1, StatusEquals="Scheduled", SortBy="Name")
    equal(names(listed, "MonitoringScheduleName"), ["turned", "same", "once", "hourly", "bare"])
    alerts = {"MonitoringScheduleName": "once", "MonitoringAlertName": "default"}
    deadline = time.monotonic() + WAIT_MAX_S
    while not play("ListMonitoringAlertHistory", **alerts)["MonitoringAlertHistory"]:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    equal(play("ListMonitoringAlerts", MonitoringScheduleName="once")["MonitoringAlertSummaries"][0]["AlertStatus"], "InAlert")
    play("UpdateMonitoringAlert", **alerts, DatapointsToAlert=2, EvaluationPeriod=3)
    play.refused("ResourceNotFound", "none", "UpdateMonitoringAlert", MonitoringScheduleName="once", MonitoringAlertName="none",
                 DatapointsToAlert=1, EvaluationPeriod=1)
    play.refused("ValidationException", "ScheduleExpression", "CreateMonitoringSchedule", MonitoringScheduleName="often",
                 MonitoringScheduleConfig={"ScheduleConfig": {"ScheduleExpression": "rate(1 minute)"}, **when})
    play("DeleteMonitoringSchedule", MonitoringScheduleName="hourly")
    play.refused("ResourceNotFound", "hourly", "DescribeMonitoringSchedule", MonitoringScheduleName="hourly")
    return [*arns, made["MonitoringScheduleArn"]]


def clean_up(play):
    for plan in ("plan", "later"):
        play("DeleteEdgeDeploymentPlan", EdgeDeploymentPlanName=plan)
    play.refused("ResourceInUse", "registered devices", "DeleteDeviceFleet", DeviceFleetName="lab")
    play("DeregisterDevices", DeviceFleetName="lab", DeviceNames=[f"camera-{i}" for i in range(1, 6)])
    for fleet in ("lab", "roof", "yard"):
        play("DeleteDeviceFleet", DeviceFleetName=fleet)
    equal(play.pages("ListDeviceFleets", "DeviceFleetSummaries"), [])


def catalogue():
    operations = set()
    for path in glob.glob(os.path.join(ROOT, "api", "operations", "*", "*.json")):
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
        if document["service"] in ("sagemaker", "sagemaker-edge"):
            operations |= document.get("operations", {}).keys()
    return operations


class Sqlite:
    """The rows of a database whose server runs."""

    def __init__(self, file):
        self.file = file

    def execute(self, sql):
        with sqlite3.connect(self.file, timeout=60) as connection:
            return connection.execute(sql).fetchall()

    def tables(self):
        return [name for name, in self.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")]


class PostgresRows:
    def __init__(self, server, url):
        self.server, self.name = server, url.rsplit("/", 1)[1]

    def execute(self, sql):
        return [line.split("|") for line in self.server.query(sql, self.name)]

    def tables(self):
        return [name for name, in self.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]


def go_ahead(rows):
    """What the rule of docs/adr/0006 lets a migration do to a database that nodes of the version before are using."""
    for table in rows.tables():
        rows.execute(f"ALTER TABLE {table} ADD COLUMN of_the_next_version bigint NOT NULL DEFAULT 7")
    rows.execute("CREATE TABLE next_things (name text PRIMARY KEY NOT NULL)")
    rows.execute("CREATE INDEX devices_by_next ON devices (of_the_next_version)")
    rows.execute("INSERT INTO schema_migrations (version, name) SELECT MAX(version) + 1, 'next' FROM schema_migrations")


def is_refused(server, arguments):
    """A second start of this version must not touch a database that is newer than it."""
    server.stop()
    try:
        kedge.Server(server.data, arguments).stop()
    except RuntimeError as error:
        return "this program knows versions up to" in str(error)
    return False


def scenario(play, s3, midway):
    fleet_arn = fleets(play)
    devices(play)
    midway()  # every statement about fleets and devices has been prepared
    job_arns = jobs(play)
    plan_arn = deployments(play)
    monitoring_arns = monitoring(play, s3)
    tags(play, [fleet_arn, fleet_arn + "/device/camera-1", *job_arns, plan_arn, *monitoring_arns])
    clean_up(play)


def run(client_class, arguments, rows_of=None):
    with tempfile.TemporaryDirectory() as folder:
        server = kedge.Server(os.path.join(folder, "data"), arguments)
        try:
            s3 = server.client("s3")
            s3.create_bucket(Bucket="bucket")
            with open(MODEL, "rb") as model:
                s3.put_object(Bucket="bucket", Key="shapes.onnx", Body=model.read())
            play = Player(client_class(server))
            try:
                scenario(play, s3, (lambda: go_ahead(rows_of(folder))) if rows_of else lambda: None)
            finally:
                play.client.close()
            if rows_of and not is_refused(server, arguments):
                raise AssertionError("a start of the version before was not refused")
        except BaseException:
            print(server.log_text()[-4000:])
            raise
        finally:
            if server.process.poll() is None:
                server.stop()
    left = catalogue() - play.called - play.client.lacks
    print(f"{len(play.called)} operations called" + (f"; nobody called {sorted(left)}" if left else ""))
    return 1 if left else 0


def main():
    client, engine, *ahead = sys.argv[1:]
    if ahead not in ([], ["ahead"]):
        sys.exit(f"'{' '.join(ahead)}' is not 'ahead'")
    client_class = {"boto3": Boto3, "cli": Cli, "node": Node}[client]
    try:
        if engine == "sqlite":
            return run(client_class, [], (lambda folder: Sqlite(os.path.join(folder, "data", "kedge.db"))) if ahead else None)
        with postgres.Postgres() as database:
            url = database.create_database()
            return run(client_class, ["--database", url], (lambda _: PostgresRows(database, url)) if ahead else None)
    except (Skip, postgres.Missing) as reason:
        print(f"skipped: {reason}")
        return 77


if __name__ == "__main__":
    sys.exit(main())
