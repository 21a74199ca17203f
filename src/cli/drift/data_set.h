// Data that a baseline is made of or compared with: a table, tensors, or what a device captured.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/json/json.h"
#include "stats/baseline/builder.h"
#include "tensor/tensor.h"

namespace kedge::cli {

inline constexpr uint64_t kDataFileBytesMax = uint64_t{1} << 30;
inline constexpr uint64_t kDataBytesMax = uint64_t{2} << 30;  // of all files together
inline constexpr size_t kDataFilesMax = 1'000'000;

// A row of a table has cells, one a column; one of tensors has inputs and, if it was captured,
// outputs.
struct DataRow {
  std::vector<stats::Cell> cells;
  std::vector<Tensor> inputs;
  std::vector<Tensor> outputs;
  std::optional<int64_t> time_ms;
  std::string folder;  // of a file in a folder of folders: the inner one's name
};

struct DataSet {
  std::vector<std::string> columns;       // of a table; empty: tensors
  std::vector<std::string> input_names;   // of captures
  std::vector<std::string> output_names;  // likewise
  std::vector<DataRow> rows;

  bool is_table() const { return !columns.empty(); }
};

// Reads
//   FILE.csv     a table; the first line names its columns; an empty field is a null
//   FILE.jsonl   a JSON object a line: a table, or captures of Kedge, Edge Manager or Model Monitor
//   FILE.npy     one inference, or one a row
//   DIR          its .npy files, in folders one deep too, by name; or .jsonl files of captures at
//                any depth
// Errors: kNotFound; kInvalidArgument naming file and line; kResourceExhausted above a limit.
Result<DataSet> ReadData(const Path& path);

// Captures of one .jsonl text; rows are appended. `file` is for messages and for data-refs, which
// are looked for where they say and beside the file. Internal to ReadData.
Status ReadCaptureLines(const Path& file, std::string_view text, DataSet& data);
bool IsCaptureLine(const json::Value& line);

// A field of CSV or JSON as a cell: "" is a null, "1.5" and "nan" are numbers.
stats::Cell CellOf(std::string_view field);

}  // namespace kedge::cli
