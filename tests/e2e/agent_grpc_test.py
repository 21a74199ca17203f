#!/usr/bin/python3
"""Every call and every documented error of kedge-agent, from a Python client made from api/agent.proto.

The models are real compiled models (their C ABI), signed and packaged by the real tools; the agent and its workers are the real programs.
SPDX-License-Identifier: Apache-2.0
"""
import ctypes
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import uuid

import grpc
import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.environ.get("KEDGE_BIN_DIR", os.path.join(ROOT, "build", "dev", "bin"))
sys.path.insert(0, os.path.join(ROOT, "examples", "client"))
from predict import Agent  # noqa: E402

# A compiled model by hand: y = x * scale[0] + flags; as many element types as the interface has to carry.
SOURCE = """
#include "kedge_model.h"
static const kedge_io in_[] = {{"x", KEDGE_F32, 2, {1, 4}, 16}, {"scale", KEDGE_I8, 1, {1}, 1}, {"flags", KEDGE_BOOL, 1, {4}, 4}};
static const kedge_io out_[] = {{"y", KEDGE_F32, 2, {1, 4}, 16}, {"count", KEDGE_I64, 0, {0}, 8}};
static const char* const ops_[] = {"by-hand"};
__attribute__((visibility("default"))) const kedge_model_info* kedge_model_query(void) {
  static kedge_model_info info;
  info = (kedge_model_info){.abi = KEDGE_MODEL_ABI, .arena_bytes = 64, .arena_align = 64, .input_count = 3, .output_count = 2,
    .inputs = in_, .outputs = out_, .target = "x86-64-v2", .cpu_features = "", .compiler = "test", .model_hash = "", .weights_hash = "",
    .task_count_max = 1, .op_count = 1, .op_names = ops_};
  return &info;
}
__attribute__((visibility("default"))) int kedge_model_run(const kedge_host* host, const void* weights, const void* const* in,
    void* const* out, void* arena, char* message, size_t message_bytes) {
  (void)host; (void)weights; (void)arena; (void)message; (void)message_bytes;
  const float* x = in[0]; const signed char* scale = in[1]; const unsigned char* flags = in[2];
  float* y = out[0];
  BODY
  for (int i = 0; i < 4; ++i) y[i] = x[i] * (float)scale[0] + (float)flags[i];
  *(long long*)out[1] = 4;
  return 0;
}
"""
IO = {"inputs": [{"name": "x", "dtype": "f32", "shape": [1, 4]}, {"name": "scale", "dtype": "i8", "shape": [1]},
                 {"name": "flags", "dtype": "bool", "shape": [4]}],
      "outputs": [{"name": "y", "dtype": "f32", "shape": [1, 4]}, {"name": "count", "dtype": "i64", "shape": []}]}


def build_package(work, key_folder, name, body="", target="x86-64-v2", arguments=()):
    """A signed package file of a model made from SOURCE; further `arguments` go to `kedge package`."""
    folder = os.path.join(work, "compiled-" + name)
    os.makedirs(folder)
    source = os.path.join(work, name + ".c")
    with open(source, "w", encoding="utf-8") as file:
        file.write(SOURCE.replace("BODY", body))
    subprocess.run(["clang-19", "-O1", "-shared", "-fPIC", "-nostdlib", "-ffreestanding", "-fvisibility=hidden", "-fuse-ld=lld", "-I",
                    os.path.join(ROOT, "api"), source, "-o", os.path.join(folder, "model.so")], check=True)
    report = {"target": target, "cpu_features": "", "model_hash": "a" * 64, "arena_bytes": 64, "nodes": [], **IO}
    with open(os.path.join(folder, "report.json"), "w", encoding="utf-8") as file:
        json.dump(report, file)
    package = os.path.join(work, name + ".tar.gz")
    subprocess.run([os.path.join(BIN, "kedge"), "package", folder, "--name", name, "--version", "1.0", "--key", key_folder, "-o", package,
                    *arguments], check=True, stdout=subprocess.DEVNULL)
    return package


