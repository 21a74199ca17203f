// Objects in a folder; its form and rules stand in docs/formats/object-store.md.
//
// The disk is the truth, so that several processes may use one folder: a record file is what makes
// an object; it is written last and replaced atomically, so a crash at any point leaves the old
// version or the new one. Content files are immutable and have random names, so a reader's
// descriptor stays good whatever happens to the key. Only listings keep something in memory: an
// index of the records that follows the disk (record_index.h).
//
// Whoever changes an object holds the lock of its key (folder_locks.h) from looking at the old
// record to having removed the old content, over the I/O.
// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <map>
#include <mutex>
#include <set>

#include "base/crypto/crypto.h"
#include "base/json/json.h"
#include "base/log.h"
#include "blob/blob_store.h"
#include "blob/file/folder_locks.h"
#include "blob/file/object_record.h"
#include "blob/file/record_index.h"

namespace kedge::blob {

namespace {

constexpr uint64_t kRecordBytesMax = 64u << 10;
constexpr int kOpenTriesMax = 100;  // each further try means that the object was replaced again

// What must be there when an object is published.
struct Condition {
  bool absent = false;
  std::optional<std::string> etag;
};

class FileBlobStore final : public BlobStore {
 public:
  FileBlobStore(FileSystem& disk, Path folder, const Clock& clock)
      : disk_(disk), folder_(std::move(folder)), clock_(clock) {}

  // Makes the folder, and removes what a crash left if nobody else has it open.
  Status Start();

  Status CreateBucket(const std::string& bucket) override;
  Status DeleteBucket(const std::string& bucket) override;
  Result<std::vector<BucketInfo>> ListBuckets() override;
  Result<std::unique_ptr<ObjectWriter>> Create(const ObjectName& name,
                                               ObjectAttributes attributes) override;
  Result<ObjectInfo> Head(const ObjectName& name) override;
  Result<Opened> OpenPart(const ObjectName& name, const ChoosePart& choose) override;
  Status Delete(const ObjectName& name) override;
  Result<Listing> List(const std::string& bucket, const ListOptions& options) override;

  // Makes a content file that is already durable the object of that name. If it cannot, the content
  // file is removed, unless the record may name it.
  Status Publish(const ObjectName& name, const ObjectRecord& record, const Condition& condition);
  EpochMs NowMs() const { return clock_.NowMs(); }

 private:
  Path FolderOf(const std::string& bucket) const { return folder_ / "buckets" / bucket; }
  Path DescriptionOf(const std::string& bucket) const { return FolderOf(bucket) / "bucket.json"; }
  Path ContentPath(const std::string& bucket, const std::string& content) const {
    return FolderOf(bucket) / "content" / content.substr(0, 2) / content;
  }
  Path RecordPath(const ObjectName& name) const {
    return FolderOf(name.bucket) / "records" / RecordFile(name.key);
  }
  Status Clean(const std::string& bucket);
  Status RemoveTemporaries(const Path& folder);
  Status RemoveOrphans(const std::string& bucket, const RecordIndex& index);
  // When the bucket was made. kNotFound.
  Result<EpochMs> CreatedMs(const std::string& bucket) const;
  Status CheckBucketExists(const std::string& bucket) const;
  // The record of an object. kNotFound, naming bucket or object.
  Result<ObjectRecord> Find(const ObjectName& name) const;
  std::shared_ptr<RecordIndex> IndexOf(const std::string& bucket);
  void RemoveContent(const std::string& bucket, const std::string& content);

  FileSystem& disk_;
  const Path folder_;
  const Clock& clock_;
  std::unique_ptr<FolderLocks> locks_;
  std::mutex indexes_mutex_;
  // Shared: a listing may go on while the bucket is deleted.
  std::map<std::string, std::shared_ptr<RecordIndex>, std::less<>> indexes_;
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
  void SetMetadata(const std::string& name, std::string value) override {
    record_.info.attributes.metadata.insert_or_assign(name, std::move(value));
  }
  void OnlyIfAbsent() override { condition_.absent = true; }
  void OnlyIfEtag(std::string etag) override { condition_.etag = std::move(etag); }

