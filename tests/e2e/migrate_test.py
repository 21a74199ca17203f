#!/usr/bin/python3
"""Runs every command of docs/migrate-from-edge-manager.md, in order, in one shell, and checks what they print.

SPDX-License-Identifier: Apache-2.0
"""
import sys

import getting_started_test

WANTED = ["camera-1\tcamera-2\tcamera-3", "3 devices registered", '"COMPLETED"', "s3://sagemaker-models/compiled/shapes-rasp4b.tar.gz",
          "s3://sagemaker-models/packages/shapes-1.0.tar.gz", "credentials.json", "camera-1\tREADYTODEPLOY"]

if __name__ == "__main__":
    sys.exit(getting_started_test.run("migrate-from-edge-manager.md", WANTED, blocks_min=7))
