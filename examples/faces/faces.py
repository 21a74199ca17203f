"""Input and output of the Ultra-Light-Fast face detector (version-RFB-320): a picture to its tensor, its tensors to a box.

SPDX-License-Identifier: Apache-2.0
"""
import numpy as np
from PIL import Image, ImageDraw

WIDTH, HEIGHT = 320, 240


def load(path: str) -> np.ndarray:
    """A picture file as the model's input: f32[1x3x240x320], RGB, (value - 127) / 128, bilinear without smoothing."""
    pixels = np.asarray(Image.open(path).convert("RGB"), np.float64)
    rows = np.clip((np.arange(HEIGHT) + 0.5) * pixels.shape[0] / HEIGHT - 0.5, 0, pixels.shape[0] - 1)
    columns = np.clip((np.arange(WIDTH) + 0.5) * pixels.shape[1] / WIDTH - 0.5, 0, pixels.shape[1] - 1)
    top, left = np.floor(rows).astype(int), np.floor(columns).astype(int)
    bottom, right = np.minimum(top + 1, pixels.shape[0] - 1), np.minimum(left + 1, pixels.shape[1] - 1)
    down, across = (rows - top)[:, None, None], (columns - left)[None, :, None]
    upper = pixels[top][:, left] * (1 - across) + pixels[top][:, right] * across
    lower = pixels[bottom][:, left] * (1 - across) + pixels[bottom][:, right] * across
    small = np.rint(upper * (1 - down) + lower * down)
    return ((small - 127) / 128).transpose(2, 0, 1)[None].astype(np.float32)


def best(scores: np.ndarray, boxes: np.ndarray) -> tuple[float, np.ndarray]:
    """The highest face score and its box (x1, y1, x2, y2 as parts of width and height)."""
    index = int(scores[0, :, 1].argmax())
    return float(scores[0, index, 1]), boxes[0, index]


def draw(path: str, box: np.ndarray, target: str) -> list[int]:
    """Writes the picture with the box drawn into it as PNG; the box in pixels."""
    picture = Image.open(path).convert("RGB")
    pixels = [round(float(part) * size) for part, size in zip(box, picture.size * 2)]
    ImageDraw.Draw(picture).rectangle(pixels, outline=(64, 255, 64), width=3)
    picture.save(target)
    return pixels
