#!/usr/bin/python3
"""The demo: an ONNX file becomes a prediction on a managed device. Started by scripts/demo.

Every step prints what it does, the command a user would type, and how long it took. Server and agent are real processes on this
machine; the agent is started where it cannot see the server's folder: it knows the URL, its credential and the root certificate.
SPDX-License-Identifier: Apache-2.0
"""
import argparse
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "examples", "client"), os.path.join(ROOT, "examples", "shapes"),
                os.path.join(ROOT, "examples", "faces")]

BIN = os.environ.get("KEDGE_BIN_DIR", os.path.join(ROOT, "build", "dev", "bin"))
ROLE = "arn:aws:iam::000000000000:role/kedge-sagemaker"
FACES = os.path.join(ROOT, "..", "shared", "models")


class DemoError(Exception):
    pass


class Demo:
    def __init__(self, work):
        self.work, self.started, self.step_started = work, time.monotonic(), None
        self.processes = []

    # -- telling ------------------------------------------------------------------------------------------------------------

    def step(self, text):
        self.done()
        print(f"\n[{time.monotonic() - self.started:5.1f} s] {text}", flush=True)
        self.step_started = time.monotonic()

    def done(self):
        if self.step_started is not None:
            print(f"          took {time.monotonic() - self.step_started:.2f} s", flush=True)
            self.step_started = None

    def show(self, words):
        text = " ".join(shlex.quote(word) for word in words)
        for name in (self.work, BIN + "/"):
            text = text.replace(name, "$WORK" if name == self.work else "")
        print("          $ " + (text if len(text) < 150 else text[:147] + "..."), flush=True)

    # -- doing --------------------------------------------------------------------------------------------------------------

    def run(self, words, quiet=False):
        if not quiet:
            self.show(words)
        done = subprocess.run(words, cwd=ROOT, env=self.environment(), text=True, capture_output=True)
        if done.returncode != 0:
            raise DemoError(f"{words[0]} failed: {(done.stderr or done.stdout).strip()[-1500:]}")
        return done.stdout

    def environment(self):
        return {**os.environ, **getattr(self, "keys", {}), "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_EC2_METADATA_DISABLED": "true"}

    def aws(self, *words, quiet=False):
        if not quiet:
            self.show(["aws", *words])
        return self.run(["/usr/bin/aws", "--endpoint-url", self.endpoint, "--output", "json", *words], quiet=True)

    def wait(self, what, *words, until, status):
        """Asks again and again until the status is final; each question is a run of the AWS CLI, so it paces itself."""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            answer = json.loads(self.aws(*words, quiet=True))
            state = status(answer)
            if state == until:
                return answer
            if state in ("FAILED", "STOPPED"):
                raise DemoError(f"{what} ended as {state}: {json.dumps(answer)[:1500]}")
        raise DemoError(f"{what} is not {until} after 120 s")

    def start(self, name, words):
        log = open(os.path.join(self.work, name + ".log"), "w", encoding="utf-8")
        out = open(os.path.join(self.work, name + ".out"), "w", encoding="utf-8")
        process = subprocess.Popen(words, cwd=ROOT, stdout=out, stderr=log, env=self.environment(), start_new_session=True)
        self.processes.append((name, process))
        return process

    def stop(self):
        for _, process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for _, process in self.processes:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    # -- the trip -----------------------------------------------------------------------------------------------------------

    def server(self):
        self.step("A server: one binary, one folder. At its first start it makes its keys and an administrator's access key.")
        words = [os.path.join(BIN, "kedge-server"), "--data", os.path.join(self.work, "server"), "--listen", "127.0.0.1:0"]
        self.show(words)
        process = self.start("server", words)
        lines = {}
        deadline = time.monotonic() + 20
        while "listening on" not in lines:
            if process.poll() is not None or time.monotonic() > deadline:
                raise DemoError("the server did not start: " + open(os.path.join(self.work, "server.log")).read()[-1500:])
            for line in open(os.path.join(self.work, "server.out"), encoding="utf-8"):
                if line.startswith("listening on ") and line.endswith("\n"):
                    lines["listening on"] = line.split()[-1]
                elif "=" in line:
                    name, _, value = line.strip().partition("=")
                    lines[name] = value
        self.endpoint = lines.pop("listening on")
        self.keys = lines
        print(f"          {self.endpoint}, access key {lines['AWS_ACCESS_KEY_ID']}")

    def compile_and_package(self, name, file, shape, suffix=".onnx"):
        self.step(f"{name}: upload the model, compile it for this kind of CPU, sign and package it.")
        if name == "shapes":
            self.aws("s3", "mb", "s3://models")
        self.aws("s3", "cp", file, f"s3://models/{name}{suffix}")
        self.aws("sagemaker", "create-compilation-job", "--compilation-job-name", name, "--role-arn", ROLE, "--input-config",
                 json.dumps({"S3Uri": f"s3://models/{name}{suffix}", "DataInputConfig": json.dumps(shape), "Framework": "ONNX"}),
                 "--output-config", json.dumps({"S3OutputLocation": "s3://models/compiled/",
                                                "TargetPlatform": {"Os": "LINUX", "Arch": "X86_64"}}),
                 "--stopping-condition", "MaxRuntimeInSeconds=300")
        answer = self.wait("the compilation job", "sagemaker", "describe-compilation-job", "--compilation-job-name", name,
                           until="COMPLETED", status=lambda job: job["CompilationJobStatus"])
        print(f"          compiled: {answer['ModelArtifacts']['S3ModelArtifacts']}")
        self.aws("sagemaker", "create-edge-packaging-job", "--edge-packaging-job-name", name + "-package", "--compilation-job-name",
                 name, "--model-name", name, "--model-version", "1", "--role-arn", ROLE, "--output-config",
                 "S3OutputLocation=s3://models/packages/")
        answer = self.wait("the packaging job", "sagemaker", "describe-edge-packaging-job", "--edge-packaging-job-name",
                           name + "-package", until="COMPLETED", status=lambda job: job["EdgePackagingJobStatus"])
        print(f"          signed package: {answer['ModelArtifact']}")

    def fleet(self):
        self.step("A fleet with one device. The device gets a key of its own that can do nothing but be this device.")
        self.aws("sagemaker", "create-device-fleet", "--device-fleet-name", "workshop", "--role-arn", ROLE, "--output-config",
                 "S3OutputLocation=s3://models/captures/")
        self.aws("sagemaker", "register-devices", "--device-fleet-name", "workshop", "--devices", "DeviceName=bench-1")
        device = os.path.join(self.work, "device")
        self.run([os.path.join(BIN, "kedge"), "device", "enroll", "--endpoint-url", self.endpoint, "--fleet", "workshop", "--device",
                  "bench-1", "-o", device])
        config = os.path.join(device, "agent.json")
        values = json.load(open(config, encoding="utf-8"))
        values.update({"kedge_deployment_poll_interval_seconds": 1, "kedge_heartbeat_interval_seconds": 1,
                       "sagemaker_edge_core_capture_data_push_period_seconds": 1})
        json.dump(values, open(config, "w", encoding="utf-8"), indent=2)
        self.capture_folder = values.get("sagemaker_edge_core_capture_data_disk_path", "")

    def agent(self):
        self.step("The agent, on the device: here in a mount namespace in which the server's folder is empty.")
        self.socket = os.path.join(self.work, "agent.sock")
        words = [os.path.join(BIN, "kedge-agent"), "-a", self.socket, "-c", os.path.join(self.work, "device", "agent.json"), "-f"]
        self.show(words)
        apart = ["bwrap", "--dev-bind", "/", "/", "--tmpfs", os.path.join(self.work, "server"), "--die-with-parent"]
        process = self.start("agent", apart + words)
        deadline = time.monotonic() + 20
        while not os.path.exists(self.socket):
            if process.poll() is not None or time.monotonic() > deadline:
                raise DemoError("the agent did not start: " + open(os.path.join(self.work, "agent.log")).read()[-1500:])
        from predict import Agent
        self.client = Agent(self.socket)

    def deploy(self, name):
        self.step(f"A deployment plan for {name} with one stage. The agent polls, downloads, verifies, probes and switches by itself.")
        stage = {"StageName": "first", "DeviceSelectionConfig": {"DeviceSubsetType": "SELECTION", "DeviceNames": ["bench-1"]},
                 "DeploymentConfig": {"FailureHandlingPolicy": "ROLLBACK_ON_FAILURE"}}
        plan = ["--edge-deployment-plan-name", name + "-plan"]
        self.aws("sagemaker", "create-edge-deployment-plan", *plan, "--device-fleet-name", "workshop", "--model-configs",
                 f"ModelHandle={name},EdgePackagingJobName={name}-package", "--stages", json.dumps([stage]))
        self.aws("sagemaker", "start-edge-deployment-stage", *plan, "--stage-name", "first")
        self.wait("the stage", "sagemaker", "describe-edge-deployment-plan", *plan, until="DEPLOYED",
                  status=lambda answer: answer["Stages"][0]["DeploymentStatus"]["StageStatus"])
        print("          the stage is DEPLOYED")

    def predict_shapes(self):
        self.step("Predictions through the agent's unix socket, the model running in its sandboxed worker.")
        import numpy as np
        import shapes
        right, times = 0, []
        rng = np.random.default_rng(7)
        for i in range(40):
            name = shapes.CLASSES[i % 4]
            inputs = {"image": shapes.draw(name, rng)[None, None]}
            began = time.perf_counter()
            outputs = self.client.predict("shapes", inputs)
            times.append(time.perf_counter() - began)
            best = shapes.CLASSES[int(outputs["probabilities"].argmax())]
            right += best == name
            if i == 2:
                for row in inputs["image"][0, 0][::2]:
                    print("            " + "".join(" .:-=+*#%@"[min(9, int(value * 10))] for value in row))
                print(f"          this {name} is seen as: {best} ({100 * outputs['probabilities'].max():.1f} %)")
                captured = self.client.capture("shapes", inputs, outputs)
        print(f"          {right} of 40 pictures right; {1e6 * sorted(times)[20]:.0f} us in the middle, Python client included")
        if right < 34:
            raise DemoError(f"only {right} of 40 predictions are right")
        self.step("What was captured stands on the device's disk as JSON Lines; the server knows the device by its heartbeat.")
        status = self.client.messages.GetCaptureDataStatusRequest(capture_id=captured)
        while self.client.GetCaptureDataStatus(status).status == self.client.messages.IN_PROGRESS:
            pass
        for folder, _, files in os.walk(self.capture_folder):
            for file in files:
                print("          " + os.path.join(folder, file).replace(self.work, "$WORK"))
        answer = json.loads(self.aws("sagemaker", "describe-device", "--device-fleet-name", "workshop", "--device-name", "bench-1"))
        print(f"          agent {answer.get('AgentVersion')}, models {[model['ModelName'] for model in answer.get('Models', [])]}, "
              f"last heartbeat {answer.get('LatestHeartbeat')}")

    def predict_faces(self, picture):
        self.step("The face detector on a photograph.")
        import faces
        tensor = faces.load(picture)
        began = time.perf_counter()
        outputs = self.client.predict("ultraface", {"input": tensor})
        took = time.perf_counter() - began
        score, box = faces.best(outputs["scores"], outputs["boxes"])
        target = os.path.join(self.keep_folder or self.work, "face.png")
        pixels = faces.draw(picture, box, target)
        print(f"          best box: score {score:.6f}, from ({pixels[0]}, {pixels[1]}) to ({pixels[2]}, {pixels[3]}), {1e3 * took:.1f} ms")
        print(f"          drawn into {target}")
        if score < 0.99:
            raise DemoError("no face found")

    def watched_package(self):
        self.step("Drift: a baseline of 2,000 validation pictures goes with the model into the package, under its signature.")
        import numpy as np
        import shapes
        self.pictures = os.path.join(self.work, "validation.npy")
        np.save(self.pictures, shapes.data_set(2000, 11)[0])
        model = os.path.join(ROOT, "examples", "shapes", "shapes.onnx")
        self.compiled = os.path.join(self.work, "compiled")
        self.baseline = os.path.join(self.work, "baseline.json")
        kedge = os.path.join(BIN, "kedge")
        self.run([kedge, "compile", model, "-o", self.compiled])
        print("          " + self.run([kedge, "baseline", "--data", self.pictures, "--model", self.compiled, "--unordered",
                                       "-o", self.baseline]).strip().splitlines()[0])
        archive = os.path.join(self.work, "watched.tar.gz")
        self.run(["tar", "czf", archive, "-C", os.path.dirname(model), "shapes.onnx", "-C", self.work, "baseline.json"])
        self.compile_and_package("watched", archive, {"image": [1, 1, 32, 32]}, suffix=".tar.gz")

    def drift(self):
        faults = {"camera-04": "dirty-lens", "camera-11": "dirty-lens", "camera-17": "gain"}
        self.step("A fleet of 20 cameras: simulated pictures, the real model, monitors, reports and protocol. Two lenses get dirty, one gain is off.")
        words = [os.path.join(BIN, "kedge"), "cameras", "--endpoint-url", self.endpoint, "--fleet", "cameras", "--devices", "20",
                 "--model", self.compiled, "--model-name", "watched", "--model-version", "1", "--baseline", self.baseline,
                 "--pictures", self.pictures]
        print("          " + self.run(words + [word for device, fault in faults.items()
                                               for word in ("--fault", f"{fault}={device}")]).strip().splitlines()[-1])
        status = [os.path.join(BIN, "kedge"), "drift-status", "--endpoint-url", self.endpoint, "--fleet", "cameras",
                  "--model", "watched", "--version", "1", "--features", "5"]
        deadline = time.monotonic() + 30
        text = named = ""
        while time.monotonic() < deadline:
            try:
                text = self.run(status, quiet=True)
            except DemoError as error:
                if "No counts" not in str(error):
                    raise
                time.sleep(0.2)  # the reports are not merged yet
                continue
            named = [line.split(":")[0].strip() for line in text.splitlines() if line.startswith("  camera-")]
            if "ALARM" in text and named == sorted(faults):
                break
        self.show(status)
        print("          " + text.rstrip().replace("\n", "\n          "))
        if named != sorted(faults):
            raise DemoError(f"the server named {named}, not {sorted(faults)}")
        alarms = json.loads(self.kedge_call("ListDriftAlarms", {"OpenOnly": True}))["Alarms"]
        print(f"          alarm {alarms[0]['AlarmId']} is {alarms[0]['State']}, named: {', '.join(alarms[0]['DeviceNames'])}")

    def kedge_call(self, operation, body):
        """An operation that the AWS CLI does not have: one signed POST."""
        import urllib.request
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials
        request = AWSRequest("POST", self.endpoint + "/", data=json.dumps(body).encode(),
                             headers={"X-Amz-Target": "Kedge." + operation, "Content-Type": "application/x-amz-json-1.1"})
        SigV4Auth(Credentials(self.keys["AWS_ACCESS_KEY_ID"], self.keys["AWS_SECRET_ACCESS_KEY"]), "sagemaker",
                  "us-east-1").add_auth(request)
        with urllib.request.urlopen(urllib.request.Request(request.url, request.data, dict(request.headers)), timeout=30) as answer:
            return answer.read()

    def trip(self):
        self.server()
        self.compile_and_package("shapes", os.path.join(ROOT, "examples", "shapes", "shapes.onnx"), {"image": [1, 1, 32, 32]})
        self.fleet()
        self.agent()
        self.deploy("shapes")
        self.predict_shapes()
        self.watched_package()
        self.drift()
        detector = os.path.join(FACES, "ultraface", "version-RFB-320.onnx")
        if os.path.exists(detector):
            self.compile_and_package("ultraface", detector, {"input": [1, 3, 240, 320]})
            self.deploy("ultraface")
            self.predict_faces(os.path.join(FACES, "inputs", "astronaut.png"))
        else:
            self.step("The face detector: skipped, ../shared not present")
        self.done()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", action="store_true", help="leave server and agent running")
    options = parser.parse_args()
    work = tempfile.mkdtemp(prefix="kedge-demo-")
    demo = Demo(work)
    demo.keep_folder = os.path.join(ROOT, "build")
    try:
        demo.trip()
        print(f"\nThe whole trip took {time.monotonic() - demo.started:.1f} s.")
        if options.keep:
            print(f"""
Server and agent go on running (process ids {', '.join(str(process.pid) for _, process in demo.processes)}). To talk to them:
  export AWS_ACCESS_KEY_ID={demo.keys['AWS_ACCESS_KEY_ID']} AWS_SECRET_ACCESS_KEY={demo.keys['AWS_SECRET_ACCESS_KEY']} AWS_REGION=us-east-1
  aws sagemaker list-devices --endpoint-url {demo.endpoint}
  examples/client/predict.py --socket {demo.socket} --model shapes --input image=FILE.npy --labels circle,square,triangle,cross
To end: kill {' '.join(str(process.pid) for _, process in demo.processes)}; rm -r {work}""")
        return 0
    except DemoError as error:
        demo.done()
        print(f"\ndemo: {error}", file=sys.stderr)
        for name, _ in demo.processes:
            print(f"--- end of {name}.log\n" + open(os.path.join(work, name + ".log"), errors="replace").read()[-2000:], file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        if not options.keep or sys.exc_info()[0] is not None:
            demo.stop()
            shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
