// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <cstdio>
#include <ctime>

namespace kedge {

EpochMs SystemClock::NowMs() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::chrono::steady_clock::time_point SystemClock::Steady() const {
  return std::chrono::steady_clock::now();
}

namespace {

std::tm ToUtc(EpochMs time) {
  const std::time_t seconds =
      static_cast<std::time_t>(time >= 0 ? time / 1000 : (time - 999) / 1000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  return parts;
}

}  // namespace

std::string FormatIso8601(EpochMs time) {
  const std::tm parts = ToUtc(time);
  char date[40];
  std::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &parts);
  char text[64];
  std::snprintf(text, sizeof text, "%s.%03dZ", date,
                static_cast<int>(((time % 1000) + 1000) % 1000));
  return text;
}

std::string FormatBasicIso8601(EpochMs time) {
  const std::tm parts = ToUtc(time);
  char text[40];
  std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &parts);
  return text;
}

Result<EpochMs> ParseBasicIso8601(const std::string& text) {
  bool good = text.size() == 16 && text[8] == 'T' && text[15] == 'Z';
  for (size_t i = 0; good && i < 15; ++i) good = i == 8 || (text[i] >= '0' && text[i] <= '9');
  if (!good)
    return InvalidArgument("time '" + text.substr(0, 40) + "' is not of the form YYYYMMDDTHHMMSSZ");
  auto number = [&](size_t at, size_t n) { return std::stoi(text.substr(at, n)); };
  std::tm parts{};
  parts.tm_year = number(0, 4) - 1900;
  parts.tm_mon = number(4, 2) - 1;
  parts.tm_mday = number(6, 2);
  parts.tm_hour = number(9, 2);
  parts.tm_min = number(11, 2);
  parts.tm_sec = number(13, 2);
  const std::tm asked = parts;
  const std::time_t seconds = timegm(&parts);
  if (parts.tm_mon != asked.tm_mon || parts.tm_mday != asked.tm_mday ||
      parts.tm_hour != asked.tm_hour || parts.tm_min != asked.tm_min ||
      parts.tm_sec != asked.tm_sec) {
    return InvalidArgument("time '" + text + "' does not exist");
  }
  return static_cast<EpochMs>(seconds) * 1000;
}

Result<EpochMs> ParseIso8601(const std::string& text) {
  const Error wrong = InvalidArgument("time '" + text.substr(0, 40) + "' is not of ISO 8601");
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || text[13] != ':' || text[16] != ':' ||
      text.back() != 'Z')
    return wrong;
  const std::string basic = text.substr(0, 4) + text.substr(5, 2) + text.substr(8, 5) +
                            text.substr(14, 2) + text.substr(17, 2) + "Z";
  KEDGE_TRY(const EpochMs seconds, ParseBasicIso8601(basic));
  const std::string fraction = text.substr(19, text.size() - 20);
  if (fraction.empty()) return seconds;
  if (fraction.size() < 2 || fraction[0] != '.' ||
      fraction.find_first_not_of("0123456789", 1) != std::string::npos)
    return wrong;
  return seconds + std::stoi((fraction.substr(1) + "00").substr(0, 3));
}

}  // namespace kedge
