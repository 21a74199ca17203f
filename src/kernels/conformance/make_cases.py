#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the table of random kernel configurations that conformance.cc checks.

usage: make_cases.py --seed N --output FILE

Shapes are template arguments, so a random configuration is a line of source text: each names a check
of conformance.cc with its arguments. Layouts are written as calls (Blocked, Planar, Last), because
the vector length is the target's.
"""
import argparse
import random

EPILOGUES = [f"activation::{name}" for name in ("Identity", "Relu", "Clip<0.0f, 6.0f>", "LeakyRelu<0.125f>", "Sigmoid")]


def window(rng, extent_max):
    """A window and the input size it fits, as (text, input height, input width, output size, pads)."""
    kh, kw = rng.randint(1, 7), rng.randint(1, 7)
    if rng.random() < 0.5:
        kh = kw = rng.choice([1, 3, 3, 5])
    sh, sw = rng.choice([(1, 1), (1, 1), (2, 2), (1, 2), (3, 1)])
    dh, dw = rng.choice([(1, 1), (1, 1), (1, 1), (2, 2), (1, 3)])
    while True:
        h, w = rng.randint(1, extent_max), rng.randint(1, extent_max)
        top, left = rng.randint(0, kh - 1), rng.randint(0, kw - 1)
        bottom, right = rng.randint(0, kh - 1), rng.randint(0, kw - 1)
        oh = (h + top + bottom - (kh - 1) * dh - 1) // sh + 1
        ow = (w + left + right - (kw - 1) * dw - 1) // sw + 1
        if oh >= 1 and ow >= 1:
            break
    text = f"Window{{{kh}, {kw}, {sh}, {sw}, {dh}, {dw}, {top}, {left}}}"
    return text, h, w, oh, ow, (kh - 1) * dh + 1, (kw - 1) * dw + 1


def halo(h, w, oh, ow, text, reach_h, reach_w, rng):
    """The halo the window reaches, and sometimes more, as another consumer might have asked."""
    kh, kw, sh, sw, dh, dw, top, left = [int(t) for t in text[7:-1].split(",")]
    bottom = max(0, (oh - 1) * sh + reach_h - top - h)
    right = max(0, (ow - 1) * sw + reach_w - left - w)
    extra = rng.choice([0, 0, 1, 2])
    return top + extra, left + extra, bottom + extra, right


def view(kind, c, h, w, halo=(0, 0, 0, 0), batch=1):
    return f"{kind}({c}, {h}, {w}, Halo{{{halo[0]}, {halo[1]}, {halo[2]}, {halo[3]}}}, {batch})"


def conv(rng):
    text, h, w, oh, ow, rh, rw = window(rng, 17)
    groups = rng.choice([1, 1, 1, 2, 3])
    ic, oc = rng.randint(1, 70), rng.randint(1, 70)
    kind_in, kind_out = rng.choice(["Blocked", "Blocked", "Planar", "Last"]), rng.choice(["Blocked", "Blocked", "Planar", "Last"])
    batch = rng.choice([1, 1, 2])
    if groups > 1:
        # Groups of a blocked tensor are whole blocks, on every target.
        ic = groups * (16 * rng.randint(1, 2) if kind_in == "Blocked" else rng.randint(1, 20))
        oc = groups * (16 * rng.randint(1, 2) if kind_out == "Blocked" else rng.randint(1, 20))
    need = halo(h, w, oh, ow, text, rh, rw, rng)
    rows, columns, vectors = rng.randint(1, 3), rng.randint(1, 8), rng.randint(1, 3)
    while rows * columns * vectors > 24:
        columns -= 1
    addend = view(rng.choice([kind_out, "Blocked"]) if groups == 1 else kind_out, oc, oh, ow, rng.choice([(0, 0, 0, 0), (1, 1, 1, 1)]), batch) if rng.random() < 0.3 else "View{}"
    return (f"CheckConv<ConvConfig{{.in = {view(kind_in, ic, h, w, need, batch)}, .out = {view(kind_out, oc, oh, ow, rng.choice([(0, 0, 0, 0), (2, 1, 1, 3)]), batch)}, "
            f".addend = {addend}, .window = {text}, .groups = {groups}, .tile = {{{rows}, {columns}, {vectors}}}, "
            f".prefetch = {rng.choice(['true', 'false'])}, .channel_tasks = {rng.randint(1, 3)}, .pixel_tasks = {rng.randint(1, 4)}}}, {rng.choice(EPILOGUES)}>")


def depthwise(rng):
    text, h, w, oh, ow, rh, rw = window(rng, 17)
    c, batch = rng.randint(1, 70), rng.choice([1, 2])
    need = halo(h, w, oh, ow, text, rh, rw, rng)
    return (f"CheckDepthwise<DepthwiseConfig{{.in = {view('Blocked', c, h, w, need, batch)}, .out = {view('Blocked', c, oh, ow, rng.choice([(0, 0, 0, 0), (1, 2, 3, 1)]), batch)}, "
            f".window = {text}, .tile = {{{rng.randint(1, 3)}, {rng.randint(1, 5)}, 1}}, "
            f".channel_tasks = {rng.randint(1, 3)}, .pixel_tasks = {rng.randint(1, 3)}}}, {rng.choice(EPILOGUES)}>")


def winograd(rng):
    size = rng.choice([2, 4])
    top, left, bottom, right = (rng.randint(0, 2) for _ in range(4))
    h, w = rng.randint(3, 17), rng.randint(3, 17)
    oh, ow = h + top + bottom - 2, w + left + right - 2
    ic, oc, batch = rng.randint(1, 70), rng.randint(1, 70), rng.choice([1, 1, 2])
    reach_h, reach_w = -(-oh // size) * size + 2, -(-ow // size) * size + 2
    need = (top, left, max(0, reach_h - top - h), max(0, reach_w - left - w))
    addend = view("Blocked", oc, oh, ow, (0, 1, 0, 1), batch) if rng.random() < 0.4 else "View{}"
    vectors = rng.randint(1, 2)
    return (f"CheckWinograd<WinogradConfig{{.in = {view('Blocked', ic, h, w, need, batch)}, .out = {view('Blocked', oc, oh, ow, rng.choice([(0, 0, 0, 0), (1, 1, 2, 2)]), batch)}, "
            f".addend = {addend}, .pad_top = {top}, .pad_left = {left}, .size = {size}, .tiles = {rng.randint(1, 8)}, .vectors = {vectors}, "
            f".channel_tasks = {rng.randint(1, 3)}, .tile_tasks = {rng.randint(1, 3)}}}, {rng.choice(EPILOGUES)}>")


def pool(rng):
    text, h, w, oh, ow, _, _ = window(rng, 12)
    c, batch = rng.randint(1, 70), rng.choice([1, 2])
    return (f"CheckPool<PoolConfig{{.in = {view('Blocked', c, h, w, rng.choice([(0, 0, 0, 0), (1, 1, 1, 1)]), batch)}, .out = {view('Blocked', c, oh, ow, rng.choice([(0, 0, 0, 0), (1, 2, 3, 1)]), batch)}, "
            f".window = {text}, .kind = PoolKind::{rng.choice(['kMax', 'kAverage', 'kAverageCountingPads'])}, "
            f".channel_tasks = {rng.randint(1, 3)}, .pixel_tasks = {rng.randint(1, 3)}}}, {rng.choice(EPILOGUES[:3])}>")


def global_average(rng):
    c, h, w, batch = rng.randint(1, 70), rng.randint(1, 17), rng.randint(1, 17), rng.choice([1, 2])
    return (f"CheckGlobalAverage<GlobalPoolConfig{{.in = {view('Blocked', c, h, w, rng.choice([(0, 0, 0, 0), (1, 1, 1, 1)]), batch)}, "
            f".out = {view(rng.choice(['Blocked', 'Last', 'Planar']), c, 1, 1, batch=batch)}, .channel_tasks = {rng.randint(1, 3)}}}, activation::Identity>")


def blocked(rng):
    c, h, w, batch = rng.randint(1, 70), rng.randint(1, 17), rng.randint(1, 17), rng.choice([1, 2])
    views = [view("Blocked", c, h, w, rng.choice([(0, 0, 0, 0), (1, 1, 1, 1), (0, 2, 0, 3)]), batch) for _ in range(3)]
    return (f"CheckBlocked<BlockedConfig{{.a = {views[0]}, .b = {views[1]}, .out = {views[2]}, "
            f".tasks = {rng.randint(1, 4)}}}, {rng.choice(EPILOGUES)}>")


def reorder(rng):
    c, h, w, batch = rng.randint(1, 70), rng.randint(1, 17), rng.randint(1, 17), rng.choice([1, 2])
    plain = view(rng.choice(["Planar", "Planar", "Last"]), c, h, w, batch=batch)
    border = rng.choice([(0, 0, 0, 0), (1, 1, 1, 1), (3, 0, 2, 1)])
    return f"CheckReorder<{plain}, {view('Blocked', c, h, w, border, batch)}, Halo{{{border[0]}, {border[1]}, {border[2]}, {border[3]}}}, {rng.randint(1, 4)}>"


def softmax(rng):
    return f"CheckSoftmax<{rng.choice([1, 2, 3, 4, 10, 21])}, {rng.randint(1, 70)}, {rng.randint(1, 3)}>"


FAMILIES = [(conv, 30), (depthwise, 12), (winograd, 6), (pool, 8), (global_average, 4), (blocked, 4), (reorder, 6), (softmax, 3)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--output", required=True)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    with open(arguments.output, "w", encoding="utf-8") as out:
        for make, count in FAMILIES:
            for _ in range(count):
                out.write(f"KEDGE_CASE(({make(rng)}))\n")


if __name__ == "__main__":
    main()
