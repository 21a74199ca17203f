// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/job_log.h"

#include <cstdint>

namespace kedge::server {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";
constexpr std::string_view kDroppedLine = "[... lines were lost here ...]\n";

// How many bytes the character at the start of `text` takes; 0 if it is none. `cut` if it could be
// one with more bytes behind it.
size_t CharacterBytes(std::string_view text, bool& cut) {
  const auto first = static_cast<uint8_t>(text[0]);
  if (first == 0) return 0;
  if (first < 0x80) return 1;
  const size_t bytes = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4) return 0;
  for (size_t i = 1; i < bytes; ++i) {
    if (i == text.size()) {
      cut = true;
      return 0;
    }
    const auto next = static_cast<uint8_t>(text[i]);
    // The second byte rules out overlong forms, surrogates and what is above U+10FFFF.
    const uint8_t low = i == 1 && first == 0xe0 ? 0xa0 : i == 1 && first == 0xf0 ? 0x90 : 0x80;
    const uint8_t high = i == 1 && first == 0xed ? 0x9f : i == 1 && first == 0xf4 ? 0x8f : 0xbf;
    if (next < low || next > high) return 0;
  }
  return bytes;
}

}  // namespace

void JobLog::Append(std::string_view text) {
  const std::lock_guard lock(mutex_);
  pending_ += text;
  if (pending_.size() <= kPendingBytesMax) return;
  pending_.erase(0, pending_.size() - kPendingBytesMax);
  dropped_ = true;
}

void JobLog::Line(std::string_view text) { Append(std::string(text) + "\n"); }

std::string JobLog::Take(bool all) {
  const std::lock_guard lock(mutex_);
  std::string taken;
  if (dropped_) taken = kDroppedLine;
  dropped_ = false;
  std::string_view rest = pending_;
  while (!rest.empty()) {
    bool cut = false;
    const size_t bytes = CharacterBytes(rest, cut);
    if (cut && !all) break;
    taken += bytes == 0 ? kReplacement : rest.substr(0, bytes);
    rest.remove_prefix(bytes == 0 ? 1 : bytes);
  }
  pending_.erase(0, pending_.size() - rest.size());
  return taken;
}

}  // namespace kedge::server
