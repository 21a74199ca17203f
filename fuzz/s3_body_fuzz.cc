// The bodies that S3 clients send: the first byte chooses XML or one of the forms of aws-chunked.
// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "base/xml.h"
#include "http/aws_chunked.h"

namespace {

void DecodeChunked(std::string_view body, bool chunks_signed, bool trailer_follows) {
  kedge::http::StreamingSignature signature;
  signature.chunks_signed = chunks_signed;
  signature.trailer_follows = trailer_follows;
  kedge::http::Request request;
  request.headers.Set("x-amz-decoded-content-length", "8");
  request.body = body;
  size_t bytes = 0;
  const auto trailers = kedge::http::DecodeAwsChunked(request, signature, [&](kedge::Bytes piece) {
    bytes += piece.size();
    return kedge::Status();
  });
  KEDGE_CHECK(bytes <= 8);
  KEDGE_CHECK(!trailers || bytes == 8);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (size == 0) return 0;
  const std::string_view body(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  switch (bytes[0]) {
    case 'u':
      DecodeChunked(body, false, true);
      break;
    case 's':
      DecodeChunked(body, true, false);
      break;
    case 't':
      DecodeChunked(body, true, true);
      break;
    default: {
      const auto root = kedge::ParseXml(body);
      KEDGE_CHECK(root || root.error().code == kedge::Code::kInvalidArgument);
    }
  }
  return 0;
}
