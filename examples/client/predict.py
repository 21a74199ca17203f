#!/usr/bin/python3
"""Calls Predict of a kedge-agent (or of an Edge Manager agent: the interface is the same).

    predict.py --socket PATH --model NAME --input TENSOR=FILE.npy... [--labels a,b,c] [--output DIR] [--capture]

The client code is made from api/agent.proto at the first use, into a temporary folder. Needs python3-grpcio, python3-protobuf, protoc.
SPDX-License-Identifier: Apache-2.0
"""
import argparse
import importlib
import os
import subprocess
import sys
import tempfile
import uuid

import grpc
import numpy as np

DTYPES = {0: np.uint8, 1: np.int16, 2: np.int32, 3: np.int64, 4: np.float16, 5: np.float32, 6: np.float64}  # enum DataType
PROTO = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "api", "agent.proto")


def load_messages(proto=PROTO):
    """The module that protoc makes from the proto."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["protoc", f"--python_out={folder}", f"-I{os.path.dirname(os.path.abspath(proto))}", os.path.basename(proto)],
                       check=True)
        sys.path.insert(0, folder)
        try:
            return importlib.import_module("agent_pb2")
        finally:
            sys.path.remove(folder)


class Agent:
    """The service's operations as methods: agent.Predict(agent.messages.PredictRequest(...))."""

    def __init__(self, socket, timeout_s=30):
        self.messages = load_messages()
        self.channel = grpc.insecure_channel("unix:" + socket, options=[("grpc.max_receive_message_length", 256 << 20),
                                                                        ("grpc.max_send_message_length", 256 << 20)])
        for rpc in ("Predict", "LoadModel", "UnLoadModel", "ListModels", "DescribeModel", "CaptureData", "GetCaptureDataStatus"):
            call = self.channel.unary_unary(f"/AWS.SageMaker.Edge.Agent/{rpc}",
                                            request_serializer=getattr(self.messages, rpc + "Request").SerializeToString,
                                            response_deserializer=getattr(self.messages, rpc + "Response").FromString)
            setattr(self, rpc, lambda request, call=call: call(request, timeout=timeout_s, wait_for_ready=True))

    def tensor(self, name, array):
        kind = next(kind for kind, dtype in DTYPES.items() if dtype == array.dtype)
        metadata = self.messages.TensorMetadata(name=name.encode(), data_type=kind, shape=array.shape)
        return self.messages.Tensor(tensor_metadata=metadata, byte_data=np.ascontiguousarray(array).tobytes())

    def predict(self, model, inputs):
        """{name: array} of outputs for {name: array} of inputs."""
        request = self.messages.PredictRequest(name=model, tensors=[self.tensor(*item) for item in inputs.items()])
        outputs = {}
        for tensor in self.Predict(request).tensors:
            metadata = tensor.tensor_metadata
            outputs[metadata.name.decode()] = np.frombuffer(tensor.byte_data, DTYPES[metadata.data_type]).reshape(metadata.shape)
        return outputs

    def capture(self, model, inputs, outputs):
        """Queues a capture; its id."""
        capture_id = str(uuid.uuid4())
        self.CaptureData(self.messages.CaptureDataRequest(
            model_name=model, capture_id=capture_id, input_tensors=[self.tensor(*item) for item in inputs.items()],
            output_tensors=[self.tensor(*item) for item in outputs.items()]))
        return capture_id


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--socket", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--input", action="append", default=[], metavar="TENSOR=FILE.npy")
    parser.add_argument("--labels", help="names of the classes, separated by commas: prints the best one")
    parser.add_argument("--output", metavar="DIR", help="writes every output as DIR/NAME.npy")
    parser.add_argument("--capture", action="store_true", help="also captures inputs and outputs")
    options = parser.parse_args()
    agent = Agent(options.socket)
    inputs = {name: np.load(path) for name, path in (item.split("=", 1) for item in options.input)}
    try:
        outputs = agent.predict(options.model, inputs)
        if options.capture:
            print("captured as", agent.capture(options.model, inputs, outputs))
    except grpc.RpcError as error:
        print(f"predict.py: {error.code().name}: {error.details()}", file=sys.stderr)
        return 1
    for name, value in outputs.items():
        if options.output:
            os.makedirs(options.output, exist_ok=True)
            np.save(os.path.join(options.output, name.replace("/", "_") + ".npy"), value)
        if options.labels:
            labels = options.labels.split(",")
            print(f"{labels[int(value.argmax())]} ({100 * value.max():.1f} %)")
        else:
            print(f"{name}: {value.dtype} {list(value.shape)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
