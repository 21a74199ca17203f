// Operations on buckets, and the two listings.
// SPDX-License-Identifier: Apache-2.0
#include <charconv>

#include "base/xml.h"
#include "server/s3/s3_call.h"

namespace kedge::server {

namespace {

constexpr size_t kPageKeysMax = 1000;
constexpr char kAfterAllKeys = blob::BlobStore::kAfterAllKeys;

Result<size_t> MaxKeys(const S3Call& call) {
  const std::string text = call.Query("max-keys", std::to_string(kPageKeysMax));
  size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size())
    return S3Error("InvalidArgument", "max-keys is not a number");
  return std::min(number, kPageKeysMax);
}

// How keys are written: as they are, or percent-encoded for characters that XML cannot carry.
class KeyEncoding {
 public:
  static Result<KeyEncoding> Of(const S3Call& call) {
    const std::string type = call.Query("encoding-type");
    if (!type.empty() && type != "url")
      return S3Error("InvalidArgument", "encoding-type is not 'url'");
    return KeyEncoding(!type.empty());
  }
  std::string operator()(std::string_view key) const {
    return url_ ? http::PercentEncode(key, /*keep_slash=*/true) : std::string(key);
  }
  bool is_url() const { return url_; }

 private:
  explicit KeyEncoding(bool url) : url_(url) {}
  bool url_;
};

void WritePage(const blob::BlobStore::Listing& page, const KeyEncoding& encode, XmlWriter& xml) {
  for (const blob::ObjectInfo& object : page.objects) {
    xml.Open("Contents");
    xml.Leaf("Key", encode(object.key));
    xml.Leaf("LastModified", FormatIso8601(object.modified));
    xml.Leaf("ETag", Quoted(object.etag));
    xml.Leaf("Size", object.bytes);
    xml.Leaf("StorageClass", "STANDARD");
    xml.Close();
  }
  for (const std::string& prefix : page.common_prefixes) {
    xml.Open("CommonPrefixes");
    xml.Leaf("Prefix", encode(prefix));
    xml.Close();
  }
}

void WriteListingHead(const S3Call& call, const KeyEncoding& encode, XmlWriter& xml) {
  xml.Leaf("Name", call.bucket);
  xml.Leaf("Prefix", encode(call.Query("prefix")));
  if (call.Has("delimiter")) xml.Leaf("Delimiter", encode(call.Query("delimiter")));
  if (encode.is_url()) xml.Leaf("EncodingType", "url");
}

}  // namespace

S3Result ListBuckets(const S3Call& call) {
  KEDGE_TRY(const std::vector<blob::BucketInfo> buckets, call.store().ListBuckets());
  XmlWriter xml("ListAllMyBucketsResult", kS3Namespace);
  xml.Open("Owner");
  xml.Leaf("ID", "kedge");
  xml.Leaf("DisplayName", "kedge");
  xml.Close();
  xml.Open("Buckets");
  for (const blob::BucketInfo& bucket : buckets) {
    if (bucket.name == kUploadsBucket) continue;
    xml.Open("Bucket");
    xml.Leaf("Name", bucket.name);
    xml.Leaf("CreationDate", FormatIso8601(bucket.created));
    xml.Close();
  }
  return XmlResponse(xml.Finish());
}

S3Result CreateBucket(const S3Call& call) {
  if (CheckBucketExists(call.store(), call.bucket))
    return S3Error("BucketAlreadyOwnedByYou", "bucket '" + call.bucket + "' exists");
  KEDGE_TRY_STATUS(call.store().CreateBucket(call.bucket));
  http::Response response;
  response.headers.Set("Location", "/" + call.bucket);
  return response;
}

S3Result DeleteBucket(const S3Call& call) {
  if (const Status status = call.store().DeleteBucket(call.bucket); !status) {
    if (status.error().code == Code::kFailedPrecondition)
      return S3Error("BucketNotEmpty", status.error().message);
    return status.error();
  }
  http::Response response;
  response.status = 204;
  return response;
}

S3Result HeadBucket(const S3Call& call) {
  http::Response response;
  response.headers.Set("x-amz-bucket-region", call.options.region);
  return response;
}

S3Result GetBucketLocation(const S3Call& call) {
  // The oldest region has the empty name here.
  const std::string& region = call.options.region;
  return XmlResponse(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<LocationConstraint xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">" +
      (region == "us-east-1" ? "" : EscapeXml(region)) + "</LocationConstraint>");
}

S3Result ListObjectsV2(const S3Call& call) {
  if (call.Query("list-type") != "2") return S3Error("InvalidArgument", "list-type is not 2");
  KEDGE_TRY(const KeyEncoding encode, KeyEncoding::Of(call));
  blob::BlobStore::ListOptions options{.prefix = call.Query("prefix"),
                                       .delimiter = call.Query("delimiter"),
                                       .start_after = call.Query("start-after")};
  KEDGE_TRY(options.max_keys, MaxKeys(call));
  const std::string token = call.Query("continuation-token");
  if (!token.empty()) {
    const Result<ByteBuffer> after = HexDecode(token);
    if (!after) return S3Error("InvalidArgument", "the continuation token is not one of ours");
    options.start_after = AsText(*after);
  }
  KEDGE_TRY(const blob::BlobStore::Listing page, call.store().List(call.bucket, options));
  XmlWriter xml("ListBucketResult", kS3Namespace);
  WriteListingHead(call, encode, xml);
  xml.Leaf("MaxKeys", options.max_keys);
  xml.Leaf("KeyCount", page.objects.size() + page.common_prefixes.size());
  xml.Leaf("IsTruncated", page.truncated ? "true" : "false");
  if (!token.empty()) xml.Leaf("ContinuationToken", token);
  if (page.truncated) xml.Leaf("NextContinuationToken", HexEncode(AsBytes(page.next_start_after)));
  if (call.Has("start-after")) xml.Leaf("StartAfter", encode(call.Query("start-after")));
  WritePage(page, encode, xml);
  return XmlResponse(xml.Finish());
}

S3Result ListObjectsV1(const S3Call& call) {
  KEDGE_TRY(const KeyEncoding encode, KeyEncoding::Of(call));
  blob::BlobStore::ListOptions options{.prefix = call.Query("prefix"),
                                       .delimiter = call.Query("delimiter"),
                                       .start_after = call.Query("marker")};
  KEDGE_TRY(options.max_keys, MaxKeys(call));
  // A marker that is a common prefix of the last page stands for all keys below it.
  if (!options.delimiter.empty() && options.start_after.ends_with(options.delimiter))
    options.start_after += kAfterAllKeys;
  KEDGE_TRY(const blob::BlobStore::Listing page, call.store().List(call.bucket, options));
  XmlWriter xml("ListBucketResult", kS3Namespace);
  WriteListingHead(call, encode, xml);
  xml.Leaf("Marker", encode(call.Query("marker")));
  xml.Leaf("MaxKeys", options.max_keys);
  xml.Leaf("IsTruncated", page.truncated ? "true" : "false");
  if (page.truncated) {
    std::string marker = page.next_start_after;
    if (marker.ends_with(kAfterAllKeys)) marker.pop_back();
    xml.Leaf("NextMarker", encode(marker));
  }
  WritePage(page, encode, xml);
  return XmlResponse(xml.Finish());
}

}  // namespace kedge::server
