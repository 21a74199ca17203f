// The agent's memory over restarts: one text in two slots, each a file that is replaced atomically.
//
// A store writes the slot that holds the older generation, so the newer one stays whole whatever
// happens to the write; a load takes the highest generation whose checksums are right. Layout of a
// slot, little-endian:
//
//   0   8   "KEDGEST" and the format's digit, '1'
//   8   8   generation, counts stores
//   16  8   length of the text in bytes
//   24  32  SHA-256 of the text
//   56  4   CRC-32C of the 56 bytes before
//   60  4   zero
//   64      the text
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"

namespace kedge::agent {

constexpr size_t kStateBytesMax = 4 << 20;

// One thread.
class StateFile {
 public:
  // Files `state.0` and `state.1` in `folder`. Borrows the disk.
  StateFile(FileSystem& disk, Path folder) : disk_(disk), folder_(std::move(folder)) {}

  // The newest text, or none if no slot was ever written. kUnimplemented if a slot was written by a
  // newer format; kDataLoss if slots are there and none is whole. Nothing is changed on an error.
  Result<std::optional<std::string>> Load();
  // Durably. After an error either the former or the new text is what Load gives.
  Status Store(const std::string& text);
  // The texts of all whole slots: whoever deletes files must spare what any of them names.
  std::vector<std::string> AllTexts();

 private:
  struct Slot {
    uint64_t generation = 0;
    std::string text;
  };
  Path SlotPath(size_t slot) const { return folder_ / ("state." + std::to_string(slot)); }
  Result<std::optional<Slot>> ReadSlot(size_t slot);

  FileSystem& disk_;
  const Path folder_;
  std::array<uint64_t, 2> generations_{0, 0};  // 0: free or damaged
};

}  // namespace kedge::agent
