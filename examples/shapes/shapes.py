#!/usr/bin/python3
"""The data of the example: pictures of one shape each, drawn with noise, at random places, sizes and angles.

    shapes.py picture CLASS SEED FILE.npy     writes one picture, f32[1x1x32x32], values 0 to 1
    shapes.py show FILE.npy                   prints it with characters

Classes: circle, square, triangle, cross.
SPDX-License-Identifier: Apache-2.0
"""
import sys

import numpy as np

CLASSES = ["circle", "square", "triangle", "cross"]
SIZE = 32


def draw(name: str, rng: np.random.Generator) -> np.ndarray:
    """One picture, f32[32x32]: a filled shape, brighter or darker than its ground, plus Gaussian noise."""
    radius = rng.uniform(6, 11)
    cx, cy = rng.uniform(radius, SIZE - radius, 2)
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[0:SIZE, 0:SIZE].astype(np.float64)
    u = ((x - cx) * np.cos(angle) + (y - cy) * np.sin(angle)) / radius
    v = (-(x - cx) * np.sin(angle) + (y - cy) * np.cos(angle)) / radius
    if name == "circle":
        distance = np.hypot(u, v) - 0.9
    elif name == "square":
        distance = np.maximum(abs(u), abs(v)) - 0.75
    elif name == "triangle":
        distance = np.maximum(v - 0.5, 0.866 * abs(u) - 0.5 * v - 0.45)
    else:
        distance = np.minimum(np.maximum(abs(u) - 0.28, abs(v) - 0.95), np.maximum(abs(v) - 0.28, abs(u) - 0.95))
    inside = np.clip(0.5 - distance * radius, 0, 1)
    ground, ink = rng.uniform(0.0, 0.35), rng.uniform(0.65, 1.0)
    if rng.random() < 0.5:
        ground, ink = ink, ground
    picture = ground + (ink - ground) * inside + rng.normal(0, 0.08, (SIZE, SIZE))
    return np.clip(picture, 0, 1).astype(np.float32)


def data_set(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures f32[count x 1 x 32 x 32] and their classes i64[count], the classes in turn."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % len(CLASSES)
    pictures = np.stack([draw(CLASSES[label], rng) for label in labels])[:, None]
    return pictures, labels


def main() -> int:
    if len(sys.argv) == 5 and sys.argv[1] == "picture" and sys.argv[2] in CLASSES:
        np.save(sys.argv[4], draw(sys.argv[2], np.random.default_rng(int(sys.argv[3])))[None, None])
        return 0
    if len(sys.argv) == 3 and sys.argv[1] == "show":
        for row in np.load(sys.argv[2])[0, 0][::2]:
            print("  " + "".join(" .:-=+*#%@"[min(9, int(value * 10))] for value in row))
        return 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
