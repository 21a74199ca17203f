// Objects in a local folder; its form and rules stand in docs/formats/object-store.md.
//
// All records are in memory, in an ordered map a bucket: listing by prefix is a walk, and a lookup
// touches no disk. The record file is what makes an object: it is written last and replaced
// atomically, so a crash at any point leaves the old version or the new one. Content files are
// immutable and have random names, so a reader's descriptor stays good whatever happens to the key.
//
// Locks: `index_mutex_` guards the maps and is never held over I/O. Two writers of one key must
// write their record and their index entry in the same order; that needs a lock over the write of
// the record, one of kStripes chosen by the key's hash.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <fcntl.h>
#include <map>
#include <mutex>
#include <set>
#include <shared_mutex>

#include "base/crypto/crypto.h"
#include "base/json/json.h"
#include "base/log.h"
#include "blob/blob_store.h"
#include "blob/file/object_record.h"

namespace kedge::blob {

namespace {

constexpr size_t kStripes = 32;  // the thread sanitizer follows 64 locks held at once
constexpr size_t kContentTypeBytesMax = 256;
constexpr uint64_t kRecordBytesMax = 64u << 10;
constexpr int kOpenTriesMax = 100;  // each further try means that the object was replaced again

struct Bucket {
  EpochMs created = 0;
  std::map<std::string, ObjectRecord, std::less<>> objects;
};

bool IsPrintable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

class FileBlobStore final : public BlobStore {
 public:
  FileBlobStore(FileSystem& disk, Path folder, const Clock& clock)
      : disk_(disk), folder_(std::move(folder)), clock_(clock) {}

  // Reads all records and removes what a crash left.
  Status Load();

  Status CreateBucket(const std::string& bucket) override;
  Status DeleteBucket(const std::string& bucket) override;
  Result<std::vector<BucketInfo>> ListBuckets() override;
  Result<std::unique_ptr<ObjectWriter>> Create(const ObjectName& name,
                                               std::string content_type) override;
  Result<ObjectInfo> Head(const ObjectName& name) override;
  Result<Opened> Open(const ObjectName& name) override;
  Status Delete(const ObjectName& name) override;
  Result<Listing> List(const std::string& bucket, const ListOptions& options) override;

  // Makes a content file that is already durable the object of that name.
  Status Publish(const ObjectName& name, const ObjectRecord& record);
  EpochMs NowMs() const { return clock_.NowMs(); }

 private:
  Path FolderOf(const std::string& bucket) const { return folder_ / "buckets" / bucket; }
  Path ContentPath(const std::string& bucket, const std::string& content) const {
    return FolderOf(bucket) / "content" / content.substr(0, 2) / content;
  }
  static std::string HashOf(const std::string& key) { return crypto::Sha256Hex(AsBytes(key)); }
  Path RecordPath(const ObjectName& name) const {
    const std::string hash = HashOf(name.key);
    return FolderOf(name.bucket) / "records" / hash.substr(0, 2) / (hash + ".json");
  }
  std::mutex& StripeOf(const std::string& key) {
    return stripes_[std::hash<std::string>()(key) % kStripes];
  }
  Status LoadBucket(const std::string& bucket);
  // False if a record could not be read: then nothing of the bucket may be thrown away.
  Result<bool> LoadRecords(const std::string& bucket, Bucket& into);
  bool LoadRecord(const std::string& bucket, const Path& path, Bucket& into);
  Status RemoveOrphans(const std::string& bucket, const Bucket& loaded);
  // The record of an object. kNotFound, naming bucket or object.
  Result<ObjectRecord> Find(const ObjectName& name) const;
  Status CheckBucketExists(const std::string& bucket) const;
  void RemoveContent(const std::string& bucket, const std::string& content);

  FileSystem& disk_;
  const Path folder_;
  const Clock& clock_;
  std::array<std::mutex, kStripes> stripes_;
  mutable std::shared_mutex index_mutex_;
  std::map<std::string, Bucket, std::less<>> buckets_;
};

class FileObjectWriter final : public ObjectWriter {
 public:
  FileObjectWriter(FileBlobStore& store, ObjectName name, ObjectRecord record,
                   std::unique_ptr<FileWriter> file)
      : store_(store), name_(std::move(name)), record_(std::move(record)), file_(std::move(file)) {}

  Status Append(Bytes data) override {
    KEDGE_CHECK(file_ != nullptr);
    sha256_.Update(data);
    md5_.Update(data);
    record_.info.bytes += data.size();
    Status status = file_->Append(data);
    failed_ = failed_ || !status;
    return status;
  }

