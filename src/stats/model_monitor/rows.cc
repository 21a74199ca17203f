// SPDX-License-Identifier: Apache-2.0
#include "stats/model_monitor/rows.h"

#include <algorithm>
#include <array>

#include "base/bytes.h"
#include "stats/features/element.h"

namespace kedge::stats::model_monitor {
namespace {

constexpr int kNestingMax = 4;

// Names of api/agent.proto.
constexpr std::array<std::pair<std::string_view, DType>, 12> kTypes = {{
    {"UINT8", DType::kU8},
    {"INT16", DType::kI16},
    {"INT32", DType::kI32},
    {"FLOAT16", DType::kF16},
    {"FLOAT32", DType::kF32},
    {"FLOAT64", DType::kF64},
    {"INT64", DType::kI64},
    {"INT8", DType::kI8},
    {"UINT16", DType::kU16},
    {"UINT32", DType::kU32},
    {"UINT64", DType::kU64},
    {"BFLOAT16", DType::kBf16},
}};

// As JSON prints it: the shortest text that reads back equal.
std::string NumberText(double value) {
  std::string text = json::Write(json::Value(value));
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  return text == "null" ? "" : text;
}

void AddJson(const std::string& name, const json::Value& value, int depth, Cells& cells) {
  if (const json::Object* object = value.AsObject(); object != nullptr && depth < kNestingMax) {
    for (const auto& [member, inner] : *object) {
      AddJson(name.empty() ? member : name + "_" + member, inner, depth + 1, cells);
    }
    return;
  }
  std::string text;
  if (const std::string* string = value.AsString()) text = *string;
  if (value.IsNumber() || value.AsBool() != nullptr) text = json::Write(value);
  cells.emplace_back(name, std::move(text));
}

// "2026-11-22T13:14:15" or with Z, UTC.
std::optional<EpochMs> ReadTime(const std::string& text) {
  std::string basic;
  for (const char c : text) {
    if (c != '-' && c != ':') basic += c;
  }
  if (!basic.ends_with('Z')) basic += 'Z';
  const auto time = ParseBasicIso8601(basic);
  if (!time) return std::nullopt;
  return *time;
}

// ---- Captures of edge agents ----

void AddTensor(const json::Value& entry, Cells& cells) {
  const std::string kind = entry.StringOr("observedContentType", "");
  constexpr std::string_view kPrefix = "Tensor[";
  if (!kind.starts_with(kPrefix) || entry.StringOr("encoding", "") != "BASE64") return;
  const std::string type = kind.substr(kPrefix.size(), kind.find_first_of(";]") - kPrefix.size());
  const auto* found = std::find_if(kTypes.begin(), kTypes.end(),
                                   [&](const auto& one) { return one.first == type; });
  const auto bytes = Base64Decode(entry.StringOr("data", ""));
  if (found == kTypes.end() || !bytes) return;
  const size_t elements = bytes->size() / DTypeSize(found->second);
  if (elements == 0 || elements > kTensorElementsMax) return;
  const TensorView view{.dtype = found->second, .bytes = *bytes};
  const std::string name = entry.StringOr("name", "");
  for (size_t i = 0; i < elements; ++i) {
    cells.emplace_back(elements == 1 ? name : name + "_" + std::to_string(i),
                       NumberText(ElementOf(view, i)));
  }
}

void AddTensors(const json::Value& line, std::string_view member, Cells& cells) {
  const json::Value* list = line.Find(member);
  if (list == nullptr || list->AsArray() == nullptr) return;
  for (const json::Value& entry : *list->AsArray()) AddTensor(entry, cells);
}

// ---- Captures of the service ----

// One element a row. Data that is not text of columns has none.
Result<std::vector<Cells>> SideRows(const json::Value& side) {
  std::string data = side.StringOr("data", "");
  std::string encoding = side.StringOr("encoding", "CSV");
  if (encoding == "BASE64") {
    KEDGE_TRY(const ByteBuffer bytes, Base64Decode(data));
    data = std::string(AsText(bytes));
    const std::string type = side.StringOr("observedContentType", "");
    encoding = type.find("json") != std::string::npos  ? "JSON"
               : type.find("csv") != std::string::npos ? "CSV"
                                                       : "";
  }
  std::vector<Cells> rows;
  if (encoding == "JSON") {
    KEDGE_TRY(const json::Value value, json::Parse(data));
    rows.push_back(JsonCells(value));
  }
  if (encoding == "CSV") {
    KEDGE_TRY_STATUS(ForEachLine(data, [&](std::string_view line) -> Status {
      KEDGE_TRY(const auto fields, SplitCsv(line));
      KEDGE_TRY(Cells cells, CsvCells(fields, nullptr));
      rows.push_back(std::move(cells));
      return {};
    }));
  }
  return rows;
}

bool IsPositional(const Cells& cells) {
  return std::all_of(cells.begin(), cells.end(),
                     [](const auto& cell) { return cell.first.starts_with("_c"); });
}

// Columns without names are numbered through: the output's, then the input's.
Record Join(const Cells& output, const Cells& input) {
  Record record;
  record.outputs = output.size();
  record.cells = output;
  record.cells.insert(record.cells.end(), input.begin(), input.end());
  record.named = !IsPositional(record.cells);
  if (record.named) return record;
  for (size_t i = 0; i < record.cells.size(); ++i) {
    record.cells[i].first = "_c" + std::to_string(i);
  }
  return record;
}

Result<std::vector<Record>> ServiceRecords(const json::Value& capture) {
  std::vector<Cells> outputs;
  std::vector<Cells> inputs;
  if (const json::Value* side = capture.Find("endpointOutput")) {
    KEDGE_TRY(outputs, SideRows(*side));
  }
  if (const json::Value* side = capture.Find("endpointInput")) {
    KEDGE_TRY(inputs, SideRows(*side));
  }
  std::vector<Record> records;
  for (size_t i = 0; i < std::max(outputs.size(), inputs.size()); ++i) {
    records.push_back(
        Join(i < outputs.size() ? outputs[i] : Cells(), i < inputs.size() ? inputs[i] : Cells()));
  }
  return records;
}

}  // namespace

Result<std::vector<std::string>> SplitCsv(std::string_view line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quoted) {
      if (c != '"') {
        fields.back() += c;
      } else if (i + 1 < line.size() && line[i + 1] == '"') {
        fields.back() += line[++i];
      } else {
        quoted = false;
      }
    } else if (c == '"' && fields.back().empty()) {
      quoted = true;
    } else if (c == ',') {
      fields.emplace_back();
    } else {
      fields.back() += c;
    }
  }
  if (quoted) return InvalidArgument("a quoted field does not end on its line");
  return fields;
}

