// The archives that compilation jobs are given: whatever comes, only plain files within the limits
// are unpacked.
// SPDX-License-Identifier: Apache-2.0
#include <cstdint>

#include "base/check.h"
#include "server/jobs/archive.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  constexpr uint64_t kFileBytesMax = 4096;
  auto folder = kedge::TemporaryDirectory::Make();
  KEDGE_CHECK(folder.has_value());
  kedge::PosixFileSystem disk;
  const kedge::Path archive = folder->path() / "archive";
  const kedge::Path out = folder->path() / "out";
  KEDGE_CHECK(disk.MakeDirectories(out, 0700).has_value());
  KEDGE_CHECK(disk.WriteAtomically(archive, kedge::Bytes(bytes, size), 0600).has_value());
  const auto names = kedge::server::UnpackArchive(
      archive, out,
      {.files_max = 4, .file_bytes_max = kFileBytesMax, .sum_bytes_max = 2 * kFileBytesMax});
  if (!names) return 0;
  KEDGE_CHECK(*names == *disk.List(out));
  for (const std::string& name : *names) {
    KEDGE_CHECK(std::filesystem::symlink_status(out / name).type() ==
                std::filesystem::file_type::regular);
    KEDGE_CHECK(*disk.Size(out / name) <= kFileBytesMax);
  }
  return 0;
}
