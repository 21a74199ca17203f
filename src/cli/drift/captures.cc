// Lines of captures: those of Kedge and Edge Manager (docs/formats/capture.md), and Model
// Monitor's. SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <ctime>

#include "base/json/json.h"
#include "cli/csv.h"
#include "cli/drift/data_set.h"

namespace kedge::cli {
namespace {

using json::Value;

struct WireTypeRow {
  std::string_view name;
  DType dtype;
};

// enum DataType of api/agent.proto.
constexpr WireTypeRow kWireTypes[] = {{"UINT8", DType::kU8},    {"INT16", DType::kI16},
                                      {"INT32", DType::kI32},   {"INT64", DType::kI64},
                                      {"FLOAT16", DType::kF16}, {"FLOAT32", DType::kF32},
                                      {"FLOAT64", DType::kF64}};

// "Tensor[FLOAT32; 1, 3]"
Result<std::pair<DType, Shape>> ParseTensorType(std::string_view text) {
  const Error broken = InvalidArgument("'" + std::string(text) + "' is no type of a tensor");
  constexpr std::string_view kStart = "Tensor[";
  const size_t semicolon = text.find(';');
  if (!text.starts_with(kStart) || !text.ends_with("]") || semicolon == std::string_view::npos)
    return broken;
  const std::string_view name = text.substr(kStart.size(), semicolon - kStart.size());
  std::optional<DType> dtype;
  for (const WireTypeRow& row : kWireTypes) {
    if (row.name == name) dtype = row.dtype;
  }
  if (!dtype) return broken;
  Shape shape;
  std::string_view rest = text.substr(semicolon + 1, text.size() - semicolon - 2);
  while (!rest.empty()) {
    rest.remove_prefix(std::min(rest.find_first_not_of(" ,"), rest.size()));
    if (rest.empty()) break;
    int64_t size = 0;
    const auto [stop, error] = std::from_chars(rest.data(), rest.data() + rest.size(), size);
    if (error != std::errc()) return broken;
    shape.dims.push_back(size);
    rest.remove_prefix(static_cast<size_t>(stop - rest.data()));
  }
  KEDGE_TRY_STATUS(CheckShape(shape));
  return std::pair(*dtype, std::move(shape));
}

// A reference is an absolute path on the device: looked for there, then below raw-data beside the
// file, where a copy of the folder has it.
Result<ByteBuffer> ReadReference(const Path& file, std::string_view reference) {
  constexpr std::string_view kScheme = "file://";
  if (!reference.starts_with(kScheme))
    return InvalidArgument("'" + std::string(reference) + "' is no reference to a file");
  const Path there(reference.substr(kScheme.size()));
  const Path copied =
      file.parent_path() / "raw-data" / there.parent_path().filename() / there.filename();
  PosixFileSystem disk;
  return disk.Read(disk.Exists(copied) ? copied : there, kDataFileBytesMax);
}

Result<Tensor> ReadEntry(const Path& file, const Value& entry) {
  KEDGE_TRY(auto type, ParseTensorType(entry.StringOr("observedContentType", "")));
  const std::string reference = entry.StringOr("data-ref", "");
  if (!reference.empty()) {
    KEDGE_TRY(const ByteBuffer bytes, ReadReference(file, reference));
    return Tensor::FromBytes(type.first, std::move(type.second), bytes);
  }
  KEDGE_TRY(const ByteBuffer bytes, Base64Decode(entry.StringOr("data", "")));
  return Tensor::FromBytes(type.first, std::move(type.second), bytes);
}

// Unix milliseconds of "2026-11-28T20:00:00", with or without "Z".
std::optional<int64_t> ParseTime(const std::string& text) {
  std::tm time{};
  if (std::sscanf(text.c_str(), "%d-%d-%dT%d:%d:%d", &time.tm_year, &time.tm_mon, &time.tm_mday,
                  &time.tm_hour, &time.tm_min, &time.tm_sec) != 6)
    return std::nullopt;
  time.tm_year -= 1900;
  time.tm_mon -= 1;
  return static_cast<int64_t>(::timegm(&time)) * 1000;
}

Status ReadSide(const Path& file, const Value* entries, std::vector<Tensor>& tensors,
                std::vector<std::string>& names) {
  if (entries == nullptr || entries->AsArray() == nullptr) return {};
  const bool first = names.empty();
  for (const Value& entry : *entries->AsArray()) {
    KEDGE_TRY(Tensor tensor, ReadEntry(file, entry));
    tensors.push_back(std::move(tensor));
    if (first) names.push_back(entry.StringOr("name", ""));
  }
  return {};
}

Status ReadKedgeLine(const Path& file, const Value& line, DataSet& data) {
  if (data.is_table()) return InvalidArgument("tensors among lines of a table");
  DataRow row;
  KEDGE_TRY_STATUS(ReadSide(file, line.Find("deviceFleetInputs"), row.inputs, data.input_names));
  KEDGE_TRY_STATUS(ReadSide(file, line.Find("deviceFleetOutputs"), row.outputs, data.output_names));
  if (const Value* metadata = line.Find("eventMetadata"))
    row.time_ms = ParseTime(metadata->StringOr("inferenceTime", ""));
  data.rows.push_back(std::move(row));
  return {};
}

// The fields of Model Monitor's endpointInput or endpointOutput.
Result<std::vector<std::string>> FieldsOf(const Value& side) {
  std::string text = side.StringOr("data", "");
  if (side.StringOr("encoding", "") == "BASE64") {
    KEDGE_TRY(const ByteBuffer bytes, Base64Decode(text));
    text = AsText(bytes);
  }
  KEDGE_TRY(const std::vector<CsvRecord> records, ParseCsv(text));
  if (records.size() != 1)
    return InvalidArgument("captured data has " + std::to_string(records.size()) +
                           " rows of CSV, not 1");
  return records[0].fields;
}

// Columns are input-0, input-1, ..., output-0, ... since the file does not name them.
Status ReadModelMonitorLine(const Value& line, DataSet& data) {
  if (!data.rows.empty() && !data.is_table())
    return InvalidArgument("rows of a table among tensors");
  DataRow row;
  std::vector<std::string> columns;
  const Value* capture = line.Find("captureData");
  for (const auto& [member, name] :
       {std::pair{"endpointInput", "input-"}, std::pair{"endpointOutput", "output-"}}) {
    const Value* side = capture->Find(member);
    if (side == nullptr) continue;
    KEDGE_TRY(const std::vector<std::string> fields, FieldsOf(*side));
    for (size_t i = 0; i < fields.size(); ++i) {
      columns.push_back(name + std::to_string(i));
      row.cells.push_back(CellOf(fields[i]));
    }
  }
  if (data.columns.empty()) data.columns = columns;
  if (columns != data.columns)
    return InvalidArgument("line has " + std::to_string(columns.size()) + " fields, the first " +
                           std::to_string(data.columns.size()));
  if (const Value* metadata = line.Find("eventMetadata"))
    row.time_ms = ParseTime(metadata->StringOr("inferenceTime", ""));
  data.rows.push_back(std::move(row));
  return {};
}

}  // namespace

bool IsCaptureLine(const Value& line) {
  return line.Find("captureData") != nullptr || line.Find("deviceFleetInputs") != nullptr;
}

Status ReadCaptureLines(const Path& file, std::string_view text, DataSet& data) {
  size_t number = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = text.substr(begin, end - begin);
    begin = end + 1;
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const std::string where = "line " + std::to_string(number);
    const auto value = json::Parse(line);
    if (!value) return Wrap(value.error(), where);
    if (!IsCaptureLine(*value)) return InvalidArgument(where + " is no capture");
    const Status read = value->Find("captureData") != nullptr ? ReadModelMonitorLine(*value, data)
                                                              : ReadKedgeLine(file, *value, data);
    if (!read) return Wrap(read.error(), where);
  }
  return {};
}

}  // namespace kedge::cli
