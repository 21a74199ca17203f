// `kedge monitor`: Model Monitor's baselining and its data quality check, on files. What the
// service does by a processing job of its SDK. SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "base/bytes.h"
#include "base/file.h"
#include "base/flags.h"
#include "cli/command.h"
#include "stats/model_monitor/dataset_profile.h"
#include "stats/model_monitor/rows.h"

namespace kedge::cli {
namespace {

namespace mm = stats::model_monitor;

constexpr uint64_t kDataBytesMax = uint64_t{4} << 30;

// A file of rows: CSV by its name (the first line has the names unless --no-header), else JSON
// lines or captures.
Result<mm::DatasetProfile> ProfileOf(const std::string& path, bool no_header) {
  KEDGE_TRY(const ByteBuffer bytes, PosixFileSystem().Read(path, kDataBytesMax));
  mm::TableFormat format;
  format.csv = path.ends_with(".csv");
  format.header = format.csv && !no_header;
  format.json_lines = !path.ends_with(".json");
  mm::DatasetProfile profile;
  const Status status = mm::ForEachRow(AsText(bytes), format, [&](mm::Record&& record) -> Status {
    profile.BeginRow();
    for (const auto& [column, text] : record.cells) {
      KEDGE_TRY_STATUS(profile.Add(column, text));
    }
    return {};
  });
  if (!status) return Wrap(status.error(), "'" + path + "'");
  if (profile.rows() == 0) return InvalidArgument("'" + path + "' has no rows");
  return profile;
}

struct OutputFile {
  const char* name;
  std::string content;
};

Status WriteFiles(const std::string& folder, std::initializer_list<OutputFile> files) {
  PosixFileSystem disk;
  KEDGE_TRY_STATUS(disk.MakeDirectories(folder, 0777));
  for (const OutputFile& file : files) {
    const Path path = Path(folder) / file.name;
    KEDGE_TRY_STATUS(disk.WriteAtomically(path, AsBytes(file.content), 0644));
    std::printf("%s\n", path.c_str());
  }
  return {};
}

Status Suggest(const std::string& data, const std::string& folder, bool no_header) {
  KEDGE_TRY(const mm::DatasetProfile profile, ProfileOf(data, no_header));
  return WriteFiles(folder, {{"statistics.json", mm::WriteStatistics(profile.ToStatistics())},
                             {"constraints.json", mm::WriteConstraints(profile.Suggest())}});
}

Result<std::vector<mm::Violation>> Check(const std::string& data, const std::string& baseline,
                                         bool no_header) {
  PosixFileSystem disk;
  const auto text = [&](const char* name) -> Result<std::string> {
    KEDGE_TRY(const ByteBuffer bytes, disk.Read(Path(baseline) / name, mm::kDocumentBytesMax));
    return std::string(AsText(bytes));
  };
  KEDGE_TRY(const std::string constraints_text, text("constraints.json"));
  KEDGE_TRY(const mm::Constraints constraints, mm::ReadConstraints(constraints_text));
  KEDGE_TRY(const std::string statistics_text, text("statistics.json"));
  KEDGE_TRY(const mm::Statistics statistics, mm::ReadStatistics(statistics_text));
  KEDGE_TRY(const mm::DatasetProfile profile, ProfileOf(data, no_header));
  return mm::Check(constraints, &statistics, profile);
}

}  // namespace

int MonitorSuggest(int argc, const char* const* argv) {
  std::string data;
  std::string folder;
  bool no_header = false;
  Flags flags(argv[0], "Writes statistics.json and constraints.json of a dataset.");
  flags.Option("--data", &data, "rows: .csv, .jsonl, .json, or captures").Required();
  flags.Option("-o,--output", &folder, "folder for the two files").Required();
  flags.Flag("--no-header", &no_header, "the first line of a CSV file is a row");
  if (const auto exit_code = flags.Parse(argc, argv)) return *exit_code;
  const Status status = Suggest(data, folder, no_header);
  return status ? kExitSuccess : Fail(argv[0], status.error());
}

int MonitorCheck(int argc, const char* const* argv) {
  std::string data;
  std::string baseline;
  std::string folder;
  bool no_header = false;
  Flags flags(argv[0],
              "Compares a dataset with statistics.json and constraints.json. Exit code 1 if it "
              "violates them.");
  flags.Option("--data", &data, "rows: .csv, .jsonl, .json, or captures").Required();
  flags.Option("--baseline", &baseline, "folder of the two files").Required();
  flags.Option("-o,--output", &folder, "folder for constraint_violations.json");
  flags.Flag("--no-header", &no_header, "the first line of a CSV file is a row");
  if (const auto exit_code = flags.Parse(argc, argv)) return *exit_code;
  const auto violations = Check(data, baseline, no_header);
  if (!violations) return Fail(argv[0], violations.error());
  for (const mm::Violation& violation : *violations) {
    std::printf("%s: %s: %s\n", violation.feature.c_str(), violation.check.c_str(),
                violation.description.c_str());
  }
  if (!folder.empty()) {
    const Status status =
        WriteFiles(folder, {{"constraint_violations.json", mm::WriteViolations(*violations)}});
    if (!status) return Fail(argv[0], status.error());
  }
  return violations->empty() ? kExitSuccess : kExitFailure;
}

}  // namespace kedge::cli
