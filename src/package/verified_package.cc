// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/mman.h>

#include "base/crypto/crypto.h"
#include "package/package.h"
#include "package/stored_gzip.h"

namespace kedge::package {

namespace {

constexpr size_t kCopyBytes = 256 << 10;

std::string Join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

Status CopyFromFile(int fd, uint64_t bytes, const Sink& sink) {
  ByteBuffer part;
  for (uint64_t offset = 0; offset < bytes; offset += part.size()) {
    part.resize(std::min<uint64_t>(kCopyBytes, bytes - offset));
    KEDGE_TRY_STATUS(ReadAt(fd, offset, part));
    KEDGE_TRY_STATUS(sink(part));
  }
  return {};
}

// Nothing can change the memory any more: no write, no resize, no writable mapping, no unsealing.
Status Seal(int memory) {
  if (::fcntl(memory, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
    return ErrnoError(errno, "sealing the memory of a model");
  return {};
}

// The digest of a sealed memfd, of its first `bytes` bytes.
Result<std::string> DigestOf(int memory, uint64_t bytes) {
  crypto::Hasher hasher;
  KEDGE_TRY_STATUS(CopyFromFile(memory, bytes, [&hasher](Bytes part) -> Status {
    hasher.Update(part);
    return {};
  }));
  return HexEncode(hasher.Finish());
}

}  // namespace

Result<TargetEntry> VerifiedPackage::SelectTarget(const std::vector<std::string>& targets) const {
  for (const std::string& target : targets) {
    for (const TargetEntry& entry : manifest_.targets) {
      if (entry.target == target) return entry;
    }
  }
  std::vector<std::string> offered;
  offered.reserve(manifest_.targets.size());
  for (const TargetEntry& entry : manifest_.targets) offered.push_back(entry.target);
  return FailedPrecondition("package '" + manifest_.model_name + "' is for " + Join(offered) +
                            ", this machine runs " + Join(targets));
}

Result<FileDescriptor> VerifiedPackage::OpenFile(const std::string& name) const {
  const auto source = sources_.find(name);
  const auto entry = std::find_if(manifest_.files.begin(), manifest_.files.end(),
                                  [&name](const FileEntry& file) { return file.name == name; });
  if (source == sources_.end() || entry == manifest_.files.end())
    return NotFound("package '" + manifest_.model_name + "' has no file '" + name + "'");
  FileDescriptor memory(::memfd_create("kedge-model", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memory.valid()) return ErrnoError(errno, "making memory for '" + name + "'");
  const Sink write = [&memory](Bytes part) { return WriteAll(memory.get(), part); };
  const Source& from = source->second;
  KEDGE_TRY_STATUS(from.file.valid()
                       ? CopyFromFile(from.file.get(), entry->bytes, write)
                       : CopyFromStored(file_.get(), from.stream_offset, entry->bytes, write));
  KEDGE_TRY_STATUS(Seal(memory.get()));
  KEDGE_TRY(const std::string digest, DigestOf(memory.get(), entry->bytes));
  if (digest != entry->sha256)
    return DataLoss("'" + name + "' changed on the disk after it was verified");
  return memory;
}

Result<std::string> VerifiedPackage::ReadBaseline() const {
  if (manifest_.baseline_file.empty())
    return NotFound("package '" + manifest_.model_name + "' has no baseline");
  KEDGE_TRY(const FileDescriptor memory, OpenFile(manifest_.baseline_file));
  KEDGE_TRY(const ByteBuffer text, ReadAll(memory.get(), kBaselineFileBytesMax));
  return std::string(AsText(text));
}

std::vector<std::string> VerifiedPackage::FileNames() const {
  std::vector<std::string> names = {std::string(kManifestName), std::string(kSignatureName)};
  for (const FileEntry& file : manifest_.files) names.push_back(file.name);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace kedge::package
