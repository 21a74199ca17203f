// SPDX-License-Identifier: Apache-2.0
#include "server/keys/sealed_blobs.h"

#include <algorithm>
#include <charconv>
#include <fcntl.h>
#include <unistd.h>

#include "base/crypto/crypto.h"
#include "server/keys/envelope.h"

namespace kedge::server {
namespace {

// In the metadata of a sealed object.
constexpr char kEnvelope[] = "kedge-envelope";  // the text of its header
constexpr char kPlainBytes[] = "kedge-plain-bytes";
constexpr char kPlainEtag[] = "kedge-plain-etag";
constexpr char kPlainSha256[] = "kedge-plain-sha256";

std::string PlaceOf(const blob::ObjectName& name) { return name.bucket + "/" + name.key; }

const std::string* Find(const blob::ObjectInfo& info, const char* name) {
  const auto found = info.attributes.metadata.find(name);
  return found == info.attributes.metadata.end() ? nullptr : &found->second;
}

// A sealed object as its readers see it; others stay as they are.
Result<blob::ObjectInfo> PlainInfo(blob::ObjectInfo info) {
  if (Find(info, kEnvelope) == nullptr) return info;
  const std::string* bytes = Find(info, kPlainBytes);
  const std::string* etag = Find(info, kPlainEtag);
  const std::string* sha256 = Find(info, kPlainSha256);
  uint64_t plain = 0;
  if (bytes == nullptr || etag == nullptr || sha256 == nullptr ||
      std::from_chars(bytes->data(), bytes->data() + bytes->size(), plain).ec != std::errc() ||
      SealedBytes(plain) != info.bytes) {
    return DataLoss("encrypted object " + info.key + " has lost a part, or its description");
  }
  const std::string stored_etag = info.etag;
  info.bytes = plain;
  info.etag = *etag;
  info.sha256 = *sha256;
  for (const char* name : {kEnvelope, kPlainBytes, kPlainEtag, kPlainSha256}) {
    info.attributes.metadata.erase(name);
  }
  info.attributes.metadata[kStoredEtagAttribute] = stored_etag;
  return info;
}

// Seals what is appended, chunk by chunk.
class SealedWriter final : public blob::ObjectWriter {
 public:
  SealedWriter(std::unique_ptr<blob::ObjectWriter> real, const blob::ObjectName& name, DataKey key)
      : real_(std::move(real)), place_{.object = PlaceOf(name)}, key_(std::move(key)) {}

  Status Start() {
    text_ = EnvelopeText(key_);
    return real_->Append(EnvelopeHeader(text_));
  }
  Status Append(Bytes data) override {
    md5_.Update(data);
    sha256_.Update(data);
    bytes_ += data.size();
    while (!data.empty()) {
      // The last chunk is kept for Commit, which knows that it is the last.
      if (chunk_.size() == kEnvelopeChunkBytes) KEDGE_TRY_STATUS(Flush(false));
      const size_t n =
          std::min<size_t>(data.size(), static_cast<size_t>(kEnvelopeChunkBytes) - chunk_.size());
      chunk_.insert(chunk_.end(), data.begin(), data.begin() + static_cast<ptrdiff_t>(n));
      data = data.subspan(n);
    }
    return {};
  }
  void SetEtag(std::string etag) override { etag_ = std::move(etag); }
  void SetMetadata(const std::string& name, std::string value) override {
    real_->SetMetadata(name, std::move(value));
  }
  void OnlyIfAbsent() override { real_->OnlyIfAbsent(); }
  void OnlyIfEtag(std::string etag) override { real_->OnlyIfEtag(std::move(etag)); }
  Result<blob::ObjectInfo> Commit() override {
    KEDGE_TRY_STATUS(Flush(true));
    const std::string md5 = HexEncode(md5_.Finish());
    if (etag_.empty()) etag_ = md5;
    real_->SetEtag(etag_);
    real_->SetMetadata(kEnvelope, text_);
    real_->SetMetadata(kPlainBytes, std::to_string(bytes_));
    real_->SetMetadata(kPlainEtag, etag_);
    real_->SetMetadata(kPlainSha256, HexEncode(sha256_.Finish()));
    KEDGE_TRY(blob::ObjectInfo info, real_->Commit());
    return PlainInfo(std::move(info));
  }

