// Which devices of a fleet a stage takes, why, and whom each is compared with.
//
// Every device has a rank: 64 bits of SHA-256(chance, name), where `chance` is drawn once a plan.
// PERCENTAGE takes the devices with the lowest ranks, so the choice is random, can be explained
// afterwards, and a stage of 50 % contains the stage of 10 %. The rank of the last device that is
// in is recorded with the stage (its limit) before the first device is taken: from then on "is this
// device in?" has one answer, whoever asks, though devices come and go while a large stage starts.
//
// A device's control peer is drawn from the devices outside the stage, by a rank of its own: the
// stage's effect is later measured against them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kedge::fleet {

struct Selection {
  enum class Kind { kPercentage, kSelection, kNameContains };
  Kind kind = Kind::kSelection;
  int64_t percentage = 0;          // 0..100
  std::vector<std::string> names;  // kSelection
  std::string contains;            // kNameContains
};

// Of a device in a draw.
uint64_t Rank(std::string_view chance, std::string_view device);

// The highest rank that is in, as 16 hexadecimal digits: of ceil(percentage * n / 100) devices.
// Empty if nobody is in, or the selection is not by percentage.
std::string DrawLimit(const Selection& selection, std::span<const std::string> devices,
                      std::string_view chance);

// A device of a stage, for the record.
struct Chosen {
  std::string device;
  std::string reason;
  std::optional<std::string> control_peer;  // none: the whole fleet is in the stage
  friend bool operator==(const Chosen&, const Chosen&) = default;
};

// A fleet divided by a stage into those inside and those outside.
class Roster {
 public:
  // `devices` are sorted and unique; `limit` is DrawLimit's.
  Roster(Selection selection, std::vector<std::string> devices, std::string chance,
         const std::string& limit);

  // The first `count` chosen devices after the name `after`; fewer: the last ones.
  std::vector<Chosen> After(std::string_view after, size_t count) const;
  bool AnyAfter(std::string_view after) const;

  size_t chosen() const { return inside_.size(); }
  size_t devices() const { return inside_.size() + outside_.size(); }

 private:
  Chosen Choose(const std::string& device) const;

  Selection selection_;
  std::string chance_;
  uint64_t limit_ = 0;
  std::vector<std::string> inside_;  // sorted
  std::vector<std::string> outside_;
};

}  // namespace kedge::fleet
