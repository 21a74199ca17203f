// The bytes wait in a file without a name until all have come: their SHA-256 must be known when the
// upload begins, because a signature covers it and because it is kept with the object, and a part
// that got lost must be readable once more. So memory stays constant whatever the length.
//
// An object up to UploadSizes::single_bytes_max is one PUT; a longer one is a multipart upload
// whose parts go up side by side. Every part is signed over its SHA-256 and carries its MD5; the
// ETag that comes back is compared where it is the MD5. SPDX-License-Identifier: Apache-2.0
#include "blob/s3/s3_upload.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <fcntl.h>
#include <mutex>
#include <thread>
#include <unistd.h>

#include "base/log.h"
#include "base/xml.h"

namespace kedge::blob {

namespace {

constexpr uint64_t kPartsMax = 10'000;
constexpr size_t kPieceBytes = 256u << 10;
constexpr std::string_view kS3Namespace = "http://s3.amazonaws.com/doc/2006-03-01/";

std::string Unquoted(std::string etag) {
  std::erase(etag, '"');
  return etag;
}

bool IsMd5(std::string_view etag) {
  return etag.size() == 32 && etag.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

struct Digests {
  std::string sha256;  // hexadecimal
  ByteBuffer md5;
};

Result<Digests> DigestsOf(int fd, uint64_t offset, uint64_t bytes) {
  crypto::Hasher sha256;
  crypto::Hasher md5(crypto::Hasher::Kind::kMd5);
  ByteBuffer piece(std::min<uint64_t>(kPieceBytes, bytes));
  for (uint64_t done = 0; done < bytes;) {
    const size_t wanted = std::min<uint64_t>(piece.size(), bytes - done);
    const ssize_t n = ::pread(fd, piece.data(), wanted, static_cast<off_t>(offset + done));
    if (n <= 0) return DataLoss("the file of an upload ended early");
    const Bytes read = Bytes(piece).first(static_cast<size_t>(n));
    sha256.Update(read);
    md5.Update(read);
    done += read.size();
  }
  return Digests{HexEncode(sha256.Finish()), md5.Finish()};
}

// With server-side encryption by foreign keys the ETag is no MD5 of the content.
Status CheckEtag(const http::Response& response, const ByteBuffer& md5) {
  const std::string etag = Unquoted(response.headers.Get("ETag"));
  const std::string encryption = response.headers.Get("x-amz-server-side-encryption");
  if (!IsMd5(etag) || encryption.starts_with("aws:kms") || etag == HexEncode(md5)) return {};
  return DataLoss("the object store received other bytes than were sent: MD5 " + HexEncode(md5) +
                  " became " + etag);
}

class S3Writer final : public ObjectWriter {
 public:
  S3Writer(const UploadContext& context, ObjectName name, std::string key,
           ObjectAttributes attributes)
      : context_(context), name_(std::move(name)), key_(std::move(key)) {
    info_.key = name_.key;
    info_.attributes = std::move(attributes);
  }

  Status Append(Bytes data) override;
  void SetEtag(std::string) override {}
  void SetMetadata(const std::string& name, std::string value) override {
    info_.attributes.metadata.insert_or_assign(name, std::move(value));
  }
  void OnlyIfAbsent() override { only_if_absent_ = true; }
  void OnlyIfEtag(std::string etag) override { only_if_etag_ = std::move(etag); }
  Result<ObjectInfo> Commit() override;

 private:
  struct Part {
    uint64_t offset = 0;
    uint64_t bytes = 0;
    std::string etag;  // once it is there
  };
  http::Headers Describing() const;
  void SetCondition(http::Headers& headers) const {
    if (only_if_absent_) headers.Set("If-None-Match", "*");
    if (only_if_etag_) headers.Set("If-Match", "\"" + *only_if_etag_ + "\"");
  }
  Result<std::string> PutWhole();
  Result<std::string> PutInParts();
  Result<std::string> PutPart(const std::string& query, uint64_t offset, uint64_t bytes,
                              http::Headers headers);
  Status PutParts(const std::string& upload_id, std::vector<Part>& parts);
  Result<std::string> Complete(const std::string& upload_id, const std::vector<Part>& parts);
  Result<ObjectInfo> Stored();

  const UploadContext context_;
  const ObjectName name_;
  const std::string key_;
  ObjectInfo info_;
  crypto::Hasher sha256_;
  FileDescriptor file_;
  bool failed_ = false;
  bool only_if_absent_ = false;
  std::optional<std::string> only_if_etag_;
};

Status S3Writer::Append(Bytes data) {
  if (!file_.valid()) {
    auto file = MakeScratchFile(context_.scratch);
    failed_ = !file;
    if (!file) return file.error();
    file_ = std::move(file).value();
  }
  sha256_.Update(data);
  info_.bytes += data.size();
  Status status = WriteAll(file_.get(), data);
  failed_ = failed_ || !status;
  return status;
}

// What the object is, as headers of the request that makes it.
http::Headers S3Writer::Describing() const {
  http::Headers headers;
  if (!info_.attributes.content_type.empty())
    headers.Set("Content-Type", info_.attributes.content_type);
  for (const auto& [name, value] : info_.attributes.metadata)
    headers.Set(std::string(kMetadataHeader) + name, value);
  headers.Set(std::string(kMetadataHeader) + std::string(kSha256Metadata), info_.sha256);
  return headers;
}

Result<ObjectInfo> S3Writer::Commit() {
  if (failed_) return FailedPrecondition("object " + name_.Uri() + " was not written completely");
  failed_ = true;  // once
  KEDGE_TRY_STATUS(info_.attributes.Check());
  KEDGE_TRY_STATUS(context_.check_bucket(name_.bucket));
  info_.sha256 = HexEncode(sha256_.Finish());
  const bool whole = info_.bytes <= context_.sizes.single_bytes_max;
  auto etag = whole ? PutWhole() : PutInParts();
  if (!etag && etag.error().code == Code::kFailedPrecondition && only_if_absent_)
    return AlreadyExists("object " + name_.Uri() + " exists");
  if (!etag && only_if_etag_ &&
      (etag.error().code == Code::kFailedPrecondition || etag.error().code == Code::kNotFound))
    return Aborted("object " + name_.Uri() + " was changed meanwhile");
  if (!etag) return Wrap(std::move(etag).error(), "object " + name_.Uri());
  return Stored();
}

// As the store describes it, so that a listing and this agree about time and ETag.
Result<ObjectInfo> S3Writer::Stored() {
  KEDGE_TRY(const http::Response response, context_.client.Send({.method = "HEAD", .key = key_}));
  KEDGE_TRY(const ObjectInfo stored, ReadObjectHeaders(response.headers));
  info_.modified = stored.modified;
  info_.etag = stored.etag;
  return info_;
}

Result<std::string> S3Writer::PutWhole() {
  http::Headers headers = Describing();
  SetCondition(headers);
  return PutPart("", 0, info_.bytes, std::move(headers));
}

Result<std::string> S3Writer::PutPart(const std::string& query, uint64_t offset, uint64_t bytes,
                                      http::Headers headers) {
  KEDGE_TRY(const Digests digests, DigestsOf(file_.get(), offset, bytes));
  headers.Set("Content-MD5", Base64Encode(digests.md5));
  KEDGE_TRY(const http::Response response,
            context_.client.Send({.method = "PUT",
                                  .key = key_,
                                  .query = query,
                                  .headers = std::move(headers),
                                  .body_fd = bytes == 0 ? -1 : file_.get(),
                                  .body_offset = offset,
                                  .body_bytes = bytes,
                                  .body_sha256 = digests.sha256}));
  KEDGE_TRY_STATUS(CheckEtag(response, digests.md5));
  return Unquoted(response.headers.Get("ETag"));
}

Result<std::string> S3Writer::PutInParts() {
  KEDGE_TRY(const http::Response begun,
            context_.client.Send(
                {.method = "POST", .key = key_, .query = "uploads", .headers = Describing()}));
  KEDGE_TRY(const XmlElement root, ParseXml(begun.body));
  const XmlElement* id = root.Find("UploadId");
  if (id == nullptr) return DataLoss("the object store began an upload without an id");
  const uint64_t part_bytes =
      std::max(context_.sizes.part_bytes_min, (info_.bytes + kPartsMax - 1) / kPartsMax);
  std::vector<Part> parts;
  for (uint64_t at = 0; at < info_.bytes; at += part_bytes)
    parts.push_back({.offset = at, .bytes = std::min(part_bytes, info_.bytes - at)});
  Status status = PutParts(id->text, parts);
  if (status) {
    auto etag = Complete(id->text, parts);
    if (etag) return etag;
    status = etag.error();
  }
  // Parts that stay behind cost their owner money.
  const auto aborted =
      context_.client.Send({.method = "DELETE",
                            .key = key_,
                            .query = "uploadId=" + http::PercentEncode(id->text, false)});
  if (!aborted && aborted.error().code != Code::kNotFound)
    LogWarning("an upload was not aborted", {{"error", aborted.error().message}});
  return status.error();
}

Status S3Writer::PutParts(const std::string& upload_id, std::vector<Part>& parts) {
  std::atomic<size_t> next{0};
  std::mutex mutex;
  Status first_failure;
  const auto work = [&] {
    for (size_t i = next++; i < parts.size(); i = next++) {
      const std::string query = "partNumber=" + std::to_string(i + 1) +
                                "&uploadId=" + http::PercentEncode(upload_id, false);
      auto etag = PutPart(query, parts[i].offset, parts[i].bytes, {});
      if (etag) {
        parts[i].etag = std::move(*etag);  // each thread writes its own parts
        continue;
      }
      const std::lock_guard lock(mutex);
      if (first_failure) first_failure = std::move(etag).error();
      next = parts.size();
    }
  };
  std::vector<std::thread> threads;
  const size_t n = std::min(context_.sizes.parts_at_once, parts.size());
  for (size_t i = 0; i < n; ++i) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
  return first_failure;
}

Result<std::string> S3Writer::Complete(const std::string& upload_id,
                                       const std::vector<Part>& parts) {
  XmlWriter xml("CompleteMultipartUpload", kS3Namespace);
  for (size_t i = 0; i < parts.size(); ++i) {
    xml.Open("Part");
    xml.Leaf("PartNumber", uint64_t{i + 1});
    xml.Leaf("ETag", "\"" + parts[i].etag + "\"");
    xml.Close();
  }
  S3Request request{.method = "POST",
                    .key = key_,
                    .query = "uploadId=" + http::PercentEncode(upload_id, false),
                    .body = xml.Finish()};
  request.headers.Set("Content-Type", "application/xml");
  SetCondition(request.headers);
  const auto response = context_.client.Send(request);
  if (!response && response.error().code == Code::kNotFound) {
    // The answer of an earlier try may have been lost: then the object is there.
    const auto head = context_.client.Send({.method = "HEAD", .key = key_});
    const auto stored = head ? ReadObjectHeaders(head->headers) : head.error();
    if (stored && stored->sha256 == info_.sha256) return stored->etag;
  }
  if (!response) return response.error();
  // S3 may begin to answer 200 before it knows the end.
  const auto root = ParseXml(response->body);
  if (!root || root->name == "Error")
    return Unavailable("the object store did not complete the upload: " +
                       response->body.substr(0, 300));
  const XmlElement* etag = root->Find("ETag");
  return etag == nullptr ? std::string() : Unquoted(etag->text);
}

}  // namespace

Result<ObjectInfo> ReadObjectHeaders(const http::Headers& headers) {
  ObjectInfo info;
  const std::string length = headers.Get("Content-Length");
  const auto [end, error] =
      std::from_chars(length.data(), length.data() + length.size(), info.bytes);
  if (length.empty() || error != std::errc() || end != length.data() + length.size())
    return DataLoss("the object store gave no length");
  info.etag = Unquoted(headers.Get("ETag"));
  info.modified = http::ParseHttpDate(headers.Get("Last-Modified")).value_or(0);
  info.attributes.content_type = headers.Get("Content-Type");
  for (const auto& [name, value] : headers.list) {
    const std::string lower = http::LowerCase(name);
    if (!lower.starts_with(kMetadataHeader)) continue;
    std::string key = lower.substr(kMetadataHeader.size());
    if (key == kSha256Metadata) {
      info.sha256 = value;
    } else {
      info.attributes.metadata.insert_or_assign(std::move(key), value);
    }
  }
  return info;
}

std::unique_ptr<ObjectWriter> MakeS3Writer(const UploadContext& context, ObjectName name,
                                           std::string key, ObjectAttributes attributes) {
  return std::make_unique<S3Writer>(context, std::move(name), std::move(key),
                                    std::move(attributes));
}

Result<FileDescriptor> MakeScratchFile(const Path& folder) {
  const Path path = folder / ("object-" + HexEncode(crypto::RandomBytes(12)));
  KEDGE_TRY(FileDescriptor file, OpenFile(path, O_RDWR | O_CREAT | O_EXCL, 0600));
  if (::unlink(path.c_str()) != 0) return ErrnoError(errno, "unlinking a scratch file");
  return file;
}

}  // namespace kedge::blob