 private:
  Status Flush(bool last) {
    place_.last = last;
    KEDGE_TRY_STATUS(real_->Append(SealChunk(key_.key, place_, chunk_)));
    ++place_.index;
    chunk_.clear();
    return {};
  }

  const std::unique_ptr<blob::ObjectWriter> real_;
  ChunkPlace place_;
  const DataKey key_;
  std::string text_;
  std::string etag_;
  ByteBuffer chunk_;
  uint64_t bytes_ = 0;
  crypto::Hasher md5_{crypto::Hasher::Kind::kMd5};
  crypto::Hasher sha256_{crypto::Hasher::Kind::kSha256};
};

class SealedBlobs final : public blob::BlobStore {
 public:
  SealedBlobs(blob::BlobStore& real, const KeyService& keys, EncryptionRule rule, Path scratch)
      : real_(real), keys_(keys), rule_(std::move(rule)), scratch_(std::move(scratch)) {}

  Status CreateBucket(const std::string& bucket) override { return real_.CreateBucket(bucket); }
  Status DeleteBucket(const std::string& bucket) override { return real_.DeleteBucket(bucket); }
  Result<std::vector<blob::BucketInfo>> ListBuckets() override { return real_.ListBuckets(); }
  Status Delete(const blob::ObjectName& name) override { return real_.Delete(name); }

  Result<std::unique_ptr<blob::ObjectWriter>> Create(const blob::ObjectName& name,
                                                     blob::ObjectAttributes attributes) override {
    std::optional<std::string> key_name;
    if (auto named = attributes.metadata.extract(kKeyAttribute); !named.empty()) {
      key_name = std::move(named.mapped());
    } else {
      KEDGE_TRY(key_name, rule_(name));
    }
    if (!key_name) return real_.Create(name, std::move(attributes));
    KEDGE_TRY(DataKey key, keys_.NewDataKey(*key_name));
    KEDGE_TRY(auto real, real_.Create(name, std::move(attributes)));
    auto writer = std::make_unique<SealedWriter>(std::move(real), name, std::move(key));
    KEDGE_TRY_STATUS(writer->Start());
    return std::unique_ptr<blob::ObjectWriter>(std::move(writer));
  }

  Result<blob::ObjectInfo> Head(const blob::ObjectName& name) override {
    KEDGE_TRY(blob::ObjectInfo info, real_.Head(name));
    return PlainInfo(std::move(info));
  }

  Result<Opened> OpenPart(const blob::ObjectName& name, const ChoosePart& choose) override {
    Part wanted;  // of the plaintext
    const auto choose_stored = [&](const blob::ObjectInfo& info) -> Result<Part> {
      KEDGE_TRY(const blob::ObjectInfo plain, PlainInfo(info));
      KEDGE_TRY(wanted, choose(plain));
      return Find(info, kEnvelope) == nullptr ? wanted : SealedPart(wanted, plain.bytes);
    };
    KEDGE_TRY(Opened opened, real_.OpenPart(name, choose_stored));
    if (Find(opened.info, kEnvelope) == nullptr) return opened;
    return Unseal(name, std::move(opened), wanted);
  }

  Result<Listing> List(const std::string& bucket, const ListOptions& options) override {
    KEDGE_TRY(Listing listing, real_.List(bucket, options));
    for (blob::ObjectInfo& info : listing.objects) {
      // One damaged object must not hide the others.
      if (auto plain = PlainInfo(info)) info = std::move(*plain);
    }
    return listing;
  }

