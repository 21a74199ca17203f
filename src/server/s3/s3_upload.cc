// How bytes get into the store: bodies with their digests, copies, and the headers that ask for
// more than there is.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <unistd.h>

#include "base/crypto/crypto.h"
#include "http/aws_chunked.h"
#include "server/s3/s3_call.h"

namespace kedge::server {

namespace {

constexpr size_t kCopyPieceBytes = 1u << 20;

// CRC-32 of ISO 3309 (zlib's), a nibble at a time.
class Crc32 {
 public:
  void Update(Bytes data) {
    static constexpr std::array<uint32_t, 16> kTable = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
        0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
        0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    for (const uint8_t byte : data) {
      crc_ = kTable[(crc_ ^ byte) & 15] ^ (crc_ >> 4);
      crc_ = kTable[(crc_ ^ (byte >> 4)) & 15] ^ (crc_ >> 4);
    }
  }
  uint32_t value() const { return ~crc_; }

 private:
  uint32_t crc_ = 0xffffffff;
};

ByteBuffer BigEndian(uint32_t value) {
  return {static_cast<uint8_t>(value >> 24), static_cast<uint8_t>(value >> 16),
          static_cast<uint8_t>(value >> 8), static_cast<uint8_t>(value)};
}

// One digest that the client sent in a header, or announced for the trailer.
class ClientDigest {
 public:
  enum class Kind { kMd5, kSha256, kSha1, kCrc32, kCrc32c };
  ClientDigest(Kind kind, std::string header, std::string expected)
      : kind_(kind), header_(std::move(header)), expected_(std::move(expected)) {
    if (kind == Kind::kMd5) hasher_ = crypto::Hasher(crypto::Hasher::Kind::kMd5);
    if (kind == Kind::kSha1) hasher_ = crypto::Hasher(crypto::Hasher::Kind::kSha1);
  }

  void Update(Bytes piece) {
    if (kind_ == Kind::kCrc32) {
      crc32_.Update(piece);
    } else if (kind_ == Kind::kCrc32c) {
      crc32c_ = Crc32c(piece, crc32c_);
    } else {
      hasher_.Update(piece);
    }
  }

  Status Check(const http::Headers& trailers) {
    if (expected_.empty()) expected_ = trailers.Get(header_);
    ByteBuffer actual;
    if (kind_ == Kind::kCrc32) {
      actual = BigEndian(crc32_.value());
    } else if (kind_ == Kind::kCrc32c) {
      actual = BigEndian(crc32c_);
    } else {
      actual = hasher_.Finish();
    }
    if (Base64Encode(actual) != expected_)
      return S3Error("BadDigest", "the content does not have the digest in " + header_);
    return {};
  }

