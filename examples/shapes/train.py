#!/usr/bin/python3
"""Trains the example network with NumPy alone and writes it as ONNX (opset 13).

    train.py [--pictures 10000] [--epochs 20] [--seed 1] -o shapes.onnx

Network: three times (conv 3x3, batch normalisation, relu, max pool 2) with 8, 16 and 32 channels, dense (4), softmax. The same
seed gives the same file on the same NumPy. Takes about five minutes on one core.
SPDX-License-Identifier: Apache-2.0
"""
import argparse

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from shapes import CLASSES, SIZE, data_set


def patches(x: np.ndarray) -> np.ndarray:
    """3x3 neighbourhoods with zero padding 1: [n, c, h, w] -> [n*h*w, c*9]."""
    n, c, h, w = x.shape
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    return np.ascontiguousarray(windows.transpose(0, 2, 3, 1, 4, 5)).reshape(n * h * w, c * 9)


class Conv:
    def __init__(self, rng, inputs, outputs):
        self.weight = (rng.normal(0, 1, (outputs, inputs * 9)) * np.sqrt(2 / (inputs * 9))).astype(np.float32)
        self.inputs = inputs

    def forward(self, x):
        n, _, h, w = x.shape
        self.shape, self.columns = x.shape, patches(x)
        return (self.columns @ self.weight.T).reshape(n, h, w, -1).transpose(0, 3, 1, 2)

    def backward(self, gradient):
        n, c, h, w = self.shape
        rows = gradient.transpose(0, 2, 3, 1).reshape(n * h * w, -1)
        self.gradients = [(self.weight, rows.T @ self.columns)]
        spread = (rows @ self.weight).reshape(n, h, w, c, 3, 3)
        padded = np.zeros((n, c, h + 2, w + 2), np.float32)
        for i in range(3):
            for j in range(3):
                padded[:, :, i:i + h, j:j + w] += spread[:, :, :, :, i, j].transpose(0, 3, 1, 2)
        return padded[:, :, 1:-1, 1:-1]


class BatchNorm:
    def __init__(self, channels):
        self.scale, self.shift = np.ones(channels, np.float32), np.zeros(channels, np.float32)
        self.mean, self.variance = np.zeros(channels, np.float32), np.ones(channels, np.float32)

    def forward(self, x, training=True):
        if training:
            mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3))
            self.mean, self.variance = 0.95 * self.mean + 0.05 * mean, 0.95 * self.variance + 0.05 * variance
        else:
            mean, variance = self.mean, self.variance
        self.inverse = 1 / np.sqrt(variance + 1e-5)
        self.normal = (x - mean[:, None, None]) * self.inverse[:, None, None]
        return self.normal * self.scale[:, None, None] + self.shift[:, None, None]

    def backward(self, gradient):
        self.gradients = [(self.scale, (gradient * self.normal).sum((0, 2, 3))), (self.shift, gradient.sum((0, 2, 3)))]
        count = gradient.size / gradient.shape[1]
        inner = gradient - (self.gradients[1][1] / count)[:, None, None] - self.normal * (self.gradients[0][1] / count)[:, None, None]
        return inner * (self.scale * self.inverse)[:, None, None]


