// The door of the web console: its files, its live updates, and the object store for those who are
// logged in. The API itself has no other door for it: the page calls it like everybody else, with
// its session instead of a signature.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>

#include "server/console/assets.h"
#include "server/console/live_events.h"
#include "server/s3/s3_door.h"

namespace kedge::server {

struct ConsoleParts {
  const Catalogue& catalogue;
  const Api& api;
  const Authenticator& authenticator;
  // The object store's door for this caller; called for each request.
  std::function<S3Options(const Identity& identity)> objects;
};

// Thread-safe.
class ConsoleDoor {
 public:
  // Borrows what the parts name.
  explicit ConsoleDoor(ConsoleParts parts);

  // Whether the request is the console's. Signed requests never are: they are the object store's.
  static bool Owns(const http::Request& request);
  // Blocks for disk I/O of objects.
  void Handle(const http::Request& request, const http::Responder& responder);
  // Lets those who wait for events go; before the server stops.
  void Stop() { live_.Stop(); }
  // The answer that refuses an upload before its body is read; nothing: Handle() will look at it.
  std::optional<http::Response> CheckHead(const http::Request& head) const;

 private:
  Result<Identity> Authenticate(const http::Request& request) const;
  http::Response Objects(const http::Request& request) const;

  const ConsoleParts parts_;
  const ConsoleAssets assets_;
  LiveEvents live_;
};

}  // namespace kedge::server
