// SPDX-License-Identifier: Apache-2.0
#include "package/stored_gzip.h"

#include <algorithm>
#include <cerrno>
#include <unistd.h>

#include "package/crc32.h"

namespace kedge::package {

namespace {

// RFC 1952: magic, deflate, no flags, no time, no extra flags, unknown system.
constexpr std::array<uint8_t, 10> kGzipHeader = {0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255};
constexpr size_t kTrailerBytes = 8;

using BlockHeader = std::array<uint8_t, kStoredHeaderBytes>;
using Trailer = std::array<uint8_t, kTrailerBytes>;

BlockHeader MakeBlockHeader(size_t bytes, bool last) {
  BlockHeader header;
  header[0] = last ? 1 : 0;  // BFINAL, BTYPE 00, five zero bits
  StoreLittle(&header[1], static_cast<uint16_t>(bytes));
  StoreLittle(&header[3], static_cast<uint16_t>(~bytes));
  return header;
}

Trailer MakeTrailer(uint32_t crc, uint64_t stream_bytes) {
  Trailer trailer;
  StoreLittle(&trailer[0], crc);
  StoreLittle(&trailer[4], static_cast<uint32_t>(stream_bytes));
  return trailer;
}

// Where the block that holds a byte of the stream begins in the file.
uint64_t BlockOffset(uint64_t stream_offset) {
  return kGzipHeader.size() +
         stream_offset / kStoredBlockBytes * (kStoredHeaderBytes + kStoredBlockBytes);
}

// Length of the stream in a file of this length; 0: no stream has it.
uint64_t StreamBytes(uint64_t file_bytes) {
  constexpr uint64_t kFrameBytes = kStoredHeaderBytes + kStoredBlockBytes;
  const uint64_t framing = kGzipHeader.size() + kTrailerBytes;
  if (file_bytes <= framing) return 0;
  const uint64_t framed = file_bytes - framing;
  const uint64_t last = framed % kFrameBytes;
  if (last != 0 && last <= kStoredHeaderBytes) return 0;
  return framed / kFrameBytes * kStoredBlockBytes + (last == 0 ? 0 : last - kStoredHeaderBytes);
}

}  // namespace

Status StoredWriter::Append(Bytes bytes) {
  while (!bytes.empty()) {
    if (filled_ == kStoredBlockBytes) KEDGE_TRY_STATUS(WriteBlock(false));
    const size_t n = std::min(bytes.size(), kStoredBlockBytes - filled_);
    std::copy_n(bytes.begin(), n, block_.begin() + kStoredHeaderBytes + filled_);
    filled_ += n;
    bytes = bytes.subspan(n);
  }
  return {};
}

Status StoredWriter::Finish() {
  KEDGE_CHECK(filled_ > 0);
  KEDGE_TRY_STATUS(WriteBlock(true));
  return sink_(MakeTrailer(crc_, stream_bytes_));
}

Status StoredWriter::WriteBlock(bool last) {
  if (stream_bytes_ == 0) KEDGE_TRY_STATUS(sink_(kGzipHeader));
  const BlockHeader header = MakeBlockHeader(filled_, last);
  std::copy(header.begin(), header.end(), block_.begin());
  const Bytes whole = Bytes(block_).first(kStoredHeaderBytes + filled_);
  crc_ = Crc32(whole.subspan(kStoredHeaderBytes), crc_);
  stream_bytes_ += filled_;
  filled_ = 0;
  return sink_(whole);
}

Result<StoredReader> StoredReader::Open(int fd, uint64_t file_bytes) {
  std::array<uint8_t, kGzipHeader.size()> header{};
  KEDGE_TRY_STATUS(ReadAt(fd, 0, header));
  if (header != kGzipHeader) return InvalidArgument("gzip header is not the canonical one");
  const uint64_t stream_bytes = StreamBytes(file_bytes);
  if (stream_bytes == 0) {
    return InvalidArgument("no package is " + std::to_string(file_bytes) +
                           " bytes long (cut off, or bytes added)");
  }
  StoredReader reader(fd, stream_bytes);
  reader.hasher_.Update(header);
  return reader;
}

Result<Bytes> StoredReader::ReadSome(uint64_t bytes_max) {
  if (position_ == stream_bytes_) return InvalidArgument("archive ends too early");
  const size_t in_block = position_ % kStoredBlockBytes;
  if (in_block == 0) KEDGE_TRY_STATUS(LoadBlock());
  Bytes rest = Bytes(block_).subspan(kStoredHeaderBytes + in_block);
  rest = rest.first(std::min<uint64_t>(rest.size(), bytes_max));
  position_ += rest.size();
  return rest;
}

Status StoredReader::ReadExactly(std::span<uint8_t> to) {
  while (!to.empty()) {
    KEDGE_TRY(const Bytes some, ReadSome(to.size()));
    std::copy(some.begin(), some.end(), to.begin());
    to = to.subspan(some.size());
  }
  return {};
}

Status StoredReader::LoadBlock() {
  const size_t bytes = std::min<uint64_t>(kStoredBlockBytes, stream_bytes_ - position_);
  block_.resize(kStoredHeaderBytes + bytes);
  KEDGE_TRY_STATUS(ReadAt(fd_, BlockOffset(position_), block_));
  const BlockHeader header = MakeBlockHeader(bytes, position_ + bytes == stream_bytes_);
  if (!std::equal(header.begin(), header.end(), block_.begin())) {
    const auto claimed = LoadLittle<uint16_t>(&block_[1]);
    return InvalidArgument("deflate block at byte " + std::to_string(BlockOffset(position_)) +
                           (claimed > bytes ? " is cut off" : " is not the canonical stored one"));
  }
  crc_ = Crc32(Bytes(block_).subspan(kStoredHeaderBytes), crc_);
  hasher_.Update(block_);
  return {};
}

Result<std::string> StoredReader::Finish() {
  KEDGE_CHECK(position_ == stream_bytes_);
  Trailer trailer{};
  const uint64_t last_block = BlockOffset(stream_bytes_ - 1);
  KEDGE_TRY_STATUS(ReadAt(fd_, last_block + block_.size(), trailer));
  if (trailer != MakeTrailer(crc_, stream_bytes_))
    return InvalidArgument("gzip trailer (CRC-32 and length) does not match");
  hasher_.Update(trailer);
  return HexEncode(hasher_.Finish());
}

Status CopyFromStored(int fd, uint64_t offset, uint64_t bytes, const Sink& sink) {
  ByteBuffer part;
  while (bytes > 0) {
    const uint64_t in_block = offset % kStoredBlockBytes;
    part.resize(std::min<uint64_t>(bytes, kStoredBlockBytes - in_block));
    KEDGE_TRY_STATUS(ReadAt(fd, BlockOffset(offset) + kStoredHeaderBytes + in_block, part));
    KEDGE_TRY_STATUS(sink(part));
    offset += part.size();
    bytes -= part.size();
  }
  return {};
}

Status ReadAt(int fd, uint64_t offset, std::span<uint8_t> to) {
  while (!to.empty()) {
    const ssize_t n = ::pread(fd, to.data(), to.size(), static_cast<off_t>(offset));
    if (n < 0) {
      if (errno == EINTR) continue;
      return ErrnoError(errno, "read");
    }
    if (n == 0)
      return InvalidArgument("file ends at byte " + std::to_string(offset) + ", more is needed");
    to = to.subspan(static_cast<size_t>(n));
    offset += static_cast<uint64_t>(n);
  }
  return {};
}

}  // namespace kedge::package
