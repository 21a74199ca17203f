// SPDX-License-Identifier: Apache-2.0
#include "cli/drift/data_set.h"

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "base/json/json.h"
#include "cli/csv.h"
#include "tensor/npy.h"

namespace kedge::cli {
namespace {

stats::Cell CellOf(const json::Value& value) {
  if (value.IsNumber()) return value.NumberOr(0);
  if (const bool* flag = value.AsBool()) return *flag ? 1.0 : 0.0;
  if (const std::string* text = value.AsString()) return cli::CellOf(*text);
  return std::monostate();
}

Result<DataSet> ReadCsv(std::string_view text) {
  KEDGE_TRY(const std::vector<CsvRecord> records, ParseCsv(text));
  if (records.size() < 2) return InvalidArgument("has no line of names and a row");
  DataSet data{.columns = records[0].fields};
  for (size_t i = 1; i < records.size(); ++i) {
    if (records[i].fields.size() != data.columns.size())
      return InvalidArgument("line " + std::to_string(records[i].line) + " has " +
                             std::to_string(records[i].fields.size()) + " fields, the first has " +
                             std::to_string(data.columns.size()));
    DataRow& row = data.rows.emplace_back();
    for (const std::string& field : records[i].fields) row.cells.push_back(cli::CellOf(field));
  }
  return data;
}

std::vector<std::string_view> LinesOf(std::string_view text) {
  std::vector<std::string_view> lines;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

bool IsBlank(std::string_view line) {
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

// Objects a line; the first one's members are the columns.
Result<DataSet> ReadJsonTable(const std::vector<std::string_view>& lines) {
  DataSet data;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (IsBlank(lines[i])) continue;
    const std::string where = "line " + std::to_string(i + 1);
    auto value = json::Parse(lines[i]);
    if (!value) return Wrap(value.error(), where);
    if (value->AsObject() == nullptr) return InvalidArgument(where + " is no JSON object");
    if (data.columns.empty()) {
      for (const json::Member& member : value->AsObject()->members())
        data.columns.push_back(member.first);
    }
    DataRow& row = data.rows.emplace_back();
    for (const std::string& column : data.columns) {
      const json::Value* cell = value->Find(column);
      row.cells.push_back(cell == nullptr ? stats::Cell() : CellOf(*cell));
    }
  }
  if (data.rows.empty() || data.columns.empty()) return InvalidArgument("has no row");
  return data;
}

Result<DataSet> ReadJsonLines(const Path& file, std::string_view text) {
  const std::vector<std::string_view> lines = LinesOf(text);
  const auto first = std::find_if_not(lines.begin(), lines.end(), IsBlank);
  if (first == lines.end()) return InvalidArgument("is empty");
  const auto value = json::Parse(*first);
  if (!value || !IsCaptureLine(*value)) return ReadJsonTable(lines);
  DataSet data;
  KEDGE_TRY_STATUS(ReadCaptureLines(file, text, data));
  return data;
}

// A file of tensors: rows if it has several.
Status AddNpy(Bytes bytes, const std::string& folder, DataSet& data) {
  KEDGE_TRY(Tensor tensor, ParseNpy(bytes));
  if (tensor.shape().rank() < 2 || tensor.shape()[0] <= 1) {
    DataRow& row = data.rows.emplace_back();
    row.inputs.push_back(std::move(tensor));
    row.folder = folder;
    return {};
  }
  Shape one = tensor.shape();
  one.dims[0] = 1;
  const size_t row_bytes = tensor.bytes().size() / static_cast<size_t>(tensor.shape()[0]);
  for (int64_t i = 0; i < tensor.shape()[0]; ++i) {
    KEDGE_TRY(Tensor part, Tensor::FromBytes(tensor.dtype(), one,
                                             tensor.bytes().subspan(
                                                 static_cast<size_t>(i) * row_bytes, row_bytes)));
    DataRow& row = data.rows.emplace_back();
    row.inputs.push_back(std::move(part));
    row.folder = folder;
  }
  return {};
}

Result<DataSet> ReadFile(const Path& path) {
  PosixFileSystem disk;
  KEDGE_TRY(const ByteBuffer bytes, disk.Read(path, kDataFileBytesMax));
  const std::string extension = path.extension().string();
  if (extension == ".csv") return ReadCsv(AsText(bytes));
  if (extension == ".jsonl" || extension == ".json") return ReadJsonLines(path, AsText(bytes));
  if (extension == ".npy") {
    DataSet data;
    KEDGE_TRY_STATUS(AddNpy(bytes, "", data));
    return data;
  }
  return InvalidArgument("is no .csv, .jsonl or .npy file");
}

// Files below a folder with one of the two extensions, sorted.
Result<std::vector<Path>> FilesBelow(const Path& folder) {
  std::error_code error;
  std::vector<Path> files;
  for (std::filesystem::recursive_directory_iterator at(folder, error), end; at != end && !error;
       at.increment(error)) {
    const std::string extension = at->path().extension().string();
    if (extension != ".npy" && extension != ".jsonl") continue;
    if (files.size() >= kDataFilesMax)
      return ResourceExhausted("folder has more than " + std::to_string(kDataFilesMax) + " files");
    files.push_back(at->path());
  }
  if (error) return ErrnoError(error.value(), "listing '" + folder.string() + "'");
  std::sort(files.begin(), files.end());
  return files;
}

Result<DataSet> ReadFolder(const Path& folder) {
  KEDGE_TRY(const std::vector<Path> files, FilesBelow(folder));
  PosixFileSystem disk;
  DataSet data;
  uint64_t bytes_left = kDataBytesMax;
  for (const Path& file : files) {
    KEDGE_TRY(const ByteBuffer bytes, disk.Read(file, std::min(bytes_left, kDataFileBytesMax)));
    bytes_left -= bytes.size();
    const std::string inner =
        file.parent_path() == folder ? "" : file.parent_path().filename().string();
    const Status added = file.extension() == ".npy" ? AddNpy(bytes, inner, data)
                                                    : ReadCaptureLines(file, AsText(bytes), data);
    if (!added) return Wrap(added.error(), "'" + file.string() + "'");
  }
  if (data.rows.empty()) return InvalidArgument("folder holds no .npy file and no captures");
  return data;
}

}  // namespace

stats::Cell CellOf(std::string_view field) {
  if (field.empty()) return std::monostate();
  double number = 0;
  const char* begin = field.front() == '+' ? field.data() + 1 : field.data();
  const char* end = field.data() + field.size();
  const auto [stop, error] = std::from_chars(begin, end, number);
  if (error == std::errc() && stop == end) return number;
  return std::string(field);
}

Result<DataSet> ReadData(const Path& path) {
  std::error_code error;
  const bool folder = std::filesystem::is_directory(path, error);
  if (!folder && !std::filesystem::exists(path, error))
    return NotFound("there is no '" + path.string() + "'");
  auto data = folder ? ReadFolder(path) : ReadFile(path);
  if (!data) return Wrap(data.error(), "'" + path.string() + "'");
  return data;
}

}  // namespace kedge::cli
