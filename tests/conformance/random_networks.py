#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Compares the fast kernels with the generic ones on random convolutional networks.

usage: random_networks.py --kedge KEDGE [--target T] [--runner PROGRAM] [--seed FIRST] [--count N]

With --runner the fast form is compiled for T and run under qemu by `kedge conform`, against what the
generic form gives here.

Each network is a random graph of convolutions (dense, grouped, depthwise, dilated, strided, unevenly
padded), pools, sums, concatenations, activations, normalisations, channel shuffles and generic
operators in between, over odd channel counts and sizes, with several outputs: what decides layouts,
halos, tiles and Winograd. It is compiled twice, with the fast kernels and with --generic, and both
must agree within 1e-4 of each output's range. Prints one line a network; exit status 1 if any differs.
Needs Debian's python3-onnx and python3-numpy.
"""
import argparse
import os
import subprocess
import sys
import tempfile

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper


class RandomNetwork:
    """Grows a graph; `images` are the values of rank 4 so far, as (name, shape)."""

    def __init__(self, rng):
        self.rng = rng
        self.nodes, self.weights, self.images = [], [], []
        self.batch = int(rng.choice([1, 1, 1, 2]))
        shape = [self.batch, int(rng.integers(1, 20)), int(rng.integers(7, 20)), int(rng.integers(7, 20))]
        self.input_shape = shape
        self.images.append(("input", shape))

    def pick(self, *choices):
        return choices[int(self.rng.integers(len(choices)))]

    def constant(self, array):
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(numpy.asarray(array, numpy.float32), name))
        return name

    def node(self, op, inputs, shape, **attributes):
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], **attributes))
        self.images.append((name, [int(d) for d in shape]))
        return name

    def image(self):
        """A recent value more often than an old one."""
        back = min(int(self.rng.geometric(0.5)), len(self.images))
        return self.images[-back]

    def window(self, shape, kernel, strides, dilations):
        """Pads that fit, and the output's size."""
        while True:
            pads = [int(self.rng.integers(0, k)) for k in kernel * 2] if self.rng.random() < 0.7 else [0] * 4
            size = [(shape[2 + i] + pads[i] + pads[2 + i] - dilations[i] * (kernel[i] - 1) - 1) // strides[i] + 1
                    for i in range(2)]
            room = [shape[2 + i] + pads[i] + pads[2 + i] - dilations[i] * (kernel[i] - 1) - 1 for i in range(2)]
            if min(room) >= 0:
                return pads, size
            kernel[:] = [1, 1]
            dilations[:] = [1, 1]

    def conv(self):
        x, shape = self.image()
        channels = shape[1]
        kernel = self.pick([1, 1], [3, 3], [3, 3], [5, 5], [1, 3], [4, 2])
        strides = self.pick([1, 1], [1, 1], [1, 1], [2, 2], [2, 1])
        dilations = self.pick([1, 1], [1, 1], [1, 1], [2, 2])
        divisors = [g for g in range(1, channels + 1) if channels % g == 0]
        groups = self.pick(1, 1, 1, channels, self.pick(*divisors))
        out = channels if groups == channels else groups * self.pick(*[c for c in (1, 3, 6, 8, 16, 17, 32, 33) if c * groups <= 70] or [1])
        pads, size = self.window(shape, kernel, strides, dilations)
        fan_in = channels // groups * kernel[0] * kernel[1]
        weight = self.constant(self.rng.normal(0, numpy.sqrt(2 / fan_in), [out, channels // groups] + kernel))
        inputs = [x, weight]
        if self.rng.random() < 0.7:
            inputs.append(self.constant(self.rng.normal(0, 0.1, out)))
        y = self.node("Conv", inputs, [shape[0], out] + size, kernel_shape=kernel, strides=strides,
                      dilations=dilations, pads=pads, group=groups)
        if self.rng.random() < 0.5:
            self.activation(y, [shape[0], out] + size)

    def activation(self, x=None, shape=None):
        if x is None:
            x, shape = self.image()
        op = self.pick("Relu", "Relu", "LeakyRelu", "Sigmoid", "Clip", "HardSwish", "Tanh", "Elu")
        inputs = [x]
        if op == "Clip":
            inputs += [self.constant(0.0), self.constant(6.0)]
        self.node(op, inputs, shape)

    def pool(self):
        x, shape = self.image()
        op = self.pick("MaxPool", "AveragePool", "AveragePool")
        kernel, strides = self.pick([2, 2], [3, 3], [3, 2]), self.pick([1, 1], [2, 2])
        pads, size = self.window(shape, kernel, strides, [1, 1])
        if pads != [0] * 4 and any(p >= k for p, k in zip(pads, kernel * 2)):
            return
        extra = {"count_include_pad": int(self.rng.integers(2))} if op == "AveragePool" else {}
        self.node(op, [x], shape[:2] + size, kernel_shape=kernel, strides=strides, pads=pads, **extra)

    def add(self):
        x, shape = self.image()
        others = [name for name, other in self.images if other == shape and name != x]
        if others:
            self.node("Add", [x, self.pick(*others)], shape)

    def concat(self):
        x, shape = self.image()
        others = [(n, s) for n, s in self.images if s[0] == shape[0] and s[2:] == shape[2:] and n != x]
        if others:
            y, other = self.pick(*others)
            if shape[1] + other[1] <= 80:
                self.node("Concat", [x, y], [shape[0], shape[1] + other[1]] + shape[2:], axis=1)

    def normalisation(self):
        x, shape = self.image()
        c = shape[1]
        constants = [self.constant(v) for v in (self.rng.uniform(0.5, 1.5, c), self.rng.normal(0, 0.1, c),
                                                self.rng.normal(0, 0.1, c), self.rng.uniform(0.5, 1.5, c))]
        self.node("BatchNormalization", [x] + constants, shape)

    def scale_and_shift(self):
        x, shape = self.image()
        dims = self.pick([shape[1], 1, 1], [1, shape[1], 1, 1], [1])
        if self.rng.random() < 0.7:
            x = self.node("Mul", [x, self.constant(self.rng.uniform(0.5, 1.5, dims))], shape)
        if self.rng.random() < 0.7:
            x = self.node("Add", [self.constant(self.rng.normal(0, 0.1, dims)), x], shape)
        if self.rng.random() < 0.7:
            self.activation(x, shape)

    def shuffle(self):
        x, shape = self.image()
        groups = self.pick(*[g for g in (2, 3, 4, 1) if shape[1] % g == 0])
        n, c, h, w = shape
        for target in ([n, groups, c // groups, h, w], None, [n, c, h, w]):
            if target is None:
                self.nodes.append(helper.make_node("Transpose", [x], [f"t{len(self.nodes)}"], perm=[0, 2, 1, 3, 4]))
            else:
                name = f"s{len(self.weights)}"
                self.weights.append(numpy_helper.from_array(numpy.array(target, numpy.int64), name))
                self.nodes.append(helper.make_node("Reshape", [x, name], [f"t{len(self.nodes)}"]))
            x = self.nodes[-1].output[0]
        self.images.append((x, shape))

    def scores(self):
        """What detectors end in: channels last, then Softmax over short rows."""
        x, shape = self.image()
        n, c, h, w = shape
        self.nodes.append(helper.make_node("Transpose", [x], [f"t{len(self.nodes)}"], perm=[0, 2, 3, 1]))
        self.nodes.append(helper.make_node("Softmax", [self.nodes[-1].output[0]], [f"t{len(self.nodes)}"], axis=3))
        return self.nodes[-1].output[0], [n, h, w, c]

    def generic(self):
        x, shape = self.image()
        if self.rng.random() < 0.5:
            self.node("LRN", [x], shape, size=3)
        else:
            self.node("Mul", [x, self.constant(self.rng.uniform(0.5, 1.5, [1, 1, 1, shape[3]]))], shape)

    def model(self):
        steps = [self.conv] * 6 + [self.pool, self.add, self.add, self.concat, self.concat, self.normalisation, self.scale_and_shift,
                                   self.activation, self.shuffle, self.generic]
        for _ in range(int(self.rng.integers(8, 18))):
            self.pick(*steps)()
        read = {name for node in self.nodes for name in node.input}
        outputs = [(name, shape) for name, shape in self.images if name not in read]
        if self.rng.random() < 0.5:
            outputs.append(self.scores())
        if self.rng.random() < 0.3 and len(self.images) > 3:
            outputs.append(self.images[len(self.images) // 2])
        x, shape = self.image()
        if self.rng.random() < 0.6:
            self.nodes.append(helper.make_node("GlobalAveragePool", [x], ["pooled"]))
            self.nodes.append(helper.make_node("Flatten", ["pooled"], ["flat"]))
            weight = self.constant(self.rng.normal(0, 1, [shape[1], 13]))
            self.nodes.append(helper.make_node("MatMul", ["flat", weight], ["classes"]))
            outputs.append(("classes", [shape[0], 13]))
        unique = {name: helper.make_tensor_value_info(name, TensorProto.FLOAT, dims) for name, dims in outputs if name != "input"}
        graph = helper.make_graph(self.nodes, "random",
                                  [helper.make_tensor_value_info("input", TensorProto.FLOAT, self.input_shape)],
                                  list(unique.values()), self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)])
        model.ir_version = 8
        return model


def run(arguments, folder, generic):
    compiled, out = os.path.join(folder, f"compiled{generic:d}"), os.path.join(folder, f"out{generic:d}")
    target = "native" if arguments.runner else arguments.target
    command = [arguments.kedge, "compile", os.path.join(folder, "model.onnx"), "--target", target, "-o", compiled]
    subprocess.run(command + (["--generic"] if generic else []), check=True, stdout=subprocess.DEVNULL)
    subprocess.run([arguments.kedge, "run", compiled, "--input", "0=" + os.path.join(folder, "x.npy"),
                    "--output-dir", out], check=True, stdout=subprocess.DEVNULL)
    files = sorted(os.listdir(out))
    return [numpy.load(os.path.join(out, f)) for f in files]


def write_case(folder, kind, arrays):
    os.makedirs(os.path.join(folder, "test_data_set_0"), exist_ok=True)
    for i, array in enumerate(arrays):
        with open(os.path.join(folder, "test_data_set_0", f"{kind}_{i}.pb"), "wb") as file:
            file.write(numpy_helper.from_array(array).SerializeToString())


def conforms(arguments, folder, inputs):
    """0 if the fast form, run elsewhere, gives what the generic form gives here; else infinity."""
    write_case(folder, "input", inputs)
    write_case(folder, "output", run(arguments, folder, True))
    command = [arguments.kedge, "conform", folder, "--target", arguments.target, "--runner", arguments.runner]
    return 0.0 if subprocess.run(command, stdout=subprocess.DEVNULL).returncode == 0 else float("inf")


def difference(arguments, seed):
    """The largest difference over all outputs, in parts of each output's range."""
    rng = numpy.random.default_rng(seed)
    network = RandomNetwork(rng)
    with tempfile.TemporaryDirectory() as folder:
        onnx.save(network.model(), os.path.join(folder, "model.onnx"))
        x = rng.uniform(-1, 1, network.input_shape).astype(numpy.float32)
        numpy.save(os.path.join(folder, "x.npy"), x)
        if arguments.runner:
            return conforms(arguments, folder, [x])
        worst = 0.0
        for want, got in zip(run(arguments, folder, True), run(arguments, folder, False)):
            if want.shape != got.shape or not numpy.isfinite(got).all():
                return float("inf")
            extent = max(float(want.max() - want.min()), 1e-3 * float(numpy.abs(want).max()), 1e-6)
            worst = max(worst, float(numpy.abs(want - got).max()) / extent)
        return worst


def main():
    parser = argparse.ArgumentParser(description="compare fast and generic kernels on random networks")
    parser.add_argument("--kedge", required=True)
    parser.add_argument("--target", default="native")
    parser.add_argument("--runner")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=6)
    arguments = parser.parse_args()
    failed = 0
    for seed in range(arguments.seed, arguments.seed + arguments.count):
        worst = difference(arguments, seed)
        failed += worst > 1e-4
        print(f"{'PASS' if worst <= 1e-4 else 'FAIL'} network {seed}: {worst:.1e} of the range", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
