// SPDX-License-Identifier: Apache-2.0
#include "fleet/selection.h"

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "base/bytes.h"
#include "base/crypto/crypto.h"

namespace kedge::fleet {
namespace {

constexpr size_t kLimitDigits = 16;

std::string Hex(uint64_t number) {
  char text[kLimitDigits + 1];
  std::snprintf(text, sizeof(text), "%016llx", static_cast<unsigned long long>(number));
  return text;
}

// Where a rank lies among all possible ones, as "0.1832".
std::string Share(uint64_t rank) {
  char text[16];
  std::snprintf(text, sizeof(text), "%.4f", static_cast<double>(rank) / 0x1p64);
  return text;
}

}  // namespace

uint64_t Rank(std::string_view chance, std::string_view device) {
  std::string text;
  text.reserve(chance.size() + 1 + device.size());
  text.append(chance).append("/").append(device);
  const crypto::Sha256Digest digest = crypto::Sha256(AsBytes(text));
  uint64_t rank = 0;
  for (size_t i = 0; i < sizeof(rank); ++i) rank = rank << 8 | static_cast<uint64_t>(digest[i]);
  return rank;
}

std::string DrawLimit(const Selection& selection, std::span<const std::string> devices,
                      std::string_view chance) {
  if (selection.kind != Selection::Kind::kPercentage) return "";
  const auto percentage = static_cast<size_t>(std::clamp<int64_t>(selection.percentage, 0, 100));
  const size_t count = (devices.size() * percentage + 99) / 100;
  if (count == 0) return "";
  std::vector<uint64_t> ranks;
  ranks.reserve(devices.size());
  for (const std::string& device : devices) ranks.push_back(Rank(chance, device));
  const auto last = ranks.begin() + static_cast<std::ptrdiff_t>(count) - 1;
  std::nth_element(ranks.begin(), last, ranks.end());
  return Hex(*last);
}

Roster::Roster(Selection selection, std::vector<std::string> devices, std::string chance,
               const std::string& limit)
    : selection_(std::move(selection)), chance_(std::move(chance)) {
  std::sort(selection_.names.begin(), selection_.names.end());
  const char* end = limit.data() + limit.size();
  const bool anybody = std::from_chars(limit.data(), end, limit_, 16).ptr == end && !limit.empty();
  for (std::string& device : devices) {
    bool inside = false;
    switch (selection_.kind) {
      case Selection::Kind::kPercentage:
        inside = anybody && Rank(chance_, device) <= limit_;
        break;
      case Selection::Kind::kSelection:
        inside = std::binary_search(selection_.names.begin(), selection_.names.end(), device);
        break;
      case Selection::Kind::kNameContains:
        inside = device.find(selection_.contains) != std::string::npos;
        break;
    }
    (inside ? inside_ : outside_).push_back(std::move(device));
  }
}

Chosen Roster::Choose(const std::string& device) const {
  Chosen chosen{.device = device};
  switch (selection_.kind) {
    case Selection::Kind::kPercentage:
      chosen.reason = "drew " + Share(Rank(chance_, device)) + ", up to " + Share(limit_) +
                      " are in: " + std::to_string(selection_.percentage) + " % of " +
                      std::to_string(devices()) + " devices";
      break;
    case Selection::Kind::kSelection:
      chosen.reason = "named by the stage";
      break;
    case Selection::Kind::kNameContains:
      chosen.reason = "name contains '" + selection_.contains + "'";
      break;
  }
  if (!outside_.empty()) {
    chosen.control_peer = outside_[Rank(chance_ + "/peer", device) % outside_.size()];
  }
  return chosen;
}

std::vector<Chosen> Roster::After(std::string_view after, size_t count) const {
  std::vector<Chosen> chosen;
  auto next = std::upper_bound(inside_.begin(), inside_.end(), after);
  for (; next != inside_.end() && chosen.size() < count; ++next) chosen.push_back(Choose(*next));
  return chosen;
}

bool Roster::AnyAfter(std::string_view after) const {
  return !inside_.empty() && inside_.back() > after;
}

}  // namespace kedge::fleet
