// S3's errors. Inside the door an error's message begins with S3's code and a colon
// ("NoSuchKey: ..."); here it becomes a status and XML.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"
#include "http/http.h"

namespace kedge::server {

// Of every document that the protocol has.
inline constexpr std::string_view kS3Namespace = "http://s3.amazonaws.com/doc/2006-03-01/";

// An error with one of S3's codes.
Error S3Error(std::string_view code, std::string_view message);

// From http::VerifyRequest: AWS's general codes become those that S3 uses.
Error FromSignatureError(const Error& error, bool presigned);
// From the blob store, about an object of a bucket that exists.
Error FromStoreError(const Error& error);

// The answer to a request. Errors without an S3 code are logged and become InternalError, so that
// nothing of the inside is shown.
http::Response ErrorResponse(const Error& error, const http::Request& request,
                             const std::string& request_id);

}  // namespace kedge::server