class ReluPool:
    """relu, then the maximum of 2x2."""

    def forward(self, x):
        n, c, h, w = x.shape
        self.tiles = x.reshape(n, c, h // 2, 2, w // 2, 2).transpose(0, 1, 2, 4, 3, 5).reshape(n, c, h // 2, w // 2, 4)
        self.best = self.tiles.argmax(-1)
        return np.maximum(self.tiles.max(-1), 0)

    def backward(self, gradient):
        n, c, h, w = gradient.shape
        alive = np.take_along_axis(self.tiles, self.best[..., None], -1)[..., 0] > 0
        tiles = np.zeros_like(self.tiles)
        np.put_along_axis(tiles, self.best[..., None], (gradient * alive)[..., None], -1)
        return tiles.reshape(n, c, h, w, 2, 2).transpose(0, 1, 2, 4, 3, 5).reshape(n, c, h * 2, w * 2)


class Dense:
    def __init__(self, rng, inputs, outputs):
        self.weight = (rng.normal(0, 1, (outputs, inputs)) * np.sqrt(1 / inputs)).astype(np.float32)
        self.bias = np.zeros(outputs, np.float32)

    def forward(self, x):
        self.shape, self.flat = x.shape, x.reshape(len(x), -1)
        return self.flat @ self.weight.T + self.bias

    def backward(self, gradient):
        self.gradients = [(self.weight, gradient.T @ self.flat), (self.bias, gradient.sum(0))]
        return (gradient @ self.weight).reshape(self.shape)


def softmax(logits):
    e = np.exp(logits - logits.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def run(layers, x, training):
    for layer in layers:
        x = layer.forward(x, training) if isinstance(layer, BatchNorm) else layer.forward(x)
    return x


def train(layers, pictures, labels, epochs, rng):
    """Adam on the cross entropy, batches of 100, learning rate falling by a cosine."""
    moments, step, steps = {}, 0, epochs * (len(pictures) // 100)
    for epoch in range(epochs):
        order, losses = rng.permutation(len(pictures)), []
        for batch in order[:len(order) // 100 * 100].reshape(-1, 100):
            probability = softmax(run(layers, pictures[batch], True))
            losses.append(-np.log(probability[np.arange(100), labels[batch]] + 1e-9).mean())
            gradient = (probability - np.eye(len(CLASSES), dtype=np.float32)[labels[batch]]) / 100
            for layer in reversed(layers):
                gradient = layer.backward(gradient)
            step += 1
            rate = 0.003 * 0.5 * (1 + np.cos(np.pi * step / steps))
            for weight, slope in (pair for layer in layers for pair in getattr(layer, "gradients", [])):
                m, v = moments.setdefault(id(weight), (np.zeros_like(weight), np.zeros_like(weight)))
                m += 0.1 * (slope - m)
                v += 0.001 * (slope * slope - v)
                weight -= (rate * (m / (1 - 0.9 ** step)) / (np.sqrt(v / (1 - 0.999 ** step)) + 1e-8)).astype(np.float32)
        print(f"epoch {epoch + 1:2d}/{epochs}  loss {np.mean(losses):.4f}", flush=True)


def export(layers, path):
    tensors, nodes, names = [], [], iter(["conv1", "bn1", None, "conv2", "bn2", None, "conv3", "bn3", None, "dense"])

    def constant(name, value):
        tensors.append(numpy_helper.from_array(np.ascontiguousarray(value, dtype=np.float32), name))
        return name

    x = "image"
    for layer, name in zip(layers, names):
        if isinstance(layer, Conv):
            weight = constant(name + ".weight", layer.weight.reshape(-1, layer.inputs, 3, 3))
            nodes.append(helper.make_node("Conv", [x, weight], [name], name, kernel_shape=[3, 3], pads=[1, 1, 1, 1]))
        elif isinstance(layer, BatchNorm):
            values = [constant(f"{name}.{field}", getattr(layer, field)) for field in ("scale", "shift", "mean", "variance")]
            nodes.append(helper.make_node("BatchNormalization", [x, *values], [name], name, epsilon=1e-5))
        elif isinstance(layer, ReluPool):
            name = x.replace("bn", "pool")
            nodes.append(helper.make_node("Relu", [x], [x + ".relu"], x + ".relu"))
            nodes.append(helper.make_node("MaxPool", [x + ".relu"], [name], name, kernel_shape=[2, 2], strides=[2, 2]))
        else:
            nodes.append(helper.make_node("Flatten", [x], ["flat"], "flat", axis=1))
            values = [constant("dense.weight", layer.weight), constant("dense.bias", layer.bias)]
            nodes.append(helper.make_node("Gemm", ["flat", *values], [name], name, transB=1))
        x = name
    nodes.append(helper.make_node("Softmax", [x], ["probabilities"], "softmax", axis=1))
    graph = helper.make_graph(nodes, "shapes",
                              [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 1, SIZE, SIZE])],
                              [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [1, len(CLASSES)])], tensors)
    model = helper.make_model(graph, producer_name="kedge-examples", opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 7
    model.doc_string = "Classes: " + ", ".join(CLASSES) + ". SPDX-License-Identifier: Apache-2.0"
    onnx.checker.check_model(model)
    onnx.save(model, path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=10000)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--output", required=True)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    layers = [Conv(rng, 1, 8), BatchNorm(8), ReluPool(), Conv(rng, 8, 16), BatchNorm(16), ReluPool(),
              Conv(rng, 16, 32), BatchNorm(32), ReluPool(), Dense(rng, 32 * (SIZE // 8) ** 2, len(CLASSES))]
    pictures, labels = data_set(options.pictures, options.seed)
    train(layers, pictures, labels, options.epochs, rng)
    pictures, labels = data_set(2000, options.seed + 1000)
    right = np.concatenate([run(layers, pictures[i:i + 250], False).argmax(1) for i in range(0, 2000, 250)]) == labels
    print(f"accuracy on 2000 pictures not seen in training: {right.mean():.4f}")
    export(layers, options.output)


if __name__ == "__main__":
    main()
