// SPDX-License-Identifier: Apache-2.0
#include "http/http.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

namespace kedge::http {

namespace {

char LowerAscii(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = LowerAscii(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// RFC 3986 section 2.3.
bool IsUnreserved(char c) {
  const char lower = LowerAscii(c);
  return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

}  // namespace

bool EqualIgnoringCase(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
           return LowerAscii(x) == LowerAscii(y);
         });
}

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), LowerAscii);
  return lower;
}

const std::string* Headers::Find(std::string_view name) const {
  for (const Header& header : list) {
    if (EqualIgnoringCase(header.first, name)) return &header.second;
  }
  return nullptr;
}

std::string Headers::Get(std::string_view name, std::string_view other) const {
  const std::string* value = Find(name);
  return value != nullptr ? *value : std::string(other);
}

void Headers::Set(std::string_view name, std::string value) {
  std::erase_if(list, [&](const Header& header) { return EqualIgnoringCase(header.first, name); });
  list.emplace_back(std::string(name), std::move(value));
}

size_t Headers::Count(std::string_view name) const {
  return static_cast<size_t>(std::count_if(list.begin(), list.end(), [&](const Header& header) {
    return EqualIgnoringCase(header.first, name);
  }));
}

std::string_view Request::path() const {
  return std::string_view(target).substr(0, target.find('?'));
}

std::string_view Request::query() const {
  const size_t mark = target.find('?');
  return mark == std::string::npos ? std::string_view() : std::string_view(target).substr(mark + 1);
}

std::string PercentDecode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && HexDigit(text[i + 1]) >= 0 &&
        HexDigit(text[i + 2]) >= 0) {
      out += static_cast<char>(HexDigit(text[i + 1]) * 16 + HexDigit(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string PercentEncode(std::string_view text, bool keep_slash) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (IsUnreserved(c) || (keep_slash && c == '/')) {
      out += c;
    } else {
      const auto byte = static_cast<uint8_t>(c);
      out += '%';
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    }
  }
  return out;
}

std::vector<std::pair<std::string, std::string>> ParseQuery(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> parameters;
  while (!query.empty()) {
    const size_t end = std::min(query.find('&'), query.size());
    const std::string_view item = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (item.empty()) continue;
    const size_t equals = std::min(item.find('='), item.size());
    const std::string_view value =
        equals < item.size() ? item.substr(equals + 1) : std::string_view();
    parameters.emplace_back(PercentDecode(item.substr(0, equals)), PercentDecode(value));
  }
  return parameters;
}

std::string_view ReasonPhrase(int status) {
  static constexpr std::pair<int, std::string_view> kPhrases[] = {
      {100, "Continue"},
      {200, "OK"},
      {201, "Created"},
      {202, "Accepted"},
      {204, "No Content"},
      {206, "Partial Content"},
      {301, "Moved Permanently"},
      {302, "Found"},
      {303, "See Other"},
      {304, "Not Modified"},
      {307, "Temporary Redirect"},
      {400, "Bad Request"},
      {401, "Unauthorized"},
      {403, "Forbidden"},
      {404, "Not Found"},
      {405, "Method Not Allowed"},
      {408, "Request Timeout"},
      {409, "Conflict"},
      {411, "Length Required"},
      {412, "Precondition Failed"},
      {413, "Content Too Large"},
      {414, "URI Too Long"},
      {415, "Unsupported Media Type"},
      {416, "Range Not Satisfiable"},
      {417, "Expectation Failed"},
      {422, "Unprocessable Content"},
      {429, "Too Many Requests"},
      {431, "Request Header Fields Too Large"},
      {500, "Internal Server Error"},
      {501, "Not Implemented"},
      {502, "Bad Gateway"},
      {503, "Service Unavailable"},
      {504, "Gateway Timeout"},
      {505, "HTTP Version Not Supported"},
  };
  for (const auto& [number, phrase] : kPhrases) {
    if (number == status) return phrase;
  }
  return "Unknown";
}

std::string FormatHttpDate(EpochMs time) {
  static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto seconds = static_cast<time_t>(time / 1000);
  thread_local std::pair<time_t, std::string> last;  // every answer of a second has the same
  if (!last.second.empty() && last.first == seconds) return last.second;
  std::tm utc{};
  if (gmtime_r(&seconds, &utc) == nullptr) return "Thu, 01 Jan 1970 00:00:00 GMT";
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%s, %02d %s %04d %02d:%02d:%02d GMT", kDays[utc.tm_wday],
                utc.tm_mday, kMonths[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour, utc.tm_min,
                utc.tm_sec);
  last = {seconds, text.data()};
  return last.second;
}

Result<EpochMs> ParseHttpDate(const std::string& text) {
  const Error wrong = InvalidArgument("'" + text.substr(0, 60) + "' is no HTTP date");
  static constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  if (text.size() != 29) return wrong;
  const size_t month = kMonths.find(text.substr(8, 3));
  if (month == std::string_view::npos || month % 3 != 0) return wrong;
  std::string basic = text.substr(12, 4);
  const size_t number = month / 3 + 1;
  basic.append(number < 10 ? "0" : "").append(std::to_string(number)).append(text, 5, 2);
  basic.append("T").append(text, 17, 2).append(text, 20, 2).append(text, 23, 2).append("Z");
  const Result<EpochMs> time = ParseBasicIso8601(basic);
  // Writing it again settles week day and punctuation.
  if (!time || FormatHttpDate(*time) != text) return wrong;
  return *time;
}

Result<Url> SplitUrl(std::string_view url) {
  const auto refuse = [&](std::string_view why) {
    return InvalidArgument("url '" + std::string(url) + "' " + std::string(why));
  };
  if (std::any_of(url.begin(), url.end(),
                  [](char c) { return static_cast<uint8_t>(c) < 0x20 || c == 0x7f; })) {
    return refuse("has a control character");
  }
  const size_t mark = url.find("://");
  if (mark == std::string_view::npos) return refuse("has no scheme");
  Url parts;
  parts.scheme = LowerCase(url.substr(0, mark));
  if (parts.scheme != "http" && parts.scheme != "https") return refuse("is not http or https");
  const std::string_view rest = url.substr(mark + 3);
  const size_t end = std::min(rest.find_first_of("/?#"), rest.size());
  parts.authority = rest.substr(0, end);
  if (parts.authority.empty() || parts.authority.front() == ':') return refuse("has no host");
  if (parts.authority.find('@') != std::string::npos) return refuse("has user information");
  std::string_view target = rest.substr(end);
  target = target.substr(0, target.find('#'));
  parts.target =
      (target.empty() || target.front() != '/') ? "/" + std::string(target) : std::string(target);
  return parts;
}

}  // namespace kedge::http
