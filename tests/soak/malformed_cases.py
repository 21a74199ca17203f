"""Requests that no honest client sends, made from a seed.

A case is Case(name, bytes, refused, requests). What must happen to the first request:

  FRAMING   it is answered as malformed (400, 413, 417, 431, 501, 505), or the connection is closed: 403 would mean that it was understood
  REFUSED   it is answered with any 4xx, 501 or 505, or the connection is closed
  ANYTHING  nothing is asked but that the server does not fail

`requests` is how many answers there may be at most: one more would be a smuggled request.
SPDX-License-Identifier: Apache-2.0
"""
import collections
import glob
import os
import struct

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

FRAMING, REFUSED, ANYTHING = "framing", "refused", "anything"
Case = collections.namedtuple("Case", "name data refused requests", defaults=(FRAMING, 1))
GET = b"GET /bucket/key HTTP/1.1\r\nHost: h\r\n"
# An API call: its body is read before its signature is looked at, up to 4 MiB.
CHUNKED = b"POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: SageMaker.ListDeviceFleets\r\nTransfer-Encoding: chunked\r\n\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"


def put(headers, body=b""):
    return b"PUT /bucket/key HTTP/1.1\r\nHost: h\r\n" + headers + b"\r\n" + body


class Cases:
    """Every method gives one case. `keys` and `url` are for requests that must pass the signature to reach the parser behind it."""

    def __init__(self, rng, keys, url, json_folder=None):
        self.rng = rng
        self._credentials = Credentials(keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"])
        self._url = url
        self._json = sorted(glob.glob(os.path.join(json_folder, "*.json"))) if json_folder else []
        names = [name for name in dir(self) if not name.startswith("_") and callable(getattr(self, name)) and name != "draw"]
        self._makers = [getattr(self, name) for name in sorted(names)]

    def draw(self, count):
        for i in range(count):
            yield self._makers[i % len(self._makers)]()

    def _signed(self, method, path, body=b"", headers=None, service="sagemaker", sign_body=True):
        headers = dict(headers or {})
        request = AWSRequest(method, self._url + path, headers=headers, data=body)
        if service == "s3":
            request.context["payload_signing_enabled"] = sign_body
            S3SigV4Auth(self._credentials, "s3", "eu-west-1").add_auth(request)
        else:
            SigV4Auth(self._credentials, service, "eu-west-1").add_auth(request)
        lines = [f"{method} {path} HTTP/1.1", "Host: " + self._url.split("//")[1], f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in request.headers.items() if name.lower() not in ("host", "content-length")]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body

    def _call(self, body, operation="ListDeviceFleets"):
        return self._signed("POST", "/", body, {"X-Amz-Target": "SageMaker." + operation,
                                                "Content-Type": "application/x-amz-json-1.1"})

    # -- the head ---------------------------------------------------------------------------------------------------------------

    def bare_line_feed(self):
        lines = [b"GET /bucket/key HTTP/1.1", b"Host: h", b"X-A: b", b"", b""]
        ends = [b"\r\n"] * 4
        ends[self.rng.randrange(4)] = self.rng.choice([b"\n", b"\r", b"\n\r", b"\r\r\n"])
        return Case("bare_line_feed", b"".join(line + end for line, end in zip(lines, ends)) + SMUGGLED)

    def folded_line(self):
        return Case("folded_line", GET + b"X-A: b\r\n" + self.rng.choice([b" ", b"\t", b"   "]) + b"Content-Length: 5\r\n\r\n" + SMUGGLED)

    def control_byte(self):
        byte = bytes([self.rng.choice([0, 1, 7, 8, 11, 12, 27, 31, 127])])
        where = self.rng.choice([b"GET /k%b HTTP/1.1\r\nHost: h\r\n\r\n", b"GET /k HTTP/1.1\r\nHost: h%b\r\n\r\n",
                                 b"GET /k HTTP/1.1\r\nHost: h\r\nX%b: y\r\n\r\n", b"G%bET /k HTTP/1.1\r\nHost: h\r\n\r\n"])
        return Case("control_byte", where % byte)

    def blank_in_name(self):
        return Case("blank_in_name", put(self.rng.choice([b"Content-Length : 5\r\n", b" Content-Length: 5\r\n", b": 5\r\n",
                                                          b"Content Length: 5\r\n", b"Content-Length\t: 5\r\n", b"no colon\r\n"]),
                                                          b"12345"))

    def two_lengths(self):
        a, b = self.rng.choice([(5, 5), (5, 6), (0, 5), (5, 0)])
        return Case("two_lengths", put(b"Content-Length: %d\r\nContent-Length: %d\r\n" % (a, b), b"12345" + SMUGGLED))

    def length_and_coding(self):
        order = [b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n"]
        self.rng.shuffle(order)
        return Case("length_and_coding", put(b"".join(order), b"0\r\n\r\n" + SMUGGLED))

    def bad_length(self):
        value = self.rng.choice([b"+5", b"-1", b"5,5", b"5, 5", b"0x5", b"1e3", b"5 5", b"9" * 20, b"", b"five", b"5;",
                                 b"\xb25", b"18446744073709551621"])
        return Case("bad_length", put(b"Content-Length: " + value + b"\r\n", b"12345" + SMUGGLED))

    def bad_coding(self):
        value = self.rng.choice([b"gzip", b"chunked, gzip", b"gzip, chunked", b"xchunked", b"identity", b"chunked, chunked", b"",
                                 b"\"chunked\"",
                                 b"chunked;q=1", b"\x0bchunked", b"chunked\r\nTransfer-Encoding: chunked",
                                 b"chunked\r\nTransfer-Encoding: identity"])
        return Case("bad_coding", put(b"Transfer-Encoding: " + value + b"\r\n", b"0\r\n\r\n" + SMUGGLED))

    def coding_in_old_version(self):
        return Case("coding_in_old_version", b"PUT /k HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED)

    def version(self):
        value = self.rng.choice([b"HTTP/0.9", b"HTTP/2.0", b"HTTP/1.2", b"HTTP/1.1 x", b"http/1.1", b"HTTP/1", b"HTTP/11", b"HTTP/1.1.1",
                                 b"", b"ICY/1.0"])
        return Case("version", b"GET /k " + value + b"\r\nHost: h\r\n\r\n")

    def method(self):
        value = self.rng.choice([b"", b" ", b"GE T", b"\xff\xfe", b"GET,", b"(GET)", b"{}"])
        return Case("method", value + b" /k HTTP/1.1\r\nHost: h\r\n\r\n")

    def target(self):
        value = self.rng.choice([b"*", b"http://h/k", b"h:80", b"k", b"", b"/k /l", b"?", b"#", b"\\k"])
        return Case("target", b"GET " + value + b" HTTP/1.1\r\nHost: h\r\n\r\n")

    def odd_target(self):
        value = self.rng.choice([b"/" * 5000, b"/%00", b"/%", b"/%zz", b"/..%2f..%2f", b"/\xff\xfe", b"/a?" + b"&" * 5000,
                                 b"/a?" + b"a=b&" * 3000,
                                 b"/a#b", b"/bucket/%ff%fe", b"/bucket/" + b"%41" * 3000, b"/%2e%2e/%2e%2e/etc/passwd"])
        return Case("odd_target", b"GET " + value + b" HTTP/1.1\r\nHost: h\r\n\r\n", refused=REFUSED)

    def host(self):
        value = self.rng.choice([b"", b"Host: a\r\nHost: b\r\n", b"Host: a\r\nhost: a\r\n"])
        return Case("host", b"GET /k HTTP/1.1\r\n" + value + b"\r\n")

    def long_head(self):
        size = self.rng.choice([33_000, 70_000, 1_000_000])
        kind = self.rng.choice([b"X: " + b"a" * size + b"\r\n", b"a" * size + b": x\r\n", b"X: y\r\n" * (size // 6)])
        return Case("long_head", GET + kind + b"\r\n")

    def endless_head(self):
        return Case("endless_head", GET + b"X-%d: y\r\n" % self.rng.randrange(100) * self.rng.randrange(1, 3000), refused=REFUSED)

    def expectation(self):
        return Case("expectation", put(b"Content-Length: 5\r\nExpect: " + self.rng.choice([b"200-ok", b"100-continue, x", b"",
                                                                                           b"\xff"]) + b"\r\n", b"12345"))

    def upgrade(self):
        return Case("upgrade", GET + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n", refused=REFUSED)

    def http2_preface(self):
        return Case("http2_preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\x12\x04\0\0\0\0\0" + os.urandom(0) + b"\0" * 18)

    # -- chunks -----------------------------------------------------------------------------------------------------------------

    def chunk_size(self):
        value = self.rng.choice([b"", b"-1", b"+5", b"0x5", b"g", b" 5", b"5 ", b"ffffffffffffffff1", b"ffffffffffffffff", b"5\t",
                                 b"\xff", b"5,5", b"0" * 5000 + b"5"])
        return Case("chunk_size", CHUNKED + value + b"\r\n12345\r\n0\r\n\r\n" + SMUGGLED)

    def chunk_end(self):
        return Case("chunk_end", CHUNKED + b"5\r\n12345" + self.rng.choice([b"", b"\n", b"\r", b"xx", b"6\r\n"]) + b"0\r\n\r\n" + SMUGGLED)

    def chunk_line_feed(self):
        return Case("chunk_line_feed", CHUNKED + self.rng.choice([b"5\n12345\r\n0\r\n\r\n", b"5\r12345\r\n0\r\n\r\n",
                                                                  b"5;a\n\r\n12345\r\n0\r\n\r\n"]) + SMUGGLED)

    def chunk_extension(self):
        value = self.rng.choice([b";" + b"a" * 70_000, b";a=" + b"\"" * 9000, b";a=b" * 20_000])
        return Case("chunk_extension", CHUNKED + b"5" + value + b"\r\n12345\r\n0\r\n\r\n")

    def many_chunks(self):
        return Case("many_chunks", CHUNKED + b"1\r\nx\r\n" * self.rng.randrange(1000, 40_000) + b"0\r\n\r\n", refused=REFUSED)

    def trailers(self):
        value = self.rng.choice([b"X: y\r\n" * 20_000, b"X: " + b"y" * 100_000 + b"\r\n", b"Content-Length: 5\r\n", b"\0: y\r\n",
                                 b" folded\r\n"])
        return Case("trailers", CHUNKED + b"0\r\n" + value + b"\r\n", refused=REFUSED, requests=2)

    # -- bodies -----------------------------------------------------------------------------------------------------------------

    def truncated_body(self):
        return Case("truncated_body", put(b"Content-Length: %d\r\n" % self.rng.choice([6, 1000, 300_000, 1 << 30]), b"12345"), refused=REFUSED)

    def unsigned_giant(self):
        return Case("unsigned_giant", put(b"Content-Length: %d\r\n" % self.rng.choice([1 << 20, 1 << 32, (5 << 30) + 1, 1 << 62]),
                                                                                       b"x" * 100_000), refused=REFUSED)

    def truncated_head(self):
        whole = self._call(b"{}")
        return Case("truncated_head", whole[:self.rng.randrange(1, whole.index(b"\r\n\r\n"))], refused=REFUSED)

    def random_bytes(self):
        return Case("random_bytes", b"\xff" + self.rng.randbytes(self.rng.randrange(1, 5000)))

    def tls_hello(self):
        body = self.rng.randbytes(self.rng.randrange(40, 500))
        return Case("tls_hello", b"\x16\x03\x01" + struct.pack(">H", len(body)) + b"\x01\x00" + body)

    def flipped_bits(self):
        data = bytearray(self._call(b'{"MaxResults": 5}'))
        for _ in range(self.rng.randrange(1, 4)):
            data[self.rng.randrange(len(data))] ^= 1 << self.rng.randrange(8)
        return Case("flipped_bits", bytes(data), refused=ANYTHING, requests=2)

    def pipelined(self):
        n = self.rng.randrange(2, 40)
        return Case("pipelined", (GET + b"\r\n") * n + b"\0garbage\r\n\r\n", refused=REFUSED, requests=n + 1)

    # -- behind the signature ----------------------------------------------------------------------------------------------------

    def authorization(self):
        value = self.rng.choice([b"AWS4-HMAC-SHA256", b"AWS4-HMAC-SHA256 Credential=,SignedHeaders=,Signature=", b"Basic YTpi",
                                 b"AWS AK:sig",
                                 b"AWS4-HMAC-SHA256 " + b"Credential=a/b/c/d/aws4_request," * 300,
                                 b"AWS4-HMAC-SHA256 Credential=a/20260101/r/s3/aws4_request, SignedHeaders=host, Signature=" + b"0" * 64,
                                 b"\xff" * 500, b"AWS4-HMAC-SHA256 Credential=" + b"/" * 5000])
        return Case("authorization", GET + b"X-Amz-Date: 20260101T000000Z\r\nAuthorization: " + value + b"\r\n\r\n", refused=REFUSED)

    def presigned_query(self):
        value = self.rng.choice([b"X-Amz-Signature=", b"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=99999999999999999999",
                                 b"X-Amz-Algorithm=x&" * 500,
                                 b"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=%ff&X-Amz-Date=x&X-Amz-Expires=1&X-Amz-SignedHeaders=%00&X-Amz-Signature=" + b"g" * 64])
        return Case("presigned_query", b"GET /bucket/key?" + value + b" HTTP/1.1\r\nHost: h\r\n\r\n", refused=REFUSED)

    def json_suite(self):
        if not self._json:
            return self.json_made()
        path = self.rng.choice(self._json)
        with open(path, "rb") as file:
            return Case("json_suite " + os.path.basename(path), self._call(file.read()), refused=REFUSED if os.path.basename(path).startswith("n_") else ANYTHING)

    def json_made(self):
        body = self.rng.choice([b"[" * 100_000, b'{"a":' * 50_000, b'{"MaxResults":' + b"9" * 50_000 + b"}", b'{"NextToken":"\xff\xfe"}',
                                b'{"NextToken":"\\ud800"}',
                                b"{}" * 1000, b"\xef\xbb\xbf{}", b'{"a":1,"a":2}', b"\0", b'{"MaxResults":"' + b"x" * 200_000 + b'"}',
                                b'{"MaxResults":1e999}', b"[]", b"null", b"nul"])
        return Case("json_made", self._call(body), refused=REFUSED)

    def json_types(self):
        value = self.rng.choice([b"[]", b"{}", b"true", b'"x"', b"-1", b"1e400", b"0.5", b"[[[[]]]]", b"99999999999999999999"])
        member = self.rng.choice([b"MaxResults", b"CreationTimeAfter", b"SortBy", b"NameContains", b"NextToken"])
        return Case("json_types", self._call(b'{"' + member + b'":' + value + b"}"), refused=ANYTHING)

    def api_target(self):
        value = self.rng.choice(["SageMaker.", "SageMaker.Nothing", ".", "x" * 5000, "Kedge.CreateDeviceFleet/..",
                                 "SageMaker.ListDeviceFleets\tx"])
        return Case("api_target", self._signed("POST", "/", b"{}", {"X-Amz-Target": value}), refused=REFUSED)

    def xml_body(self):
        body = self.rng.choice([b"<Delete>" * 20_000, b"<!DOCTYPE a [<!ENTITY b \"c\">]><Delete>&b;</Delete>",
                                b"<Delete><Object><Key>&#0;</Key></Object></Delete>", b"<Delete",
                                b"<Delete>" + b"<Object><Key>k</Key></Object>" * 30_000 + b"</Delete>", b"\xff\xfe", b"", b"<a/>" * 2,
                                b"<Delete><Object/></Delete>"])
        return Case("xml_body", self._signed("POST", "/bucket?delete=", body, service="s3"), refused=REFUSED)

    def aws_chunks(self):
        body = self.rng.choice([b"5\r\n123", b"5;chunk-signature=0\r\n12345\r\n0\r\n\r\n", b"ffffffffffffffff\r\n",
                                b"5\r\n12345\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n", b"0\r\n" + b"a:b\r\n" * 50 + b"\r\n",
                                b"x" * 9000, b""])
        headers = {"x-amz-decoded-content-length": self.rng.choice(["5", "0", "x", "99999999999999999999"]),
                                                                    "x-amz-trailer": "x-amz-checksum-crc32",
                   "Content-Encoding": "aws-chunked"}
        headers["X-Amz-Content-SHA256"] = self.rng.choice(["STREAMING-UNSIGNED-PAYLOAD-TRAILER",
                                                           "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", "STREAMING-NONE"])
        request = AWSRequest("PUT", self._url + "/bucket/key", headers=headers, data=body)
        auth = SigV4Auth(self._credentials, "s3", "eu-west-1")
        auth.payload = lambda _request: headers["X-Amz-Content-SHA256"]
        auth.add_auth(request)
        lines = ["PUT /bucket/key HTTP/1.1", "Host: " + self._url.split("//")[1], f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in request.headers.items() if name.lower() not in ("host", "content-length")]
        return Case("aws_chunks", ("\r\n".join(lines) + "\r\n\r\n").encode() + body, refused=REFUSED)

    def s3_parameters(self):
        path = self.rng.choice(["/bucket?list-type=2&max-keys=-1", "/bucket?list-type=2&continuation-token=zz", "/bucket?list-type=9",
                                "/bucket?acl=", "/bucket/k?partNumber=0&uploadId=x",
                                "/bucket/k?uploadId=" + "a" * 3000, "/b", "/UPPER/k", "/bucket/" + "k" * 2000, "/bucket/%ff",
                                "/kedge-uploads-in-progress/x"])
        return Case("s3_parameters", self._signed("GET", path, service="s3"), refused=REFUSED)
