#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Gives a network of ONNX's "light" models real weights in place of its constant ones.

usage: he_scale.py MODEL --output FILE [--seed N] [--input FILE.npy]

The light models have every weight tensor filled with one number, which hides errors in how weights
are packed. Here each gets seeded random values of its own: He-scaled normal weights by fan-in for
convolutions and products, batch normalisation near the identity. What feeds a final Softmax becomes an
output as well, since the Softmax of a network that was not trained is close to one-hot. --input also
writes a random input of the model's shape. Needs Debian's python3-onnx and python3-numpy.
"""
import argparse

import numpy
import onnx
from onnx import helper, numpy_helper

# What the inputs of a node mean, by operator.
ROLES = {
    "Conv": [None, "weight", "bias"],
    "Gemm": [None, "matrix", "bias"],
    "BatchNormalization": [None, "scale", "bias", "mean", "variance"],
    "Mul": ["scale", "scale"],
    "Add": ["bias", "bias"],
}


def role_of(name, graph):
    """The role of a constant by its first reader, seen through Unsqueeze; None if it has none."""
    for node in graph.node:
        if name not in node.input:
            continue
        if node.op_type == "Unsqueeze":
            return role_of(node.output[0], graph)
        roles = ROLES.get(node.op_type, [])
        at = list(node.input).index(name)
        role = roles[at] if at < len(roles) else None
        if role == "matrix":
            transposed = any(a.name == "transB" and a.i for a in node.attribute)
            return "weight" if transposed else "matrix"
        return role
    return None


def random_values(role, shape, rng):
    if role == "weight":
        return rng.standard_normal(shape, dtype=numpy.float32) * numpy.float32(numpy.sqrt(2.0 / numpy.prod(shape[1:])))
    if role == "matrix":
        return rng.standard_normal(shape, dtype=numpy.float32) * numpy.float32(numpy.sqrt(2.0 / shape[0]))
    if role in ("scale", "variance"):
        return rng.uniform(0.5, 1.5, shape)
    return rng.normal(0, 0.1, shape)


def constant_shapes(graph):
    """Name to shape of every float constant: initialisers and the results of ConstantOfShape."""
    arrays = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    shapes = {name: array.shape for name, array in arrays.items() if array.dtype == numpy.float32}
    for node in graph.node:
        if node.op_type == "ConstantOfShape":
            shapes[node.output[0]] = tuple(int(d) for d in arrays[node.input[0]])
    return shapes


def expose_logits(model):
    last = model.graph.node[-1]
    if last.op_type == "Softmax":
        model.graph.output.append(helper.make_tensor_value_info(last.input[0], onnx.TensorProto.FLOAT, None))


def give_weights(model, rng):
    graph = model.graph
    replaced = {}
    for name, shape in constant_shapes(graph).items():
        role = role_of(name, graph)
        if role is not None:
            values = random_values(role, shape, rng).astype(numpy.float32)
            replaced[name] = numpy_helper.from_array(values, name)
    nodes = [n for n in graph.node if not (n.op_type == "ConstantOfShape" and n.output[0] in replaced)]
    kept = [t for t in graph.initializer if t.name not in replaced and any(t.name in n.input for n in nodes)]
    names = {t.name for t in kept} | set(replaced)
    inputs = [i for i in graph.input if i.name not in names and any(i.name in n.input for n in nodes)]
    for field, values in [("node", nodes), ("initializer", kept + list(replaced.values())), ("input", inputs)]:
        graph.ClearField(field)
        getattr(graph, field).extend(values)
    model.ir_version = max(model.ir_version, 4)  # from there on an initialiser need not be an input


def main():
    parser = argparse.ArgumentParser(description="replace the weights of a light model by He-scaled random ones")
    parser.add_argument("model")
    parser.add_argument("--output", required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--input")
    arguments = parser.parse_args()
    model = onnx.load(arguments.model)
    rng = numpy.random.default_rng(arguments.seed)
    give_weights(model, rng)
    expose_logits(model)
    onnx.save(model, arguments.output)
    if arguments.input:
        shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
        numpy.save(arguments.input, rng.uniform(-1, 1, shape).astype(numpy.float32))


if __name__ == "__main__":
    main()
