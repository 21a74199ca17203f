// What goes over the wire besides results: errors in AWS's form, one table from our codes to AWS's.
// Every error is JSON and carries both `__type` and the x-amzn-ErrorType header, because the AWS
// clients read one or the other.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/json/json.h"
#include "http/http.h"
#include "server/schema/catalogue.h"

namespace kedge::server {

struct AwsError {
  int status = 500;
  std::string code;  // "ResourceNotFound"
  std::string message;
};

// The AWS error of one of ours. `operation` may be null; it decides whether a missing thing is the
// operation's own ResourceNotFound or a ValidationException.
//   kInvalidArgument    ValidationException          kAlreadyExists, kFailedPrecondition
//   ResourceInUse kNotFound           ResourceNotFound, if named   kOutOfRange
//   ResourceLimitExceeded kPermissionDenied   AccessDeniedException        kUnavailable,
//   kResourceExhausted  503 kUnauthenticated    the code that stands before the first ": " of the
//   message, 403 others              InternalFailure, 500, without the message
AwsError ToAws(const Error& error, const Operation* operation);

http::Response ErrorResponse(const AwsError& error, const std::string& request_id);
// 200 with the JSON text, or with nothing for null.
http::Response ResultResponse(const json::Value& result, const Operation& operation,
                              const std::string& request_id);
// A fresh x-amzn-RequestId: a random UUID.
std::string NewRequestId();

// A time as the API writes it: seconds since the epoch with a fraction.
json::Value Seconds(EpochMs time);

}  // namespace kedge::server
