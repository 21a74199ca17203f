// Operations on objects.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>

#include "base/xml.h"
#include "http/body.h"
#include "server/s3/s3_call.h"

namespace kedge::server {

namespace {

constexpr size_t kDeleteKeysMax = 1000;
constexpr uint64_t kDeleteBodyBytesMax = 2u << 20;

void SetObjectHeaders(const S3Call& call, const blob::ObjectInfo& info, http::Response& response) {
  const auto& asked = call.request.headers;
  ShowAttributes(info.attributes, response);
  const bool whole = asked.Find("Range") == nullptr;
  if (whole && http::EqualIgnoringCase(asked.Get("x-amz-checksum-mode"), "ENABLED"))
    ShowChecksums(info.attributes, response);
  response.headers.Set("ETag", Quoted(info.etag));
  response.headers.Set("Last-Modified", http::FormatHttpDate(info.modified));
  response.headers.Set("Accept-Ranges", "bytes");
}

// Whether a list of entity tags ("\"a\", \"b\"" or "*") names this one.
bool NamesEtag(std::string_view list, const std::string& etag) {
  return list == "*" || list.find(Quoted(etag)) != std::string_view::npos || list == etag;
}

// Whether the object has not changed after the time in that header; a time that is none counts as
// if it were not there (RFC 9110 section 13.1.3). HTTP's times are whole seconds.
bool UnchangedSince(const http::Headers& headers, std::string_view name,
                    const blob::ObjectInfo& info, bool otherwise) {
  const std::string* text = headers.Find(name);
  const Result<EpochMs> time = text == nullptr ? NotFound("none") : http::ParseHttpDate(*text);
  return time ? info.modified / 1000 * 1000 <= *time : otherwise;
}

// The conditions of a request in the order of RFC 9110 section 13.2.2. PreconditionFailed, or
// whether the client has the object already.
Result<bool> ClientHasIt(const http::Headers& headers, const blob::ObjectInfo& info) {
  const std::string* if_match = headers.Find("If-Match");
  const bool may = if_match != nullptr
                       ? NamesEtag(*if_match, info.etag)
                       : UnchangedSince(headers, "If-Unmodified-Since", info, /*otherwise=*/true);
  if (!may) return S3Error("PreconditionFailed", "the object has changed");
  const std::string* if_none_match = headers.Find("If-None-Match");
  if (if_none_match != nullptr) return NamesEtag(*if_none_match, info.etag);
  return UnchangedSince(headers, "If-Modified-Since", info, /*otherwise=*/false);
}

std::string ContentRange(const ByteRange& range, uint64_t bytes) {
  return "bytes " + std::to_string(range.first) + "-" +
         std::to_string(range.first + range.bytes - 1) + "/" + std::to_string(bytes);
}

bool ParseNumber(std::string_view text, uint64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return !text.empty() && error == std::errc() && end == text.data() + text.size();
}

http::Response NoContent() {
  http::Response response;
  response.status = 204;
  return response;
}

// What GET and HEAD share: status, headers and the range to send.
struct Selection {
  http::Response response;
  ByteRange range;
  bool decided = false;  // the response stands without a body
};

Result<Selection> Select(const S3Call& call, const blob::ObjectInfo& info) {
  Selection selection;
  const http::Headers& headers = call.request.headers;
  KEDGE_TRY(selection.decided, ClientHasIt(headers, info));
  SetObjectHeaders(call, info, selection.response);
  if (selection.decided) {
    selection.response.status = 304;
    return selection;
  }
  selection.range = {0, info.bytes};
  const std::string* range_header = headers.Find("Range");
  const std::string if_range = headers.Get("If-Range", Quoted(info.etag));
  if (range_header != nullptr && if_range == Quoted(info.etag)) {
    KEDGE_TRY(const std::optional<ByteRange> range, ParseRange(*range_header, info.bytes));
    if (range.has_value()) {
      selection.range = *range;
      selection.response.status = 206;
      selection.response.headers.Set("Content-Range", ContentRange(*range, info.bytes));
    }
  }
  return selection;
}

Result<std::vector<std::string>> ReadKeysToDelete(const XmlElement& root) {
  std::vector<std::string> keys;
  for (const XmlElement& object : root.children) {
    if (object.name != "Object") continue;
    const XmlElement* key = object.Find("Key");
    if (key == nullptr || key->text.empty()) return S3Error("MalformedXML", "an object has no key");
    if (object.Find("VersionId") != nullptr)
      return S3Error("NotImplemented", "versions are not implemented");
    keys.push_back(key->text);
  }
  if (root.name != "Delete" || keys.empty() || keys.size() > kDeleteKeysMax)
    return S3Error("MalformedXML", "there are not 1 to 1000 keys to delete");
  return keys;
}

Status DeleteAllowed(const S3Call& call, const std::string& key) {
  if (!call.Allowed(S3Action::kDeleteObject, call.bucket, key))
    return S3Error("AccessDenied", "this identity may not do that");
  return call.store().Delete({call.bucket, key});
}

void WriteDeletion(const std::string& key, const Status& status, bool quiet, XmlWriter& xml) {
  if (status && quiet) return;
  xml.Open(status ? "Deleted" : "Error");
  xml.Leaf("Key", key);
  if (!status) {
    const std::string message = FromStoreError(status.error()).message;
    const size_t colon = std::min(message.find(": "), message.size());
    xml.Leaf("Code", message.substr(0, colon));
    xml.Leaf("Message", message.substr(std::min(colon + 2, message.size())));
  }
  xml.Close();
}

}  // namespace

Result<std::optional<ByteRange>> ParseRange(const std::string& header, uint64_t object_bytes) {
  const std::optional<ByteRange> whole;
  std::string_view text = header;
  if (!text.starts_with("bytes=")) return whole;
  text.remove_prefix(6);
  const size_t dash = text.find('-');
  if (dash == std::string_view::npos) return whole;
  const std::string_view from = text.substr(0, dash);
  const std::string_view to = text.substr(dash + 1);
  const Error unsatisfiable =
      S3Error("InvalidRange", "the object has " + std::to_string(object_bytes) + " bytes");
  uint64_t first = 0;
  uint64_t last = 0;
  if (from.empty()) {  // the last n bytes
    if (!ParseNumber(to, last)) return whole;
    if (last == 0 || object_bytes == 0) return unsatisfiable;
    const uint64_t n = std::min(last, object_bytes);
    return std::optional<ByteRange>(ByteRange{object_bytes - n, n});
  }
  if (!ParseNumber(from, first)) return whole;
  last = object_bytes - 1;
  if (!to.empty()) {
    if (!ParseNumber(to, last) || last < first) return whole;
  }
  if (first >= object_bytes) return unsatisfiable;
  last = std::min(last, object_bytes - 1);
  return std::optional<ByteRange>(ByteRange{first, last - first + 1});
}

S3Result GetObject(const S3Call& call) {
  Selection selection;
  const auto choose = [&](const blob::ObjectInfo& info) -> Result<blob::BlobStore::Part> {
    KEDGE_TRY(selection, Select(call, info));
    return blob::BlobStore::Part{selection.range.first, selection.range.bytes};
  };
  KEDGE_TRY(blob::BlobStore::Opened opened, call.store().OpenPart(call.name(), choose));
  if (selection.decided) return std::move(selection.response);
  selection.response.file = std::make_shared<FileDescriptor>(std::move(opened.file));
  selection.response.file_offset = selection.range.first - opened.first;
  selection.response.file_bytes = selection.range.bytes;
  return std::move(selection.response);
}

S3Result HeadObject(const S3Call& call) {
  KEDGE_TRY(const blob::ObjectInfo info, call.store().Head(call.name()));
  KEDGE_TRY(Selection selection, Select(call, info));
  if (!selection.decided)
    selection.response.headers.Set("Content-Length", std::to_string(selection.range.bytes));
  return std::move(selection.response);
}

S3Result PutObject(const S3Call& call) {
  KEDGE_TRY_STATUS(RefuseUnsupportedHeaders(call.request));
  KEDGE_TRY(blob::ObjectAttributes attributes, AttributesOf(call.request));
  KEDGE_TRY(const std::unique_ptr<blob::ObjectWriter> writer,
            call.store().Create(call.name(), std::move(attributes)));
  KEDGE_TRY_STATUS(ReceiveBody(call, *writer));
  KEDGE_TRY(const blob::ObjectInfo info, CommitOnCondition(call.request, *writer));
  http::Response response;
  ShowChecksums(info.attributes, response);
  response.headers.Set("ETag", Quoted(info.etag));
  return response;
}

S3Result CopyObject(const S3Call& call) {
  KEDGE_TRY_STATUS(RefuseUnsupportedHeaders(call.request));
  KEDGE_TRY(const blob::BlobStore::Opened source, OpenCopySource(call));
  blob::ObjectAttributes attributes = source.info.attributes;
  if (http::EqualIgnoringCase(call.request.headers.Get("x-amz-metadata-directive"), "REPLACE")) {
    KEDGE_TRY(attributes, AttributesOf(call.request));
  }
  KEDGE_TRY(const std::unique_ptr<blob::ObjectWriter> writer,
            call.store().Create(call.name(), std::move(attributes)));
  KEDGE_TRY_STATUS(CopyRange(source.file.get(), {0, source.info.bytes},
                             [&](Bytes piece) { return writer->Append(piece); }));
  KEDGE_TRY(const blob::ObjectInfo info, CommitOnCondition(call.request, *writer));
  XmlWriter xml("CopyObjectResult", kS3Namespace);
  xml.Leaf("LastModified", FormatIso8601(info.modified));
  xml.Leaf("ETag", Quoted(info.etag));
  return XmlResponse(xml.Finish());
}

S3Result DeleteObject(const S3Call& call) {
  KEDGE_TRY_STATUS(call.store().Delete(call.name()));
  return NoContent();
}

S3Result DeleteObjects(const S3Call& call) {
  const Result<std::string> body = http::ReadBody(call.request, kDeleteBodyBytesMax);
  if (!body) return S3Error("MalformedXML", body.error().message);
  const Result<XmlElement> root = ParseXml(*body);
  if (!root) return S3Error("MalformedXML", root.error().message);
  KEDGE_TRY(const std::vector<std::string> keys, ReadKeysToDelete(*root));
  const XmlElement* quiet = root->Find("Quiet");
  XmlWriter xml("DeleteResult", kS3Namespace);
  for (const std::string& key : keys)
    WriteDeletion(key, DeleteAllowed(call, key), quiet != nullptr && quiet->text == "true", xml);
  return XmlResponse(xml.Finish());
}

// Asked for by `aws s3 cp` before a large copy between buckets.
S3Result GetObjectTagging(const S3Call& call) {
  KEDGE_TRY(const blob::ObjectInfo info, call.store().Head(call.name()));
  XmlWriter xml("Tagging", kS3Namespace);
  xml.Open("TagSet");
  return XmlResponse(xml.Finish());
}

}  // namespace kedge::server
