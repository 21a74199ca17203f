// Operations on buckets, and the two listings.
// SPDX-License-Identifier: Apache-2.0
#include <charconv>

#include "server/s3/s3_call.h"
#include "server/s3/xml.h"

namespace kedge::server {

namespace {

constexpr size_t kPageKeysMax = 1000;
// Greater than any byte of UTF-8: "prefix" + this comes after every key with the prefix.
constexpr char kAfterAllKeys = '\xff';

struct Page {
  std::vector<blob::ObjectInfo> objects;
  std::vector<std::string> common_prefixes;
  bool truncated = false;
  std::string last;  // where the next page starts: after this
};

struct PageRequest {
  std::string bucket;
  std::string prefix;
  std::string delimiter;
  std::string after;
  size_t max_keys = kPageKeysMax;
};

// Keys that share what stands between prefix and delimiter are one common prefix. The walk skips
// them, and jumps when the rest of a listing has been skipped.
Result<Page> ListPage(blob::BlobStore& store, const PageRequest& request) {
  Page page;
  page.last = request.after;
  for (bool more = request.max_keys > 0; more;) {
    KEDGE_TRY(
        const blob::BlobStore::Listing listing,
        store.List(request.bucket,
                   {.prefix = request.prefix, .start_after = page.last, .max_keys = kPageKeysMax}));
    for (const blob::ObjectInfo& object : listing.objects) {
      if (object.key <= page.last) continue;  // below the common prefix that was just added
      if (page.objects.size() + page.common_prefixes.size() == request.max_keys) {
        page.truncated = true;
        return page;
      }
      const size_t at = request.delimiter.empty()
                            ? std::string::npos
                            : object.key.find(request.delimiter, request.prefix.size());
      if (at == std::string::npos) {
        page.objects.push_back(object);
        page.last = object.key;
      } else {
        page.common_prefixes.push_back(object.key.substr(0, at + request.delimiter.size()));
        page.last = page.common_prefixes.back() + kAfterAllKeys;
      }
    }
    more = listing.truncated;
  }
  return page;
}

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

void WritePage(const Page& page, const KeyEncoding& encode, XmlWriter& xml) {
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
  XmlWriter xml("ListAllMyBucketsResult");
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
  PageRequest page_request{.bucket = call.bucket,
                           .prefix = call.Query("prefix"),
                           .delimiter = call.Query("delimiter"),
                           .after = call.Query("start-after")};
  KEDGE_TRY(page_request.max_keys, MaxKeys(call));
  const std::string token = call.Query("continuation-token");
  if (!token.empty()) {
    const Result<ByteBuffer> after = HexDecode(token);
    if (!after) return S3Error("InvalidArgument", "the continuation token is not one of ours");
    page_request.after = AsText(*after);
  }
  KEDGE_TRY(const Page page, ListPage(call.store(), page_request));
  XmlWriter xml("ListBucketResult");
  WriteListingHead(call, encode, xml);
  xml.Leaf("MaxKeys", page_request.max_keys);
  xml.Leaf("KeyCount", page.objects.size() + page.common_prefixes.size());
  xml.Leaf("IsTruncated", page.truncated ? "true" : "false");
  if (!token.empty()) xml.Leaf("ContinuationToken", token);
  if (page.truncated) xml.Leaf("NextContinuationToken", HexEncode(AsBytes(page.last)));
  if (call.Has("start-after")) xml.Leaf("StartAfter", encode(call.Query("start-after")));
  WritePage(page, encode, xml);
  return XmlResponse(xml.Finish());
}

S3Result ListObjectsV1(const S3Call& call) {
  KEDGE_TRY(const KeyEncoding encode, KeyEncoding::Of(call));
  PageRequest page_request{.bucket = call.bucket,
                           .prefix = call.Query("prefix"),
                           .delimiter = call.Query("delimiter"),
                           .after = call.Query("marker")};
  KEDGE_TRY(page_request.max_keys, MaxKeys(call));
  // A marker that is a common prefix of the last page stands for all keys below it.
  if (!page_request.delimiter.empty() && page_request.after.ends_with(page_request.delimiter))
    page_request.after += kAfterAllKeys;
  KEDGE_TRY(Page page, ListPage(call.store(), page_request));
  XmlWriter xml("ListBucketResult");
  WriteListingHead(call, encode, xml);
  xml.Leaf("Marker", encode(call.Query("marker")));
  xml.Leaf("MaxKeys", page_request.max_keys);
  xml.Leaf("IsTruncated", page.truncated ? "true" : "false");
  if (page.truncated) {
    if (page.last.ends_with(kAfterAllKeys)) page.last.pop_back();
    xml.Leaf("NextMarker", encode(page.last));
  }
  WritePage(page, encode, xml);
  return XmlResponse(xml.Finish());
}

}  // namespace kedge::server
