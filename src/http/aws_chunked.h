// Bodies in the coding `aws-chunked`, by which S3 clients sign an upload while they send it: the
// head's signature is the seed of a chain, and every chunk carries the next link.
//
//   10000;chunk-signature=<64 hex digits>\r\n<65536 bytes>\r\n
//   0;chunk-signature=<64 hex digits>\r\n
//   x-amz-checksum-crc32c:<base64>\r\n             (only the -TRAILER forms)
//   x-amz-trailer-signature:<64 hex digits>\r\n    (only signed ones)
//   \r\n
//
// Source: Amazon S3 API Reference, "Signature Calculations for the Authorization Header:
// Transferring Payload in Multiple Chunks" and "... Including Trailing Headers".
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "http/body.h"
#include "http/sigv4.h"

namespace kedge::http {

// Decodes the body and gives the content to the sink. A piece may reach the sink before the
// signature of its chunk was checked: nothing of it may be shown to anybody before this function
// has succeeded. Returns the trailing headers.
// kInvalidArgument: malformed, or not of the length in x-amz-decoded-content-length.
// kUnauthenticated, "InvalidSignatureException: ...": a signature does not match.
Result<Headers> DecodeAwsChunked(const Request& request, const StreamingSignature& signature,
                                 const BodySink& sink);

}  // namespace kedge::http
