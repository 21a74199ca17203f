// SPDX-License-Identifier: Apache-2.0
#include "package/encoder.h"

#include "package/ustar.h"

namespace kedge::package {

namespace {
constexpr std::array<uint8_t, kTarEndBytes> kZeros{};
}

Status PackageEncoder::BeginFile(std::string_view name, uint64_t bytes) {
  KEDGE_CHECK(missing_bytes_ == 0);
  missing_bytes_ = bytes;
  padding_bytes_ = PaddingBytes(bytes);
  return stream_.Append(MakeUstarHeader(name, bytes));
}

Status PackageEncoder::Append(Bytes content) {
  KEDGE_CHECK(content.size() <= missing_bytes_);
  missing_bytes_ -= content.size();
  KEDGE_TRY_STATUS(stream_.Append(content));
  if (missing_bytes_ > 0) return {};
  const size_t padding = std::exchange(padding_bytes_, 0);
  return stream_.Append(Bytes(kZeros).first(padding));
}

Status PackageEncoder::AddFile(std::string_view name, std::string_view content) {
  KEDGE_TRY_STATUS(BeginFile(name, content.size()));
  return Append(AsBytes(content));
}

Status PackageEncoder::Finish() {
  KEDGE_CHECK(missing_bytes_ == 0);
  KEDGE_TRY_STATUS(stream_.Append(kZeros));
  return stream_.Finish();
}

}  // namespace kedge::package
