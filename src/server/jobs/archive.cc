// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/archive.h"

#include <algorithm>
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <set>
#include <unistd.h>

namespace kedge::server {
namespace {

constexpr size_t kBlockBytes = 64 << 10;
constexpr size_t kNameBytesMax = 1024;

struct CloseArchive {
  void operator()(archive* a) const { archive_free(a); }
};
using ArchivePointer = std::unique_ptr<archive, CloseArchive>;

Error ArchiveError(archive* a, std::string_view what) {
  const char* text = archive_error_string(a);
  return InvalidArgument(std::string(what) + ": " + (text != nullptr ? text : "unknown error"));
}

// "./model.onnx" -> "model.onnx". kInvalidArgument unless it is one plain name.
Result<std::string> PlainName(archive_entry* entry) {
  const char* path = archive_entry_pathname(entry);
  std::string name = path != nullptr ? path : "";
  if (name.starts_with("./")) name.erase(0, 2);
  if (name.empty() || name == "." || name == ".." || name.size() > 255 ||
      name.find('/') != std::string::npos || name.find('\\') != std::string::npos) {
    return InvalidArgument("the archive holds '" + name.substr(0, 255) + "', names must be plain");
  }
  return name;
}

bool IsDotFolder(archive_entry* entry) {
  const char* path = archive_entry_pathname(entry);
  const std::string_view name = path != nullptr ? path : "";
  return archive_entry_filetype(entry) == AE_IFDIR && (name == "./" || name == ".");
}

// Writes the current entry's bytes to a new file.
Result<uint64_t> CopyEntry(archive* a, const Path& file, uint64_t bytes_max) {
  KEDGE_TRY(const FileDescriptor out,
            OpenFile(file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  std::vector<uint8_t> block(kBlockBytes);
  uint64_t bytes = 0;
  for (;;) {
    const la_ssize_t got = archive_read_data(a, block.data(), block.size());
    if (got < 0) return ArchiveError(a, "reading the archive");
    if (got == 0) return bytes;
    bytes += static_cast<uint64_t>(got);
    if (bytes > bytes_max) {
      return InvalidArgument("the archive holds more than " + std::to_string(bytes_max) +
                             " bytes in one file or together");
    }
    KEDGE_TRY_STATUS(WriteAll(out.get(), Bytes(block.data(), static_cast<size_t>(got))));
  }
}

// The next entry that is a regular file, or null at the end. Folders are passed over; links and
// devices are kInvalidArgument.
Result<archive_entry*> NextFile(archive* a) {
  for (;;) {
    archive_entry* entry = nullptr;
    const int result = archive_read_next_header(a, &entry);
    if (result == ARCHIVE_EOF) return nullptr;
    if (result != ARCHIVE_OK) return ArchiveError(a, "not a tar.gz archive");
    if (archive_entry_filetype(entry) == AE_IFDIR) continue;
    const char* path = archive_entry_pathname(entry);
    if (path == nullptr || std::string_view(path).size() > kNameBytesMax) {
      return InvalidArgument("the archive holds a name that is too long");
    }
    if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry) != nullptr) {
      return InvalidArgument("the archive holds '" + std::string(path) +
                             "', which is not a regular file");
    }
    return entry;
  }
}

Result<ArchivePointer> OpenReader(const Path& path) {
  ArchivePointer a(archive_read_new());
  archive_read_support_filter_gzip(a.get());
  archive_read_support_format_tar(a.get());
  if (archive_read_open_filename(a.get(), path.c_str(), kBlockBytes) != ARCHIVE_OK) {
    return ArchiveError(a.get(), "not a tar.gz archive");
  }
  return a;
}

Status AddFile(archive* a, const Path& folder, const std::string& name) {
  KEDGE_TRY(const FileDescriptor in, OpenFile(folder / name, O_RDONLY | O_NOFOLLOW));
  const off_t size = lseek(in.get(), 0, SEEK_END);
  if (size < 0) return ErrnoError(errno, "measuring '" + name + "'");
  const std::unique_ptr<archive_entry, decltype(&archive_entry_free)> entry(archive_entry_new(),
                                                                            archive_entry_free);
  archive_entry_set_pathname(entry.get(), name.c_str());
  archive_entry_set_filetype(entry.get(), AE_IFREG);
  archive_entry_set_perm(entry.get(), 0644);
  archive_entry_set_size(entry.get(), size);
  if (archive_write_header(a, entry.get()) != ARCHIVE_OK) return ArchiveError(a, "writing");
  std::vector<uint8_t> block(kBlockBytes);
  for (off_t offset = 0; offset < size;) {
    const ssize_t got = pread(in.get(), block.data(), block.size(), offset);
    if (got <= 0) return ErrnoError(got < 0 ? errno : EIO, "reading '" + name + "'");
    if (archive_write_data(a, block.data(), static_cast<size_t>(got)) != got) {
      return ArchiveError(a, "writing");
    }
    offset += got;
  }
  return {};
}

}  // namespace

Result<std::vector<std::string>> UnpackArchive(const Path& archive_path, const Path& folder,
                                               const ArchiveLimits& limits) {
  KEDGE_TRY(const ArchivePointer a, OpenReader(archive_path));
  std::set<std::string> names;
  uint64_t sum = 0;
  for (;;) {
    archive_entry* entry = nullptr;
    const int result = archive_read_next_header(a.get(), &entry);
    if (result == ARCHIVE_EOF) break;
    if (result != ARCHIVE_OK) return ArchiveError(a.get(), "reading the archive");
    if (IsDotFolder(entry)) continue;
    KEDGE_TRY(const std::string name, PlainName(entry));
    if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry) != nullptr) {
      return InvalidArgument("the archive holds '" + name + "', which is not a regular file");
    }
    if (!names.insert(name).second) {
      return InvalidArgument("the archive holds '" + name + "' twice");
    }
    if (names.size() > limits.files_max) {
      return InvalidArgument("the archive holds more than " + std::to_string(limits.files_max) +
                             " files");
    }
    const uint64_t bytes_max = std::min(limits.file_bytes_max, limits.sum_bytes_max - sum);
    KEDGE_TRY(const uint64_t bytes, CopyEntry(a.get(), folder / name, bytes_max));
    sum += bytes;
  }
  return std::vector<std::string>(names.begin(), names.end());
}