Result<Cells> CsvCells(const std::vector<std::string>& fields,
                       const std::vector<std::string>* header) {
  if (header != nullptr && header->size() != fields.size()) {
    return InvalidArgument("a line has " + std::to_string(fields.size()) + " fields, the header " +
                           std::to_string(header->size()));
  }
  Cells cells;
  for (size_t i = 0; i < fields.size(); ++i) {
    cells.emplace_back(header != nullptr ? (*header)[i] : "_c" + std::to_string(i), fields[i]);
  }
  return cells;
}

Cells JsonCells(const json::Value& value) {
  Cells cells;
  if (const json::Array* list = value.AsArray()) {
    for (size_t i = 0; i < list->size(); ++i) {
      AddJson("_c" + std::to_string(i), (*list)[i], kNestingMax, cells);
    }
    return cells;
  }
  if (value.AsObject() == nullptr) {
    AddJson("_c0", value, kNestingMax, cells);
  } else {
    AddJson("", value, 0, cells);
  }
  return cells;
}

bool IsCaptureLine(const json::Value& line) {
  return line.Find("captureData") != nullptr || line.Find("deviceFleetInputs") != nullptr ||
         line.Find("deviceFleetOutputs") != nullptr;
}

Result<std::vector<Record>> ReadCaptureLine(const json::Value& line) {
  std::vector<Record> records;
  if (const json::Value* capture = line.Find("captureData")) {
    KEDGE_TRY(records, ServiceRecords(*capture));
  } else if (IsCaptureLine(line)) {
    Record record;
    AddTensors(line, "deviceFleetOutputs", record.cells);
    record.outputs = record.cells.size();
    AddTensors(line, "deviceFleetInputs", record.cells);
    records.push_back(std::move(record));
  } else {
    return InvalidArgument("a line is no capture");
  }
  const json::Value* metadata = line.Find("eventMetadata");
  if (metadata == nullptr) return records;
  for (Record& record : records) {
    record.event_id = metadata->StringOr("eventId", "");
    record.inference_id = metadata->StringOr("inferenceId", "");
    record.time = ReadTime(metadata->StringOr("inferenceTime", ""));
  }
  return records;
}

