// SPDX-License-Identifier: Apache-2.0
#include "cli/listing.h"

#include <cstdio>

#include "base/clock.h"

namespace kedge::cli {
namespace {

std::string CellText(std::string_view name, const json::Value* value) {
  if (value == nullptr || value->is_null()) return "-";
  if (value->IsNumber() && name.ends_with("Time")) {
    return FormatIso8601(static_cast<EpochMs>(value->NumberOr(0) * 1000));
  }
  if (value->AsString() != nullptr) return *value->AsString();
  if (value->AsArray() == nullptr) return json::Write(*value);
  std::string text;
  for (const json::Value& item : *value->AsArray()) {
    text += (text.empty() ? "" : ",") + CellText("", &item);
  }
  return text;
}

}  // namespace

std::string ItemLine(const json::Value& item, std::initializer_list<const char*> members) {
  std::string line;
  for (const char* member : members) {
    line += (line.empty() ? "" : "\t") + CellText(member, item.Find(member));
  }
  return line;
}

int PrintList(const char* program, const ApiOptions& api, std::string_view target,
              json::Object body, std::string_view list,
              std::initializer_list<const char*> members) {
  const Status status = [&]() -> Status {
    KEDGE_TRY(const ApiClient server, ApiClient::Make(api));
    std::string header;
    for (const char* member : members) header += (header.empty() ? "" : "\t") + std::string(member);
    std::printf("%s\n", header.c_str());
    return server.ForEach(target, std::move(body), list, [&](const json::Value& item) {
      std::printf("%s\n", ItemLine(item, members).c_str());
      return Status();
    });
  }();
  return status ? kExitSuccess : Fail(program, status.error());
}

json::Value TextArray(const std::vector<std::string>& texts) {
  json::Array array;
  for (const std::string& text : texts) array.emplace_back(text);
  return array;
}

}  // namespace kedge::cli
