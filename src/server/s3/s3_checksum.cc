// SPDX-License-Identifier: Apache-2.0
#include "server/s3/s3_checksum.h"

#include <array>

#include "base/crypto/crypto.h"
#include "server/s3/s3_error.h"

namespace kedge::server {

namespace {

constexpr ChecksumName kNames[] = {
    {ChecksumKind::kMd5, "Content-MD5"},
    {ChecksumKind::kSha256, "x-amz-checksum-sha256"},
    {ChecksumKind::kSha1, "x-amz-checksum-sha1"},
    {ChecksumKind::kCrc32, "x-amz-checksum-crc32"},
    {ChecksumKind::kCrc32c, "x-amz-checksum-crc32c"},
    {ChecksumKind::kCrc64Nvme, "x-amz-checksum-crc64nvme"},
};

template <class T>
ByteBuffer BigEndian(T value) {
  ByteBuffer bytes(sizeof(T));
  for (size_t i = 0; i < sizeof(T); ++i)
    bytes[i] = static_cast<uint8_t>(value >> (8 * (sizeof(T) - 1 - i)));
  return bytes;
}

// A reflected CRC that begins and ends with all bits turned, eight bytes a step ("slicing-by-8"):
// table k takes a byte that has k more bytes behind it in the step.
template <class T, T kPolynomial>
class ReflectedCrc final : public Checksum {
 public:
  void Update(Bytes data) override {
    for (; data.size() >= 8; data = data.subspan(8)) {
      const uint64_t eight = LoadLittle<uint64_t>(data.data()) ^ crc_;
      T next = 0;
      for (size_t i = 0; i < 8; ++i) next ^= kTables[7 - i][(eight >> (8 * i)) & 0xff];
      crc_ = next;
    }
    for (const uint8_t byte : data)
      crc_ = static_cast<T>(kTables[0][(crc_ ^ byte) & 0xff] ^ (crc_ >> 8));
  }
  ByteBuffer Finish() override { return BigEndian(static_cast<T>(~crc_)); }

 private:
  using Tables = std::array<std::array<T, 256>, 8>;
  static constexpr Tables MakeTables() {
    Tables tables{};
    for (size_t byte = 0; byte < 256; ++byte) {
      T crc = static_cast<T>(byte);
      for (int bit = 0; bit < 8; ++bit)
        crc = static_cast<T>((crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0));
      tables[0][byte] = crc;
    }
    for (size_t k = 1; k < 8; ++k) {
      for (size_t byte = 0; byte < 256; ++byte) {
        const T before = tables[k - 1][byte];
        tables[k][byte] = static_cast<T>(tables[0][before & 0xff] ^ (before >> 8));
      }
    }
    return tables;
  }
  static constexpr Tables kTables = MakeTables();
  T crc_ = static_cast<T>(~T{0});
};

using Crc32 = ReflectedCrc<uint32_t, 0xedb88320>;              // ISO 3309, zlib's
using Crc64Nvme = ReflectedCrc<uint64_t, 0x9a6c9329ac4bc9b5>;  // NVM Express, 64b CRC

class Castagnoli final : public Checksum {
 public:
  void Update(Bytes data) override { crc_ = Crc32c(data, crc_); }
  ByteBuffer Finish() override { return BigEndian(crc_); }

 private:
  uint32_t crc_ = 0;
};

class Digest final : public Checksum {
 public:
  explicit Digest(crypto::Hasher::Kind kind) : hasher_(kind) {}
  void Update(Bytes data) override { hasher_.Update(data); }
  ByteBuffer Finish() override { return hasher_.Finish(); }

 private:
  crypto::Hasher hasher_;
};

}  // namespace

std::span<const ChecksumName> ChecksumNames() { return kNames; }

std::unique_ptr<Checksum> Checksum::Make(ChecksumKind kind) {
  switch (kind) {
    case ChecksumKind::kMd5:
      return std::make_unique<Digest>(crypto::Hasher::Kind::kMd5);
    case ChecksumKind::kSha1:
      return std::make_unique<Digest>(crypto::Hasher::Kind::kSha1);
    case ChecksumKind::kCrc32:
      return std::make_unique<Crc32>();
    case ChecksumKind::kCrc32c:
      return std::make_unique<Castagnoli>();
    case ChecksumKind::kCrc64Nvme:
      return std::make_unique<Crc64Nvme>();
    case ChecksumKind::kSha256:
      break;
  }
  return std::make_unique<Digest>(crypto::Hasher::Kind::kSha256);
}

ClientChecksums::ClientChecksums(const http::Headers& headers) {
  const std::string announced = headers.Get("x-amz-trailer");
  for (const ChecksumName& name : kNames) {
    const std::string* value = headers.Find(name.header);
    if (value != nullptr || http::EqualIgnoringCase(announced, name.header))
      all_.push_back({name, value != nullptr ? *value : "", Checksum::Make(name.kind)});
  }
}

void ClientChecksums::Update(Bytes data) {
  for (One& one : all_) one.actual->Update(data);
}

Result<std::vector<ClientChecksums::Named>> ClientChecksums::Check(const http::Headers& trailers) {
  std::vector<Named> kept;
  for (One& one : all_) {
    const std::string expected =
        one.expected.empty() ? trailers.Get(one.name.header) : one.expected;
    std::string actual = Base64Encode(one.actual->Finish());
    if (actual != expected)
      return S3Error("BadDigest",
                     "the content does not have the digest in " + std::string(one.name.header));
    if (one.name.kind != ChecksumKind::kMd5) kept.push_back({one.name.header, std::move(actual)});
  }
  return kept;
}

}  // namespace kedge::server
