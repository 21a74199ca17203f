// SPDX-License-Identifier: Apache-2.0
#include "compiler/codegen/object_cache.h"

#include <algorithm>
#include <cstdlib>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crypto/crypto.h"

namespace kedge::compiler {
namespace {

constexpr size_t kDigestBytes = 32;
constexpr uint64_t kObjectBytesMax = 64u << 20;

Status WriteParts(const Path& path, Bytes first, Bytes second) {
  KEDGE_TRY(const FileDescriptor fd, OpenFile(path, O_WRONLY | O_CREAT | O_TRUNC));
  KEDGE_TRY_STATUS(WriteAll(fd.get(), first));
  return WriteAll(fd.get(), second);
}

}  // namespace

Path ObjectCache::PathOf(const std::string& key) const {
  return directory_ / key.substr(0, 2) / (key + ".o");
}

bool ObjectCache::Fetch(const std::string& key, const Path& object) const {
  if (directory_.empty()) return false;
  auto fd = OpenFile(PathOf(key), O_RDONLY);
  if (!fd) return false;
  auto file = ReadAll(fd->get(), kObjectBytesMax);
  if (!file || file->size() <= kDigestBytes) return false;
  const Bytes content = Bytes(*file).subspan(kDigestBytes);
  const auto digest = crypto::Sha256(content);
  if (!std::equal(digest.begin(), digest.end(), file->begin())) return false;
  ::futimens(fd->get(), nullptr);  // used now, for Trim
  return WriteParts(object, content, {}).has_value();
}

void ObjectCache::Store(const std::string& key, const Path& object) const {
  if (directory_.empty()) return;
  auto fd = OpenFile(object, O_RDONLY);
  if (!fd) return;
  auto content = ReadAll(fd->get(), kObjectBytesMax);
  if (!content) return;
  const Path path = PathOf(key);
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);
  const Path temporary = path.parent_path() / ("." + HexEncode(crypto::RandomBytes(8)) + ".new");
  if (!WriteParts(temporary, crypto::Sha256(*content), *content)) {
    std::filesystem::remove(temporary, error);
    return;
  }
  std::filesystem::rename(temporary, path, error);
  if (error) std::filesystem::remove(temporary, error);
}

void ObjectCache::Trim() const {
  if (directory_.empty()) return;
  struct Entry {
    std::filesystem::file_time_type used;
    uint64_t bytes;
    Path path;
  };
  std::vector<Entry> entries;
  uint64_t total = 0;
  std::error_code error;
  std::filesystem::recursive_directory_iterator walk(directory_, error), end;
  for (; !error && walk != end; walk.increment(error)) {
    std::error_code ignored;
    if (!walk->is_regular_file(ignored)) continue;
    entries.push_back({walk->last_write_time(ignored), walk->file_size(ignored), walk->path()});
    total += entries.back().bytes;
  }
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.used < b.used; });
  for (const Entry& entry : entries) {
    if (total <= bytes_max_) break;
    std::filesystem::remove(entry.path, error);
    total -= entry.bytes;
  }
}

Path DefaultCacheDirectory() {
  auto variable = [](const char* name) -> std::string {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
  };
  if (const std::string own = variable("KEDGE_CACHE_DIR"); !own.empty()) return own;
  if (const std::string xdg = variable("XDG_CACHE_HOME"); !xdg.empty()) return Path(xdg) / "kedge";
  if (const std::string home = variable("HOME"); !home.empty()) {
    return Path(home) / ".cache" / "kedge";
  }
  return {};
}

}  // namespace kedge::compiler
