// SPDX-License-Identifier: Apache-2.0
#include "server/s3/s3_door.h"

#include <algorithm>
#include <array>

#include "base/crypto/crypto.h"
#include "server/s3/s3_call.h"

namespace kedge::server {

namespace {

enum class Level { kService, kBucket, kObject };

// First match wins, so the more special line stands above the more general one.
struct Route {
  std::string_view method;
  Level level;
  std::string_view marker;  // a query parameter that must be there; empty: none
  bool is_copy;             // needs x-amz-copy-source
  S3Action action;
  S3Result (*operation)(const S3Call&);
};

constexpr Route kRoutes[] = {
    {"GET", Level::kService, "", false, S3Action::kListBuckets, ListBuckets},

    {"PUT", Level::kBucket, "", false, S3Action::kManageBucket, CreateBucket},
    {"DELETE", Level::kBucket, "", false, S3Action::kManageBucket, DeleteBucket},
    {"HEAD", Level::kBucket, "", false, S3Action::kListObjects, HeadBucket},
    {"GET", Level::kBucket, "location", false, S3Action::kListObjects, GetBucketLocation},
    {"GET", Level::kBucket, "uploads", false, S3Action::kListObjects, ListMultipartUploads},
    {"GET", Level::kBucket, "list-type", false, S3Action::kListObjects, ListObjectsV2},
    {"GET", Level::kBucket, "", false, S3Action::kListObjects, ListObjectsV1},
    {"POST", Level::kBucket, "delete", false, S3Action::kDeleteObject, DeleteObjects},

    {"GET", Level::kObject, "uploadId", false, S3Action::kWriteObject, ListParts},
    {"GET", Level::kObject, "tagging", false, S3Action::kReadObject, GetObjectTagging},
    {"GET", Level::kObject, "", false, S3Action::kReadObject, GetObject},
    {"HEAD", Level::kObject, "", false, S3Action::kReadObject, HeadObject},
    {"PUT", Level::kObject, "uploadId", true, S3Action::kWriteObject, UploadPartCopy},
    {"PUT", Level::kObject, "uploadId", false, S3Action::kWriteObject, UploadPart},
    {"PUT", Level::kObject, "", true, S3Action::kWriteObject, CopyObject},
    {"PUT", Level::kObject, "", false, S3Action::kWriteObject, PutObject},
    {"POST", Level::kObject, "uploads", false, S3Action::kWriteObject, CreateMultipartUpload},
    {"POST", Level::kObject, "uploadId", false, S3Action::kWriteObject, CompleteMultipartUpload},
    {"DELETE", Level::kObject, "uploadId", false, S3Action::kWriteObject, AbortMultipartUpload},
    {"DELETE", Level::kObject, "", false, S3Action::kDeleteObject, DeleteObject},
};

// Parameters that are understood, or mean nothing to the result. Any other one could turn a request
// into something else (`PUT /b/k?acl` is not an upload), so it is refused.
constexpr std::array<std::string_view, 21> kKnownParameters = {
    "location",        "uploads", "list-type",   "delete",        "uploadId",
    "partNumber",      "prefix",  "delimiter",   "start-after",   "continuation-token",
    "max-keys",        "marker",  "fetch-owner", "encoding-type", "max-parts",
    "max-uploads",     "x-id",    "tagging",     "key-marker",    "part-number-marker",
    "upload-id-marker"};

bool IsKnownParameter(std::string_view name) {
  return name.starts_with("X-Amz-") || std::find(kKnownParameters.begin(), kKnownParameters.end(),
                                                 name) != kKnownParameters.end();
}

// Parameters that name another resource than the object or bucket itself.
constexpr std::string_view kMarkers[] = {"location", "uploads",    "list-type", "delete",
                                         "uploadId", "partNumber", "tagging"};

bool HasForeignMarker(const S3Call& call, const Route& route) {
  return std::any_of(std::begin(kMarkers), std::end(kMarkers), [&](std::string_view marker) {
    const bool belongs =
        marker == route.marker || (marker == "partNumber" && route.marker == "uploadId");
    return call.Has(marker) && !belongs;
  });
}

// The bucket in front of the configured host name ("bucket.host:port"); empty: none.
std::string BucketOfHost(const S3Options& options, const http::Request& request) {
  if (options.host.empty()) return "";
  const std::string header = http::LowerCase(request.headers.Get("Host"));
  const std::string_view name = std::string_view(header).substr(0, header.find(':'));
  const std::string suffix = "." + options.host;
  return name.ends_with(suffix) ? std::string(name.substr(0, name.size() - suffix.size())) : "";
}

// "/bucket/key": the bucket is one segment, the key everything after it, both decoded.
void SplitPath(std::string_view path, S3Call& call) {
  path.remove_prefix(std::min<size_t>(1, path.size()));
  call.bucket = BucketOfHost(call.options, call.request);
  if (call.bucket.empty()) {
    const size_t slash = std::min(path.find('/'), path.size());
    call.bucket = http::PercentDecode(path.substr(0, slash));
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  call.key = http::PercentDecode(path);
}

Level LevelOf(const S3Call& call) {
  if (call.bucket.empty()) return Level::kService;
  return call.key.empty() ? Level::kBucket : Level::kObject;
}

Status CheckNames(const S3Call& call) {
  if (call.bucket.empty())
    return call.key.empty() ? Status() : S3Error("InvalidBucketName", "the bucket is empty");
  if (const Status status = blob::CheckBucketName(call.bucket); !status)
    return S3Error("InvalidBucketName", status.error().message);
  if (call.bucket == kUploadsBucket)
    return S3Error("AccessDenied", "the bucket belongs to the server");
  if (call.key.empty()) return {};
  if (call.key.size() > 1024)
    return S3Error("KeyTooLongError", "the key is longer than 1024 bytes");
  if (const Status status = call.name().Check(); !status)
    return S3Error("InvalidArgument", status.error().message);
  return {};
}

Result<const Route*> FindRoute(const S3Call& call) {
  for (const auto& [name, value] : call.query) {
    if (!IsKnownParameter(name))
      return S3Error("NotImplemented", "parameter '" + name + "' is not implemented");
  }
  const Level level = LevelOf(call);
  const bool is_copy = call.request.headers.Find("x-amz-copy-source") != nullptr;
  for (const Route& route : kRoutes) {
    if (route.method == call.request.method && route.level == level &&
        (route.marker.empty() || call.Has(route.marker)) && (!route.is_copy || is_copy)) {
      if (HasForeignMarker(call, route)) break;
      return &route;
    }
  }
  return S3Error("MethodNotAllowed", "the method is not allowed on this resource");
}

// Which key the permission is asked for: a listing's is its prefix.
std::string KeyToAllow(const S3Call& call, const Route& route) {
  return route.action == S3Action::kListObjects ? call.Query("prefix") : call.key;
}

// `head_only`: the body has not come yet.
Result<http::VerifiedIdentity> Verify(const S3Options& options, const http::Request& request,
                                      bool head_only) {
  static constexpr std::string_view kServices[] = {"s3"};
  http::VerifyOptions verify;
  verify.cache = options.cache;
  verify.token_is_valid = options.token_is_valid;
  verify.head_only = head_only;
  auto identity =
      http::VerifyRequest(request, options.lookup, kServices, options.clock.NowMs(), verify);
  if (!identity)
    return FromSignatureError(identity.error(), !request.headers.Find("Authorization"));
  return identity;
}

struct Admitted {
  S3Call call;
  const Route* route;
};

// Everything about a known caller's request that can be decided without the body.
Result<Admitted> Admit(const S3Options& options, const http::Request& request,
                       http::VerifiedIdentity identity) {
  S3Call call{.options = options, .request = request, .identity = std::move(identity)};
  call.query = http::ParseQuery(request.query());
  SplitPath(request.path(), call);
  KEDGE_TRY_STATUS(CheckNames(call));
  KEDGE_TRY(const Route* route, FindRoute(call));
  // DeleteObjects asks for each of its keys.
  if (route->operation != DeleteObjects &&
      !call.Allowed(route->action, call.bucket, KeyToAllow(call, *route)))
    return S3Error("AccessDenied", "this identity may not do that");
  if (!call.bucket.empty() && route->operation != CreateBucket)
    KEDGE_TRY_STATUS(CheckBucketExists(options.store, call.bucket));
  return Admitted{std::move(call), route};
}

S3Result Dispatch(const S3Options& options, const http::Request& request,
                  http::VerifiedIdentity identity) {
  KEDGE_TRY(const Admitted admitted, Admit(options, request, std::move(identity)));
  return admitted.route->operation(admitted.call);
}

http::Response Finish(const http::Request& request, S3Result result) {
  const std::string request_id = HexEncode(crypto::RandomBytes(8));
  http::Response response =
      result ? std::move(result).value()
             : ErrorResponse(FromStoreError(result.error()), request, request_id);
  response.headers.Set("x-amz-request-id", request_id);
  return response;
}

}  // namespace

bool S3Call::Has(std::string_view name) const {
  return std::any_of(query.begin(), query.end(),
                     [&](const auto& parameter) { return parameter.first == name; });
}

std::string S3Call::Query(std::string_view name, std::string_view other) const {
  for (const auto& [parameter, value] : query) {
    if (parameter == name) return value;
  }
  return std::string(other);
}

http::Response XmlResponse(std::string body) {
  http::Response response;
  response.headers.Set("Content-Type", "application/xml");
  response.body = std::move(body);
  return response;
}

std::string Quoted(std::string_view etag) { return "\"" + std::string(etag) + "\""; }

Status CheckBucketExists(blob::BlobStore& store, const std::string& bucket) {
  const auto listing = store.List(bucket, {.max_keys = 0});
  if (listing) return {};
  if (listing.error().code == Code::kNotFound)
    return S3Error("NoSuchBucket", "bucket '" + bucket + "' does not exist");
  return listing.error();
}

S3Door::S3Door(S3Options options) : options_(std::move(options)) {}
S3Door::~S3Door() = default;

http::Response S3Door::Handle(const http::Request& request) const {
  auto identity = Verify(options_, request, /*head_only=*/false);
  if (!identity) return Finish(request, std::move(identity).error());
  return Finish(request, Dispatch(options_, request, std::move(*identity)));
}

http::Response S3Door::HandleFor(const http::Request& request,
                                 const std::string& access_key_id) const {
  return Finish(request, Dispatch(options_, request, {.access_key_id = access_key_id}));
}

std::optional<http::Response> S3Door::CheckHead(const http::Request& head) const {
  auto identity = Verify(options_, head, /*head_only=*/true);
  if (!identity) return Finish(head, std::move(identity).error());
  auto admitted = Admit(options_, head, std::move(*identity));
  if (!admitted) return Finish(head, std::move(admitted).error());
  return std::nullopt;
}

bool S3Door::IsMeantForS3(const http::Request& request) {
  return http::ClaimedService(request) == "s3";
}

}  // namespace kedge::server