  Result<ObjectInfo> Commit() override {
    KEDGE_CHECK(file_ != nullptr);
    if (failed_) return FailedPrecondition("object " + name_.Uri() + " was not written completely");
    const std::unique_ptr<FileWriter> file = std::move(file_);
    KEDGE_TRY_STATUS(record_.info.attributes.Check());
    KEDGE_TRY_STATUS(file->Commit());
    record_.info.sha256 = HexEncode(sha256_.Finish());
    const std::string md5 = HexEncode(md5_.Finish());
    if (record_.info.etag.empty()) record_.info.etag = md5;
    record_.info.modified = store_.NowMs();
    KEDGE_TRY_STATUS(store_.Publish(name_, record_, condition_));
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
  Condition condition_;
};

Error NoSuchBucket(std::string_view bucket) {
  return NotFound("bucket '" + std::string(bucket) + "' does not exist");
}

// ---- Start ----

Status FileBlobStore::Start() {
  KEDGE_TRY_STATUS(disk_.MakeDirectories(folder_ / "buckets"));
  KEDGE_TRY(locks_, FolderLocks::Open(disk_, folder_ / "locks"));
  if (!locks_->alone()) return {};
  KEDGE_TRY(const std::vector<std::string> names, disk_.List(folder_ / "buckets"));
  for (const std::string& name : names) {
    if (CheckBucketName(name)) {
      KEDGE_TRY_STATUS(Clean(name));
    } else {
      LogWarning("the object folder has an entry that is no bucket", {{"name", name}});
    }
  }
  return locks_->DoneAlone();
}

Status FileBlobStore::Clean(const std::string& bucket) {
  const auto created = CreatedMs(bucket);
  if (!created && created.error().code == Code::kNotFound)  // half created or half deleted
    return disk_.RemoveAll(FolderOf(bucket));
  if (!created) return created.error();
  KEDGE_TRY_STATUS(RemoveTemporaries(FolderOf(bucket) / "records"));
  const auto index = IndexOf(bucket);
  KEDGE_TRY_STATUS(index->Refresh());
  return index->complete() ? RemoveOrphans(bucket, *index) : Status();
}

Status FileBlobStore::RemoveTemporaries(const Path& folder) {
  KEDGE_TRY(const std::vector<std::string> shards, disk_.List(folder));
  for (const std::string& shard : shards) {
    KEDGE_TRY(const std::vector<std::string> names, disk_.List(folder / shard));
    for (const std::string& name : names) {
      if (name.ends_with(".tmp")) KEDGE_TRY_STATUS(disk_.Remove(folder / shard / name));
    }
  }
  return {};
}

Status FileBlobStore::RemoveOrphans(const std::string& bucket, const RecordIndex& index) {
  std::set<std::string, std::less<>> missing;
  index.ForEach([&](const ObjectRecord& record) { missing.insert(record.content); });
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

Result<EpochMs> FileBlobStore::CreatedMs(const std::string& bucket) const {
  const Path description = DescriptionOf(bucket);
  const auto text = disk_.Read(description, kRecordBytesMax);
  if (!text && text.error().code == Code::kNotFound) return NoSuchBucket(bucket);
  if (!text) return text.error();
  const Result<json::Value> value = json::Parse(AsText(*text));
  if (!value || value->IntOr("version", 0) != 1)
    return DataLoss("'" + description.string() + "' is no bucket description of version 1");
  return value->IntOr("created_ms", 0);
}

Status FileBlobStore::CheckBucketExists(const std::string& bucket) const {
  if (!CheckBucketName(bucket) || !disk_.Exists(DescriptionOf(bucket))) return NoSuchBucket(bucket);
  return {};
}

Status FileBlobStore::CreateBucket(const std::string& bucket) {
  KEDGE_TRY_STATUS(CheckBucketName(bucket));
  if (CheckBucketExists(bucket)) return {};
  KEDGE_TRY(const FolderLocks::Held held, locks_->LockAll());  // of the deletion too
  if (CheckBucketExists(bucket)) return {};
  KEDGE_TRY_STATUS(disk_.MakeDirectories(FolderOf(bucket) / "records"));
  KEDGE_TRY_STATUS(disk_.MakeDirectories(FolderOf(bucket) / "content"));
  const std::string text = json::Write(json::Object{{"version", 1}, {"created_ms", NowMs()}});
  return disk_.WriteAtomically(DescriptionOf(bucket), AsBytes(text));
}

Status FileBlobStore::DeleteBucket(const std::string& bucket) {
  KEDGE_TRY_STATUS(CheckBucketExists(bucket));
  KEDGE_TRY(const FolderLocks::Held held, locks_->LockAll());  // no object can appear meanwhile
  KEDGE_TRY(const Listing first, List(bucket, {.max_keys = 1}));
  if (!first.objects.empty() || !IndexOf(bucket)->complete())
    return FailedPrecondition("bucket '" + bucket + "' is not empty");
  KEDGE_TRY_STATUS(disk_.Remove(DescriptionOf(bucket)));
  KEDGE_TRY_STATUS(disk_.SyncDirectory(FolderOf(bucket)));
  {
    const std::lock_guard lock(indexes_mutex_);
    indexes_.erase(bucket);
  }
  return disk_.RemoveAll(FolderOf(bucket));
}

Result<std::vector<BucketInfo>> FileBlobStore::ListBuckets() {
  KEDGE_TRY(const std::vector<std::string> names, disk_.List(folder_ / "buckets"));
  std::vector<BucketInfo> buckets;
  for (const std::string& name : names) {
    const auto created = CheckBucketName(name) ? CreatedMs(name) : NoSuchBucket(name);
    if (created) buckets.push_back({name, *created});
    if (!created && created.error().code != Code::kNotFound) return created.error();
  }
  return buckets;
}

// ---- Objects ----

Result<ObjectRecord> FileBlobStore::Find(const ObjectName& name) const {
  KEDGE_TRY_STATUS(name.Check());
  const auto text = disk_.Read(RecordPath(name), kRecordBytesMax);
  if (!text && text.error().code == Code::kNotFound) {
    KEDGE_TRY_STATUS(CheckBucketExists(name.bucket));
    return NotFound("object " + name.Uri() + " does not exist");
  }
  if (!text) return text.error();
  auto record = ReadRecord(AsText(*text));
  if (record && record->info.key != name.key)
    record = DataLoss("object record is not that of its file name");
  if (!record) return Wrap(std::move(record).error(), "object " + name.Uri());
  return record;
}

Result<std::unique_ptr<ObjectWriter>> FileBlobStore::Create(const ObjectName& name,
                                                            ObjectAttributes attributes) {
  KEDGE_TRY_STATUS(name.Check());
  KEDGE_TRY_STATUS(CheckBucketExists(name.bucket));
  if (const Status status = attributes.Check(); !status)
    return Wrap(status.error(), "object " + name.Uri());
  ObjectRecord record;
  record.info.key = name.key;
  record.info.attributes = std::move(attributes);
  record.content = HexEncode(crypto::RandomBytes(16));
  const Path path = ContentPath(name.bucket, record.content);
  KEDGE_TRY_STATUS(disk_.MakeDirectories(path.parent_path()));
  KEDGE_TRY(std::unique_ptr<FileWriter> file, disk_.CreateAtomically(path, 0644));
  return std::unique_ptr<ObjectWriter>(
      std::make_unique<FileObjectWriter>(*this, name, std::move(record), std::move(file)));
}

Status FileBlobStore::Publish(const ObjectName& name, const ObjectRecord& record,
                              const Condition& condition) {
  KEDGE_TRY(const FolderLocks::Held held, locks_->Lock(name.key));
  // The bucket may be gone, or another one of that name: then its deletion took the content along.
  if (!CheckBucketExists(name.bucket) || !disk_.Exists(ContentPath(name.bucket, record.content)))
    return NoSuchBucket(name.bucket);
  const Result<ObjectRecord> old = Find(name);
  if (old && condition.absent) {
    RemoveContent(name.bucket, record.content);
    return AlreadyExists("object " + name.Uri() + " exists");
  }
  const bool conditional = condition.absent || condition.etag;
  if (!old && old.error().code != Code::kNotFound && conditional) return old.error();
  if (condition.etag && (!old || old->info.etag != *condition.etag)) {
    RemoveContent(name.bucket, record.content);
    return Aborted("object " + name.Uri() + " was changed meanwhile");
  }
  const Path path = RecordPath(name);
  KEDGE_TRY_STATUS(disk_.MakeDirectories(path.parent_path()));
  // After an error here the record on disk may be the old or the new one, so that both contents
  // must stay until a later start has looked.
  KEDGE_TRY_STATUS(disk_.WriteAtomically(path, AsBytes(WriteRecord(record))));
  if (old) RemoveContent(name.bucket, old->content);
  return {};
}

// What cannot be removed now is an orphan for a later start.
void FileBlobStore::RemoveContent(const std::string& bucket, const std::string& content) {
  if (const Status status = disk_.Remove(ContentPath(bucket, content)); !status)
    LogWarning("an old object version was not removed", {{"error", status.error().message}});
}

Result<ObjectInfo> FileBlobStore::Head(const ObjectName& name) {
  KEDGE_TRY(ObjectRecord record, Find(name));
  return std::move(record.info);
}

Result<BlobStore::Opened> FileBlobStore::OpenPart(const ObjectName& name,
                                                  const ChoosePart& choose) {
  std::string lost;
  for (int tries = 0; tries < kOpenTriesMax; ++tries) {
    KEDGE_TRY(ObjectRecord record, Find(name));
    if (record.content == lost) return DataLoss("object " + name.Uri() + " has lost its content");
    KEDGE_TRY([[maybe_unused]] const Part part, choose(record.info));
    Result<FileDescriptor> file = OpenFile(ContentPath(name.bucket, record.content), O_RDONLY);
    if (file) return Opened{std::move(record.info), std::move(file).value()};
    if (file.error().code != Code::kNotFound) return std::move(file).error();
    lost = record.content;  // or replaced between the look and the opening
  }
  return Aborted("object " + name.Uri() + " is replaced faster than it can be opened");
}

Status FileBlobStore::Delete(const ObjectName& name) {
  KEDGE_TRY(const FolderLocks::Held held, locks_->Lock(name.key));
  KEDGE_TRY_STATUS(CheckBucketExists(name.bucket));
  const Result<ObjectRecord> record = Find(name);
  if (!record && record.error().code == Code::kNotFound) return {};
  const Path path = RecordPath(name);
  KEDGE_TRY_STATUS(disk_.Remove(path));
  KEDGE_TRY_STATUS(disk_.SyncDirectory(path.parent_path()));
  if (record) RemoveContent(name.bucket, record->content);
  return {};
}

std::shared_ptr<RecordIndex> FileBlobStore::IndexOf(const std::string& bucket) {
  const std::lock_guard lock(indexes_mutex_);
  std::shared_ptr<RecordIndex>& index = indexes_[bucket];
  if (index == nullptr) index = std::make_shared<RecordIndex>(disk_, FolderOf(bucket) / "records");
  return index;
}

Result<BlobStore::Listing> FileBlobStore::List(const std::string& bucket,
                                               const ListOptions& options) {
  KEDGE_TRY_STATUS(CheckBucketExists(bucket));
  if (options.max_keys == 0) return Listing();
  const auto index = IndexOf(bucket);
  KEDGE_TRY_STATUS(index->Refresh());
  return index->List(options);
}

}  // namespace

Result<std::unique_ptr<BlobStore>> OpenFileBlobStore(FileSystem& disk, const Path& folder,
                                                     const Clock& clock) {
  auto store = std::make_unique<FileBlobStore>(disk, folder, clock);
  if (Status status = store->Start(); !status)
    return Wrap(std::move(status).error(), "opening the object folder '" + folder.string() + "'");
  return std::unique_ptr<BlobStore>(std::move(store));
}

Result<std::unique_ptr<BlobStore>> OpenFileBlobStore(FileSystem& disk, const Path& folder) {
  static const SystemClock kClock;
  return OpenFileBlobStore(disk, folder, kClock);
}

}  // namespace kedge::blob
