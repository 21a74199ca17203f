// Bits from the highest of each byte, and the codes of docs/formats/statistics.md.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>

#include "base/bytes.h"
#include "base/check.h"

namespace kedge::stats {

class BitWriter {
 public:
  // Appends to `out`, which is borrowed.
  explicit BitWriter(ByteBuffer& out) : out_(out) {}

  // The low `bits` (0 to 32) bits of `value`.
  void Put(uint64_t value, uint32_t bits) {
    KEDGE_DCHECK(bits <= 32);
    pending_ = (pending_ << bits) | (value & ((uint64_t{1} << bits) - 1));
    count_ += bits;
    while (count_ >= 8) {
      count_ -= 8;
      out_.push_back(static_cast<uint8_t>(pending_ >> count_));
    }
  }
  void PutExpGolomb(uint32_t value) {
    const uint64_t plus_one = uint64_t{value} + 1;
    const auto digits = static_cast<uint32_t>(std::bit_width(plus_one));
    Put(0, digits - 1);
    if (digits > 32) {
      Put(1, 1);
      Put(plus_one & 0xffffffff, 32);
    } else {
      Put(plus_one, digits);
    }
  }
  // The quotient must be at most 40.
  void PutRice(uint64_t value, uint32_t k) {
    uint64_t ones = value >> k;
    for (; ones > 16; ones -= 16) Put(0xffff, 16);
    Put((uint64_t{1} << (ones + 1)) - 2, static_cast<uint32_t>(ones) + 1);
    Put(value, k);
  }
  // Zero bits up to a whole byte.
  void Finish() {
    if (count_ > 0) Put(0, 8 - count_);
  }

 private:
  ByteBuffer& out_;
  uint64_t pending_ = 0;
  uint32_t count_ = 0;
};

// Never reads beyond its bytes: what lies there reads as zero bits, and ok() tells.
class BitReader {
 public:
  explicit BitReader(Bytes bytes) : bytes_(bytes) { Fill(); }

  bool ok() const { return ok_; }
  // 0 to 32 bits.
  uint64_t Take(uint32_t bits) {
    if (bits == 0) return 0;
    const uint64_t value = window_ >> (64 - bits);
    Skip(bits);
    return value;
  }
  // false in ok() for a value of 2^32 and more.
  uint32_t TakeExpGolomb() {
    const auto zeros = static_cast<uint32_t>(std::countl_zero(window_));
    if (zeros > 31) return Refuse();
    Skip(zeros);
    return static_cast<uint32_t>(Take(zeros + 1) - 1);
  }
  // false in ok() for a quotient above 40. k: 0 to 32.
  uint64_t TakeRice(uint32_t k) {
    const auto ones = static_cast<uint32_t>(std::countl_one(window_));
    if (ones > 40) return Refuse();
    Skip(ones + 1);
    return (uint64_t{ones} << k) | Take(k);
  }
  // Bytes begun; the bits left in the last one must be 0, or ok() is false.
  size_t Finish() {
    const uint32_t left = (8 - used_ % 8) % 8;
    if (left > 0 && Take(left) != 0) Refuse();
    return used_ / 8;
  }

 private:
  uint32_t Refuse() {
    ok_ = false;
    return 0;
  }
  void Skip(uint32_t bits) {
    used_ += bits;
    if (used_ > bytes_.size() * 8) ok_ = false;
    if (bits <= left_) {
      window_ = bits == 64 ? 0 : window_ << bits;
      left_ -= bits;
      if (left_ < 48) Fill();
    } else {
      Refuse();
      window_ = 0;
      left_ = 0;
    }
  }
  // At least 57 bits in the window, zero bits behind the end.
  void Fill() {
    const size_t byte = used_ / 8;
    const auto shift = static_cast<uint32_t>(used_ % 8);
    uint64_t word = 0;
    if (byte + 8 <= bytes_.size()) {
      word = __builtin_bswap64(LoadLittle<uint64_t>(bytes_.data() + byte));
    } else {
      for (size_t i = 0; i < 8; ++i)
        word = (word << 8) | (byte + i < bytes_.size() ? bytes_[byte + i] : 0);
    }
    window_ = word << shift;
    left_ = 64 - shift;
  }

  Bytes bytes_;
  size_t used_ = 0;  // bits
  uint64_t window_ = 0;
  uint32_t left_ = 0;  // bits of the window that were read from memory
  bool ok_ = true;
};

}  // namespace kedge::stats
