// SPDX-License-Identifier: Apache-2.0
#include "blob/s3/s3_blob_store.h"

#include <algorithm>
#include <charconv>
#include <mutex>

#include "base/crypto/crypto.h"
#include "base/xml.h"

namespace kedge::blob {

namespace {

constexpr size_t kPageKeysMax = 1000;  // of one request
constexpr int kOpenTriesMax = 10;      // each further one means that the object was replaced
constexpr size_t kServerKeyBytesMax = 1024;
constexpr uint64_t kErrorBytesMax = 64u << 10;  // of an answer that is no object
// The greatest character: stands for kAfterAllKeys, which is no UTF-8, in a request.
constexpr std::string_view kGreatestCharacter = "\xf4\x8f\xbf\xbf";

class S3BlobStore final : public BlobStore {
 public:
  S3BlobStore(S3StoreOptions options, http::Transport& transport, const Clock& clock)
      : client_(std::move(options.location), transport, clock, options.client),
        scratch_(std::move(options.scratch)),
        sizes_(options.sizes),
        clock_(clock) {}

  // The listing's own error says what is wrong with the configuration.
  Status CheckUsable() {
    const auto page = ListPage("", {.max_keys = 1});
    return page ? Status() : Status(page.error());
  }

  Status CreateBucket(const std::string& bucket) override;
  Status DeleteBucket(const std::string& bucket) override;
  Result<std::vector<BucketInfo>> ListBuckets() override;
  Result<std::unique_ptr<ObjectWriter>> Create(const ObjectName& name,
                                               ObjectAttributes attributes) override;
  Result<ObjectInfo> Head(const ObjectName& name) override;
  Result<Opened> OpenPart(const ObjectName& name, const ChoosePart& choose) override;
  Status Delete(const ObjectName& name) override;
  Result<Listing> List(const std::string& bucket, const ListOptions& options) override;
  Result<std::string> PresignGet(const ObjectName& name, int64_t seconds) override;

 private:
  std::string MarkerOf(const std::string& bucket) const {
    return client_.location().prefix + "buckets/" + bucket;
  }
  std::string FolderOf(const std::string& bucket) const {
    return client_.location().prefix + "objects/" + bucket + "/";
  }
  std::string KeyOf(const ObjectName& name) const { return FolderOf(name.bucket) + name.key; }
  Status CheckName(const ObjectName& name) const;
  // kNotFound. `fresh`: not from memory.
  Status CheckBucketExists(const std::string& bucket, bool fresh);
  void Believe(const std::string& bucket, bool exists);
  // One request of keys below `folder`, which is taken off the keys of the answer.
  Result<Listing> ListPage(const std::string& folder, const ListOptions& options);
  // kFailedPrecondition: the object was replaced meanwhile.
  Result<FileDescriptor> Download(const ObjectName& name, const ObjectInfo& info, Part part);

