// Where an S3 store is, and with which key it is used.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/file.h"
#include "http/sigv4.h"

namespace kedge::blob {

struct S3Location {
  std::string endpoint;  // "https://host:port", no slash at the end
  std::string region;
  std::string bucket;
  std::string prefix;         // before every key; empty or with a slash at its end
  bool virtual_host = false;  // https://bucket.host/key instead of https://host/bucket/key
  http::Credentials credentials;

  // Of a key of the bucket, `query` as it is ("" or "a=b&c").
  std::string UrlOf(const std::string& key, const std::string& query) const;
};

// Of a variable of the environment.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

// Reads "s3://bucket/prefix?endpoint=http://host:port&region=eu-1&style=virtual&credentials=FILE".
// Everything after the bucket may be left out: the endpoint is then AWS's for the region, the
// region AWS_REGION or us-east-1, the style "path" (with an endpoint) or "virtual" (without). The
// key is read from FILE, lines AWS_ACCESS_KEY_ID=..., AWS_SECRET_ACCESS_KEY=...,
// AWS_SESSION_TOKEN=..., else from variables of these names. kInvalidArgument, naming what is
// wrong; what reading the file gives.
Result<S3Location> ReadS3Location(const std::string& uri, const Environment& environment,
                                  FileSystem& disk);

}  // namespace kedge::blob
