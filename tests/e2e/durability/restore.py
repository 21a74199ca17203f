"""Builds the folder that a power cut would have left, from the notes of forgetful.c.

SPDX-License-Identifier: Apache-2.0
"""
import os
import shutil


def identity(path):
    """The key of forgetful.c. Python has no statx: `stat` prints inode and birth time."""
    import subprocess
    inode, birth = subprocess.run(["stat", "-c", "%i %.W", path], check=True, capture_output=True, text=True).stdout.split()
    return f"{inode}-{birth}"


def restore(shadow, root_identity, target):
    """Restores the folder whose identity is given; a directory that was never synced is empty, a file likewise. Files lost: count."""
    os.makedirs(target, mode=0o700)
    restored = 0
    listing = os.path.join(shadow, "dir-" + root_identity)
    if not os.path.exists(listing):
        return 0
    for line in open(listing, encoding="utf-8", errors="surrogateescape"):
        kind, key, name = line.rstrip("\n").split(" ", 2)
        path = os.path.join(target, name)
        if kind == "d":
            restored += restore(shadow, key, path)
            continue
        source = os.path.join(shadow, "file-" + key)
        if os.path.exists(source):
            shutil.copyfile(source, path)
        else:
            open(path, "w", encoding="utf-8").close()
        os.chmod(path, 0o600)
        restored += 1
    return restored
