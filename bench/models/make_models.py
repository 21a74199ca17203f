#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the small benchmark networks as ONNX files with seeded random weights.

usage: make_models.py --output DIR [--seed N]

  mobilenet_v1_025_96.onnx   MobileNetV1, width 0.25, 1x3x96x96, 2 classes (visual wake words)
  mobilenet_v2_224.onnx      MobileNetV2, width 1, 1x3x224x224, 1000 classes
  resnet8_32.onnx            ResNet-8 of MLPerf Tiny, 1x3x32x32, 10 classes

Both stand as an exporter leaves them after folding for inference: convolutions with bias, activations
as nodes of their own (Clip 0..6 and Relu), a residual Add, average pool, Gemm, Softmax. Needs Debian's
python3-onnx and python3-numpy.
"""
import argparse
import os

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper


class Network:
    """A graph that grows node by node; each method returns the name of its result."""

    def __init__(self, rng, input_shape):
        self.rng = rng
        self.nodes, self.weights = [], []
        self.input_shape = input_shape

    def constant(self, array):
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(array.astype(numpy.float32), name))
        return name

    def node(self, op, inputs, **attributes):
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], **attributes))
        return name

    def he(self, *shape):
        """Normal weights whose variance keeps that of the activations."""
        fan_in = numpy.prod(shape[1:])
        return self.constant(self.rng.normal(0, numpy.sqrt(2.0 / fan_in), shape))

    def conv(self, x, channels_in, channels, kernel, stride=1, groups=1, pads=None):
        pads = pads if pads is not None else [kernel // 2] * 4
        weight = self.he(channels, channels_in // groups, kernel, kernel)
        bias = self.constant(self.rng.normal(0, 0.1, channels))
        return self.node("Conv", [x, weight, bias], kernel_shape=[kernel, kernel], strides=[stride, stride],
                         pads=pads, group=groups, dilations=[1, 1])

    def relu(self, x):
        return self.node("Relu", [x])

    def relu6(self, x):
        return self.node("Clip", [x, self.constant(numpy.array(0.0)), self.constant(numpy.array(6.0))])

    def classifier(self, x, channels, classes):
        x = self.node("GlobalAveragePool", [x])
        x = self.node("Flatten", [x], axis=1)
        weight = self.constant(self.rng.normal(0, numpy.sqrt(1.0 / channels), (classes, channels)))
        x = self.node("Gemm", [x, weight, self.constant(self.rng.normal(0, 0.1, classes))], transB=1)
        return self.node("Softmax", [x], axis=1)

    def model(self, name, result, classes):
        graph = helper.make_graph(
            self.nodes, name,
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, self.input_shape)],
            [helper.make_tensor_value_info(result, TensorProto.FLOAT, [1, classes])], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], producer_name="kedge bench")
        model.ir_version = 8
        onnx.checker.check_model(model)
        return model


def mobilenet_v1(rng):
    """Howard et al., "MobileNets", 2017, table 1 at width 0.25; padding as TensorFlow's SAME at stride 2."""
    net = Network(rng, [1, 3, 96, 96])
    same2 = [0, 0, 1, 1]
    channels = 8
    x = net.relu6(net.conv("input", 3, channels, 3, stride=2, pads=same2))
    for wide, stride in [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)] + [(512, 1)] * 5 + [(1024, 2), (1024, 1)]:
        x = net.relu6(net.conv(x, channels, channels, 3, stride=stride, groups=channels, pads=same2 if stride == 2 else None))
        x = net.relu6(net.conv(x, channels, wide // 4, 1))
        channels = wide // 4
    return net.model("mobilenet_v1_025_96", net.classifier(x, channels, 2), 2)


def mobilenet_v2(rng):
    """Sandler et al., "MobileNetV2", 2018, table 2: inverted residual blocks (expansion, channels, count, stride)."""
    net = Network(rng, [1, 3, 224, 224])
    channels = 32
    x = net.relu6(net.conv("input", 3, channels, 3, stride=2, pads=[0, 0, 1, 1]))
    blocks = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
    for expansion, wide, count, first_stride in blocks:
        for i in range(count):
            stride = first_stride if i == 0 else 1
            inner = channels * expansion
            y = net.relu6(net.conv(x, channels, inner, 1)) if expansion > 1 else x
            y = net.relu6(net.conv(y, inner, inner, 3, stride=stride, groups=inner, pads=[0, 0, 1, 1] if stride == 2 else None))
            y = net.conv(y, inner, wide, 1)
            x = net.node("Add", [x, y]) if stride == 1 and channels == wide else y
            channels = wide
    x = net.relu6(net.conv(x, channels, 1280, 1))
    return net.model("mobilenet_v2_224", net.classifier(x, 1280, 1000), 1000)


def resnet8(rng):
    """The image classification reference network of MLPerf Tiny: three stages of one residual block."""
    net = Network(rng, [1, 3, 32, 32])
    channels = 16
    x = net.relu(net.conv("input", 3, channels, 3))
    for wide, stride in [(16, 1), (32, 2), (64, 2)]:
        first_pads = [0, 0, 1, 1] if stride == 2 else None
        y = net.relu(net.conv(x, channels, wide, 3, stride=stride, pads=first_pads))
        y = net.conv(y, wide, wide, 3)
        if stride == 2:
            x = net.conv(x, channels, wide, 1, stride=2, pads=[0, 0, 0, 0])
        x = net.relu(net.node("Add", [x, y]))
        channels = wide
    return net.model("resnet8_32", net.classifier(x, channels, 10), 10)


def main():
    parser = argparse.ArgumentParser(description="write the small benchmark networks")
    parser.add_argument("--output", required=True)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    os.makedirs(arguments.output, exist_ok=True)
    for name, make in [("mobilenet_v1_025_96", mobilenet_v1), ("mobilenet_v2_224", mobilenet_v2), ("resnet8_32", resnet8)]:
        model = make(numpy.random.default_rng(arguments.seed))
        onnx.save(model, os.path.join(arguments.output, name + ".onnx"))


if __name__ == "__main__":
    main()
