// SPDX-License-Identifier: Apache-2.0
#include "blob/file/record_index.h"

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <sys/stat.h>

#include "base/crypto/crypto.h"
#include "base/log.h"

namespace kedge::blob {

namespace {

constexpr uint64_t kRecordBytesMax = 64u << 10;
constexpr int64_t kNsPerMs = 1'000'000;
constexpr int64_t kAbsent = -1;

int64_t ToNs(const timespec& time) { return time.tv_sec * 1'000'000'000 + time.tv_nsec; }

int64_t NowNs() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return ToNs(now);
}

// When a file or the entries of a folder changed last; kAbsent.
Result<int64_t> ChangedNs(const Path& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) == 0)
    return std::max(ToNs(status.st_mtim), ToNs(status.st_ctim));
  if (errno == ENOENT) return kAbsent;
  return ErrnoError(errno, "looking at '" + path.string() + "'");
}

using FileTimes = std::vector<std::pair<std::string, int64_t>>;

// The records of one folder.
Result<FileTimes> TimesOf(FileSystem& disk, const Path& folder) {
  FileTimes times;
  auto names = disk.List(folder);
  if (!names && names.error().code == Code::kNotFound) return times;
  if (!names) return std::move(names).error();
  for (std::string& name : *names) {
    if (!name.ends_with(".json")) continue;  // somebody is writing it
    KEDGE_TRY(const int64_t changed_ns, ChangedNs(folder / name));
    if (changed_ns != kAbsent) times.emplace_back(std::move(name), changed_ns);
  }
  return times;
}

}  // namespace

Path RecordFile(const std::string& key) {
  const std::string hash = crypto::Sha256Hex(AsBytes(key));
  return Path(hash.substr(0, 2)) / (hash + ".json");
}

Status RecordIndex::Refresh() {
  const std::lock_guard one_at_a_time(refreshing_);
  for (size_t i = 0; i < shards_.size(); ++i) {
    const auto number = static_cast<uint8_t>(i);
    KEDGE_TRY_STATUS(RefreshShard(HexEncode({&number, 1}), shards_[i]));
  }
  return {};
}

Status RecordIndex::RefreshShard(const std::string& name, Shard& shard) {
  KEDGE_TRY(const int64_t changed_ns, ChangedNs(folder_ / name));
  if (changed_ns == shard.changed_ns && shard.settled) return {};
  // The time is taken before the look, so that a change after the look makes the next one differ.
  const bool settled = NowNs() - changed_ns > kSettleMs * kNsPerMs;
  // All that may fail comes first.
  KEDGE_TRY(const auto found, changed_ns == kAbsent ? FileTimes() : TimesOf(disk_, folder_ / name));
  std::unordered_map<std::string, Known> files;
  for (const auto& [file, file_changed_ns] : found) {
    auto old = shard.files.extract(file);
    const bool same = !old.empty() && old.mapped().changed_ns == file_changed_ns &&
                      NowNs() - file_changed_ns > kSettleMs * kNsPerMs;
    if (same) {
      files.insert(std::move(old));
      continue;
    }
    if (!old.empty()) Forget(old.mapped());
    Known known{.changed_ns = file_changed_ns};
    Read(folder_ / name / file, known);
    files.emplace(file, std::move(known));
  }
  for (const auto& [file, known] : shard.files) Forget(known);  // what is not there any more
  shard = {.changed_ns = changed_ns, .settled = settled, .files = std::move(files)};
  return {};
}

void RecordIndex::Read(const Path& path, Known& known) {
  const Result<ByteBuffer> text = disk_.Read(path, kRecordBytesMax);
  Result<ObjectRecord> record = text ? ReadRecord(AsText(*text)) : text.error();
  if (record && RecordFile(record->info.key).filename() != path.filename())
    record = DataLoss("object record is not that of its file name");
  const std::unique_lock lock(mutex_);
  if (record) {
    known.key = record->info.key;
    records_.insert_or_assign(known.key, std::move(record).value());
    return;
  }
  ++unreadable_;
  if (record.error().code == Code::kNotFound) return;  // deleted meanwhile
  LogError("an object record is unreadable",
           {{"path", path.string()}, {"error", record.error().message}});
}

void RecordIndex::Forget(const Known& known) {
  const std::unique_lock lock(mutex_);
  if (known.key.empty()) {
    --unreadable_;
  } else {
    records_.erase(known.key);
  }
}

bool RecordIndex::complete() const {
  const std::shared_lock lock(mutex_);
  return unreadable_ == 0;
}

void RecordIndex::ForEach(const std::function<void(const ObjectRecord&)>& visit) const {
  const std::shared_lock lock(mutex_);
  for (const auto& [key, record] : records_) visit(record);
}

BlobStore::Listing RecordIndex::List(const BlobStore::ListOptions& options) const {
  const std::shared_lock lock(mutex_);
  const size_t keys_max = std::min(options.max_keys, BlobStore::kListKeysMax);
  BlobStore::Listing listing;
  auto it = options.start_after < options.prefix ? records_.lower_bound(options.prefix)
                                                 : records_.upper_bound(options.start_after);
  while (it != records_.end() && it->first.starts_with(options.prefix)) {
    if (listing.objects.size() + listing.common_prefixes.size() == keys_max) {
      listing.truncated = true;
      break;
    }
    const std::string& key = it->first;
    const size_t at = options.delimiter.empty()
                          ? std::string::npos
                          : key.find(options.delimiter, options.prefix.size());
    if (at == std::string::npos) {
      listing.next_start_after = key;
      listing.objects.push_back(it->second.info);
      ++it;
    } else {
      listing.common_prefixes.push_back(key.substr(0, at + options.delimiter.size()));
      listing.next_start_after = listing.common_prefixes.back() + BlobStore::kAfterAllKeys;
      it = records_.upper_bound(listing.next_start_after);
    }
  }
  if (!listing.truncated) listing.next_start_after.clear();
  return listing;
}

}  // namespace kedge::blob
