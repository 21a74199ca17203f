// SPDX-License-Identifier: Apache-2.0
#include "blob/file/object_record.h"

#include <algorithm>

#include "base/json/json.h"

namespace kedge::blob {

namespace {

constexpr int64_t kVersion = 1;
constexpr size_t kContentNameDigits = 32;

bool IsHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// Records written before there was any have none.
Status ReadMetadata(const json::Value& record, ObjectAttributes& into) {
  const json::Value* metadata = record.Find("metadata");
  if (metadata == nullptr) return {};
  const json::Object* members = metadata->AsObject();
  if (members == nullptr) return DataLoss("object record has metadata that is no object");
  for (const auto& [name, value] : *members) {
    const std::string* text = value.AsString();
    if (text == nullptr) return DataLoss("object record has metadata that is no text");
    into.metadata.emplace(name, *text);
  }
  return {};
}

}  // namespace

std::string WriteRecord(const ObjectRecord& record) {
  json::Object metadata;
  for (const auto& [name, value] : record.info.attributes.metadata) metadata.Append(name, value);
  return json::Write(json::Object{
      {"version", kVersion},
      {"key", record.info.key},
      {"bytes", record.info.bytes},
      {"modified_ms", record.info.modified},
      {"etag", record.info.etag},
      {"sha256", record.info.sha256},
      {"content_type", record.info.attributes.content_type},
      {"metadata", std::move(metadata)},
      {"content", record.content},
  });
}

Result<ObjectRecord> ReadRecord(std::string_view text) {
  const Result<json::Value> value = json::Parse(text);
  if (!value) return DataLoss("object record is not JSON: " + value.error().message);
  if (value->IntOr("version", 0) != kVersion)
    return DataLoss("object record has version " + std::to_string(value->IntOr("version", 0)) +
                    ", needs 1");
  ObjectRecord record;
  record.info.key = value->StringOr("key", "");
  const int64_t bytes = value->IntOr("bytes", -1);
  record.info.bytes = static_cast<uint64_t>(bytes);
  record.info.modified = value->IntOr("modified_ms", -1);
  record.info.etag = value->StringOr("etag", "");
  record.info.sha256 = value->StringOr("sha256", "");
  record.info.attributes.content_type = value->StringOr("content_type", "");
  KEDGE_TRY_STATUS(ReadMetadata(*value, record.info.attributes));
  record.content = value->StringOr("content", "");
  if (record.info.key.empty() || bytes < 0 || record.info.modified < 0 ||
      record.info.sha256.size() != 64 || !IsHex(record.info.sha256))
    return DataLoss("object record lacks a member");
  // The name becomes a path: nothing but what the writer makes may pass.
  if (record.content.size() != kContentNameDigits || !IsHex(record.content))
    return DataLoss("object record names no content file");
  return record;
}

}  // namespace kedge::blob
