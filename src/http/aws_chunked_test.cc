// SPDX-License-Identifier: Apache-2.0
#include "http/aws_chunked.h"

#include <gtest/gtest.h>

namespace kedge::http {
namespace {

// The example of the S3 API Reference: 66,560 bytes of 'a' in chunks of 64 KiB.
const CredentialScope kScope{"20130524", "us-east-1", "s3"};

StreamingSignature ExampleSignature() {
  StreamingSignature signature;
  signature.signing_key = DeriveSigningKey("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", kScope);
  signature.amz_date = "20130524T000000Z";
  signature.scope = kScope;
  signature.seed = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";
  return signature;
}

Request ExampleRequest() {
  Request request;
  request.headers.Set("x-amz-decoded-content-length", "66560");
  request.body =
      "10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n" +
      std::string(65536, 'a') +
      "\r\n400;chunk-signature="
      "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n" +
      std::string(1024, 'a') +
      "\r\n0;chunk-signature="
      "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n";
  return request;
}

Result<std::string> Decode(const Request& request, const StreamingSignature& signature) {
  std::string content;
  const auto trailers = DecodeAwsChunked(request, signature, [&](Bytes piece) {
    content += AsText(piece);
    return Status();
  });
  if (!trailers) return trailers.error();
  return content;
}

TEST(AwsChunked, DecodesTheExampleOfTheReference) {
  const auto content = Decode(ExampleRequest(), ExampleSignature());
  ASSERT_TRUE(content) << content.error().message;
  EXPECT_EQ(*content, std::string(66560, 'a'));
}

TEST(AwsChunked, DecodesASpooledBody) {
  auto folder = TemporaryDirectory::Make();
  ASSERT_TRUE(folder);
  Request request = ExampleRequest();
  PosixFileSystem disk;
  request.body_file = folder->path() / "body";
  ASSERT_TRUE(disk.WriteAtomically(request.body_file, AsBytes(request.body), 0600));
  request.body_bytes = request.body.size();
  request.body.clear();
  EXPECT_EQ(Decode(request, ExampleSignature()).value_or("failed"), std::string(66560, 'a'));
  request.body_bytes += 1;
  EXPECT_EQ(Decode(request, ExampleSignature()).error().code, Code::kDataLoss);
}

TEST(AwsChunked, EveryChangeIsRefused) {
  struct Case {
    const char* name;
    std::function<void(Request&)> change;
    Code code;
  };
  const Case cases[] = {
      {"first byte", [](Request& r) { r.body[100] = 'b'; }, Code::kUnauthenticated},
      {"byte of the second chunk", [](Request& r) { r.body[65800] = 'b'; }, Code::kUnauthenticated},
      {"signature of the first chunk", [](Request& r) { r.body[25] ^= 1; }, Code::kUnauthenticated},
      {"signature of the last chunk", [](Request& r) { r.body[r.body.size() - 10] ^= 1; },
       Code::kUnauthenticated},
      {"last chunk missing", [](Request& r) { r.body.resize(r.body.size() - 85); },
       Code::kInvalidArgument},
      {"cut within a chunk", [](Request& r) { r.body.resize(40'000); }, Code::kInvalidArgument},
      {"bytes behind", [](Request& r) { r.body += "x"; }, Code::kInvalidArgument},
      {"no signature", [](Request& r) { r.body.replace(5, 17, ""); }, Code::kInvalidArgument},
      {"size is no number", [](Request& r) { r.body[0] = 'x'; }, Code::kInvalidArgument},
      {"huge size", [](Request& r) { r.body.insert(0, "ffffffffff"); }, Code::kInvalidArgument},
      {"smaller size", [](Request& r) { r.body[0] = '0'; }, Code::kUnauthenticated},
      {"declared longer",
       [](Request& r) { r.headers.Set("x-amz-decoded-content-length", "66561"); },
       Code::kInvalidArgument},
      {"declared shorter",
       [](Request& r) { r.headers.Set("x-amz-decoded-content-length", "66559"); },
       Code::kInvalidArgument},
      {"not declared", [](Request& r) { r.headers = {}; }, Code::kInvalidArgument},
      {"unannounced trailer",
       [](Request& r) { r.body.insert(r.body.size() - 2, "x-amz-checksum-crc32c:AAAAAA==\r\n"); },
       Code::kInvalidArgument},
      {"endless line", [](Request& r) { r.body = std::string(10'000, '0'); },
       Code::kInvalidArgument},
      {"empty", [](Request& r) { r.body.clear(); }, Code::kInvalidArgument},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    Request request = ExampleRequest();
    c.change(request);
    const auto content = Decode(request, ExampleSignature());
    ASSERT_FALSE(content);
    EXPECT_EQ(content.error().code, c.code) << content.error().message;
  }
}

// Builds the chain the other way round.
std::string Link(const StreamingSignature& s, std::string_view kind, const std::string& previous,
                 const std::string& hashes) {
  return Signature(s.signing_key, "AWS4-HMAC-SHA256" + std::string(kind) + "\n" + s.amz_date +
                                      "\n" + s.scope.Text() + "\n" + previous + "\n" + hashes);
}

TEST(AwsChunked, SignedTrailerIsCheckedAndReturned) {
  StreamingSignature signature = ExampleSignature();
  signature.trailer_follows = true;
  const std::string empty = crypto::Sha256Hex({});
  const std::string first =
      Link(signature, "-PAYLOAD", signature.seed, empty + "\n" + crypto::Sha256Hex(AsBytes("abc")));
  const std::string last = Link(signature, "-PAYLOAD", first, empty + "\n" + empty);
  const std::string trailer = "x-amz-checksum-crc32c:NcO1vQ==\n";
  const std::string end = Link(signature, "-TRAILER", last, crypto::Sha256Hex(AsBytes(trailer)));
  Request request;
  request.headers.Set("x-amz-decoded-content-length", "3");
  request.body = "3;chunk-signature=" + first + "\r\nabc\r\n0;chunk-signature=" + last +
                 "\r\nx-amz-checksum-crc32c:NcO1vQ==\r\nx-amz-trailer-signature:" + end +
                 "\r\n\r\n";
  const auto trailers = DecodeAwsChunked(request, signature, [](Bytes) { return Status(); });
  ASSERT_TRUE(trailers) << trailers.error().message;
  EXPECT_EQ(trailers->Get("x-amz-checksum-crc32c"), "NcO1vQ==");

  Request changed = request;
  changed.body.replace(changed.body.find("NcO1vQ"), 6, "AAAAAA");
  EXPECT_EQ(Decode(changed, signature).error().code, Code::kUnauthenticated);
  Request without = request;
  without.body.erase(without.body.find("x-amz-trailer-signature"), 24 + 64 + 2);
  EXPECT_EQ(Decode(without, signature).error().code, Code::kUnauthenticated);
}

TEST(AwsChunked, UnsignedChunksWithTrailer) {
  StreamingSignature signature = ExampleSignature();
  signature.trailer_follows = true;
  signature.chunks_signed = false;
  Request request;
  request.headers.Set("x-amz-decoded-content-length", "3");
  request.body = "3\r\nabc\r\n0\r\nx-amz-checksum-sha1:x\r\n\r\n";
  EXPECT_EQ(Decode(request, signature).value_or("failed"), "abc");
  request.body = "3;a=b\r\nabc\r\n0\r\n\r\n";
  EXPECT_EQ(Decode(request, signature).error().code, Code::kInvalidArgument);
}

TEST(AwsChunked, ErrorOfTheSinkEndsIt) {
  const auto result = DecodeAwsChunked(ExampleRequest(), ExampleSignature(),
                                       [](Bytes) -> Status { return ResourceExhausted("full"); });
  EXPECT_EQ(result.error().code, Code::kResourceExhausted);
}

TEST(Body, IsReadUpToALimit) {
  Request request;
  request.body = "12345";
  EXPECT_EQ(ReadBody(request, 5).value_or(""), "12345");
  EXPECT_EQ(ReadBody(request, 4).error().code, Code::kResourceExhausted);
}

}  // namespace
}  // namespace kedge::http
