// SPDX-License-Identifier: Apache-2.0
#include "agent/capture/record.h"

#include <algorithm>

namespace kedge::agent {

namespace {

// JSON text is UTF-8; bytes that are not go to a file.
bool IsUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto byte = static_cast<uint8_t>(text[i]);
    const size_t length = byte < 0x80   ? 1
                          : byte < 0xC2 ? 0
                          : byte < 0xE0 ? 2
                          : byte < 0xF0 ? 3
                          : byte < 0xF5 ? 4
                                        : 0;
    if (length == 0 || i + length > text.size()) return false;
    for (size_t k = 1; k < length; ++k)
      if ((static_cast<uint8_t>(text[i + k]) & 0xC0) != 0x80) return false;
    if (length == 3) {
      const auto second = static_cast<uint8_t>(text[i + 1]);
      if ((byte == 0xE0 && second < 0xA0) || (byte == 0xED && second > 0x9F)) return false;
    }
    if (length == 4) {
      const auto second = static_cast<uint8_t>(text[i + 1]);
      if ((byte == 0xF0 && second < 0x90) || (byte == 0xF4 && second > 0x8F)) return false;
    }
    i += length;
  }
  return true;
}

std::string_view EncodingName(CaptureEncoding encoding) {
  switch (encoding) {
    case CaptureEncoding::kCsv:
      return "CSV";
    case CaptureEncoding::kJson:
      return "JSON";
    case CaptureEncoding::kBase64:
      return "BASE64";
    case CaptureEncoding::kNone:
      break;
  }
  return "NONE";
}

// The word after the last dot of a name, if it is a plain one: "jpg".
std::string Extension(const std::string& name) {
  const size_t dot = name.rfind('.');
  if (dot == std::string::npos) return "";
  const std::string word = name.substr(dot + 1);
  const bool plain =
      !word.empty() && word.size() <= 8 && std::all_of(word.begin(), word.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
      });
  return plain ? word : "";
}

// Writes entries of one direction: embedded values or references to files.
class EntryWriter {
 public:
  EntryWriter(const CaptureRecord& record, const CaptureLineOptions& options,
              std::vector<CaptureFile>* files)
      : record_(record), options_(options), files_(files) {}

  json::Array Tensors(const std::vector<CapturedTensor>& tensors, std::string_view mode,
                      std::string_view folder) {
    json::Array entries;
    for (size_t i = 0; i < tensors.size(); ++i) {
      const CapturedTensor& tensor = tensors[i];
      std::string type = "Tensor[" + std::string(WireTypeName(tensor.type)) + ";";
      for (size_t k = 0; k < tensor.shape.size(); ++k)
        type += (k == 0 ? " " : ", ") + std::to_string(tensor.shape[k]);
      json::Object entry{
          {"name", tensor.name}, {"mode", mode}, {"observedContentType", type + "]"}};
      if (tensor.bytes.size() <= options_.embed_bytes_max) {
        entry.Set("encoding", "BASE64");
        entry.Set("data", Base64Encode(AsBytes(tensor.bytes)));
      } else {
        entry.Set("encoding", "NONE");
        entry.Set("data-ref", Reference(folder, i, "bin", tensor.bytes));
      }
      entries.push_back(std::move(entry));
    }
    return entries;
  }

  json::Array Auxiliaries(const std::vector<CapturedAuxiliary>& parts, std::string_view mode,
                          std::string_view folder) {
    json::Array entries;
    for (size_t i = 0; i < parts.size(); ++i) {
      const CapturedAuxiliary& part = parts[i];
      const std::string extension = Extension(part.name);
      const bool is_base64 = part.encoding == CaptureEncoding::kBase64;
      json::Object entry{{"name", part.name}, {"mode", mode}};
      entry.Set("observedContentType", ContentType(part, extension));
      if (part.bytes.size() <= options_.embed_bytes_max && (is_base64 || IsUtf8(part.bytes))) {
        entry.Set("encoding", EncodingName(part.encoding));
        entry.Set("data", is_base64 ? Base64Encode(AsBytes(part.bytes)) : part.bytes);
      } else {
        entry.Set("encoding", "NONE");
        entry.Set("data-ref",
                  Reference(folder, i, extension.empty() ? "bin" : extension, part.bytes));
      }
      entries.push_back(std::move(entry));
    }
    return entries;
  }

 private:
  static std::string ContentType(const CapturedAuxiliary& part, const std::string& extension) {
    if (part.encoding == CaptureEncoding::kCsv) return "csv";
    if (part.encoding == CaptureEncoding::kJson) return "json";
    return extension.empty() ? "bin" : extension;
  }

  // Notes the file and gives its URI. Names are made of the capture id, which has no path
  // characters.
  std::string Reference(std::string_view folder, size_t index, const std::string& extension,
                        std::string_view bytes) {
    const std::string name = record_.capture_id + "-" + std::to_string(index + 1) + "." + extension;
    files_->push_back({options_.folder / "raw-data" / folder / name, bytes});
    return "file://" + files_->back().path.string();
  }

  const CaptureRecord& record_;
  const CaptureLineOptions& options_;
  std::vector<CaptureFile>* files_;
};

}  // namespace

uint64_t CaptureRecord::Bytes() const {
  uint64_t bytes = 0;
  for (const auto* tensors : {&input_tensors, &output_tensors})
    for (const CapturedTensor& tensor : *tensors) bytes += tensor.bytes.size();
  for (const auto* parts : {&inputs, &outputs})
    for (const CapturedAuxiliary& part : *parts) bytes += part.bytes.size();
  return bytes;
}

json::Value MakeCaptureLine(const CaptureRecord& record, const CaptureLineOptions& options,
                            std::vector<CaptureFile>* files) {
  EntryWriter writer(record, options, files);
  json::Object line;
  line.Set("deviceFleetInputs", writer.Tensors(record.input_tensors, "Input", "input-tensors"));
  line.Set("deviceFleetOutputs", writer.Tensors(record.output_tensors, "Output", "output-tensors"));
  line.Set("deviceFleetAuxiliaryInputs",
           writer.Auxiliaries(record.inputs, "Input", "auxiliary-inputs"));
  line.Set("deviceFleetAuxiliaryOutputs",
           writer.Auxiliaries(record.outputs, "Output", "auxiliary-outputs"));
  constexpr size_t kWholeSeconds = 19;  // of "2026-11-22T07:09:38.123Z"
  json::Object metadata{
      {"deviceFleetName", options.fleet},
      {"deviceId", options.device},
      {"eventId", record.capture_id},
      {"inferenceTime", FormatIso8601(record.inference_time).substr(0, kWholeSeconds)},
      {"modelName", record.model_name},
      {"modelVersion", record.model_version}};
  if (!record.reason.empty()) {
    metadata.Set("captureReason", record.reason);
    metadata.Set("inclusionProbability", record.inclusion_probability);
  }
  line.Set("eventMetadata", std::move(metadata));
  line.Set("eventVersion", "0");
  return line;
}

Path CaptureFolder(const CaptureRecord& record) {
  const std::string time = FormatIso8601(record.inference_time);
  return Path(record.model_handle) / time.substr(0, 4) / time.substr(5, 2) / time.substr(8, 2) /
         time.substr(11, 2);
}

}  // namespace kedge::agent
