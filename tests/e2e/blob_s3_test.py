#!/usr/bin/env python3
"""The object store on S3 servers: the conformance suite of src/blob/conformance_test.cc against the embedded door of kedge-server and
against OpenStack Swift, and a kedge-server that keeps its own objects in Swift.
SPDX-License-Identifier: Apache-2.0
"""
import hashlib
import os
import subprocess
import sys
import tempfile

SOURCE = os.environ.get("KEDGE_SOURCE_DIR", os.path.join(os.path.dirname(__file__), "../.."))
sys.path.insert(0, os.path.join(SOURCE, "tests"))
import botocore.session  # noqa: E402
from botocore.config import Config  # noqa: E402
from servers.kedge import BIN, Server  # noqa: E402
from servers.swift import Swift, available  # noqa: E402

SUITE = os.path.join(BIN, "../test/blob_test")


def environment(url, keys):
    return {"AWS_ACCESS_KEY_ID": keys["AWS_ACCESS_KEY_ID"], "AWS_SECRET_ACCESS_KEY": keys["AWS_SECRET_ACCESS_KEY"],
            "KEDGE_TEST_S3": f"s3://conformance/below?endpoint={url}&region=us-east-1"}


def conformance(name, url, keys):
    done = subprocess.run([SUITE, "--gtest_filter=*Conformance*/s3", "--gtest_brief=1"], env={**os.environ, **environment(url, keys)},
                          check=False, capture_output=True, text=True, timeout=240)
    print(f"-- {name}\n{done.stdout}{done.stderr}", end="")
    assert done.returncode == 0 and "PASSED" in done.stdout, f"the conformance suite failed against {name}"


def server_on_swift(swift, keys):
    """What a client puts through the door lies in Swift, and comes back whole and in ranges."""
    with tempfile.TemporaryDirectory() as folder:
        objects = f"s3://conformance/installation?endpoint={swift.endpoint}"
        server = Server(os.path.join(folder, "data"), ["--objects", objects], environment=keys)
        try:
            s3 = server.client("s3")
            s3.create_bucket(Bucket="models")
            body = os.urandom(9 << 20)
            part = 5 << 20
            upload = s3.create_multipart_upload(Bucket="models", Key="dir/large", Metadata={"made-by": "test"})["UploadId"]
            parts = [{"PartNumber": i + 1, "ETag": s3.upload_part(Bucket="models", Key="dir/large", UploadId=upload, PartNumber=i + 1,
                                                                  Body=body[i * part:(i + 1) * part])["ETag"]} for i in range(2)]
            s3.complete_multipart_upload(Bucket="models", Key="dir/large", UploadId=upload, MultipartUpload={"Parts": parts})
            got = s3.get_object(Bucket="models", Key="dir/large")
            assert hashlib.sha256(got["Body"].read()).digest() == hashlib.sha256(body).digest()
            assert got["Metadata"] == {"made-by": "test"}
            assert s3.get_object(Bucket="models", Key="dir/large", Range="bytes=-1000")["Body"].read() == body[-1000:]
            listing = s3.list_objects_v2(Bucket="models", Delimiter="/")
            assert [p["Prefix"] for p in listing["CommonPrefixes"]] == ["dir/"], listing
            assert not os.path.exists(os.path.join(folder, "data", "objects", "buckets"))
            print("-- a kedge-server keeps its objects in swift")
        finally:
            code = server.stop()
        assert code == 0, server.log_text()


def main():
    if not os.path.exists(SUITE):
        print("skipped: blob_test is not built")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        server = Server(os.path.join(folder, "data"))
        try:
            server.client("s3").create_bucket(Bucket="conformance")
            conformance("kedge-server", server.url, server.administrator())
        finally:
            server.stop()
    if not available():
        print("skipped: python3-swift is not installed")
        return 77
    with Swift() as swift:
        keys = {"AWS_ACCESS_KEY_ID": swift.access_key, "AWS_SECRET_ACCESS_KEY": swift.secret_key}
        botocore.session.get_session().create_client(
            "s3", endpoint_url=swift.endpoint, region_name="us-east-1", aws_access_key_id=swift.access_key,
            aws_secret_access_key=swift.secret_key, config=Config(s3={"addressing_style": "path"})).create_bucket(Bucket="conformance")
        conformance("swift", swift.endpoint, keys)
        server_on_swift(swift, keys)
    return 0


if __name__ == "__main__":
    sys.exit(main())