Result<std::vector<std::string>> ListArchive(const Path& archive_path,
                                             const ArchiveLimits& limits) {
  KEDGE_TRY(const ArchivePointer a, OpenReader(archive_path));
  std::vector<std::string> names;
  for (uint64_t sum = 0;;) {
    KEDGE_TRY(archive_entry * entry, NextFile(a.get()));
    if (entry == nullptr) return names;
    names.emplace_back(archive_entry_pathname(entry));
    sum += static_cast<uint64_t>(archive_entry_size(entry));
    if (names.size() > limits.files_max || sum > limits.sum_bytes_max) {
      return InvalidArgument("the archive holds more than " + std::to_string(limits.files_max) +
                             " files or " + std::to_string(limits.sum_bytes_max) + " bytes");
    }
  }
}

Status UnpackOne(const Path& archive_path, const std::string& name, const Path& to,
                 const ArchiveLimits& limits) {
  KEDGE_TRY(const ArchivePointer a, OpenReader(archive_path));
  for (;;) {
    KEDGE_TRY(archive_entry * entry, NextFile(a.get()));
    if (entry == nullptr) return NotFound("the archive holds no '" + name + "'");
    if (archive_entry_pathname(entry) != name) continue;
    KEDGE_TRY([[maybe_unused]] const uint64_t bytes, CopyEntry(a.get(), to, limits.file_bytes_max));
    return {};
  }
}

Status PackArchive(const Path& archive_path, const Path& folder,
                   const std::vector<std::string>& names) {
  const ArchivePointer a(archive_write_new());
  archive_write_add_filter_gzip(a.get());
  archive_write_set_filter_option(a.get(), "gzip", "timestamp", nullptr);
  archive_write_set_filter_option(a.get(), "gzip", "compression-level", "1");
  archive_write_set_format_ustar(a.get());
  if (archive_write_open_filename(a.get(), archive_path.c_str()) != ARCHIVE_OK) {
    return ArchiveError(a.get(), "making the archive");
  }
  for (const std::string& name : names) KEDGE_TRY_STATUS(AddFile(a.get(), folder, name));
  if (archive_write_close(a.get()) != ARCHIVE_OK) return ArchiveError(a.get(), "writing");
  return {};
}

Result<bool> IsGzip(const Path& file) {
  KEDGE_TRY(const FileDescriptor in, OpenFile(file, O_RDONLY));
  uint8_t head[2] = {};
  return pread(in.get(), head, sizeof head, 0) == 2 && head[0] == 0x1F && head[1] == 0x8B;
}

}  // namespace kedge::server
