// Multipart uploads. The parts are objects of a bucket of their own, so that they are as durable as
// any object, survive a restart, and work with every BlobStore:
//
//   kedge-uploads-in-progress/<upload id>/upload        {"bucket", "key"}; type and metadata are
//                                                       those that the object will have
//   kedge-uploads-in-progress/<upload id>/part-00001    the bytes of part 1
//   kedge-uploads-in-progress/<upload id>/done          {"bucket", "key", "etag"}
//
// Completing streams the parts into the object in constant memory, then writes "done", then removes
// the rest. A client whose answer was lost completes again: before "done" that is done anew from
// the parts, afterwards "done" has the answer. It stays for kDoneAgeMs; an upload that nobody
// completes is removed after kUploadAgeMs, when another one is created. SPDX-License-Identifier:
// Apache-2.0
#include <algorithm>
#include <charconv>

#include "base/crypto/crypto.h"
#include "base/json/json.h"
#include "base/xml.h"
#include "http/body.h"
#include "server/s3/s3_call.h"

namespace kedge::server {

namespace {

constexpr int kPartNumberMax = 10'000;
constexpr uint64_t kPartBytesMin = 5u << 20;  // of every part but the last
constexpr uint64_t kObjectBytesMax = uint64_t{5} << 40;
constexpr uint64_t kCompleteBodyBytesMax = 4u << 20;
constexpr size_t kUploadsMax = 1000;
constexpr EpochMs kUploadAgeMs = EpochMs{7} * 24 * 3600 * 1000;
constexpr EpochMs kDoneAgeMs = EpochMs{24} * 3600 * 1000;
constexpr size_t kUploadIdDigits = 32;
constexpr uint64_t kRecordBytesMax = 64u << 10;

blob::ObjectName InUploads(const std::string& upload_id, const std::string& leaf) {
  return {std::string(kUploadsBucket), upload_id + "/" + leaf};
}

std::string PartLeaf(int number) {
  std::string digits = std::to_string(number);
  return "part-" + std::string(5 - digits.size(), '0') + digits;
}

struct Upload {
  std::string id;
  std::string bucket;
  std::string key;
  blob::ObjectAttributes attributes;
  EpochMs initiated = 0;
};

Error NoSuchUpload() { return S3Error("NoSuchUpload", "the upload does not exist"); }

Result<Upload> ReadUpload(blob::BlobStore& store, const std::string& id) {
  if (id.size() != kUploadIdDigits || id.find('/') != std::string::npos) return NoSuchUpload();
  const blob::ObjectName name = InUploads(id, "upload");
  const auto info = store.Head(name);
  if (!info) return NoSuchUpload();
  const auto text = blob::GetObject(store, name, kRecordBytesMax);
  if (!text) return NoSuchUpload();
  KEDGE_TRY(const json::Value value, json::Parse(AsText(*text)));
  return Upload{id, value.StringOr("bucket", ""), value.StringOr("key", ""), info->attributes,
                info->modified};
}

// The ETag that an upload of this bucket and key was completed with. NoSuchUpload.
Result<std::string> DoneEtag(const S3Call& call) {
  const std::string id = call.Query("uploadId");
  if (id.size() != kUploadIdDigits || id.find('/') != std::string::npos) return NoSuchUpload();
  const auto text = blob::GetObject(call.store(), InUploads(id, "done"), kRecordBytesMax);
  if (!text) return NoSuchUpload();
  KEDGE_TRY(const json::Value value, json::Parse(AsText(*text)));
  if (value.StringOr("bucket", "") != call.bucket || value.StringOr("key", "") != call.key)
    return NoSuchUpload();
  return value.StringOr("etag", "");
}

// The upload that the request names, which must be one of its bucket and key.
Result<Upload> FindUpload(const S3Call& call) {
  KEDGE_TRY(Upload upload, ReadUpload(call.store(), call.Query("uploadId")));
  if (upload.bucket != call.bucket || upload.key != call.key) return NoSuchUpload();
  return upload;
}

Result<int> PartNumber(const S3Call& call) {
  const std::string text = call.Query("partNumber");
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 1 ||
      number > kPartNumberMax)
    return S3Error("InvalidArgument", "partNumber is not a number from 1 to 10000");
  return number;
}

Result<std::vector<blob::ObjectInfo>> PartsOf(blob::BlobStore& store, const std::string& id) {
  KEDGE_TRY(blob::BlobStore::Listing listing,
            store.List(std::string(kUploadsBucket),
                       {.prefix = id + "/part-", .max_keys = blob::BlobStore::kListKeysMax}));
  return std::move(listing.objects);
}

// The record goes first: without it the parts are orphans, which age removes.
Status RemoveUpload(blob::BlobStore& store, const std::string& id) {
  KEDGE_TRY_STATUS(store.Delete(InUploads(id, "upload")));
  KEDGE_TRY(const std::vector<blob::ObjectInfo> parts, PartsOf(store, id));
  for (const blob::ObjectInfo& part : parts)
    KEDGE_TRY_STATUS(store.Delete({std::string(kUploadsBucket), part.key}));
  return {};
}

// Calls `visit` for every object of the uploads bucket, page by page.
Status ForEachStored(blob::BlobStore& store,
                     const std::function<Status(const blob::ObjectInfo&)>& visit) {
  blob::BlobStore::ListOptions options;
  for (bool more = true; more;) {
    KEDGE_TRY(const blob::BlobStore::Listing listing,
              store.List(std::string(kUploadsBucket), options));
    for (const blob::ObjectInfo& object : listing.objects) {
      options.start_after = object.key;
      KEDGE_TRY_STATUS(visit(object));
    }
    more = listing.truncated;
  }
  return {};
}

bool IsUploadRecord(const blob::ObjectInfo& object) { return object.key.ends_with("/upload"); }
bool IsDoneRecord(const blob::ObjectInfo& object) { return object.key.ends_with("/done"); }

// Removes what is too old and counts the uploads that are left.
Result<size_t> CollectOldUploads(blob::BlobStore& store, EpochMs now) {
  size_t uploads = 0;
  KEDGE_TRY_STATUS(ForEachStored(store, [&](const blob::ObjectInfo& object) -> Status {
    if (object.modified + (IsDoneRecord(object) ? kDoneAgeMs : kUploadAgeMs) < now)
      return store.Delete({std::string(kUploadsBucket), object.key});
    uploads += IsUploadRecord(object) ? 1 : 0;
    return {};
  }));
  return uploads;
}

struct NamedPart {
  int number = 0;
  std::string etag;
};

// The body of CompleteMultipartUpload.
Result<std::vector<NamedPart>> ReadNamedParts(const http::Request& request) {
  const Result<std::string> body = http::ReadBody(request, kCompleteBodyBytesMax);
  if (!body) return S3Error("MalformedXML", body.error().message);
  const Result<XmlElement> root = ParseXml(*body);
  if (!root) return S3Error("MalformedXML", root.error().message);
  std::vector<NamedPart> parts;
  for (const XmlElement& element : root->children) {
    if (element.name != "Part") continue;
    const XmlElement* number = element.Find("PartNumber");
    const XmlElement* etag = element.Find("ETag");
    if (number == nullptr || etag == nullptr)
      return S3Error("MalformedXML", "a part has no number or no ETag");
    NamedPart part;
    const std::string& text = number->text;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), part.number);
    if (error != std::errc() || end != text.data() + text.size() || part.number < 1 ||
        part.number > kPartNumberMax)
      return S3Error("MalformedXML", "a part number is not from 1 to 10000");
    part.etag = etag->text;
    std::erase(part.etag, '"');
    if (!parts.empty() && parts.back().number >= part.number)
      return S3Error("InvalidPartOrder", "the parts are not in ascending order");
    parts.push_back(std::move(part));
  }
  if (parts.empty()) return S3Error("MalformedXML", "there is no part");
  return parts;
}

