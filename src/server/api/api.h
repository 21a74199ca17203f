// The API's door: an HTTP request in, an AWS answer out.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "http/server.h"
#include "server/api/context.h"
#include "server/api/wire.h"
#include "server/auth/session_door.h"

namespace kedge::server {

class Api {
 public:
  static constexpr size_t kBodyBytesMax = 4u << 20;  // of one call
  // Borrows both; kInternal names an operation of the catalogue that has no handler.
  static Result<std::unique_ptr<Api>> Make(const Catalogue& catalogue, const Context& context);

  // True if the request is the API's: it has an X-Amz-Target, or is a POST to an operation's path.
  // All others are the object store's.
  bool Owns(const http::Request& request) const;
  // The operation that such a request names; "unknown" if there is none. For metrics and logs.
  std::string OperationName(const http::Request& request) const;
  // Checks the signature, finds the operation, validates the body, calls the handler. Thread-safe.
  void Handle(const http::Request& request, const http::Responder& responder) const;
  // The same for a caller who is known by other means than a signature.
  void HandleFor(const http::Request& request, const Identity& identity,
                 const http::Responder& responder) const;
  // The same from the operation on; for tests too.
  void Call(const Operation& operation, const std::string& body, const Identity& identity,
            const http::Responder& responder) const;

 private:
  Api(const Catalogue& catalogue, const Context& context)
      : catalogue_(catalogue),
        context_(context),
        session_door_(std::make_unique<SessionDoor>(context.store, context.clock, context.signer,
                                                    context.authenticator.sessions())) {}
  struct Serving;
  Result<const Operation*> FindOperation(const http::Request& request) const;
  // Answers, after the call's record is in the audit log if it is not there yet.
  void Finish(const Serving& serving, http::Response response, const std::string& result) const;
  void Refuse(const Serving& serving, const AwsError& error) const;

  static AwsError Throttled(const Operation& operation);

  const Catalogue& catalogue_;
  Context context_;
  std::unique_ptr<SessionDoor> session_door_;
  Router router_;
};

}  // namespace kedge::server
