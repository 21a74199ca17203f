// `kedge device import`: registers the devices of a CSV file. Every line is checked by the server
// before the first is written; then batches are written, each whole or not at all. What is there
// already stays, so an import that broke off is simply run again.
// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <cstdio>
#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "base/flags.h"
#include "cli/api_client.h"
#include "cli/command.h"
#include "cli/csv.h"

namespace kedge::cli {
namespace {

constexpr size_t kBatch = 500;
constexpr size_t kFileBytesMax = size_t{256} << 20;
constexpr size_t kRefusedShownMax = 100;
constexpr std::string_view kTagColumn = "tag:";

struct Import {
  ApiOptions api;
  std::string fleet;
  std::string file;
  bool dry_run = false;
  bool verbose = false;
};

struct Line {
  size_t number = 0;
  json::Value device;
};

struct Totals {
  size_t registered = 0;
  size_t unchanged = 0;
  size_t refused = 0;
};

Status CheckHeader(const CsvRecord& header) {
  bool has_name = false;
  for (size_t i = 0; i < header.fields.size(); ++i) {
    const std::string& column = header.fields[i];
    has_name = has_name || column == "DeviceName";
    const bool known = column == "DeviceName" || column == "Description" ||
                       column == "IotThingName" ||
                       (column.starts_with(kTagColumn) && column.size() > kTagColumn.size());
    if (!known) {
      return InvalidArgument("column '" + column +
                             "' is not DeviceName, Description, IotThingName or tag:KEY");
    }
    for (size_t other = 0; other < i; ++other) {
      if (header.fields[other] == column) {
        return InvalidArgument("column '" + column + "' is there twice");
      }
    }
  }
  if (!has_name) return InvalidArgument("there is no column DeviceName");
  return {};
}

Result<std::vector<Line>> ReadLines(const std::string& file) {
  KEDGE_TRY(const FileDescriptor descriptor, OpenFile(file, O_RDONLY));
  KEDGE_TRY(const ByteBuffer bytes, ReadAll(descriptor.get(), kFileBytesMax));
  KEDGE_TRY(const auto records, ParseCsv(AsText(bytes)));
  if (records.empty())
    return InvalidArgument("the file is empty: the first line names the columns");
  const CsvRecord& header = records.front();
  KEDGE_TRY_STATUS(CheckHeader(header));
  std::vector<Line> lines;
  for (size_t i = 1; i < records.size(); ++i) {
    const CsvRecord& record = records[i];
    if (record.fields.size() != header.fields.size()) {
      return InvalidArgument("line " + std::to_string(record.line) + " has " +
                             std::to_string(record.fields.size()) + " fields, the first line " +
                             std::to_string(header.fields.size()));
    }
    json::Object device;
    json::Array tags;
    for (size_t column = 0; column < header.fields.size(); ++column) {
      const std::string& name = header.fields[column];
      const std::string& value = record.fields[column];
      if (value.empty()) continue;
      if (!name.starts_with(kTagColumn)) {
        device.Set(name, value);
      } else {
        tags.push_back(json::Object{{"Key", name.substr(kTagColumn.size())}, {"Value", value}});
      }
    }
    if (!tags.empty()) device.Set("Tags", std::move(tags));
    lines.push_back({record.line, std::move(device)});
  }
  return lines;
}

// The server counts the devices of a batch from 1: "devices.17.member.deviceName" becomes a line.
Error AtLine(const Error& error, std::span<const Line> batch) {
  constexpr std::string_view kPlace = "'devices.";
  const size_t place = error.message.find(kPlace);
  size_t index = 0;
  if (place != std::string::npos) {
    const char* begin = error.message.data() + place + kPlace.size();
    std::from_chars(begin, error.message.data() + error.message.size(), index);
  }
  if (index == 0 || index > batch.size()) {
    return Wrap(error, "lines " + std::to_string(batch.front().number) + " to " +
                           std::to_string(batch.back().number));
  }
  return Wrap(error, "line " + std::to_string(batch[index - 1].number));
}

void Tell(const Import& import, const json::Value& result, const Line& line, Totals& totals) {
  const std::string what = result.StringOr("Result", "");
  totals.registered += what == "REGISTERED";
  totals.unchanged += what == "UNCHANGED";
  totals.refused += what == "REFUSED";
  const bool shown = what == "REFUSED" ? totals.refused <= kRefusedShownMax : import.verbose;
  if (!shown) return;
  const std::string message = result.StringOr("Message", "");
  std::printf("line %zu: %s %s%s\n", line.number, result.StringOr("DeviceName", "").c_str(),
              what.c_str(), message.empty() ? "" : (": " + message).c_str());
}

// Sends all lines in batches. Stops at the first error, and after a batch that was not applied.
Result<Totals> SendAll(const Import& import, const ApiClient& server, std::span<const Line> lines,
                       bool dry_run) {
  Totals totals;
  const bool shows_progress = isatty(STDERR_FILENO) == 1;
  for (size_t begin = 0; begin < lines.size(); begin += kBatch) {
    const auto batch = lines.subspan(begin, std::min(kBatch, lines.size() - begin));
    json::Array devices;
    for (const Line& line : batch) devices.push_back(line.device);
    const auto answer =
        server.Call("Kedge.ImportDevices", json::Object{{"DeviceFleetName", import.fleet},
                                                        {"Devices", std::move(devices)},
                                                        {"DryRun", dry_run}});
    if (!answer) return AtLine(answer.error(), batch);
    const json::Value* results = answer->Find("Results");
    if (results == nullptr || results->AsArray() == nullptr ||
        results->AsArray()->size() != batch.size()) {
      return Internal("the server's answer does not name every device");
    }
    for (size_t i = 0; i < batch.size(); ++i) {
      Tell(import, (*results->AsArray())[i], batch[i], totals);
    }
    if (!dry_run && !answer->BoolOr("Applied", false)) return totals;
    if (shows_progress) {
      std::fprintf(stderr, "\r%s %zu of %zu", dry_run ? "checked" : "registered",
                   begin + batch.size(), lines.size());
    }
  }
  if (shows_progress) std::fprintf(stderr, "\n");
  return totals;
}

Status Run(const Import& import) {
  const auto lines = ReadLines(import.file);
  if (!lines) return Wrap(lines.error(), "'" + import.file + "'");
  KEDGE_TRY(const ApiClient server, ApiClient::Make(import.api));
  Import quiet = import;
  quiet.verbose = import.dry_run && import.verbose;
  KEDGE_TRY(const Totals checked, SendAll(quiet, server, *lines, true));
  if (checked.refused > 0) {
    return FailedPrecondition(std::to_string(checked.refused) + " of " +
                              std::to_string(lines->size()) +
                              " lines are refused; nothing was "
                              "registered");
  }
  if (import.dry_run) {
    std::printf("%zu devices to register, %zu unchanged\n", checked.registered, checked.unchanged);
    return {};
  }
  KEDGE_TRY(const Totals done, SendAll(import, server, *lines, false));
  std::printf("%zu devices registered, %zu unchanged\n", done.registered, done.unchanged);
  if (done.refused == 0) return {};
  return FailedPrecondition(
      "a batch was refused because the fleet changed meanwhile; what stands "
      "above it is registered, run the import again");
}

}  // namespace

int DeviceImport(int argc, const char* const* argv) {
  Import import;
  Flags flags(argv[0], "Registers the devices of a CSV file.");
  DeclareApi(flags, import.api);
  flags.Option("--fleet", &import.fleet, "name of the devices' fleet").Required();
  flags.Flag("--dry-run", &import.dry_run, "check every line and write nothing");
  flags.Flag("-v,--verbose", &import.verbose, "say what became of every line");
  flags.Positional("FILE", &import.file, "CSV file").Required();
  flags.Footer(
      "The first line names the columns: DeviceName, and of Description, IotThingName and tag:KEY\n"
      "those that are wanted. Every line is checked before the first device is registered; "
      "devices\n"
      "that are there already, as the file has them, are unchanged.");
  if (const auto exit_code = flags.Parse(argc, argv)) return *exit_code;
  if (const auto status = Run(import); !status) return Fail(argv[0], status.error());
  return kExitSuccess;
}

}  // namespace kedge::cli