// Checks all parts before anything is written; returns the ETag of the whole: the MD5 of the MD5s
// of the parts, and their number.
Result<std::string> CheckParts(blob::BlobStore& store, const std::string& id,
                               const std::vector<NamedPart>& parts) {
  crypto::Hasher md5(crypto::Hasher::Kind::kMd5);
  uint64_t bytes = 0;
  for (const NamedPart& part : parts) {
    const auto info = store.Head(InUploads(id, PartLeaf(part.number)));
    const std::string what = "part " + std::to_string(part.number);
    if (!info || info->etag != part.etag)
      return S3Error("InvalidPart", what + " does not exist or has another ETag");
    if (info->bytes < kPartBytesMin && part.number != parts.back().number)
      return S3Error("EntityTooSmall", what + " has less than 5 MiB and is not the last");
    bytes += info->bytes;
    const auto digest = HexDecode(info->etag);
    md5.Update(digest ? Bytes(*digest) : AsBytes(info->etag));  // an S3 store has others
  }
  if (bytes > kObjectBytesMax) return S3Error("EntityTooLarge", "the object is longer than 5 TiB");
  return HexEncode(md5.Finish()) + "-" + std::to_string(parts.size());
}

}  // namespace

S3Result CreateMultipartUpload(const S3Call& call) {
  KEDGE_TRY_STATUS(RefuseUnsupportedHeaders(call.request));
  blob::BlobStore& store = call.store();
  KEDGE_TRY_STATUS(store.CreateBucket(std::string(kUploadsBucket)));
  KEDGE_TRY(const size_t uploads, CollectOldUploads(store, call.options.clock.NowMs()));
  if (uploads >= kUploadsMax)
    return S3Error("ServiceUnavailable", "there are too many uploads in progress");
  const std::string id = HexEncode(crypto::RandomBytes(kUploadIdDigits / 2));
  const std::string record = json::Write(json::Object{{"bucket", call.bucket}, {"key", call.key}});
  KEDGE_TRY(blob::ObjectAttributes attributes, AttributesOf(call.request));
  KEDGE_TRY(const std::unique_ptr<blob::ObjectWriter> writer,
            store.Create(InUploads(id, "upload"), std::move(attributes)));
  KEDGE_TRY_STATUS(writer->Append(AsBytes(record)));
  KEDGE_TRY([[maybe_unused]] const blob::ObjectInfo info, writer->Commit());
  XmlWriter xml("InitiateMultipartUploadResult", kS3Namespace);
  xml.Leaf("Bucket", call.bucket);
  xml.Leaf("Key", call.key);
  xml.Leaf("UploadId", id);
  return XmlResponse(xml.Finish());
}