  void SetEtag(std::string etag) override { record_.info.etag = std::move(etag); }

  Result<ObjectInfo> Commit() override {
    KEDGE_CHECK(file_ != nullptr);
    if (failed_) return FailedPrecondition("object " + name_.Uri() + " was not written completely");
    const std::unique_ptr<FileWriter> file = std::move(file_);
    KEDGE_TRY_STATUS(file->Commit());
    record_.info.sha256 = HexEncode(sha256_.Finish());
    const std::string md5 = HexEncode(md5_.Finish());
    if (record_.info.etag.empty()) record_.info.etag = md5;
    record_.info.modified = store_.NowMs();
    KEDGE_TRY_STATUS(store_.Publish(name_, record_));
    return record_.info;
  }

 private:
  FileBlobStore& store_;
  const ObjectName name_;
  ObjectRecord record_;
  std::unique_ptr<FileWriter> file_;
  crypto::Hasher sha256_;
  crypto::Hasher md5_{crypto::Hasher::Kind::kMd5};
  bool failed_ = false;
};

Error NoSuchBucket(std::string_view bucket) {
  return NotFound("bucket '" + std::string(bucket) + "' does not exist");
}

// ---- Start ----

Status FileBlobStore::Load() {
  KEDGE_TRY_STATUS(disk_.MakeDirectories(folder_ / "buckets"));
  KEDGE_TRY(const std::vector<std::string> names, disk_.List(folder_ / "buckets"));
  for (const std::string& name : names) {
    if (!CheckBucketName(name)) {
      LogWarning("the object folder has an entry that is no bucket", {{"name", name}});
      continue;
    }
    KEDGE_TRY_STATUS(LoadBucket(name));
  }
  return {};
}

Status FileBlobStore::LoadBucket(const std::string& bucket) {
  const Path description = FolderOf(bucket) / "bucket.json";
  if (!disk_.Exists(description)) {  // half created or half deleted
    return disk_.RemoveAll(FolderOf(bucket));
  }
  KEDGE_TRY(const ByteBuffer text, disk_.Read(description, kRecordBytesMax));
  const Result<json::Value> value = json::Parse(AsText(text));
  if (!value || value->IntOr("version", 0) != 1)
    return DataLoss("'" + description.string() + "' is no bucket description of version 1");
  Bucket loaded{.created = value->IntOr("created_ms", 0)};
  KEDGE_TRY(const bool complete, LoadRecords(bucket, loaded));
  if (complete) KEDGE_TRY_STATUS(RemoveOrphans(bucket, loaded));
  buckets_.emplace(bucket, std::move(loaded));
  return {};
}

Result<bool> FileBlobStore::LoadRecords(const std::string& bucket, Bucket& into) {
  bool complete = true;
  const Path records = FolderOf(bucket) / "records";
  KEDGE_TRY(const std::vector<std::string> shards, disk_.List(records));
  for (const std::string& shard : shards) {
    KEDGE_TRY(const std::vector<std::string> names, disk_.List(records / shard));
    for (const std::string& name : names) {
      const Path path = records / shard / name;
      if (path.extension() == ".tmp") {
        KEDGE_TRY_STATUS(disk_.Remove(path));
      } else if (!LoadRecord(bucket, path, into)) {
        complete = false;
      }
    }
  }
  return complete;
}

bool FileBlobStore::LoadRecord(const std::string& bucket, const Path& path, Bucket& into) {
  const Result<ByteBuffer> text = disk_.Read(path, kRecordBytesMax);
  Result<ObjectRecord> record = text ? ReadRecord(AsText(*text)) : text.error();
  if (record && RecordPath({bucket, record->info.key}) != path)
    record = DataLoss("object record is not that of its file name");
  if (!record) {
    LogError("an object record is unreadable",
             {{"path", path.string()}, {"error", record.error().message}});
    return false;
  }
  std::string key = record->info.key;
  into.objects.insert_or_assign(std::move(key), std::move(record).value());
  return true;
}

Status FileBlobStore::RemoveOrphans(const std::string& bucket, const Bucket& loaded) {
  std::set<std::string, std::less<>> missing;
  for (const auto& [key, record] : loaded.objects) missing.insert(record.content);
  const Path content = FolderOf(bucket) / "content";
  KEDGE_TRY(const std::vector<std::string> shards, disk_.List(content));
  for (const std::string& shard : shards) {
    KEDGE_TRY(const std::vector<std::string> names, disk_.List(content / shard));
    for (const std::string& name : names) {
      if (missing.erase(name) == 0) KEDGE_TRY_STATUS(disk_.Remove(content / shard / name));
    }
  }
  if (!missing.empty())
    LogError("objects have lost their content",
             {{"bucket", bucket}, {"objects", std::to_string(missing.size())}});
  return {};
}

// ---- Buckets ----

Status FileBlobStore::CheckBucketExists(const std::string& bucket) const {
  const std::shared_lock lock(index_mutex_);
  if (!buckets_.contains(bucket)) return NoSuchBucket(bucket);
  return {};
}

Status FileBlobStore::CreateBucket(const std::string& bucket) {
  KEDGE_TRY_STATUS(CheckBucketName(bucket));
  const std::lock_guard one_at_a_time(StripeOf(bucket));
  if (CheckBucketExists(bucket)) return {};
  KEDGE_TRY_STATUS(disk_.MakeDirectories(FolderOf(bucket) / "records"));
  KEDGE_TRY_STATUS(disk_.MakeDirectories(FolderOf(bucket) / "content"));
  const EpochMs now = NowMs();
  const std::string text = json::Write(json::Object{{"version", 1}, {"created_ms", now}});
  KEDGE_TRY_STATUS(disk_.WriteAtomically(FolderOf(bucket) / "bucket.json", AsBytes(text)));
  const std::unique_lock lock(index_mutex_);
  buckets_.emplace(bucket, Bucket{.created = now});
  return {};
}

Status FileBlobStore::DeleteBucket(const std::string& bucket) {
  // With all stripes no object can appear meanwhile.
  std::vector<std::unique_lock<std::mutex>> all;
  all.reserve(kStripes);
  for (std::mutex& stripe : stripes_) all.emplace_back(stripe);
  {
    const std::shared_lock lock(index_mutex_);
    const auto found = buckets_.find(bucket);
    if (found == buckets_.end()) return NoSuchBucket(bucket);
    if (!found->second.objects.empty())
      return FailedPrecondition("bucket '" + bucket + "' is not empty");
  }
  KEDGE_TRY_STATUS(disk_.Remove(FolderOf(bucket) / "bucket.json"));
  KEDGE_TRY_STATUS(disk_.SyncDirectory(FolderOf(bucket)));
  {
    const std::unique_lock lock(index_mutex_);
    buckets_.erase(bucket);
  }
  return disk_.RemoveAll(FolderOf(bucket));
}

Result<std::vector<BucketInfo>> FileBlobStore::ListBuckets() {
  const std::shared_lock lock(index_mutex_);
  std::vector<BucketInfo> buckets;
  buckets.reserve(buckets_.size());
  for (const auto& [name, bucket] : buckets_) buckets.push_back({name, bucket.created});
  return buckets;
}

// ---- Objects ----

Result<ObjectRecord> FileBlobStore::Find(const ObjectName& name) const {
  const std::shared_lock lock(index_mutex_);
  const auto bucket = buckets_.find(name.bucket);
  if (bucket == buckets_.end()) return NoSuchBucket(name.bucket);
  const auto object = bucket->second.objects.find(name.key);
  if (object == bucket->second.objects.end())
    return NotFound("object " + name.Uri() + " does not exist");
  return object->second;
}

Result<std::unique_ptr<ObjectWriter>> FileBlobStore::Create(const ObjectName& name,
                                                            std::string content_type) {
  KEDGE_TRY_STATUS(name.Check());
  KEDGE_TRY_STATUS(CheckBucketExists(name.bucket));
  if (content_type.size() > kContentTypeBytesMax || !IsPrintable(content_type))
    return InvalidArgument("content type of " + name.Uri() + " is too long or not ASCII");
  ObjectRecord record;
  record.info.key = name.key;
  record.info.content_type = std::move(content_type);
  record.content = HexEncode(crypto::RandomBytes(16));
  const Path path = ContentPath(name.bucket, record.content);
  KEDGE_TRY_STATUS(disk_.MakeDirectories(path.parent_path()));
  KEDGE_TRY(std::unique_ptr<FileWriter> file, disk_.CreateAtomically(path, 0644));
  return std::unique_ptr<ObjectWriter>(
      std::make_unique<FileObjectWriter>(*this, name, std::move(record), std::move(file)));
}

Status FileBlobStore::Publish(const ObjectName& name, const ObjectRecord& record) {
  const std::lock_guard in_order(StripeOf(name.key));
  KEDGE_TRY_STATUS(CheckBucketExists(name.bucket));
  // The bucket may be another one of that name: then its deletion took the content with it.
  if (!disk_.Exists(ContentPath(name.bucket, record.content))) return NoSuchBucket(name.bucket);
  const Path path = RecordPath(name);
  KEDGE_TRY_STATUS(disk_.MakeDirectories(path.parent_path()));
  // After an error here the record on disk may be the old or the new one, so that both contents
  // must stay until the next start has looked.
  KEDGE_TRY_STATUS(disk_.WriteAtomically(path, AsBytes(WriteRecord(record))));
  std::string replaced;
  {
    const std::unique_lock lock(index_mutex_);
    ObjectRecord& entry = buckets_.find(name.bucket)->second.objects[name.key];
    replaced = std::exchange(entry, record).content;
  }
  if (!replaced.empty()) RemoveContent(name.bucket, replaced);
  return {};
}

// What cannot be removed now is an orphan for the next start.
void FileBlobStore::RemoveContent(const std::string& bucket, const std::string& content) {
  if (const Status status = disk_.Remove(ContentPath(bucket, content)); !status)
    LogWarning("an old object version was not removed", {{"error", status.error().message}});
}

Result<ObjectInfo> FileBlobStore::Head(const ObjectName& name) {
  KEDGE_TRY(ObjectRecord record, Find(name));
  return std::move(record.info);
}

Result<BlobStore::Opened> FileBlobStore::Open(const ObjectName& name) {
  for (int tries = 0; tries < kOpenTriesMax; ++tries) {
    KEDGE_TRY(ObjectRecord record, Find(name));
    Result<FileDescriptor> file = OpenFile(ContentPath(name.bucket, record.content), O_RDONLY);
    if (file) return Opened{std::move(record.info), std::move(file).value()};
    if (file.error().code != Code::kNotFound) return std::move(file).error();
    // Replaced between the look and the opening, or lost.
    KEDGE_TRY(const ObjectRecord now, Find(name));
    if (now.content == record.content)
      return DataLoss("object " + name.Uri() + " has lost its content");
  }
  return Aborted("object " + name.Uri() + " is replaced faster than it can be opened");
}

Status FileBlobStore::Delete(const ObjectName& name) {
  const std::lock_guard in_order(StripeOf(name.key));
  KEDGE_TRY_STATUS(CheckBucketExists(name.bucket));
  const Result<ObjectRecord> record = Find(name);
  if (!record) return {};
  const Path path = RecordPath(name);
  KEDGE_TRY_STATUS(disk_.Remove(path));
  KEDGE_TRY_STATUS(disk_.SyncDirectory(path.parent_path()));
  {
    const std::unique_lock lock(index_mutex_);
    buckets_.find(name.bucket)->second.objects.erase(name.key);
  }
  RemoveContent(name.bucket, record->content);
  return {};
}

Result<BlobStore::Listing> FileBlobStore::List(const std::string& bucket,
                                               const ListOptions& options) {
  const std::shared_lock lock(index_mutex_);
  const auto found = buckets_.find(bucket);
  if (found == buckets_.end()) return NoSuchBucket(bucket);
  const auto& objects = found->second.objects;
  const size_t keys_max = std::min(options.max_keys, kListKeysMax);
  Listing listing;
  auto it = options.start_after < options.prefix ? objects.lower_bound(options.prefix)
                                                 : objects.upper_bound(options.start_after);
  for (; it != objects.end() && it->first.starts_with(options.prefix); ++it) {
    if (listing.objects.size() == keys_max) {
      listing.truncated = true;
      break;
    }
    listing.objects.push_back(it->second.info);
  }
  return listing;
}

}  // namespace

Result<std::unique_ptr<BlobStore>> OpenFileBlobStore(FileSystem& disk, const Path& folder,
                                                     const Clock& clock) {
  auto store = std::make_unique<FileBlobStore>(disk, folder, clock);
  if (Status status = store->Load(); !status)
    return Wrap(std::move(status).error(), "opening the object folder '" + folder.string() + "'");
  return std::unique_ptr<BlobStore>(std::move(store));
}

Result<std::unique_ptr<BlobStore>> OpenFileBlobStore(FileSystem& disk, const Path& folder) {
  static const SystemClock kClock;
  return OpenFileBlobStore(disk, folder, kClock);
}

}  // namespace kedge::blob
