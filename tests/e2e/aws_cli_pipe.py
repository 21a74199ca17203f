#!/usr/bin/python3
"""The AWS CLI's own driver behind a pipe: a line with the arguments as JSON list in, {"code", "out", "err"} out. Starting the CLI costs
more than a second of CPU each time; this starts it once. A program of its own, because the CLI brings a botocore that is not python3-botocore.
SPDX-License-Identifier: Apache-2.0
"""
import contextlib
import io
import json
import sys


def main():
    from awscli.clidriver import create_clidriver
    driver = create_clidriver()
    pipe = sys.stdout
    for line in sys.stdin:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = driver.main(json.loads(line))
        pipe.write(json.dumps({"code": code, "out": out.getvalue(), "err": err.getvalue()}) + "\n")
        pipe.flush()


if __name__ == "__main__":
    main()