S3Result UploadPart(const S3Call& call) {
  KEDGE_TRY(const int number, PartNumber(call));
  KEDGE_TRY(const Upload upload, FindUpload(call));
  KEDGE_TRY(const std::unique_ptr<blob::ObjectWriter> writer,
            call.store().Create(InUploads(upload.id, PartLeaf(number)), {}));
  KEDGE_TRY_STATUS(ReceiveBody(call, *writer));
  KEDGE_TRY(const blob::ObjectInfo info, writer->Commit());
  http::Response response;
  ShowChecksums(info.attributes, response);
  response.headers.Set("ETag", Quoted(info.etag));
  return response;
}

S3Result UploadPartCopy(const S3Call& call) {
  KEDGE_TRY(const int number, PartNumber(call));
  KEDGE_TRY(const Upload upload, FindUpload(call));
  KEDGE_TRY(const blob::BlobStore::Opened source, OpenCopySource(call));
  ByteRange range{0, source.info.bytes};
  if (const std::string* header = call.request.headers.Find("x-amz-copy-source-range")) {
    KEDGE_TRY(const std::optional<ByteRange> part, ParseRange(*header, source.info.bytes));
    if (!part.has_value())
      return S3Error("InvalidArgument", "x-amz-copy-source-range is not of the form bytes=0-9");
    range = *part;
  }
  KEDGE_TRY(const std::unique_ptr<blob::ObjectWriter> writer,
            call.store().Create(InUploads(upload.id, PartLeaf(number)), {}));
  KEDGE_TRY_STATUS(
      CopyRange(source.file.get(), range, [&](Bytes piece) { return writer->Append(piece); }));
  KEDGE_TRY(const blob::ObjectInfo info, writer->Commit());
  XmlWriter xml("CopyPartResult", kS3Namespace);
  xml.Leaf("LastModified", FormatIso8601(info.modified));
  xml.Leaf("ETag", Quoted(info.etag));
  return XmlResponse(xml.Finish());
}

S3Result ListParts(const S3Call& call) {
  KEDGE_TRY(const Upload upload, FindUpload(call));
  KEDGE_TRY(const std::vector<blob::ObjectInfo> parts, PartsOf(call.store(), upload.id));
  XmlWriter xml("ListPartsResult", kS3Namespace);
  xml.Leaf("Bucket", call.bucket);
  xml.Leaf("Key", call.key);
  xml.Leaf("UploadId", upload.id);
  xml.Leaf("MaxParts", parts.size());
  xml.Leaf("IsTruncated", "false");
  for (const blob::ObjectInfo& part : parts) {
    // "part-00017" is number 17.
    const size_t digits = part.key.find_first_not_of('0', part.key.rfind('-') + 1);
    xml.Open("Part");
    xml.Leaf("PartNumber", part.key.substr(digits));
    xml.Leaf("LastModified", FormatIso8601(part.modified));
    xml.Leaf("ETag", Quoted(part.etag));
    xml.Leaf("Size", part.bytes);
    xml.Close();
  }
  return XmlResponse(xml.Finish());
}

