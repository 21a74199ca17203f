// Our errors as gRPC's: the only place that knows both worlds.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <grpcpp/support/status.h>

#include "base/result.h"

namespace kedge::agent {

// Code has gRPC's numbers, so the code is a cast; the message goes along.
inline grpc::Status ToGrpc(const Error& error) {
  return {static_cast<grpc::StatusCode>(error.code), error.message};
}

inline grpc::Status ToGrpc(const Status& status) {
  return status ? grpc::Status::OK : ToGrpc(status.error());
}

}  // namespace kedge::agent
