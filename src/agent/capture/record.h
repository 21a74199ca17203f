// One capture: the tensors of an inference and what the application adds, and its line of JSON.
// docs/formats/capture.md describes the format.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "agent/models/wire_type.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json/json.h"

namespace kedge::agent {

struct CapturedTensor {
  std::string name;
  WireType type = WireType::kUint8;
  std::vector<int32_t> shape;
  std::string bytes;
};

// The numbers of enum Encoding in api/agent.proto.
enum class CaptureEncoding : uint8_t { kCsv = 0, kJson = 1, kNone = 2, kBase64 = 3 };

struct CapturedAuxiliary {
  std::string name;
  CaptureEncoding encoding = CaptureEncoding::kNone;
  std::string bytes;
};

struct CaptureRecord {
  std::string capture_id;
  EpochMs inference_time = 0;
  std::string model_handle;  // names the folder
  std::string model_name;
  std::string model_version;
  std::vector<CapturedTensor> input_tensors, output_tensors;
  std::vector<CapturedAuxiliary> inputs, outputs;
  // Of automatic captures: why, and how probable it was to be captured at all (auto_capture.h).
  std::string reason;  // empty: an application asked for it
  double inclusion_probability = 1;

  uint64_t Bytes() const;  // of all its tensors and auxiliary data
};

// What a line says besides the record, and where its large parts go.
struct CaptureLineOptions {
  std::string fleet;
  std::string device;
  Path folder;               // of the .jsonl file; large parts go to raw-data/ below it
  uint64_t embed_bytes_max;  // larger parts become files
};

// A part of a record that is a file of its own.
struct CaptureFile {
  Path path;
  std::string_view bytes;  // borrows the record
};

// Makes the record's line, without line break, and appends the files that it refers to.
json::Value MakeCaptureLine(const CaptureRecord& record, const CaptureLineOptions& options,
                            std::vector<CaptureFile>* files);

// "<handle>/2026/11/22/09": where a record belongs below the fleet's folder, by its hour in UTC.
Path CaptureFolder(const CaptureRecord& record);

}  // namespace kedge::agent