  Result<std::string> PresignGet(const blob::ObjectName& name, int64_t seconds) override {
    KEDGE_TRY(const blob::ObjectInfo info, real_.Head(name));
    if (Find(info, kEnvelope) != nullptr) {
      return Unimplemented("object " + name.Uri() + " is encrypted; only the server can show it");
    }
    return real_.PresignGet(name, seconds);
  }

 private:
  static uint64_t FirstChunk(const Part& part) { return part.first / kEnvelopeChunkBytes; }
  // One after the last chunk that is needed.
  static uint64_t EndChunk(const Part& part) {
    return (part.first + part.bytes + kEnvelopeChunkBytes - 1) / kEnvelopeChunkBytes;
  }
  static Part SealedPart(const Part& part, uint64_t plain_bytes) {
    const uint64_t sealed_bytes = SealedBytes(plain_bytes);
    const uint64_t first = kEnvelopeHeaderBytes + FirstChunk(part) * kSealedChunkBytes;
    const uint64_t end = kEnvelopeHeaderBytes + EndChunk(part) * kSealedChunkBytes;
    return {.first = std::min(first, sealed_bytes),
            .bytes = std::min(end, sealed_bytes) - std::min(first, sealed_bytes)};
  }
  // Decrypts the chunks that hold the wanted part.
  Result<Opened> Unseal(const blob::ObjectName& name, Opened sealed, const Part& wanted) const;

  blob::BlobStore& real_;
  const KeyService& keys_;
  const EncryptionRule rule_;
  const Path scratch_;
};

Result<ByteBuffer> ReadExactly(int fd, uint64_t offset, size_t bytes) {
  ByteBuffer buffer(bytes);
  for (size_t done = 0; done < bytes;) {
    const ssize_t n =
        pread(fd, buffer.data() + done, bytes - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoError(errno, "reading an encrypted object");
    if (n == 0) return DataLoss("an encrypted object is shorter than its description says");
    done += static_cast<size_t>(n);
  }
  return buffer;
}

Result<blob::BlobStore::Opened> SealedBlobs::Unseal(const blob::ObjectName& name, Opened sealed,
                                                    const Part& wanted) const {
  KEDGE_TRY(const crypto::AeadKey key, OpenEnvelopeText(keys_, *Find(sealed.info, kEnvelope)));
  const uint64_t sealed_bytes = sealed.info.bytes;
  KEDGE_TRY(blob::ObjectInfo info, PlainInfo(std::move(sealed.info)));
  const uint64_t count = ChunkCount(info.bytes);
  KEDGE_TRY(FileDescriptor file, OpenFile(scratch_, O_RDWR | O_TMPFILE, 0600));
  ChunkPlace place{.object = PlaceOf(name), .index = FirstChunk(wanted)};
  const uint64_t first = place.index * kEnvelopeChunkBytes;
  for (; place.index < std::min(EndChunk(wanted), count); ++place.index) {
    const uint64_t offset = kEnvelopeHeaderBytes + place.index * kSealedChunkBytes;
    const uint64_t bytes = std::min(kSealedChunkBytes, sealed_bytes - offset);
    KEDGE_TRY(const ByteBuffer chunk,
              ReadExactly(sealed.file.get(), offset - sealed.first, static_cast<size_t>(bytes)));
    place.last = place.index + 1 == count;
    KEDGE_TRY(const ByteBuffer plain, OpenChunk(key, place, chunk));
    KEDGE_TRY_STATUS(WriteAll(file.get(), plain));
  }
  return Opened{.info = std::move(info), .file = std::move(file), .first = first};
}

}  // namespace

std::unique_ptr<blob::BlobStore> MakeSealedBlobs(blob::BlobStore& real, const KeyService& keys,
                                                 EncryptionRule rule, Path scratch) {
  return std::make_unique<SealedBlobs>(real, keys, std::move(rule), std::move(scratch));
}

}  // namespace kedge::server
