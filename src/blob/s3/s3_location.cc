// SPDX-License-Identifier: Apache-2.0
#include "blob/s3/s3_location.h"

#include <algorithm>
#include <map>

#include "blob/blob_store.h"

namespace kedge::blob {

namespace {

constexpr std::string_view kScheme = "s3://";
constexpr uint64_t kCredentialsBytesMax = 64u << 10;

// "AWS_ACCESS_KEY_ID=AK..." a line; "export " before it and quotes around the value are a shell's.
std::map<std::string, std::string> ReadLines(std::string_view text) {
  std::map<std::string, std::string> values;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.starts_with("export ")) line.remove_prefix(7);
    const size_t equals = line.find('=');
    if (line.starts_with('#') || equals == std::string_view::npos) continue;
    std::string_view value = line.substr(equals + 1);
    const bool quoted = value.size() >= 2 && value.front() == value.back() &&
                        (value.front() == '"' || value.front() == '\'');
    if (quoted) value = value.substr(1, value.size() - 2);
    values.insert_or_assign(std::string(line.substr(0, equals)), std::string(value));
  }
  return values;
}

Result<http::Credentials> ReadCredentials(const std::string& file, const Environment& environment,
                                          FileSystem& disk) {
  std::map<std::string, std::string> lines;
  if (!file.empty()) {
    auto text = disk.Read(file, kCredentialsBytesMax);
    if (!text) return Wrap(std::move(text).error(), "reading the object store's credentials");
    lines = ReadLines(AsText(*text));
  }
  const auto value = [&](const std::string& name) {
    return file.empty() ? environment(name).value_or("") : lines[name];
  };
  http::Credentials credentials{value("AWS_ACCESS_KEY_ID"), value("AWS_SECRET_ACCESS_KEY"),
                                value("AWS_SESSION_TOKEN")};
  if (credentials.access_key_id.empty() || credentials.secret_access_key.empty())
    return InvalidArgument(
        "the object store's AWS_ACCESS_KEY_ID or AWS_SECRET_ACCESS_KEY is not in " +
        (file.empty() ? "the environment" : "'" + file + "'"));
  return credentials;
}

Status ReadParameters(std::string_view query, S3Location& location, std::string& style,
                      std::string& credentials_file) {
  for (const auto& [name, value] : http::ParseQuery(query)) {
    if (name == "endpoint") {
      KEDGE_TRY(const http::Url url, http::SplitUrl(value));
      if (url.target != "/") return InvalidArgument("endpoint '" + value + "' has a path");
      location.endpoint = url.scheme + "://" + url.authority;
    } else if (name == "region") {
      location.region = value;
    } else if (name == "style" && (value == "path" || value == "virtual")) {
      style = value;
    } else if (name == "credentials") {
      credentials_file = value;
    } else {
      return InvalidArgument("'" + name + "=" + value +
                             "' is not one of endpoint, region, style=path|virtual, credentials");
    }
  }
  return {};
}

}  // namespace

std::string S3Location::UrlOf(const std::string& key, const std::string& query) const {
  const std::string path = http::PercentEncode(key, /*keep_slash=*/true);
  const std::string tail = path + (query.empty() ? "" : "?" + query);
  if (!virtual_host) return endpoint + "/" + bucket + "/" + tail;
  const size_t host = endpoint.find("://") + 3;
  return endpoint.substr(0, host) + bucket + "." + endpoint.substr(host) + "/" + tail;
}

Result<S3Location> ReadS3Location(const std::string& uri, const Environment& environment,
                                  FileSystem& disk) {
  const std::string_view text = uri;
  if (!text.starts_with(kScheme)) return InvalidArgument("'" + uri + "' does not begin with s3://");
  const size_t mark = std::min(text.find('?'), text.size());
  const std::string_view place = text.substr(kScheme.size(), mark - kScheme.size());
  const size_t slash = std::min(place.find('/'), place.size());
  S3Location location;
  location.bucket = place.substr(0, slash);
  location.prefix = place.substr(std::min(slash + 1, place.size()));
  if (!location.prefix.empty() && !location.prefix.ends_with('/')) location.prefix += '/';
  std::string style;
  std::string credentials_file;
  const std::string_view query = text.substr(std::min(mark + 1, text.size()));
  Status good = CheckBucketName(location.bucket);
  if (good) good = ReadParameters(query, location, style, credentials_file);
  if (!good) return Wrap(std::move(good).error(), "object store '" + uri + "'");

  if (location.region.empty()) location.region = environment("AWS_REGION").value_or("us-east-1");
  location.virtual_host = style.empty() ? location.endpoint.empty() : style == "virtual";
  if (location.endpoint.empty())
    location.endpoint = "https://s3." + location.region + ".amazonaws.com";
  KEDGE_TRY(location.credentials, ReadCredentials(credentials_file, environment, disk));
  return location;
}

}  // namespace kedge::blob
