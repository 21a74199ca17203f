// SPDX-License-Identifier: Apache-2.0
#include "blob/blob_store.h"

#include <algorithm>

#include "base/crypto/crypto.h"

namespace kedge::blob {

namespace {

constexpr size_t kKeyBytesMax = 1024;
constexpr std::string_view kScheme = "s3://";

constexpr size_t kContentTypeBytesMax = 256;

bool IsPrintable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

bool IsLowerAlphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

// Well-formed UTF-8 (Unicode 15, table 3-7): no overlong forms, no surrogates.
bool IsUtf8(std::string_view text) {
  const auto at = [&](size_t i) { return i < text.size() ? static_cast<uint8_t>(text[i]) : 0u; };
  for (size_t i = 0; i < text.size();) {
    const unsigned lead = at(i);
    size_t n = 0;
    unsigned low = 0x80;
    unsigned high = 0xbf;
    if (lead < 0x80) {
      ++i;
      continue;
    }
    if (lead >= 0xc2 && lead <= 0xdf) {
      n = 1;
    } else if (lead >= 0xe0 && lead <= 0xef) {
      n = 2;
      if (lead == 0xe0) low = 0xa0;
      if (lead == 0xed) high = 0x9f;
    } else if (lead >= 0xf0 && lead <= 0xf4) {
      n = 3;
      if (lead == 0xf0) low = 0x90;
      if (lead == 0xf4) high = 0x8f;
    } else {
      return false;
    }
    if (at(i + 1) < low || at(i + 1) > high) return false;
    for (size_t k = 2; k <= n; ++k) {
      if (at(i + k) < 0x80 || at(i + k) > 0xbf) return false;
    }
    i += n + 1;
  }
  return true;
}

}  // namespace

Status CheckBucketName(std::string_view bucket) {
  const auto refuse = [&](std::string_view rule) {
    return InvalidArgument("bucket name '" + std::string(bucket.substr(0, 80)) + "' " +
                           std::string(rule));
  };
  if (bucket.size() < 3 || bucket.size() > 63) return refuse("does not have 3 to 63 characters");
  if (!std::all_of(bucket.begin(), bucket.end(),
                   [](char c) { return IsLowerAlphanumeric(c) || c == '.' || c == '-'; }))
    return refuse("has a character other than a-z, 0-9, '.' and '-'");
  if (!IsLowerAlphanumeric(bucket.front()) || !IsLowerAlphanumeric(bucket.back()))
    return refuse("does not begin and end with a letter or digit");
  if (bucket.find("..") != std::string_view::npos) return refuse("has two dots in a row");
  return {};
}

Status ObjectName::Check() const {
  KEDGE_TRY_STATUS(CheckBucketName(bucket));
  if (key.empty() || key.size() > kKeyBytesMax)
    return InvalidArgument("object key has " + std::to_string(key.size()) +
                           " bytes, needs 1 to 1024");
  if (key.find('\0') != std::string::npos) return InvalidArgument("object key has a NUL byte");
  if (!IsUtf8(key)) return InvalidArgument("object key is not UTF-8");
  return {};
}

Result<ObjectName> ObjectName::Parse(std::string_view uri) {
  const auto refuse = [&](std::string_view why) {
    return InvalidArgument("'" + std::string(uri.substr(0, 200)) + "' " + std::string(why));
  };
  if (uri.substr(0, kScheme.size()) != kScheme) return refuse("does not begin with s3://");
  const std::string_view rest = uri.substr(kScheme.size());
  const size_t slash = rest.find('/');
  if (slash == std::string_view::npos) return refuse("has no key after the bucket");
  ObjectName name{std::string(rest.substr(0, slash)), std::string(rest.substr(slash + 1))};
  KEDGE_TRY_STATUS(name.Check());
  return name;
}

Status ObjectAttributes::Check() const {
  if (content_type.size() > kContentTypeBytesMax || !IsPrintable(content_type))
    return InvalidArgument("a content type is longer than 256 bytes or not ASCII");
  size_t total = 0;
  for (const auto& [name, value] : metadata) {
    total += name.size() + value.size();
    if (name.empty() || !std::all_of(name.begin(), name.end(), [](char c) {
          return IsLowerAlphanumeric(c) || c == '-' || c == '_' || c == '.';
        }))
      return InvalidArgument("metadata name '" + name.substr(0, 80) +
                             "' is not of a-z, 0-9, '-', '_' and '.'");
    if (!IsPrintable(value))
      return InvalidArgument("metadata '" + name + "' is not printable ASCII");
  }
  if (total > kMetadataBytesMax)
    return InvalidArgument("metadata has " + std::to_string(total) + " bytes, needs at most 2048");
  return {};
}

Result<BlobStore::Opened> BlobStore::Open(const ObjectName& name) {
  return OpenPart(name, [](const ObjectInfo& info) -> Result<Part> { return Part{0, info.bytes}; });
}

Result<std::string> BlobStore::PresignGet(const ObjectName& name, int64_t) {
  return Unimplemented("object " + name.Uri() + " is kept in a folder, which has no URLs");
}

Result<ObjectInfo> PutObject(BlobStore& store, const ObjectName& name, Bytes data,
                             std::string content_type) {
  KEDGE_TRY(const std::unique_ptr<ObjectWriter> writer,
            store.Create(name, {.content_type = std::move(content_type)}));
  KEDGE_TRY_STATUS(writer->Append(data));
  return writer->Commit();
}

Result<ByteBuffer> GetObject(BlobStore& store, const ObjectName& name, uint64_t bytes_max) {
  KEDGE_TRY(const BlobStore::Opened opened, store.Open(name));
  auto bytes = ReadAll(opened.file.get(), bytes_max);
  if (!bytes) return Wrap(std::move(bytes).error(), "object " + name.Uri());
  const std::string& sha256 = opened.info.sha256;
  if (bytes->size() != opened.info.bytes ||
      (!sha256.empty() && crypto::Sha256Hex(*bytes) != sha256))
    return DataLoss("object " + name.Uri() + " does not have the bytes that were put");
  return bytes;
}

}  // namespace kedge::blob