S3Result ListMultipartUploads(const S3Call& call) {
  XmlWriter xml("ListMultipartUploadsResult", kS3Namespace);
  xml.Leaf("Bucket", call.bucket);
  xml.Leaf("IsTruncated", "false");
  KEDGE_TRY_STATUS(call.store().CreateBucket(std::string(kUploadsBucket)));
  KEDGE_TRY_STATUS(ForEachStored(call.store(), [&](const blob::ObjectInfo& object) -> Status {
    if (!IsUploadRecord(object)) return {};
    const auto upload = ReadUpload(call.store(), object.key.substr(0, kUploadIdDigits));
    if (!upload || upload->bucket != call.bucket) return {};
    xml.Open("Upload");
    xml.Leaf("Key", upload->key);
    xml.Leaf("UploadId", upload->id);
    xml.Leaf("Initiated", FormatIso8601(upload->initiated));
    xml.Close();
    return {};
  }));
  return XmlResponse(xml.Finish());
}

namespace {

// The checksums of whole objects among the headers: one with "-3" behind is of the parts'
// checksums.
http::Headers WholeChecksums(const http::Headers& headers) {
  http::Headers whole;
  for (const ChecksumName& name : ChecksumNames()) {
    const std::string* value = headers.Find(name.header);
    const bool is_body = name.kind == ChecksumKind::kMd5;  // that of the list of parts
    if (value != nullptr && !is_body && value->find('-') == std::string::npos)
      whole.Set(name.header, *value);
  }
  return whole;
}

// The parts become the object; its ETag.
Result<std::string> PutTogether(const S3Call& call, const Upload& upload,
                                const std::vector<NamedPart>& parts) {
  KEDGE_TRY(std::string etag, CheckParts(call.store(), upload.id, parts));
  KEDGE_TRY(const std::unique_ptr<blob::ObjectWriter> writer,
            call.store().Create(call.name(), upload.attributes));
  ClientChecksums checksums(WholeChecksums(call.request.headers));
  for (const NamedPart& part : parts) {
    KEDGE_TRY(const blob::BlobStore::Opened opened,
              call.store().Open(InUploads(upload.id, PartLeaf(part.number))));
    if (opened.info.etag != part.etag)
      return S3Error("InvalidPart", "a part was replaced while the upload was completed");
    KEDGE_TRY_STATUS(CopyRange(opened.file.get(), {0, opened.info.bytes}, [&](Bytes piece) {
      checksums.Update(piece);
      return writer->Append(piece);
    }));
  }
  KEDGE_TRY(const auto kept, checksums.Check({}));
  KeepChecksums(kept, *writer);
  writer->SetEtag(std::move(etag));
  KEDGE_TRY(const blob::ObjectInfo info, CommitOnCondition(call.request, *writer));
  const std::string done =
      json::Write(json::Object{{"bucket", call.bucket}, {"key", call.key}, {"etag", info.etag}});
  KEDGE_TRY([[maybe_unused]] const blob::ObjectInfo kept_done,
            blob::PutObject(call.store(), InUploads(upload.id, "done"), AsBytes(done),
                            "application/json"));
  return info.etag;
}

Result<std::string> Complete(const S3Call& call) {
  KEDGE_TRY(const Upload upload, FindUpload(call));
  KEDGE_TRY(const std::vector<NamedPart> parts, ReadNamedParts(call.request));
  KEDGE_TRY(std::string etag, PutTogether(call, upload, parts));
  KEDGE_TRY_STATUS(RemoveUpload(call.store(), upload.id));
  return etag;
}

}  // namespace

S3Result CompleteMultipartUpload(const S3Call& call) {
  KEDGE_TRY_STATUS(RefuseUnsupportedHeaders(call.request));
  Result<std::string> etag = DoneEtag(call);
  if (!etag) etag = Complete(call);
  // Another request may have completed it while this one was at it.
  if (!etag) {
    Result<std::string> done = DoneEtag(call);
    if (done) etag = std::move(done);
  }
  if (!etag) return std::move(etag).error();
  XmlWriter xml("CompleteMultipartUploadResult", kS3Namespace);
  xml.Leaf("Location", "/" + call.bucket + "/" + call.key);
  xml.Leaf("Bucket", call.bucket);
  xml.Leaf("Key", call.key);
  xml.Leaf("ETag", Quoted(*etag));
  return XmlResponse(xml.Finish());
}

S3Result AbortMultipartUpload(const S3Call& call) {
  KEDGE_TRY(const Upload upload, FindUpload(call));
  KEDGE_TRY_STATUS(RemoveUpload(call.store(), upload.id));
  http::Response response;
  response.status = 204;
  return response;
}

}  // namespace kedge::server
