// SPDX-License-Identifier: Apache-2.0
#include "package/format.h"

#include <algorithm>
#include <string>

namespace kedge::package {

namespace {

bool IsAlnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// At most 300 characters of foreign text, for messages.
std::string Quoted(std::string_view text) { return "'" + std::string(text.substr(0, 300)) + "'"; }

}  // namespace

Status CheckFileName(std::string_view name) {
  const auto refuse = [name](std::string_view why) {
    return InvalidArgument("file name " + Quoted(name) + " " + std::string(why));
  };
  if (name.empty() || name.size() > kFileNameBytesMax) return refuse("is empty or too long");
  if (name.front() == '/') return refuse("is absolute");
  size_t depth = 0;
  for (std::string_view rest = name;;) {
    const size_t slash = rest.find('/');
    const std::string_view part = rest.substr(0, slash);
    if (++depth > kFileDepthMax) return refuse("is deeper than 4 parts");
    if (part.empty()) return refuse("has an empty part");
    if (part.front() == '.' || part.front() == '-')
      return refuse("has a part that begins with '.' or '-'");
    for (const char c : part) {
      if (!IsAlnum(c) && c != '.' && c != '_' && c != '-')
        return refuse("has a character outside [A-Za-z0-9._-/]");
    }
    if (slash == std::string_view::npos) return {};
    rest.remove_prefix(slash + 1);
  }
}

Status CheckModelName(std::string_view name) {
  const auto alnums = std::count_if(name.begin(), name.end(), IsAlnum);
  const bool characters =
      std::all_of(name.begin(), name.end(), [](char c) { return IsAlnum(c) || c == '-'; });
  if (name.empty() || name.size() > 255 || alnums > 63 || !characters || name.front() == '-' ||
      name.back() == '-')
    return InvalidArgument("model name " + Quoted(name) +
                           " does not match [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}");
  return {};
}

Status CheckModelVersion(std::string_view version) {
  const bool characters = std::all_of(version.begin(), version.end(), [](char c) {
    return IsAlnum(c) || c == ' ' || c == '_' || c == '.';
  });
  if (version.empty() || version.size() > 30 || !characters)
    return InvalidArgument("model version " + Quoted(version) +
                           " does not match [a-zA-Z0-9 _.]{1,30}");
  return {};
}

Status CheckTargetName(std::string_view target) {
  const bool characters = std::all_of(target.begin(), target.end(), [](char c) {
    return (IsAlnum(c) && !(c >= 'A' && c <= 'Z')) || c == '.' || c == '_' || c == '-';
  });
  if (target.empty() || target.size() > 32 || !characters || !IsAlnum(target.front()))
    return InvalidArgument("target " + Quoted(target) +
                           " does not match [a-z0-9][a-z0-9._-]{0,31}");
  return {};
}

}  // namespace kedge::package
