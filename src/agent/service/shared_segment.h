// A tensor's elements in a System V shared memory segment of the client.
//
// The client makes the segment, fills it and then takes all write permission off it, its own too,
// so that the bytes stay what they were while we read them. They are copied once, into the worker's
// ring; the worker never sees the segment. (Edge Manager's interface names it POSIX shared memory,
// but its clients send shmids.)
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace kedge::agent {

// Attached read-only while it lives.
class SharedSegment {
 public:
  SharedSegment() = default;
  ~SharedSegment();
  SharedSegment(SharedSegment&& other) noexcept
      : address_(std::exchange(other.address_, nullptr)), bytes_(other.bytes_) {}
  SharedSegment& operator=(SharedSegment&& other) noexcept {
    std::swap(address_, other.address_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }

  // `size` 0 takes everything from `offset` on. kInvalidArgument if the segment does not exist,
  // ends before offset + size, is owned by another user than this process runs as, or may be
  // written or executed by anybody.
  static Result<SharedSegment> Attach(uint64_t segment_id, uint64_t offset, uint64_t size);
  Bytes bytes() const { return bytes_; }

 private:
  void* address_ = nullptr;
  Bytes bytes_;
};

}  // namespace kedge::agent
