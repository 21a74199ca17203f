// The package reader on foreign bytes: as a file, and as the tar inside a well-framed file, so that
// the framing's checksum does not stop every mutation.
// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <sys/mman.h>

#include "base/crypto/crypto.h"
#include "package/package.h"
#include "package/stored_gzip.h"
#include "trusted_root.h"

namespace {

using kedge::Bytes;

void Open(Bytes bytes) {
  const kedge::FileDescriptor memory(::memfd_create("package", MFD_CLOEXEC));
  KEDGE_CHECK(memory.valid() && kedge::WriteAll(memory.get(), bytes).has_value());
  const auto package = kedge::package::OpenPackage(memory.get(), kedge::fuzz::Roots());
  if (!package) return;
  KEDGE_CHECK(package->sha256() == kedge::crypto::Sha256Hex(bytes));
  for (const auto& file : package->manifest().files)
    KEDGE_CHECK(package->OpenFile(file.name).has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* input, size_t size) {
  const Bytes bytes(input, size);
  Open(bytes);
  if (bytes.empty()) return 0;
  kedge::ByteBuffer framed;
  kedge::package::StoredWriter writer([&framed](Bytes part) -> kedge::Status {
    framed.insert(framed.end(), part.begin(), part.end());
    return {};
  });
  KEDGE_CHECK(writer.Append(bytes).has_value() && writer.Finish().has_value());
  Open(framed);
  return 0;
}
