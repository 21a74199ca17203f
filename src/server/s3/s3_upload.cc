// How bytes get into the store: bodies with their digests, copies, and the headers that ask for
// more than there is.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <unistd.h>

#include "http/aws_chunked.h"
#include "server/s3/s3_call.h"
#include "server/s3/s3_checksum.h"

namespace kedge::server {

namespace {

constexpr size_t kCopyPieceBytes = 1u << 20;
constexpr char kDefaultContentType[] = "binary/octet-stream";
constexpr std::string_view kMetadataHeader = "x-amz-meta-";
// What the door itself keeps with an object: "kedge-door-cache-control",
// "kedge-door-checksum-crc32".
constexpr std::string_view kOurMetadata = "kedge-door-";
constexpr std::string_view kAmz = "x-amz-";

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
    {"If-None-Match", "*"},
    {"x-amz-copy-source-if-match", ""},
    {"x-amz-copy-source-if-none-match", ""},
    {"x-amz-copy-source-if-modified-since", ""},
    {"x-amz-copy-source-if-unmodified-since", ""},
};

// Headers that are given back as they came.
constexpr std::string_view kKeptHeaders[] = {"Cache-Control", "Content-Disposition",
                                             "Content-Encoding", "Content-Language", "Expires"};

// The coding of the transfer is no property of the object: "aws-chunked,gzip" is "gzip".
std::string WithoutAwsChunked(std::string value) {
  constexpr std::string_view kCoding = "aws-chunked";
  if (!value.starts_with(kCoding)) return value;
  value.erase(0, kCoding.size());
  const size_t begin = value.find_first_not_of(", ");
  return begin == std::string::npos ? "" : value.substr(begin);
}

// "\"0123\"": in quotes and alone.
bool IsOneEtag(std::string_view text) {
  return text.size() > 2 && text.front() == '"' && text.find('"', 1) == text.size() - 1;
}

}  // namespace

Status RefuseUnsupportedHeaders(const http::Request& request) {
  for (const Unsupported& unsupported : kUnsupported) {
    const std::string* value = request.headers.Find(unsupported.header);
    if (value != nullptr && *value != unsupported.harmless)
      return S3Error("NotImplemented",
                     "header '" + std::string(unsupported.header) + "' is not implemented");
  }
  const std::string* if_match = request.headers.Find("If-Match");
  if (if_match != nullptr && !IsOneEtag(*if_match))
    return S3Error("NotImplemented", "header 'If-Match' is implemented for one ETag only");
  return {};
}

Result<blob::ObjectInfo> CommitOnCondition(const http::Request& request,
                                           blob::ObjectWriter& writer) {
  if (request.headers.Find("If-None-Match") != nullptr) writer.OnlyIfAbsent();
  const std::string* if_match = request.headers.Find("If-Match");
  if (if_match != nullptr) writer.OnlyIfEtag(if_match->substr(1, if_match->size() - 2));
  auto info = writer.Commit();
  if (!info && if_match != nullptr && info.error().code == Code::kAborted) {
    return S3Error("PreconditionFailed", "the object is not the one that was named");
  }
  return info;
}

Result<blob::ObjectAttributes> AttributesOf(const http::Request& request) {
  blob::ObjectAttributes attributes{.content_type =
                                        request.headers.Get("Content-Type", kDefaultContentType)};
  for (const std::string_view header : kKeptHeaders) {
    const std::string value = WithoutAwsChunked(request.headers.Get(header));
    if (!value.empty())
      attributes.metadata.emplace(std::string(kOurMetadata) + http::LowerCase(header), value);
  }
  for (const auto& [name, value] : request.headers.list) {
    std::string lower = http::LowerCase(name);
    if (!lower.starts_with(kMetadataHeader)) continue;
    lower.erase(0, kMetadataHeader.size());
    if (lower.starts_with(kOurMetadata))
      return S3Error("InvalidArgument",
                     "metadata names that begin with kedge-door- are the server's");
    attributes.metadata.insert_or_assign(std::move(lower), value);
  }
  if (const Status status = attributes.Check(); !status)
    return S3Error("InvalidArgument", status.error().message);
  return attributes;
}

void ShowAttributes(const blob::ObjectAttributes& attributes, http::Response& response) {
  response.headers.Set("Content-Type", attributes.content_type.empty() ? kDefaultContentType
                                                                       : attributes.content_type);
  for (const auto& [name, value] : attributes.metadata) {
    if (!name.starts_with(kOurMetadata)) {
      response.headers.Set(std::string(kMetadataHeader) + name, value);
      continue;
    }
    const std::string ours = name.substr(kOurMetadata.size());
    for (const std::string_view header : kKeptHeaders) {
      if (http::EqualIgnoringCase(ours, header)) response.headers.Set(header, value);
    }
  }
}

void ShowChecksums(const blob::ObjectAttributes& attributes, http::Response& response) {
  for (const auto& [name, value] : attributes.metadata) {
    const std::string header =
        std::string(kAmz) + name.substr(std::min(kOurMetadata.size(), name.size()));
    for (const ChecksumName& known : ChecksumNames()) {
      if (!name.starts_with(kOurMetadata) || header != known.header) continue;
      response.headers.Set(header, value);
      response.headers.Set("x-amz-checksum-type", "FULL_OBJECT");
    }
  }
}

void KeepChecksums(const std::vector<ClientChecksums::Named>& checksums,
                   blob::ObjectWriter& writer) {
  for (const auto& [header, value] : checksums)
    writer.SetMetadata(std::string(kOurMetadata) + std::string(header.substr(kAmz.size())), value);
}

Status ReceiveBody(const S3Call& call, blob::ObjectWriter& writer) {
  ClientChecksums checksums(call.request.headers);
  const http::BodySink sink = [&](Bytes piece) {
    checksums.Update(piece);
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
  KEDGE_TRY(const auto kept, checksums.Check(trailers));
  KeepChecksums(kept, writer);
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

Status CopyRange(int fd, ByteRange range, const http::BodySink& sink) {
  ByteBuffer piece(std::min<uint64_t>(kCopyPieceBytes, range.bytes));
  for (uint64_t done = 0; done < range.bytes;) {
    const size_t wanted = std::min<uint64_t>(piece.size(), range.bytes - done);
    const ssize_t n = ::pread(fd, piece.data(), wanted, static_cast<off_t>(range.first + done));
    if (n < 0) return ErrnoError(errno, "reading an object");
    if (n == 0) return DataLoss("an object's content is shorter than its record says");
    KEDGE_TRY_STATUS(sink(Bytes(piece).first(static_cast<size_t>(n))));
    done += static_cast<uint64_t>(n);
  }
  return {};
}

}  // namespace kedge::server