Result<GroundTruth> ReadGroundTruthLine(const json::Value& line) {
  const json::Value* data = line.Find("groundTruthData");
  const json::Value* metadata = line.Find("eventMetadata");
  if (data == nullptr || metadata == nullptr) return InvalidArgument("a line is no ground truth");
  GroundTruth truth{.event_id = metadata->StringOr("eventId", ""), .label = ""};
  const json::Value* label = data->Find("data");
  if (label != nullptr && label->AsString() != nullptr) truth.label = *label->AsString();
  if (label != nullptr && label->IsNumber()) truth.label = json::Write(*label);
  if (truth.event_id.empty() || truth.label.empty()) {
    return InvalidArgument("ground truth without eventId or data");
  }
  return truth;
}

namespace {

// One text's rows.
class TableReader {
 public:
  TableReader(const TableFormat& format, const EachRow& each) : format_(format), each_(each) {}

  Status Read(std::string_view text) {
    if (!format_.csv && !format_.json_lines) return ReadWhole(text);
    return ForEachLine(text, [&](std::string_view line) { return ReadLine(line); });
  }

 private:
  Status ReadValue(const json::Value& value) {
    if (!IsCaptureLine(value)) {
      return each_(Record{.cells = JsonCells(value), .named = value.AsObject() != nullptr});
    }
    KEDGE_TRY(auto records, ReadCaptureLine(value));
    for (Record& record : records) KEDGE_TRY_STATUS(each_(std::move(record)));
    return {};
  }

  Status ReadWhole(std::string_view text) {
    KEDGE_TRY(const json::Value value, json::Parse(text));
    if (value.AsArray() == nullptr) return ReadValue(value);
    for (const json::Value& row : *value.AsArray()) KEDGE_TRY_STATUS(ReadValue(row));
    return {};
  }

  Status ReadLine(std::string_view line) {
    ++line_;
    const Status status = ReadOne(line);
    if (status || status.error().code != Code::kInvalidArgument) return status;
    return Wrap(status.error(), "line " + std::to_string(line_));
  }

  Status ReadOne(std::string_view line) {
    const bool json = line.starts_with('{') || line.starts_with('[');
    if (!format_.csv || json) {
      KEDGE_TRY(const json::Value value, json::Parse(line));
      if (!format_.csv || IsCaptureLine(value)) return ReadValue(value);
    }
    KEDGE_TRY(auto fields, SplitCsv(line));
    if (format_.header && header_.empty()) {
      header_ = std::move(fields);
      return {};
    }
    KEDGE_TRY(Cells cells, CsvCells(fields, format_.header ? &header_ : nullptr));
    return each_(Record{.cells = std::move(cells), .named = format_.header});
  }

  const TableFormat& format_;
  const EachRow& each_;
  std::vector<std::string> header_;
  size_t line_ = 0;
};

}  // namespace

Status ForEachRow(std::string_view text, const TableFormat& format, const EachRow& each) {
  return TableReader(format, each).Read(text);
}

}  // namespace kedge::stats::model_monitor
