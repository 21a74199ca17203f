#!/usr/bin/python3
"""Asks an agent's model about drawn shapes: predictions.py SOCKET MODEL COUNT [SHIFT]. With SHIFT the pictures get so much brighter.
SPDX-License-Identifier: Apache-2.0
"""
import os
import sys

ROOT = os.environ["KEDGE_SOURCE_DIR"]
sys.path[:0] = [os.path.join(ROOT, "examples", "client"), os.path.join(ROOT, "examples", "shapes")]

import numpy as np  # noqa: E402
import shapes  # noqa: E402
from predict import Agent  # noqa: E402

socket, model, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
shift = np.float32(sys.argv[4]) if len(sys.argv) > 4 else np.float32(0)
rng = np.random.default_rng(7)
client = Agent(socket)
for i in range(count):
    picture = shapes.draw(shapes.CLASSES[i % 4], rng)[None, None] + shift
    client.predict(model, {"image": picture.astype(np.float32)})
