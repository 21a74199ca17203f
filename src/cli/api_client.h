// How commands call a kedge-server: one signed POST an operation, AWS's errors as sentences. The
// caller's access key comes from the environment, as the AWS tools take it.
//
//   ApiOptions options;
//   DeclareApi(flags, options);
//   ...
//   KEDGE_TRY(const ApiClient client, ApiClient::Make(options));
//   KEDGE_TRY(const json::Value answer, client.Call("Kedge.WhoAmI", json::Object()));
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/flags.h"
#include "base/json/json.h"
#include "http/client.h"
#include "http/sigv4.h"

namespace kedge::cli {

struct ApiOptions {
  std::string endpoint;  // "http://host:8080"; empty: AWS_ENDPOINT_URL
  std::string region;    // empty: AWS_REGION, AWS_DEFAULT_REGION, else us-east-1
};

// An answer that is no success, as a sentence: kUnavailable for 5xx, else kFailedPrecondition.
Error ServerError(const http::Response& response);
// Speaks https with the roots of AWS_CA_BUNDLE if that is set, as the AWS tools do.
std::unique_ptr<http::Transport> MakeTransport();

// --endpoint-url and --region.
void DeclareApi(Flags& flags, ApiOptions& options);

// One thread.
class ApiClient {
 public:
  // kInvalidArgument if there is no endpoint or AWS_ACCESS_KEY_ID or AWS_SECRET_ACCESS_KEY is not
  // set. AWS_SESSION_TOKEN is used if it is set.
  static Result<ApiClient> Make(const ApiOptions& options);

  // `target`: "Kedge.WhoAmI", "SageMaker.ListDevices". Gives the answer, null if it is empty.
  // kFailedPrecondition with AWS's code and message if the server refused; kUnavailable if it
  // cannot be reached or failed.
  Result<json::Value> Call(std::string_view target, const json::Value& body) const;

  // Calls a list operation until its last page, and `each` for every element of `list`.
  Status ForEach(std::string_view target, json::Object body, std::string_view list,
                 const std::function<Status(const json::Value&)>& each) const;

  const std::string& endpoint() const { return endpoint_; }
  const std::string& region() const { return region_; }

 private:
  ApiClient() = default;

  std::string endpoint_;  // without a final '/'
  std::string region_;
  http::Credentials credentials_;
  std::unique_ptr<http::Transport> transport_;
};

}  // namespace kedge::cli