 private:
  Kind kind_;
  std::string header_;
  std::string expected_;  // base64; empty: it comes in the trailer
  crypto::Hasher hasher_;
  Crc32 crc32_;
  uint32_t crc32c_ = 0;
};

std::vector<ClientDigest> DigestsOf(const http::Headers& headers) {
  struct Known {
    std::string_view header;
    ClientDigest::Kind kind;
  };
  static constexpr Known kKnown[] = {
      {"Content-MD5", ClientDigest::Kind::kMd5},
      {"x-amz-checksum-sha256", ClientDigest::Kind::kSha256},
      {"x-amz-checksum-sha1", ClientDigest::Kind::kSha1},
      {"x-amz-checksum-crc32", ClientDigest::Kind::kCrc32},
      {"x-amz-checksum-crc32c", ClientDigest::Kind::kCrc32c},
  };
  const std::string announced = headers.Get("x-amz-trailer");
  std::vector<ClientDigest> digests;
  for (const Known& known : kKnown) {
    const std::string* value = headers.Find(known.header);
    if (value != nullptr || http::EqualIgnoringCase(announced, known.header))
      digests.emplace_back(known.kind, std::string(known.header), value ? *value : "");
  }
  return digests;
}

// A header, and the one value of it that asks for nothing; null: there is none.
struct Unsupported {
  std::string_view header;
  std::string_view harmless;
};

constexpr Unsupported kUnsupported[] = {
    {"x-amz-server-side-encryption", ""},
    {"x-amz-server-side-encryption-customer-algorithm", ""},
    {"x-amz-tagging", ""},
    {"x-amz-website-redirect-location", ""},
    {"x-amz-object-lock-mode", ""},
    {"x-amz-object-lock-legal-hold", ""},
    {"x-amz-storage-class", "STANDARD"},
    {"x-amz-acl", "private"},
    {"x-amz-grant-full-control", ""},
    {"x-amz-grant-read", ""},
    {"If-None-Match", ""},
    {"If-Match", ""},
    {"Content-Encoding", "aws-chunked"},
    {"Cache-Control", ""},
    {"Content-Disposition", ""},
    {"Content-Language", ""},
    {"Expires", ""},
};

}  // namespace

Status RefuseUnsupportedHeaders(const http::Request& request) {
  for (const Unsupported& unsupported : kUnsupported) {
    const std::string* value = request.headers.Find(unsupported.header);
    if (value != nullptr && *value != unsupported.harmless)
      return S3Error("NotImplemented",
                     "header '" + std::string(unsupported.header) + "' is not implemented");
  }
  for (const auto& [name, value] : request.headers.list) {
    if (http::LowerCase(name).starts_with("x-amz-meta-"))
      return S3Error("NotImplemented", "user metadata ('" + name + "') is not kept");
  }
  return {};
}

Status ReceiveBody(const S3Call& call, blob::ObjectWriter& writer) {
  std::vector<ClientDigest> digests = DigestsOf(call.request.headers);
  const http::BodySink sink = [&](Bytes piece) {
    for (ClientDigest& digest : digests) digest.Update(piece);
    return writer.Append(piece);
  };
  http::Headers trailers;
  if (call.identity.streaming.has_value()) {
    auto decoded = http::DecodeAwsChunked(call.request, *call.identity.streaming, sink);
    if (!decoded && decoded.error().code == Code::kInvalidArgument)
      return S3Error("IncompleteBody", decoded.error().message);
    if (!decoded) return std::move(decoded).error();
    trailers = std::move(decoded).value();
  } else {
    KEDGE_TRY_STATUS(http::CopyBody(call.request, sink));
  }
  for (ClientDigest& digest : digests) KEDGE_TRY_STATUS(digest.Check(trailers));
  return {};
}

Result<blob::BlobStore::Opened> OpenCopySource(const S3Call& call) {
  std::string source = call.request.headers.Get("x-amz-copy-source");
  if (source.find("?versionId=") != std::string::npos)
    return S3Error("NotImplemented", "versions are not implemented");
  source = http::PercentDecode(source);
  if (source.starts_with('/')) source.erase(0, 1);
  const size_t slash = source.find('/');
  if (slash == std::string::npos)
    return S3Error("InvalidArgument", "x-amz-copy-source is not of the form bucket/key");
  const blob::ObjectName name{source.substr(0, slash), source.substr(slash + 1)};
  if (const Status status = name.Check(); !status)
    return S3Error("InvalidArgument", "x-amz-copy-source: " + status.error().message);
  if (name.bucket == kUploadsBucket || !call.Allowed(S3Action::kReadObject, name.bucket, name.key))
    return S3Error("AccessDenied", "this identity may not read the source");
  KEDGE_TRY_STATUS(CheckBucketExists(call.store(), name.bucket));
  return call.store().Open(name);
}

Status CopyRange(int fd, ByteRange range, blob::ObjectWriter& writer) {
  ByteBuffer piece(std::min<uint64_t>(kCopyPieceBytes, range.bytes));
  for (uint64_t done = 0; done < range.bytes;) {
    const size_t wanted = std::min<uint64_t>(piece.size(), range.bytes - done);
    const ssize_t n = ::pread(fd, piece.data(), wanted, static_cast<off_t>(range.first + done));
    if (n < 0) return ErrnoError(errno, "reading an object");
    if (n == 0) return DataLoss("an object's content is shorter than its record says");
    KEDGE_TRY_STATUS(writer.Append(Bytes(piece).first(static_cast<size_t>(n))));
    done += static_cast<uint64_t>(n);
  }
  return {};
}

}  // namespace kedge::server