class RunningAgent:
    def __init__(self, work, config, *flags):
        self.socket = os.path.join(work, "agent.sock")
        self.config = os.path.join(work, "agent.json")
        self.log = os.path.join(work, "agent.log")
        with open(self.config, "w", encoding="utf-8") as file:
            json.dump(config, file)
        self.process = subprocess.Popen([os.path.join(BIN, "kedge-agent"), "-a", self.socket, "-c", self.config, *flags],
                                        stderr=open(self.log, "a", encoding="utf-8"))
        deadline = time.monotonic() + 20
        while "agent is ready" not in open(self.log, encoding="utf-8").read():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the agent did not start: " + open(self.log, encoding="utf-8").read())

    def stop(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(20)


class AgentGrpc(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = tempfile.mkdtemp()
        keys = os.path.join(cls.work, "keys")
        subprocess.run([os.path.join(BIN, "kedge"), "keygen", "-o", keys], check=True, stdout=subprocess.DEVNULL)
        cls.key = os.path.join(keys, "key.pem")
        roots = os.path.join(cls.work, "roots")
        os.mkdir(roots)
        shutil.copy(os.path.join(keys, "cert.pem"), roots)
        os.chmod(os.path.join(roots, "cert.pem"), 0o444)
        cls.good = build_package(cls.work, cls.key, "affine")
        cls.hang = build_package(cls.work, cls.key, "hanging", body="if (x[0] == 666.0f) for (volatile int i = 0; ; ++i) {}")
        cls.arm = build_package(cls.work, cls.key, "for-arm", target="aarch64")
        cls.captures = os.path.join(cls.work, "captures")
        cls.config = {
            "sagemaker_edge_core_device_name": "device-1", "sagemaker_edge_core_device_fleet_name": "fleet-1",
            "sagemaker_edge_core_region": "us-east-1", "sagemaker_edge_core_root_certs_path": roots,
            "sagemaker_edge_provider_provider": "None", "sagemaker_edge_core_capture_data_disk_path": cls.captures,
            "sagemaker_edge_core_capture_data_buffer_size": 2, "sagemaker_edge_core_capture_data_batch_size": 2,
            "sagemaker_edge_core_capture_data_push_period_seconds": 1, "kedge_run_timeout_seconds": 1}
        cls.running = RunningAgent(cls.work, cls.config)
        cls.agent = Agent(cls.running.socket)
        cls.pb = cls.agent.messages

    @classmethod
    def tearDownClass(cls):
        code = cls.running.stop()
        log = open(cls.running.log, encoding="utf-8").read()
        shutil.rmtree(cls.work)
        if code != 0:
            raise AssertionError(f"the agent ended with {code}: {log[-2000:]}")

    def load(self, name=None, url=None):
        name = name or "m" + uuid.uuid4().hex[:8]
        self.agent.LoadModel(self.pb.LoadModelRequest(url=url or self.good, name=name))
        self.addCleanup(self.unload, name)
        return name

    def unload(self, name):
        try:
            self.agent.UnLoadModel(self.pb.UnLoadModelRequest(name=name))
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.NOT_FOUND:
                raise

    def inputs(self, x=(1, 2, 3, 4)):
        # int8 and bool have no type of their own in the interface: they travel as UINT8.
        return {"x": np.array([x], np.float32), "scale": np.array([2], np.uint8), "flags": np.array([0, 1, 0, 1], np.uint8)}

    def refused(self, code, words, call, request):
        with self.assertRaises(grpc.RpcError) as caught:
            call(request)
        self.assertEqual(caught.exception.code().name, code, caught.exception.details())
        self.assertIn(words, caught.exception.details())

    # -- models ---------------------------------------------------------------------------------------------------------------

    def test_load_describe_list_unload(self):
        pb = self.pb
        answer = self.agent.LoadModel(pb.LoadModelRequest(url=self.good, handle="by-handle"))
        self.addCleanup(self.unload, "by-handle")
        model = answer.model
        self.assertEqual((model.name, model.handle, model.url), ("by-handle", "by-handle", self.good))
        self.assertEqual([(t.name, t.data_type, list(t.shape)) for t in model.input_tensor_metadatas],
                         [(b"x", pb.FLOAT32, [1, 4]), (b"scale", pb.UINT8, [1]), (b"flags", pb.UINT8, [4])])
        self.assertEqual([(t.name, t.data_type, list(t.shape)) for t in model.output_tensor_metadatas],
                         [(b"y", pb.FLOAT32, [1, 4]), (b"count", pb.INT64, [])])
        self.assertEqual(self.agent.DescribeModel(pb.DescribeModelRequest(name="by-handle")).model, model)
        self.assertIn(model, self.agent.ListModels(pb.ListModelsRequest()).models)
        self.agent.UnLoadModel(pb.UnLoadModelRequest(handle="by-handle"))
        self.assertNotIn("by-handle", [m.name for m in self.agent.ListModels(pb.ListModelsRequest()).models])
        self.refused("NOT_FOUND", "by-handle", self.agent.DescribeModel, pb.DescribeModelRequest(name="by-handle"))
        self.refused("NOT_FOUND", "by-handle", self.agent.UnLoadModel, pb.UnLoadModelRequest(name="by-handle"))
        self.load("by-handle")

    def test_load_refusals(self):
        pb, load = self.pb, self.agent.LoadModel
        taken = self.load()
        self.refused("ALREADY_EXISTS", taken, load, pb.LoadModelRequest(url=self.good, name=taken))
        for bad in ("a_b", "-a", "a-", "", "a" * 64, "../x"):
            self.refused("INVALID_ARGUMENT", "model handle", load, pb.LoadModelRequest(url=self.good, name=bad))
        self.refused("INVALID_ARGUMENT", "two models", load, pb.LoadModelRequest(url=self.good, name="a", handle="b"))
        self.refused("NOT_FOUND", "/nowhere", load, pb.LoadModelRequest(url="/nowhere/m.tar.gz", name="m"))
        self.refused("NOT_FOUND", "deployed", load, pb.LoadModelRequest(handle="m"))
        self.refused("FAILED_PRECONDITION", "aarch64", load, pb.LoadModelRequest(url=self.arm, name="m"))
        damaged = os.path.join(self.work, "damaged.tar.gz")
        data = bytearray(open(self.good, "rb").read())
        data[len(data) // 2] ^= 1
        open(damaged, "wb").write(data)
        self.refused("FAILED_PRECONDITION", "damaged.tar.gz", load, pb.LoadModelRequest(url=damaged, name="m"))
        strange_keys = os.path.join(self.work, "strange")
        subprocess.run([os.path.join(BIN, "kedge"), "keygen", "-o", strange_keys], check=True, stdout=subprocess.DEVNULL)
        strange = build_package(self.work, os.path.join(strange_keys, "key.pem"), "strange-model")
        self.refused("FAILED_PRECONDITION", "strange-model", load, pb.LoadModelRequest(url=strange, name="m"))

    def test_load_unpacked_folder(self):
        folder = os.path.join(self.work, "unpacked")
        os.mkdir(folder)
        subprocess.run(["tar", "xzf", self.good, "-C", folder], check=True)
        name = self.load(url=folder)
        np.testing.assert_array_equal(self.agent.predict(name, self.inputs())["y"], [[2, 5, 6, 9]])

    def test_too_many_models(self):
        names = []
        with self.assertRaises(grpc.RpcError) as caught:
            while len(names) < 70:
                names.append(self.load())
        self.assertEqual(caught.exception.code().name, "RESOURCE_EXHAUSTED")

    # -- predictions ----------------------------------------------------------------------------------------------------------

    def test_predict(self):
        outputs = self.agent.predict(self.load(), self.inputs())
        np.testing.assert_array_equal(outputs["y"], [[2, 5, 6, 9]])
        self.assertEqual(outputs["count"].shape, ())
        self.assertEqual(outputs["count"], 4)

    def test_predict_without_metadata(self):
        name = self.load()
        tensors = [self.pb.Tensor(byte_data=array.tobytes()) for array in self.inputs().values()]
        answer = self.agent.Predict(self.pb.PredictRequest(handle=name, tensors=tensors))
        np.testing.assert_array_equal(np.frombuffer(answer.tensors[0].byte_data, np.float32), [2, 5, 6, 9])

    def test_predict_as_the_oldest_clients_do(self):
        """TensorMetadata.name as a string (V1): the same bytes on the wire."""
        name = self.load()
        request = self.pb.PredictRequest(name=name, tensors=[self.agent.tensor(*item) for item in reversed(self.inputs().items())])
        self.assertEqual(len(self.agent.Predict(request).tensors), 2)

    def test_predict_refusals(self):
        pb, name = self.pb, self.load()
        good = self.inputs()

        def request(**changes):
            return pb.PredictRequest(name=name, tensors=[self.agent.tensor(k, v) for k, v in {**good, **changes}.items()])
        self.refused("NOT_FOUND", "nobody", self.agent.Predict, pb.PredictRequest(name="nobody"))
        self.refused("INVALID_ARGUMENT", "tensor 'x' is FLOAT64 1x4, the model needs FLOAT32 1x4", self.agent.Predict,
                     request(x=np.zeros((1, 4))))
        self.refused("INVALID_ARGUMENT", "tensor 'x' is FLOAT32 4x1, the model needs FLOAT32 1x4", self.agent.Predict,
                     request(x=np.zeros((4, 1), np.float32)))
        self.refused("INVALID_ARGUMENT", "4 tensors, the model needs 3: 'x', 'scale', 'flags'", self.agent.Predict,
                     request(more=np.zeros(1, np.float32)))
        wrong = request()
        wrong.tensors[0].tensor_metadata.name = b"picture"
        self.refused("INVALID_ARGUMENT", "tensor 'picture' is no input", self.agent.Predict, wrong)
        wrong = request()
        wrong.tensors[0].byte_data = b"123"
        self.refused("INVALID_ARGUMENT", "tensor 'x' has 3 bytes, FLOAT32 1x4 needs 16", self.agent.Predict, wrong)
        wrong = request()
        wrong.tensors[0].tensor_metadata.data_type = 9
        self.refused("INVALID_ARGUMENT", "data type 9", self.agent.Predict, wrong)
        np.testing.assert_array_equal(self.agent.predict(name, good)["y"], [[2, 5, 6, 9]])

    def test_predict_from_many_threads(self):
        name, failures = self.load(), []

        def client(number):
            for i in range(50):
                y = self.agent.predict(name, self.inputs((number, i, 0, 0)))["y"]
                if list(y[0]) != [2 * number, 2 * i + 1, 0, 1]:
                    failures.append((number, i, y))
        threads = [threading.Thread(target=client, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])

    def test_a_message_above_the_limit(self):
        name = self.load()
        request = self.pb.PredictRequest(name=name, tensors=[self.pb.Tensor(byte_data=bytes(5 << 20))])
        self.refused("RESOURCE_EXHAUSTED", "larger than max", self.agent.Predict, request)

    def test_a_hanging_model_is_killed_and_comes_back(self):
        name, other = self.load(url=self.hang), self.load()
        self.refused("DEADLINE_EXCEEDED", name, self.agent.Predict, self.pb.PredictRequest(
            name=name, tensors=[self.agent.tensor(*item) for item in self.inputs((666, 0, 0, 0)).items()]))
        np.testing.assert_array_equal(self.agent.predict(name, self.inputs())["y"], [[2, 5, 6, 9]])
        np.testing.assert_array_equal(self.agent.predict(other, self.inputs())["y"], [[2, 5, 6, 9]])

    def test_killed_workers_cost_no_call(self):
        name, other = self.load(), self.load()
        for _ in range(10):
            for pid in self.workers():
                os.kill(pid, signal.SIGKILL)
            for model in (name, other):
                np.testing.assert_array_equal(self.agent.predict(model, self.inputs())["y"], [[2, 5, 6, 9]])

    def workers(self):
        path = f"/proc/{self.running.process.pid}/task"
        children = set()
        for task in os.listdir(path):
            try:
                children.update(int(pid) for pid in open(f"{path}/{task}/children").read().split())
            except FileNotFoundError:
                continue
        return children

    # -- shared memory --------------------------------------------------------------------------------------------------------

    def segment(self, data, mode=0o400):
        libc = ctypes.CDLL(None, use_errno=True)
        libc.shmat.restype = ctypes.c_void_p
        libc.shmat.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_int]
        identifier = libc.shmget(0, len(data), 0o1000 | 0o600)
        self.assertGreaterEqual(identifier, 0)
        self.addCleanup(libc.shmctl, identifier, 0, None)  # IPC_RMID
        address = libc.shmat(identifier, None, 0)
        ctypes.memmove(address, data, len(data))
        libc.shmdt(ctypes.c_void_p(address))
        state = ctypes.create_string_buffer(256)  # struct shmid_ds; ipc_perm: key, uid, gid, cuid, cgid, mode
        self.assertEqual(libc.shmctl(identifier, 2, state), 0)  # IPC_STAT
        ctypes.memmove(ctypes.addressof(state) + 20, mode.to_bytes(4, "little"), 4)
        self.assertEqual(libc.shmctl(identifier, 1, state), 0)  # IPC_SET
        return identifier

    def shared(self, name, identifier, size=0, offset=0):
        handle = self.pb.SharedMemoryHandle(segment_id=identifier, size=size, offset=offset)
        tensors = [self.agent.tensor(*item) for item in self.inputs().items()]
        tensors[0] = self.pb.Tensor(tensor_metadata=tensors[0].tensor_metadata, shared_memory_handle=handle)
        return self.pb.PredictRequest(name=name, tensors=tensors)

    def test_predict_from_shared_memory(self):
        name, x = self.load(), np.array([10, 20, 30, 40], np.float32)
        whole = self.segment(x.tobytes())
        behind = self.segment(bytes(8) + x.tobytes() + bytes(8))
        for request in (self.shared(name, whole), self.shared(name, whole, size=16), self.shared(name, behind, 16, 8),
                        self.shared(name, behind, 0, 8)):
            answer = self.agent.Predict(request)
            np.testing.assert_array_equal(np.frombuffer(answer.tensors[0].byte_data, np.float32), [20, 41, 60, 81])

    def test_shared_memory_refusals(self):
        name = self.load()
        small, writable = self.segment(bytes(15)), self.segment(bytes(16), mode=0o600)
        self.refused("INVALID_ARGUMENT", "reach beyond", self.agent.Predict, self.shared(name, small))
        self.refused("INVALID_ARGUMENT", "reach beyond", self.agent.Predict, self.shared(name, small, 1, 15))
        self.refused("INVALID_ARGUMENT", "reach beyond", self.agent.Predict, self.shared(name, small, 2, 2**64 - 1))
        self.refused("INVALID_ARGUMENT", "0400", self.agent.Predict, self.shared(name, writable))
        self.refused("INVALID_ARGUMENT", "does not exist", self.agent.Predict, self.shared(name, 2**31 - 1))
        self.refused("INVALID_ARGUMENT", "does not exist", self.agent.Predict, self.shared(name, 2**40))

    # -- captures -------------------------------------------------------------------------------------------------------------

    def capture(self, name, identifier, **members):
        return self.pb.CaptureDataRequest(model_name=name, capture_id=identifier,
                                          input_tensors=[self.agent.tensor("input", np.ones((1, 4), np.float32))], **members)

    def wait_capture(self, identifier):
        while True:
            status = self.agent.GetCaptureDataStatus(self.pb.GetCaptureDataStatusRequest(capture_id=identifier)).status
            if status != self.pb.IN_PROGRESS:
                return status

    def test_capture(self):
        pb, name = self.pb, self.load()
        identifier = "capture" + str(int(time.time()))  # not a UUID: a form that old clients use
        request = self.capture(name, identifier, inputs=[pb.AuxiliaryData(name="note", encoding=pb.JSON, byte_data=b"{}")])
        request.output_tensors.append(self.agent.tensor("big", np.zeros(2000, np.float32)))
        self.agent.CaptureData(request)
        self.assertEqual(self.wait_capture(identifier), pb.SUCCESS)
        lines = []
        for folder, _, files in os.walk(os.path.join(self.captures, "fleet-1", name)):
            lines += [json.loads(line) for file in files if file.endswith(".jsonl") for line in open(os.path.join(folder, file))]
        self.assertEqual(len(lines), 1)
        line = lines[0]
        self.assertEqual(line["eventMetadata"]["eventId"], identifier)
        self.assertEqual(line["eventMetadata"]["modelName"], "affine")
        self.assertEqual(line["deviceFleetInputs"][0]["observedContentType"], "Tensor[FLOAT32; 1, 4]")
        self.assertEqual(line["deviceFleetAuxiliaryInputs"][0]["data"], "{}")
        large = line["deviceFleetOutputs"][0]["data-ref"]
        self.assertEqual(os.path.getsize(large.removeprefix("file://")), 8000)
        self.refused("ALREADY_EXISTS", identifier, self.agent.CaptureData, request)

    def test_capture_refusals(self):
        pb, name = self.pb, self.load()
        call = self.agent.CaptureData
        self.refused("NOT_FOUND", "nobody", call, self.capture("nobody", "c1"))
        self.refused("INVALID_ARGUMENT", "capture id", call, self.capture(name, ""))
        self.refused("INVALID_ARGUMENT", "capture id", call, self.capture(name, "a/b"))
        self.refused("OUT_OF_RANGE", "future", call,
                     self.capture(name, "c2", inference_timestamp=pb.Timestamp(seconds=int(time.time()) + 3600)))
        wrong = self.capture(name, "c3")
        wrong.input_tensors[0].byte_data = b"1"
        self.refused("INVALID_ARGUMENT", "'input' has 1 bytes", call, wrong)
        self.refused("NOT_FOUND", "never", self.agent.GetCaptureDataStatus, pb.GetCaptureDataStatusRequest(capture_id="never"))

    def test_a_full_capture_buffer(self):
        """Written by a thread of its own: many records at once must meet a full buffer, and those accepted must all be written."""
        name, accepted, full = self.load(), [], 0
        while full == 0:
            for _ in range(200):
                identifier = str(uuid.uuid4())
                try:
                    self.agent.CaptureData(self.capture(name, identifier))
                    accepted.append(identifier)
                except grpc.RpcError as error:
                    self.assertEqual(error.code().name, "RESOURCE_EXHAUSTED", error.details())
                    full += 1
        for identifier in accepted[-100:]:
            self.assertEqual(self.wait_capture(identifier), self.pb.SUCCESS)


class AgentStart(unittest.TestCase):
    """The command line, the configuration, and the socket."""

    def setUp(self):
        self.work = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.work)
        subprocess.run([os.path.join(BIN, "kedge"), "keygen", "-o", self.work], check=True, stdout=subprocess.DEVNULL)
        os.chmod(os.path.join(self.work, "cert.pem"), 0o444)
        self.config = {"sagemaker_edge_core_device_name": "d", "sagemaker_edge_core_device_fleet_name": "f",
                       "sagemaker_edge_core_region": "r", "sagemaker_edge_core_root_certs_path": os.path.join(self.work, "cert.pem")}

    def refused(self, code, words, *arguments):
        done = subprocess.run([os.path.join(BIN, "kedge-agent"), *arguments], capture_output=True, text=True, timeout=20)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertIn(words, done.stderr)

    def write(self, config):
        path = os.path.join(self.work, "c.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(config, file)
        return path

    def test_refusals(self):
        socket = os.path.join(self.work, "s")
        self.refused(2, "", "-a", socket)
        self.refused(1, "nothing.json", "-a", socket, "-c", os.path.join(self.work, "nothing.json"))
        self.refused(1, "'sagemaker_edge_core_region' is missing", "-a", socket, "-c", self.write({**self.config, "sagemaker_edge_core_region": ""}))
        self.refused(1, "at most 15", "-a", socket, "-c", self.write({**self.config, "sagemaker_edge_core_region": "a" * 16}))
        self.refused(1, "107", "-a", "/tmp/" + "a" * 200, "-c", self.write(self.config))
        writable = os.path.join(self.work, "writable.pem")
        shutil.copy(os.path.join(self.work, "cert.pem"), writable)
        os.chmod(writable, 0o644)
        self.refused(1, "writable.pem", "-a", socket, "-c", self.write({**self.config, "sagemaker_edge_core_root_certs_path": writable}))
        ordinary = os.path.join(self.work, "file")
        open(ordinary, "w").close()
        self.refused(1, "is no socket", "-a", ordinary, "-c", self.write(self.config), "-f")

    def test_resident_memory_without_models(self):
        running = RunningAgent(self.work, self.config)
        try:
            status = open(f"/proc/{running.process.pid}/status", encoding="ascii").read()
            resident_kib = int(status.split("VmRSS:")[1].split()[0])
            print(f"resident without models: {resident_kib} KiB")
            if "libasan" not in open(f"/proc/{running.process.pid}/maps", encoding="ascii").read():
                self.assertLessEqual(resident_kib, 16 << 10)
        finally:
            running.stop()

    def test_socket(self):
        running = RunningAgent(self.work, self.config)
        try:
            self.assertEqual(stat.S_IMODE(os.stat(running.socket).st_mode), 0o660)
            self.refused(1, "exists", "-a", running.socket, "-c", running.config)
            running.stop(signal.SIGKILL)
            self.assertTrue(os.path.exists(running.socket))
            self.refused(1, "exists", "-a", running.socket, "-c", running.config)
            os.remove(running.log)
            running = RunningAgent(self.work, self.config, "-f")
            for number in (signal.SIGHUP,):
                self.assertEqual(running.stop(number), 0)
            self.assertFalse(os.path.exists(running.socket))
        finally:
            running.stop(signal.SIGKILL)


if __name__ == "__main__":
    unittest.main(verbosity=1, warnings="ignore")
