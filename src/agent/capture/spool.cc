// SPDX-License-Identifier: Apache-2.0
#include "agent/capture/spool.h"

#include <algorithm>

#include "base/json/json.h"
#include "base/log.h"

namespace kedge::agent {

namespace {

namespace fs = std::filesystem;

constexpr size_t kHourDepth = 5;  // <handle>/<YYYY>/<MM>/<DD>/<HH>
constexpr size_t kRawDepth = 2;   // raw-data/<kind>
constexpr std::string_view kBatchEnd = ".jsonl";
constexpr std::string_view kFileScheme = "file://";
constexpr const char* kEntryLists[] = {"deviceFleetInputs", "deviceFleetOutputs",
                                       "deviceFleetAuxiliaryInputs", "deviceFleetAuxiliaryOutputs"};

bool IsFolder(const Path& path) {
  std::error_code error;
  return fs::is_directory(fs::symlink_status(path, error));
}

// Calls `visit` with each file below a folder; links and deeper folders are none of ours.
Status VisitFiles(FileSystem& disk, const Path& folder, size_t depth,
                  const std::function<Status(const Path&)>& visit) {
  KEDGE_TRY(const auto names, disk.List(folder));
  for (const std::string& name : names) {
    const Path path = folder / name;
    std::error_code error;
    const auto status = fs::symlink_status(path, error);
    if (fs::is_directory(status) && depth > 0) {
      KEDGE_TRY_STATUS(VisitFiles(disk, path, depth - 1, visit));
    } else if (fs::is_regular_file(status)) {
      KEDGE_TRY_STATUS(visit(path));
    }
  }
  return {};
}

Status CollectHours(FileSystem& disk, const Path& root, const Path& folder, size_t depth,
                    std::vector<SpoolHour>* hours) {
  if (depth == kHourDepth) {
    SpoolHour hour{.folder = folder};
    const Path relative = folder.lexically_relative(root);
    hour.hour = relative.lexically_relative(*relative.begin()).generic_string();
    KEDGE_TRY_STATUS(VisitFiles(disk, folder, kRawDepth, [&](const Path& path) -> Status {
      const auto bytes = disk.Size(path);
      if (!bytes) return {};  // gone meanwhile
      ++hour.files;
      hour.bytes += *bytes;
      return {};
    }));
    hours->push_back(std::move(hour));
    return {};
  }
  KEDGE_TRY(const auto names, disk.List(folder));
  for (const std::string& name : names) {
    if (hours->size() >= kSpoolHoursMax) return {};
    if (!IsFolder(folder / name)) continue;
    KEDGE_TRY_STATUS(CollectHours(disk, root, folder / name, depth + 1, hours));
  }
  return {};
}

// Removes files of an hour, only those that are batches or only the others, while `wanted`.
Status RemoveFiles(FileSystem& disk, const SpoolHour& hour, bool batches,
                   const std::function<bool(const Path&, uint64_t bytes)>& wanted) {
  return VisitFiles(disk, hour.folder, kRawDepth, [&](const Path& path) -> Status {
    if ((path.extension() == kBatchEnd) != batches) return {};
    const uint64_t bytes = disk.Size(path).value_or(0);
    return wanted(path, bytes) ? disk.Remove(path) : Status();
  });
}

bool IsOlderThan(const Path& path, EpochMs age_ms) {
  std::error_code error;
  const auto written = fs::last_write_time(path, error);
  if (error) return false;
  return fs::file_time_type::clock::now() - written > std::chrono::milliseconds(age_ms);
}

// One batch while it is uploaded.
class Upload {
 public:
  Upload(FileSystem& disk, const SpoolOptions& options, const Path& batch, const PutObject& put,
         UploadProgress& progress)
      : disk_(disk), options_(options), batch_(batch), put_(put), progress_(progress) {
    if (progress_.batch != batch) progress_ = {.batch = batch, .sent = {}};
  }

  Result<uint64_t> Run() {
    const auto text = disk_.Read(batch_, kBatchBytesMax);
    if (!text) {
      const bool too_large = text.error().code == Code::kResourceExhausted;
      return too_large ? Damaged(text.error()) : text.error();
    }
    std::string lines;
    const std::string_view all = AsText(*text);
    for (size_t begin = 0; begin < all.size();) {
      const size_t end = std::min(all.find('\n', begin), all.size());
      auto line = json::Parse(all.substr(begin, end - begin));
      begin = end + 1;
      if (!line || line->AsObject() == nullptr) {
        return Damaged(
            InvalidArgument("batch " + batch_.string() + " holds a line that is no capture"));
      }
      KEDGE_TRY_STATUS(UploadParts(*line));
      lines += json::Write(*line) + "\n";
    }
    KEDGE_TRY_STATUS(Put(UrlOf(batch_), {.bytes = AsBytes(lines)}, lines.size()));
    KEDGE_TRY_STATUS(disk_.Remove(batch_));
    for (const Path& part : progress_.sent) KEDGE_TRY_STATUS(disk_.Remove(part));
    return sent_bytes_;
  }

  // Whether the error is the batch's own, or the server's that will never take it.
  bool damaged() const { return damaged_; }
  bool refused() const { return refused_; }

 private:
  Error Damaged(Error error) {
    damaged_ = true;
    return error;
  }