  const S3Client client_;
  const Path scratch_;
  const UploadSizes sizes_;
  const Clock& clock_;
  std::mutex mutex_;
  std::map<std::string, std::chrono::steady_clock::time_point> buckets_;  // seen at that time
};

Error NoSuchBucket(const std::string& bucket) {
  return NotFound("bucket '" + bucket + "' does not exist");
}

// ---- Buckets ----

void S3BlobStore::Believe(const std::string& bucket, bool exists) {
  const std::lock_guard lock(mutex_);
  if (exists) {
    buckets_.insert_or_assign(bucket, clock_.Steady());
  } else {
    buckets_.erase(bucket);
  }
}

Status S3BlobStore::CheckBucketExists(const std::string& bucket, bool fresh) {
  if (!CheckBucketName(bucket)) return NoSuchBucket(bucket);
  if (!fresh) {
    const std::lock_guard lock(mutex_);
    const auto found = buckets_.find(bucket);
    if (found != buckets_.end() &&
        clock_.Steady() - found->second < S3StoreOptions::kBucketBelievedFor)
      return {};
  }
  const auto response = client_.Send({.method = "HEAD", .key = MarkerOf(bucket)});
  Believe(bucket, response.has_value());
  if (response) return {};
  if (response.error().code == Code::kNotFound) return NoSuchBucket(bucket);
  return response.error();
}

Status S3BlobStore::CreateBucket(const std::string& bucket) {
  KEDGE_TRY_STATUS(CheckBucketName(bucket));
  if (CheckBucketExists(bucket, /*fresh=*/true)) return {};
  KEDGE_TRY([[maybe_unused]] const http::Response made,
            client_.Send({.method = "PUT", .key = MarkerOf(bucket)}));
  Believe(bucket, true);
  return {};
}

Status S3BlobStore::DeleteBucket(const std::string& bucket) {
  KEDGE_TRY_STATUS(CheckBucketExists(bucket, /*fresh=*/true));
  KEDGE_TRY(const Listing first, ListPage(FolderOf(bucket), {.max_keys = 1}));
  if (!first.objects.empty()) return FailedPrecondition("bucket '" + bucket + "' is not empty");
  KEDGE_TRY([[maybe_unused]] const http::Response gone,
            client_.Send({.method = "DELETE", .key = MarkerOf(bucket)}));
  Believe(bucket, false);
  return {};
}

Result<std::vector<BucketInfo>> S3BlobStore::ListBuckets() {
  std::vector<BucketInfo> buckets;
  ListOptions options;
  for (bool more = true; more;) {
    KEDGE_TRY(const Listing page, ListPage(MarkerOf(""), options));
    for (const ObjectInfo& marker : page.objects) buckets.push_back({marker.key, marker.modified});
    options.start_after = page.next_start_after;
    more = page.truncated;
  }
  return buckets;
}

// ---- Objects ----

Status S3BlobStore::CheckName(const ObjectName& name) const {
  KEDGE_TRY_STATUS(name.Check());
  const size_t bytes = KeyOf(name).size();
  if (bytes <= kServerKeyBytesMax) return {};
  return InvalidArgument("object key has " + std::to_string(name.key.size()) + " bytes, at most " +
                         std::to_string(kServerKeyBytesMax - (bytes - name.key.size())) +
                         " are left in this object store");
}

Result<std::unique_ptr<ObjectWriter>> S3BlobStore::Create(const ObjectName& name,
                                                          ObjectAttributes attributes) {
  KEDGE_TRY_STATUS(CheckName(name));
  KEDGE_TRY_STATUS(CheckBucketExists(name.bucket, /*fresh=*/false));
  if (const Status status = attributes.Check(); !status)
    return Wrap(status.error(), "object " + name.Uri());
  return MakeS3Writer({.client = client_,
                       .scratch = scratch_,
                       .sizes = sizes_,
                       .check_bucket =
                           [this](const std::string& bucket) {
                             return CheckBucketExists(bucket, /*fresh=*/false);
                           }},
                      name, KeyOf(name), std::move(attributes));
}

Result<ObjectInfo> S3BlobStore::Head(const ObjectName& name) {
  KEDGE_TRY_STATUS(CheckName(name));
  const auto response = client_.Send({.method = "HEAD", .key = KeyOf(name)});
  if (!response && response.error().code == Code::kNotFound) {
    KEDGE_TRY_STATUS(CheckBucketExists(name.bucket, /*fresh=*/false));
    return NotFound("object " + name.Uri() + " does not exist");
  }
  if (!response) return response.error();
  KEDGE_TRY(ObjectInfo info, ReadObjectHeaders(response->headers));
  info.key = name.key;
  return info;
}

Result<BlobStore::Opened> S3BlobStore::OpenPart(const ObjectName& name, const ChoosePart& choose) {
  for (int tries = 0; tries < kOpenTriesMax; ++tries) {
    KEDGE_TRY(ObjectInfo info, Head(name));
    KEDGE_TRY(const Part part, choose(info));
    auto file = Download(name, info, part);
    if (file) return Opened{std::move(info), std::move(file).value(), part.first};
    const Code code = file.error().code;
    if (code != Code::kFailedPrecondition && code != Code::kNotFound)
      return Wrap(std::move(file).error(), "object " + name.Uri());
  }
  return Aborted("object " + name.Uri() + " is replaced faster than it can be read");
}

Result<FileDescriptor> S3BlobStore::Download(const ObjectName& name, const ObjectInfo& info,
                                             Part part) {
  KEDGE_TRY(FileDescriptor file, MakeScratchFile(scratch_));
  crypto::Hasher sha256;
  uint64_t received = 0;
  for (int tries = 1; received < part.bytes; ++tries) {
    const uint64_t left = part.bytes - received;
    S3Request request{.key = KeyOf(name), .response_bytes_max = left + kErrorBytesMax};
    request.headers.Set("If-Match", "\"" + info.etag + "\"");
    if (left != info.bytes) {
      const uint64_t first = part.first + received;
      request.headers.Set(
          "Range", "bytes=" + std::to_string(first) + "-" + std::to_string(first + left - 1));
    }
    request.sink = [&](Bytes piece) -> Status {
      if (piece.size() > part.bytes - received)
        return DataLoss("the object store sent more bytes than were asked for");
      sha256.Update(piece);
      received += piece.size();
      return WriteAll(file.get(), piece);
    };
    const auto response = client_.SendOnce(request);  // goes on where the last try ended
    if (response && received < part.bytes)
      return DataLoss("the object store sent " + std::to_string(received) + " of " +
                      std::to_string(part.bytes) + " bytes");
    if (!response && !client_.PauseBeforeRetry(tries, response.error())) return response.error();
  }
  const bool whole = part.bytes == info.bytes;
  if (whole && !info.sha256.empty() && HexEncode(sha256.Finish()) != info.sha256)
    return DataLoss("the object store gave other bytes than were put");
  return file;
}

Status S3BlobStore::Delete(const ObjectName& name) {
  KEDGE_TRY_STATUS(CheckName(name));
  KEDGE_TRY_STATUS(CheckBucketExists(name.bucket, /*fresh=*/false));
  const auto gone = client_.Send({.method = "DELETE", .key = KeyOf(name)});
  if (!gone && gone.error().code != Code::kNotFound) return gone.error();
  return {};
}

Result<std::string> S3BlobStore::PresignGet(const ObjectName& name, int64_t seconds) {
  KEDGE_TRY_STATUS(CheckName(name));
  return client_.Presign(KeyOf(name), seconds);
}

// ---- Listings ----

Result<BlobStore::Listing> S3BlobStore::List(const std::string& bucket,
                                             const ListOptions& options) {
  KEDGE_TRY_STATUS(CheckBucketExists(bucket, /*fresh=*/false));
  Listing all;
  ListOptions rest = options;
  rest.max_keys = std::min(options.max_keys, kListKeysMax);
  while (rest.max_keys > 0) {
    KEDGE_TRY(Listing page, ListPage(FolderOf(bucket), rest));
    rest.max_keys -= std::min(rest.max_keys, page.objects.size() + page.common_prefixes.size());
    rest.start_after = page.next_start_after;
    std::move(page.objects.begin(), page.objects.end(), std::back_inserter(all.objects));
    std::move(page.common_prefixes.begin(), page.common_prefixes.end(),
              std::back_inserter(all.common_prefixes));
    all.truncated = page.truncated;
    all.next_start_after = page.next_start_after;
    if (!page.truncated) break;
  }
  return all;
}

std::string TextOf(const XmlElement& element, std::string_view child) {
  const XmlElement* found = element.Find(child);
  return found == nullptr ? "" : found->text;
}

// Keys of an answer: percent-encoded, below the folder.
Result<std::string> KeyBelow(const std::string& folder, const std::string& encoded) {
  std::string plain = encoded;
  std::replace(plain.begin(), plain.end(), '+', ' ');  // how some servers write a blank
  std::string key = http::PercentDecode(plain);
  if (!key.starts_with(folder)) return DataLoss("the object store listed '" + key + "', unasked");
  return key.substr(folder.size());
}

Result<ObjectInfo> ReadEntry(const std::string& folder, const XmlElement& contents) {
  ObjectInfo info;
  KEDGE_TRY(info.key, KeyBelow(folder, TextOf(contents, "Key")));
  const std::string size = TextOf(contents, "Size");
  const auto [end, error] = std::from_chars(size.data(), size.data() + size.size(), info.bytes);
  if (error != std::errc() || end != size.data() + size.size())
    return DataLoss("the object store listed '" + info.key + "' without a size");
  KEDGE_TRY(info.modified, ParseIso8601(TextOf(contents, "LastModified")));
  info.etag = TextOf(contents, "ETag");
  std::erase(info.etag, '"');
  return info;
}

Result<BlobStore::Listing> S3BlobStore::ListPage(const std::string& folder,
                                                 const ListOptions& options) {
  std::string after = options.start_after;
  std::string skipped;  // a common prefix that was given already
  if (after.ends_with(kAfterAllKeys)) {
    after.pop_back();
    skipped = after;
    after += kGreatestCharacter;
  }
  // Parameters in the order of their names: some servers insist.
  std::string query;
  if (!options.delimiter.empty())
    query += "delimiter=" + http::PercentEncode(options.delimiter, false) + "&";
  query += "encoding-type=url&list-type=2&max-keys=" +
           std::to_string(std::min(options.max_keys, kPageKeysMax)) +
           "&prefix=" + http::PercentEncode(folder + options.prefix, false);
  if (!after.empty()) query += "&start-after=" + http::PercentEncode(folder + after, false);
  KEDGE_TRY(const http::Response response, client_.Send({.query = query}));
  KEDGE_TRY(const XmlElement root, ParseXml(response.body));
  Listing page;
  for (const XmlElement& element : root.children) {
    if (element.name == "Contents") {
      KEDGE_TRY(ObjectInfo info, ReadEntry(folder, element));
      page.next_start_after = std::max(page.next_start_after, info.key);
      page.objects.push_back(std::move(info));
    } else if (element.name == "CommonPrefixes") {
      KEDGE_TRY(std::string prefix, KeyBelow(folder, TextOf(element, "Prefix")));
      page.next_start_after = std::max(page.next_start_after, prefix + kAfterAllKeys);
      if (prefix != skipped) page.common_prefixes.push_back(std::move(prefix));
    }
  }
  page.truncated = TextOf(root, "IsTruncated") == "true" && !page.next_start_after.empty();
  if (!page.truncated) page.next_start_after.clear();
  return page;
}

}  // namespace

Result<std::unique_ptr<BlobStore>> OpenS3BlobStore(S3StoreOptions options,
                                                   http::Transport& transport, const Clock& clock) {
  const std::string where = options.location.endpoint + " bucket '" + options.location.bucket + "'";
  auto store = std::make_unique<S3BlobStore>(std::move(options), transport, clock);
  if (Status status = store->CheckUsable(); !status)
    return Wrap(std::move(status).error(), "opening the object store at " + where);
  return std::unique_ptr<BlobStore>(std::move(store));
}

}  // namespace kedge::blob
