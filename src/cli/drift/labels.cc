// SPDX-License-Identifier: Apache-2.0
#include "cli/drift/labels.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

namespace kedge::cli {
namespace {

std::string TextOf(const stats::Cell& cell) {
  if (const auto* text = std::get_if<std::string>(&cell)) return *text;
  if (const auto* number = std::get_if<double>(&cell)) {
    if (std::trunc(*number) == *number && std::abs(*number) < 1e9)
      return std::to_string(static_cast<int64_t>(*number));
  }
  return "";
}

Result<std::vector<std::string>> TakeColumn(const std::string& name, DataSet& data) {
  const auto found = std::find(data.columns.begin(), data.columns.end(), name);
  if (found == data.columns.end())
    return InvalidArgument("--labels names column '" + name + "', which the data does not have");
  const auto place = found - data.columns.begin();
  data.columns.erase(found);
  std::vector<std::string> texts;
  for (DataRow& row : data.rows) {
    texts.push_back(TextOf(row.cells[static_cast<size_t>(place)]));
    row.cells.erase(row.cells.begin() + place);
  }
  return texts;
}

bool IsNumber(std::string_view text, uint32_t& number) {
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && stop == text.data() + text.size() && !text.empty();
}

}  // namespace

Result<std::vector<std::string>> ReadLines(const Path& file) {
  PosixFileSystem disk;
  KEDGE_TRY(const ByteBuffer bytes, disk.Read(file, kDataFileBytesMax));
  std::vector<std::string> lines;
  std::string_view text = AsText(bytes);
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.emplace_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

Result<Labels> ReadLabels(const std::string& source, std::vector<std::string> names,
                          DataSet& data) {
  Labels labels{.names = std::move(names)};
  if (source.empty()) return labels;
  std::vector<std::string> texts;
  if (source == "folders") {
    for (const DataRow& row : data.rows) texts.push_back(row.folder);
  } else if (source.starts_with("column:")) {
    KEDGE_TRY(texts, TakeColumn(source.substr(7), data));
  } else {
    KEDGE_TRY(texts, ReadLines(source));
  }
  if (texts.size() != data.rows.size())
    return InvalidArgument(std::to_string(texts.size()) + " labels of " +
                           std::to_string(data.rows.size()) + " rows");
  uint32_t number = 0;
  const bool numbers = std::all_of(texts.begin(), texts.end(), [&number](const std::string& text) {
    return IsNumber(text, number);
  });
  if (!numbers && labels.names.empty()) {
    const std::set<std::string> all(texts.begin(), texts.end());
    labels.names.assign(all.begin(), all.end());
  }
  for (const std::string& text : texts) {
    const auto named = std::find(labels.names.begin(), labels.names.end(), text);
    if (named != labels.names.end()) {
      number = static_cast<uint32_t>(named - labels.names.begin());
    } else if (!IsNumber(text, number)) {
      return InvalidArgument("label '" + text + "' is no class");
    }
    labels.classes.push_back(number);
  }
  return labels;
}

}  // namespace kedge::cli
