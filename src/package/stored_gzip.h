// gzip without compression, in one form: a fixed header, deflate "stored" blocks of 32 KiB (RFC
// 1951 section 3.2.4), CRC-32 and length. The place of every byte is arithmetic, so a file inside
// can be read without what comes before it, and there is nothing to inflate.
// docs/formats/model-package.md; why: docs/adr/0002-canonical-package.md.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "base/bytes.h"
#include "base/crypto/crypto.h"
#include "base/result.h"

namespace kedge::package {

constexpr size_t kStoredBlockBytes = 32768;
constexpr size_t kStoredHeaderBytes = 5;

// Takes bytes in order.
using Sink = std::function<Status(Bytes)>;

// Writes a stream into a sink. Bytes are held back until their block is full.
class StoredWriter {
 public:
  explicit StoredWriter(Sink sink) : sink_(std::move(sink)) {}
  Status Append(Bytes bytes);
  // The last block and the trailer. Once; the stream must not be empty (KEDGE_CHECK).
  Status Finish();

 private:
  Status WriteBlock(bool last);

  Sink sink_;
  std::array<uint8_t, kStoredHeaderBytes + kStoredBlockBytes> block_;
  size_t filled_ = 0;
  uint64_t stream_bytes_ = 0;
  uint32_t crc_ = 0;
};

// Reads the stream out of a file from front to back with one buffer of a block. Everything but the
// canonical form is kInvalidArgument. The file is borrowed and its offset not used.
class StoredReader {
 public:
  // Checks the file's length and header.
  static Result<StoredReader> Open(int fd, uint64_t file_bytes);

  uint64_t stream_bytes() const { return stream_bytes_; }
  uint64_t position() const { return position_; }

  // Between 1 and `bytes_max` bytes, valid until the next call; kInvalidArgument at the end.
  Result<Bytes> ReadSome(uint64_t bytes_max);
  // Fills `to`.
  Status ReadExactly(std::span<uint8_t> to);
  // After the last byte (KEDGE_CHECK): checks the trailer. Gives the SHA-256 of the whole file,
  // hexadecimal.
  Result<std::string> Finish();

 private:
  StoredReader(int fd, uint64_t stream_bytes) : fd_(fd), stream_bytes_(stream_bytes) {}
  Status LoadBlock();

  int fd_;
  uint64_t stream_bytes_;
  uint64_t position_ = 0;  // of the next byte in the stream
  ByteBuffer block_;       // header and content of the block before or at position_
  uint32_t crc_ = 0;
  crypto::Hasher hasher_;
};

// Gives bytes [offset, offset + bytes) of the stream to a sink, believing the framing: for a file
// that StoredReader accepted, where the receiver checks a digest.
Status CopyFromStored(int fd, uint64_t offset, uint64_t bytes, const Sink& sink);

// pread(2) until `to` is full. kInvalidArgument if the file ends before.
Status ReadAt(int fd, uint64_t offset, std::span<uint8_t> to);

}  // namespace kedge::package
