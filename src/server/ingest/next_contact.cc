// SPDX-License-Identifier: Apache-2.0
#include "server/ingest/next_contact.h"

#include <algorithm>

namespace kedge::server {
namespace {

// FNV-1a (64 bits), finished by a mix: the same on every node and in every version.
uint64_t HashOf(const store::DeviceKey& key) {
  uint64_t hash = 14'695'981'039'346'656'037ULL;
  const auto add = [&](std::string_view text) {
    for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 1'099'511'628'211ULL;
  };
  add(key.fleet);
  add("/");
  add(key.device);
  hash ^= hash >> 33;
  hash *= 0xFF51AFD7ED558CCDULL;
  return hash ^ (hash >> 33);
}

}  // namespace

int64_t NextContactMs(const store::DeviceKey& key, EpochMs now, int64_t period_ms) {
  const int64_t period = std::clamp(period_ms, kPeriodMinMs, kPeriodMaxMs);
  const auto place = static_cast<int64_t>(HashOf(key) % static_cast<uint64_t>(period));
  const EpochMs earliest = now + period / 2;
  const int64_t until = ((place - earliest) % period + period) % period;
  return period / 2 + until;
}

void LoadStretch::AfterBatch(size_t waiting, size_t waiting_max) {
  const int64_t now = factor_.load(std::memory_order_relaxed);
  if (waiting > waiting_max / 4) {
    calm_.store(0, std::memory_order_relaxed);
    factor_.store(std::min(now * 2, kStretchMax), std::memory_order_relaxed);
    return;
  }
  if (now == 1 || waiting > waiting_max / 16) return;
  if (calm_.fetch_add(1, std::memory_order_relaxed) + 1 < kCalmBatches) return;
  calm_.store(0, std::memory_order_relaxed);
  factor_.store(now / 2, std::memory_order_relaxed);
}

}  // namespace kedge::server
