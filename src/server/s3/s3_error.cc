// SPDX-License-Identifier: Apache-2.0
#include "server/s3/s3_error.h"

#include <algorithm>

#include "base/log.h"
#include "base/xml.h"

namespace kedge::server {

namespace {

struct S3Code {
  std::string_view code;
  int status;
};

// Amazon S3 API Reference, "Error responses".
constexpr S3Code kCodes[] = {
    {"AccessDenied", 403},
    {"AuthorizationHeaderMalformed", 400},
    {"BadDigest", 400},
    {"BucketAlreadyOwnedByYou", 409},
    {"BucketNotEmpty", 409},
    {"EntityTooLarge", 400},
    {"EntityTooSmall", 400},
    {"IncompleteBody", 400},
    {"InsufficientStorage", 507},
    {"InternalError", 500},
    {"InvalidAccessKeyId", 403},
    {"InvalidArgument", 400},
    {"InvalidBucketName", 400},
    {"InvalidPart", 400},
    {"InvalidPartOrder", 400},
    {"InvalidRange", 416},
    {"InvalidRequest", 400},
    {"InvalidToken", 400},
    {"KeyTooLongError", 400},
    {"MalformedXML", 400},
    {"MethodNotAllowed", 405},
    {"NoSuchBucket", 404},
    {"NoSuchKey", 404},
    {"NoSuchUpload", 404},
    {"NotImplemented", 501},
    {"PreconditionFailed", 412},
    {"RequestTimeTooSkewed", 403},
    {"ServiceUnavailable", 503},
    {"SignatureDoesNotMatch", 403},
    {"TooManyParts", 400},
};

const S3Code* FindCode(std::string_view code) {
  const auto* found = std::find_if(std::begin(kCodes), std::end(kCodes),
                                   [&](const S3Code& entry) { return entry.code == code; });
  return found == std::end(kCodes) ? nullptr : found;
}

struct CodeAndMessage {
  std::string_view code;
  std::string_view message;
};

CodeAndMessage Split(std::string_view text) {
  const size_t colon = text.find(": ");
  if (colon == std::string_view::npos) return {{}, text};
  return {text.substr(0, colon), text.substr(colon + 2)};
}

}  // namespace

Error S3Error(std::string_view code, std::string_view message) {
  KEDGE_CHECK(FindCode(code) != nullptr);
  return {Code::kUnknown, std::string(code) + ": " + std::string(message)};
}

Error FromSignatureError(const Error& error, bool presigned) {
  const auto [code, message] = Split(error.message);
  if (code == "UnrecognizedClientException") return S3Error("InvalidAccessKeyId", message);
  if (code == "InvalidClientTokenId") return S3Error("InvalidToken", message);
  if (code == "InvalidSignatureException") return S3Error("SignatureDoesNotMatch", message);
  if (code == "IncompleteSignature") return S3Error("AuthorizationHeaderMalformed", message);
  if (code == "RequestExpired")
    return S3Error(presigned ? "AccessDenied" : "RequestTimeTooSkewed", message);
  return S3Error("AccessDenied", message);
}

Error FromStoreError(const Error& error) {
  if (FindCode(Split(error.message).code) != nullptr) return error;
  switch (error.code) {
    case Code::kNotFound:
      return S3Error("NoSuchKey", "the object does not exist");
    case Code::kInvalidArgument:
      return S3Error("InvalidArgument", error.message);
    case Code::kResourceExhausted:
      return S3Error("InsufficientStorage", "the object store is full");
    case Code::kAlreadyExists:
      return S3Error("PreconditionFailed", "the object exists");
    case Code::kPermissionDenied:  // a key that encrypts the object is closed
      return S3Error("AccessDenied", error.message);
    case Code::kUnimplemented:
      return S3Error("NotImplemented", "the object store below cannot do this");
    case Code::kFailedPrecondition:
      return S3Error("InvalidRequest", error.message);
    case Code::kUnauthenticated:
      return FromSignatureError(error, /*presigned=*/false);
    case Code::kAborted:
    case Code::kDeadlineExceeded:
    case Code::kUnavailable:
      return S3Error("ServiceUnavailable", "try again");
    default:
      return error;
  }
}

http::Response ErrorResponse(const Error& error, const http::Request& request,
                             const std::string& request_id) {
  auto [code, message] = Split(error.message);
  const S3Code* known = FindCode(code);
  if (known == nullptr) {
    LogError("an S3 request failed inside", {{"error", error.message}, {"request_id", request_id}});
    known = FindCode("InternalError");
    message = "an internal error, see the server's log";
  }
  http::Response response;
  response.status = known->status;
  response.headers.Set("Content-Type", "application/xml");
  response.body = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>" +
                  std::string(known->code) + "</Code><Message>" + EscapeXml(message) +
                  "</Message><Resource>" + EscapeXml(request.path()) + "</Resource><RequestId>" +
                  request_id + "</RequestId></Error>";
  return response;
}

}  // namespace kedge::server
