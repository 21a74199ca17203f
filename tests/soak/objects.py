#!/usr/bin/python3
"""Many objects and one large one through the object store's door, with Debian's AWS CLI.

    objects.py [--files N] [--mib M] [--swift] [--folder DIR]

  * `aws s3 sync` of N small files up, a second sync that has nothing to do, a listing, and a sync down to an empty folder: every byte equal;
  * a multipart upload of one large file and its download: the digest equal, the server's memory bounded;
  * with --swift the server keeps its objects in OpenStack Swift, so that the same path ends in a foreign S3 server.
SPDX-License-Identifier: Apache-2.0
"""
import argparse
import filecmp
import hashlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, ".."))
from servers.kedge import Server  # noqa: E402
from servers.swift import Swift, available  # noqa: E402

MEMORY_GROWTH_MIB_MAX = 192
PIECE = 1 << 20


class PeakMemory:
    """The most resident memory of a process while it is watched; VmHWM would remember the time before."""

    def __init__(self, pid):
        self._path, self.kib = f"/proc/{pid}/status", 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def now(self):
        with open(self._path, encoding="utf-8") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))

    def _watch(self):
        while not self._stop.is_set():
            self.kib = max(self.kib, self.now())
            self._stop.wait(0.05)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()


class Aws:
    def __init__(self, server, folder):
        keys = server.administrator()
        config = os.path.join(folder, "aws-config")
        with open(config, "w", encoding="utf-8") as file:
            file.write("[default]\nregion = us-east-1\ns3 =\n    max_concurrent_requests = 8\n    multipart_chunksize = 8MB\n    addressing_style = path\n")
        self._environment = {**os.environ, **keys, "AWS_CONFIG_FILE": config, "AWS_EC2_METADATA_DISABLED": "true", "AWS_PAGER": ""}
        self._command = ["/usr/bin/aws", "--endpoint-url", server.url, "s3"]

    def __call__(self, *arguments):
        begin = time.monotonic()
        done = subprocess.run([*self._command, *arguments], env=self._environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"aws s3 {' '.join(arguments)}: {done.stderr[-1000:]}")
        return done.stdout, time.monotonic() - begin


def make_files(folder, count):
    rng = random.Random(7)
    total = 0
    for i in range(count):
        path = os.path.join(folder, f"dir {i % 37}", f"file-{i}.bin")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        data = rng.randbytes(rng.randrange(0, 4000))
        total += len(data)
        with open(path, "wb") as file:
            file.write(data)
    return total


def make_large(path, size):
    """Not repeating, and quick to make: a counter in each piece of random bytes."""
    piece = bytearray(random.Random(8).randbytes(PIECE))
    digest = hashlib.sha256()
    with open(path, "wb") as file:
        for i in range(0, size, PIECE):
            piece[:8] = i.to_bytes(8, "little")
            part = bytes(piece[:min(PIECE, size - i)])
            digest.update(part)
            file.write(part)
    return digest.hexdigest()


def digest_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()


def same_tree(a, b):
    compared = filecmp.dircmp(a, b)
    if compared.left_only or compared.right_only or compared.funny_files:
        return False
    _, different, errors = filecmp.cmpfiles(a, b, compared.common_files, shallow=False)
    return not different and not errors and all(same_tree(os.path.join(a, name), os.path.join(b, name)) for name in compared.common_dirs)


def sync_many(aws, folder, count):
    up, down = os.path.join(folder, "up"), os.path.join(folder, "down")
    total = make_files(up, count)
    _, seconds_up = aws("sync", "--only-show-errors", up, "s3://soak/many")
    print(f"sync up: {count} files, {total / 1e6:.1f} MB in {seconds_up:.1f} s, {count / seconds_up:.0f}/s", flush=True)
    output, seconds = aws("sync", up, "s3://soak/many")
    assert output == "", f"a second sync sent {output[:500]}"
    print(f"sync again: nothing to send, {seconds:.1f} s")
    output, seconds = aws("ls", "--recursive", "s3://soak/many")
    assert len(output.splitlines()) == count, f"{len(output.splitlines())} objects are listed"
    print(f"ls --recursive: {count} objects in {seconds:.1f} s")
    _, seconds = aws("sync", "--only-show-errors", "s3://soak/many", down)
    assert same_tree(up, down), "what came back differs"
    print(f"sync down: every byte equal, {seconds:.1f} s", flush=True)
    _, seconds = aws("rm", "--only-show-errors", "--recursive", "s3://soak/many")
    print(f"rm --recursive: {seconds:.1f} s", flush=True)
    shutil.rmtree(up)
    shutil.rmtree(down)


def copy_large(aws, server, folder, size, label):
    path, back = os.path.join(folder, "large"), os.path.join(folder, "back")
    digest = make_large(path, size)
    with PeakMemory(server.process.pid) as memory:
        before = memory.now()
        _, up = aws("cp", "--only-show-errors", path, "s3://soak/large")
        os.remove(path)
        peak_up = memory.kib
        _, down = aws("cp", "--only-show-errors", "s3://soak/large", back)
    assert digest_of(back) == digest, "the large object came back differently"
    os.remove(back)
    growth = (memory.kib - before) / 1024
    print(f"{label}: up {up:.1f} s ({size / up / 1e6:.0f} MB/s), down {down:.1f} s ({size / down / 1e6:.0f} MB/s), digest equal; server memory "
          f"{before / 1024:.0f} MiB before, {peak_up / 1024:.0f} MiB at most up, {memory.kib / 1024:.0f} MiB at most in all")
    assert growth <= MEMORY_GROWTH_MIB_MAX, f"the server's memory grew by {growth:.0f} MiB"


def run(options, folder, arguments=(), environment=None):
    server = Server(os.path.join(folder, "data"), arguments, environment=environment)
    try:
        aws = Aws(server, folder)
        aws("mb", "s3://soak")
        sync_many(aws, folder, options.files)
        size = options.mib << 20
        copy_large(aws, server, folder, size, f"{size / (1 << 30):.2f} GiB in parts of 8 MiB")
    finally:
        code = server.stop()
    assert code == 0, f"the server ended with {code}: {server.log_text()[-2000:]}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--mib", type=int, default=64)
    parser.add_argument("--swift", action="store_true")
    parser.add_argument("--folder", help="where files are made; a temporary folder if not given")
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="kedge-objects-", dir=options.folder)
    try:
        if not options.swift:
            run(options, folder)
        elif not available():
            print("skipped: python3-swift is not installed")
            return 77
        else:
            with Swift() as swift:
                keys = {"AWS_ACCESS_KEY_ID": swift.access_key, "AWS_SECRET_ACCESS_KEY": swift.secret_key}
                subprocess.run(["/usr/bin/aws", "--endpoint-url", swift.endpoint, "s3", "mb", "s3://kedge"], check=True, capture_output=True,
                               env={**os.environ, **keys, "AWS_DEFAULT_REGION": "us-east-1"})
                run(options, folder, ["--objects", f"s3://kedge/objects?endpoint={swift.endpoint}"], keys)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