  // Uploads the raw files of a line and names their objects in it.
  Status UploadParts(json::Value& line) {
    for (const char* list : kEntryLists) {
      json::Value* entries = line.AsObject()->Find(list);
      json::Array* array = entries == nullptr ? nullptr : entries->AsArray();
      if (array == nullptr) continue;
      for (json::Value& entry : *array) {
        const std::string reference = entry.StringOr("data-ref", "");
        if (!reference.starts_with(kFileScheme)) continue;
        const Path path = Path(reference.substr(kFileScheme.size())).lexically_normal();
        // A line may only name files of its own folder.
        const Path inside = path.lexically_relative(batch_.parent_path() / "raw-data");
        if (inside.empty() || *inside.begin() == "..") {
          return Damaged(
              InvalidArgument("batch " + batch_.string() + " refers to " + path.string()));
        }
        if (!progress_.sent.contains(path)) {
          const auto bytes = disk_.Size(path);
          if (!bytes) return Damaged(bytes.error());
          KEDGE_TRY_STATUS(Put(UrlOf(path), {.file = path}, *bytes));
          progress_.sent.insert(path);
        }
        entry.AsObject()->Set("data-ref", UrlOf(path));
      }
    }
    return {};
  }

  Status Put(const std::string& url, const ObjectBody& body, uint64_t bytes) {
    Status status = put_(url, body);
    if (status) sent_bytes_ += bytes;
    refused_ = !status && status.error().code == Code::kInvalidArgument;
    return status;
  }

  // The file's place below the fleet's folder, its name behind "<device>.": a device may write
  // names of its own only, and a device's name has no dot.
  std::string UrlOf(const Path& path) const {
    const Path relative = path.lexically_relative(options_.root);
    const Path named = relative.parent_path() / (options_.device + "." + path.filename().string());
    return options_.location + named.generic_string();
  }

  FileSystem& disk_;
  const SpoolOptions& options_;
  const Path& batch_;
  const PutObject& put_;
  UploadProgress& progress_;
  uint64_t sent_bytes_ = 0;
  bool damaged_ = false;
  bool refused_ = false;
};

}  // namespace

Result<std::vector<SpoolHour>> ListHours(FileSystem& disk, const Path& root) {
  std::vector<SpoolHour> hours;
  if (!disk.Exists(root)) return hours;
  KEDGE_TRY_STATUS(CollectHours(disk, root, root, 0, &hours));
  std::stable_sort(hours.begin(), hours.end(), [](const SpoolHour& left, const SpoolHour& right) {
    return left.hour < right.hour;
  });
  return hours;
}

Result<std::vector<Path>> ListBatches(FileSystem& disk, const SpoolHour& hour) {
  std::vector<Path> batches;
  KEDGE_TRY(const auto names, disk.List(hour.folder));
  for (const std::string& name : names) {
    if (name.ends_with(kBatchEnd)) batches.push_back(hour.folder / name);
  }
  return batches;
}

Result<size_t> TrimSpool(FileSystem& disk, const SpoolOptions& options) {
  KEDGE_TRY(const auto hours, ListHours(disk, options.root));
  uint64_t bytes = 0, files = 0;
  for (const SpoolHour& hour : hours) {
    bytes += hour.bytes;
    files += hour.files;
  }
  size_t removed = 0;
  const auto remove_one = [&](const Path&, uint64_t size) {
    if (bytes <= options.bytes_max && files <= options.files_max) return false;
    bytes -= std::min(bytes, size);
    files -= std::min<uint64_t>(files, 1);
    ++removed;
    return true;
  };
  for (const SpoolHour& hour : hours) {
    if (bytes <= options.bytes_max && files <= options.files_max) break;
    // Batches go first: lines without files would be worse than files without lines.
    for (const bool batches : {true, false}) {
      KEDGE_TRY_STATUS(RemoveFiles(disk, hour, batches, remove_one));
    }
  }
  return removed;
}

void SweepSpool(FileSystem& disk, const SpoolOptions& options, EpochMs now) {
  const auto hours = ListHours(disk, options.root);
  if (!hours) return;
  // "2026-11-22T09..." -> "2026/11/22/09"
  std::string current = FormatIso8601(now - kSpoolGraceMs).substr(0, 13);
  for (char& c : current) c = c == '-' || c == 'T' ? '/' : c;
  for (const SpoolHour& hour : *hours) {
    const auto batches = ListBatches(disk, hour);
    if (hour.hour >= current || !batches || !batches->empty()) continue;
    const auto is_left_over = [](const Path& path, uint64_t) {
      return path.parent_path().parent_path().filename() == "raw-data" &&
             IsOlderThan(path, kSpoolGraceMs);
    };
    if (!RemoveFiles(disk, hour, false, is_left_over)) continue;
    // Only what is empty goes: its sub-folders, itself, and the day, month and year above it.
    std::error_code ignored;
    std::vector<Path> folders;
    for (fs::recursive_directory_iterator it(hour.folder, ignored), end; !ignored && it != end;
         it.increment(ignored)) {
      if (it->is_directory(ignored)) folders.push_back(it->path());
    }
    for (auto folder = folders.rbegin(); folder != folders.rend(); ++folder) {
      fs::remove(*folder, ignored);
    }
    Path folder = hour.folder;
    for (size_t depth = 0; depth < kHourDepth && fs::remove(folder, ignored); ++depth) {
      folder = folder.parent_path();
    }
  }
}

Result<uint64_t> UploadBatch(FileSystem& disk, const SpoolOptions& options, const Path& batch,
                             const PutObject& put, UploadProgress& progress) {
  Upload upload(disk, options, batch, put, progress);
  auto sent = upload.Run();
  if (sent || (!upload.damaged() && !upload.refused()) || !disk.Exists(batch)) return sent;
  const std::string end = upload.damaged() ? ".damaged" : ".refused";
  LogWarning("a batch of captures is set aside", {{"as", end}, {"why", sent.error().message}});
  KEDGE_TRY_STATUS(disk.Rename(batch, Path(batch.string() + end)));
  return uint64_t{0};
}

}  // namespace kedge::agent
