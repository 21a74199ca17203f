// SPDX-License-Identifier: Apache-2.0
#include "agent/capture/day_budget.h"

#include <algorithm>

#include "base/json/json.h"
#include "base/log.h"

namespace kedge::agent {

namespace {

constexpr EpochMs kDayMs = 86'400'000;
constexpr int64_t kClaimsOfDay = 16;
constexpr uint64_t kFileBytesMax = 4096;
// A clock may be set back by so much; a day further ahead is a clock that was wrong.
constexpr int64_t kDaysAheadMax = 2;

int64_t IntOf(const json::Value& value, const char* member) {
  const json::Value* found = value.Find(member);
  const int64_t* number = found == nullptr ? nullptr : found->AsInt();
  return number == nullptr ? -1 : *number;
}

}  // namespace

Status DayBudget::Open(EpochMs now) {
  const std::lock_guard lock(mutex_);
  day_ = now / kDayMs;
  if (file_.empty() || !disk_.Exists(file_)) return {};
  KEDGE_TRY(const ByteBuffer text, disk_.Read(file_, kFileBytesMax));
  const auto value = json::Parse(AsText(text));
  const int64_t day = value ? IntOf(*value, "day") : -1;
  const CaptureAmount claimed =
      value ? CaptureAmount{IntOf(*value, "records"), IntOf(*value, "bytes")} : CaptureAmount{};
  if (day < 0 || claimed.records < 0 || claimed.bytes < 0) {
    LogWarning("the budget of captures is damaged; the day counts as spent",
               {{"file", file_.string()}});
    spent_ = claimed_ = day_max_;
    return {};
  }
  if (day < day_) return {};
  if (day > day_ + kDaysAheadMax) {
    spent_ = claimed_ = day_max_;
    return {};
  }
  day_ = day;
  spent_ = claimed_ = claimed;
  return {};
}

bool DayBudget::Take(EpochMs now, int64_t bytes) {
  const std::lock_guard lock(mutex_);
  if (const int64_t day = now / kDayMs; day > day_) {
    day_ = day;
    spent_ = claimed_ = {};
  } else if (day < day_ - kDaysAheadMax) {
    day_ = day;
    spent_ = claimed_ = day_max_;
  }
  if (spent_.records + 1 > day_max_.records || spent_.bytes + bytes > day_max_.bytes) return false;
  if (!Claim(bytes)) return false;
  ++spent_.records;
  spent_.bytes += bytes;
  return true;
}

bool DayBudget::Claim(int64_t bytes) {
  const CaptureAmount needed{spent_.records + 1, spent_.bytes + bytes};
  if (needed.records <= claimed_.records && needed.bytes <= claimed_.bytes) return true;
  const auto next = [](int64_t need, int64_t claimed, int64_t max) {
    return need <= claimed ? claimed : std::min(max, need + max / kClaimsOfDay);
  };
  const CaptureAmount claim{next(needed.records, claimed_.records, day_max_.records),
                            next(needed.bytes, claimed_.bytes, day_max_.bytes)};
  if (!file_.empty()) {
    const std::string text = json::Write(
        json::Object{{"day", day_}, {"records", claim.records}, {"bytes", claim.bytes}});
    const Status written = disk_.WriteAtomically(file_, AsBytes(text), 0600);
    if (!written) {
      LogWarning("the budget of captures cannot be written; nothing is captured",
                 {{"why", written.error().message}});
      return false;
    }
  }
  claimed_ = claim;
  return true;
}

CaptureAmount DayBudget::spent() const {
  const std::lock_guard lock(mutex_);
  return spent_;
}

}  // namespace kedge::agent
