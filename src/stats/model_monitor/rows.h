// Rows of columns out of the texts that monitoring reads: CSV, JSON objects, Model Monitor's
// capture lines and the captures of edge agents (docs/formats/capture.md).
//
// A capture is one or more rows: the columns of its output first, then those of its input, as the
// original joins them. A column without a name is called _c0, _c1 ...; an object inside an object
// becomes outer_inner; a tensor of one element is a column of its name, of more name_0, name_1 ...;
// tensors above kTensorElementsMax (images) and data in files are left out.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/json/json.h"

namespace kedge::stats::model_monitor {

using Cells = std::vector<std::pair<std::string, std::string>>;  // column, text; "" is missing

struct Record {
  Cells cells;
  size_t outputs = 0;  // so many of the cells are of the output
  std::string event_id;
  std::string inference_id;
  std::optional<EpochMs> time;
  bool named = true;  // false: all columns are _c0, _c1 ...
};

constexpr size_t kLineBytesMax = 8u << 20;
constexpr size_t kTensorElementsMax = 256;

// The fields of one line, RFC 4180: quotes around, doubled inside. No line breaks inside a field.
// kInvalidArgument: a quote that does not end.
Result<std::vector<std::string>> SplitCsv(std::string_view line);
// Cells of fields; without a header they are _c0 and so on. kInvalidArgument if the header has
// another number.
Result<Cells> CsvCells(const std::vector<std::string>& fields,
                       const std::vector<std::string>* header);
// Cells of a flat or nested object; lists and nulls inside are missing. Of a list: _c0 and so on.
Cells JsonCells(const json::Value& value);
// The rows of one capture line of either form. kInvalidArgument: neither.
Result<std::vector<Record>> ReadCaptureLine(const json::Value& line);
bool IsCaptureLine(const json::Value& line);

// Ground truth: the label of one inference. kInvalidArgument.
struct GroundTruth {
  std::string event_id;
  std::string label;
};
Result<GroundTruth> ReadGroundTruthLine(const json::Value& line);

// How a text holds rows. Lines that are captures are recognised in CSV and in JSON lines.
struct TableFormat {
  bool csv = false;
  bool header = false;     // of CSV: the first line has the names of the columns
  bool json_lines = true;  // of JSON: an object a line; else one value, or an array of rows
};
using EachRow = std::function<Status(Record&&)>;
// Gives each row of the text. kInvalidArgument names the line that cannot be read; errors of
// `each`.
Status ForEachRow(std::string_view text, const TableFormat& format, const EachRow& each);

// Gives each line without its line break; empty lines are left out.
template <class Each>
Status ForEachLine(std::string_view text, Each each) {
  while (!text.empty()) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    if (line.size() > kLineBytesMax) {
      return InvalidArgument("a line of " + std::to_string(line.size()) + " bytes");
    }
    if (Status status = each(line); !status) return status;
  }
  return {};
}

}  // namespace kedge::stats::model_monitor
