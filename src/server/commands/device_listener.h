// The listener for devices and the door to it on the API listener (enrolment), as one part of
// `serve`.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include "http/server.h"
#include "server/api/api.h"
#include "server/config.h"
#include "server/devices/device_door.h"
#include "server/devices/enrolment_door.h"
#include "server/s3/s3_door.h"

namespace kedge::server {

class DeviceListener {
 public:
  // Wraps a handler with what observes every request.
  using Observer = std::function<http::Handler(http::Handler)>;

  // Loads the authority, and listens if the configuration says so. Borrows api, context and
  // `s3_options`' parts.
  static Result<std::unique_ptr<DeviceListener>> Start(const Config& config, const Api& api,
                                                       const Context& context, S3Options s3_options,
                                                       const Path& spool_directory,
                                                       http::ErrorBody error_body,
                                                       const Observer& observer);

  EnrolmentDoor& enrolment() { return *enrolment_; }
  // Null if there is none.
  http::Server* server() { return server_.get(); }
  // As devices reach it; "" if there is none.
  const std::string& endpoint() const { return endpoint_; }

 private:
  DeviceListener() = default;
  Status Listen(const Config& config, const Context& context, const Path& spool_directory,
                http::ErrorBody error_body, const Observer& observer);

  std::unique_ptr<DeviceAuthority> authority_;
  std::unique_ptr<S3Door> objects_;
  std::unique_ptr<DeviceDoor> door_;
  std::unique_ptr<EnrolmentDoor> enrolment_;
  std::string endpoint_;
  std::unique_ptr<http::Server> server_;  // last: its handlers use all the others
};

}  // namespace kedge::server
