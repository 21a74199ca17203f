// SPDX-License-Identifier: Apache-2.0
#include "server/monitoring/schedule.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace kedge::server {
namespace {

constexpr EpochMs kHourMs = 3'600'000;
constexpr EpochMs kDayMs = 24 * kHourMs;
constexpr int64_t kOffsetMsMax = 366 * kDayMs;

Error NoRule(std::string_view text) {
  return InvalidArgument("ScheduleExpression '" + std::string(text) +
                         "' is none of NOW, cron(0 * ? * * *), cron(0 H ? * * *) and "
                         "cron(0 H/N ? * * *) with H 0-23 and N 1-24");
}

std::optional<int> Number(std::string_view text, int max) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  if (!whole || text.size() > 2 || value < 0 || value > max) return std::nullopt;
  return value;
}

bool IsSlot(const ScheduleRule& rule, EpochMs hour) {
  const auto of_day = static_cast<int>(hour % kDayMs / kHourMs);
  return of_day >= rule.first_hour && (of_day - rule.first_hour) % rule.every_hours == 0;
}

}  // namespace

Result<ScheduleRule> ParseScheduleExpression(std::string_view text) {
  if (text == "NOW") return ScheduleRule{.once = true};
  constexpr std::string_view kBefore = "cron(0 ";
  constexpr std::string_view kAfter = " ? * * *)";
  if (!text.starts_with(kBefore) || !text.ends_with(kAfter) ||
      text.size() < kBefore.size() + kAfter.size()) {
    return NoRule(text);
  }
  const std::string_view hours =
      text.substr(kBefore.size(), text.size() - kBefore.size() - kAfter.size());
  if (hours == "*") return ScheduleRule{};
  const size_t slash = hours.find('/');
  const auto first = Number(hours.substr(0, slash), 23);
  const auto every = slash == std::string_view::npos ? 24 : Number(hours.substr(slash + 1), 24);
  if (!first || !every || *every == 0) return NoRule(text);
  return ScheduleRule{.first_hour = *first, .every_hours = *every};
}

EpochMs NextSlot(const ScheduleRule& rule, EpochMs after) {
  if (rule.once) return after;
  EpochMs slot = after / kHourMs * kHourMs + kHourMs;
  while (!IsSlot(rule, slot)) slot += kHourMs;
  return slot;
}

EpochMs SlotBefore(const ScheduleRule& rule, EpochMs slot) {
  if (rule.once) return slot - kHourMs;
  EpochMs before = (slot - 1) / kHourMs * kHourMs;
  while (!IsSlot(rule, before)) before -= kHourMs;
  return before;
}

EpochMs NewestSlot(const ScheduleRule& rule, EpochMs due, EpochMs now) {
  if (rule.once || due > now) return due;
  EpochMs newest = now / kHourMs * kHourMs;
  while (newest > due && !IsSlot(rule, newest)) newest -= kHourMs;
  return std::max(newest, due);
}

Result<int64_t> ParseTimeOffset(std::string_view text) {
  const Error invalid = InvalidArgument("time offset '" + std::string(text) +
                                        "' is no duration such as -PT1H or -P1D");
  std::string_view rest = text;
  int64_t sign = 1;
  if (rest.starts_with('-') || rest.starts_with('+')) {
    sign = rest.front() == '-' ? -1 : 1;
    rest.remove_prefix(1);
  }
  if (!rest.starts_with('P')) return invalid;
  rest.remove_prefix(1);
  int64_t sum = 0;
  bool in_time = false;
  bool any = false;
  while (!rest.empty()) {
    if (rest.front() == 'T' && !in_time) {
      in_time = true;
      rest.remove_prefix(1);
      continue;
    }
    int64_t value = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
    if (error != std::errc() || value < 0 || value > 1'000'000'000 ||
        end == rest.data() + rest.size()) {
      return invalid;
    }
    const char unit = *end;
    const int64_t unit_ms = unit == 'D' && !in_time  ? kDayMs
                            : unit == 'H' && in_time ? kHourMs
                            : unit == 'M' && in_time ? 60'000
                            : unit == 'S' && in_time ? 1000
                                                     : 0;
    if (unit_ms == 0) return invalid;
    sum += value * unit_ms;
    any = true;
    rest.remove_prefix(static_cast<size_t>(end - rest.data()) + 1);
  }
  if (!any || sum > kOffsetMsMax) return invalid;
  return sign * sum;
}

std::string HourFolder(EpochMs time) {
  const std::string text = FormatIso8601(time);  // 2026-11-28T21:...
  return text.substr(0, 4) + "/" + text.substr(5, 2) + "/" + text.substr(8, 2) + "/" +
         text.substr(11, 2);
}

}  // namespace kedge::server
