// Writes the bytes of a package: tar entries inside stored gzip blocks. Knows nothing of manifests.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "package/stored_gzip.h"

namespace kedge::package {

class PackageEncoder {
 public:
  explicit PackageEncoder(Sink sink) : stream_(std::move(sink)) {}

  // Header of the next file. The former one must have all its bytes (KEDGE_CHECK).
  Status BeginFile(std::string_view name, uint64_t bytes);
  // Content; the padding follows by itself. Not more than announced (KEDGE_CHECK).
  Status Append(Bytes content);
  // A file whose content is at hand.
  Status AddFile(std::string_view name, std::string_view content);
  // End of the archive. Once.
  Status Finish();

 private:
  StoredWriter stream_;
  uint64_t missing_bytes_ = 0;
  uint64_t padding_bytes_ = 0;
};

}  // namespace kedge::package
