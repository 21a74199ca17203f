// /session: how the console logs in and out. docs/identity.md describes the three calls.
//
//   POST   {"UserName", "Password"}   begins a session and sets the cookie
//   GET                               who is logged in, and the CSRF token again
//   DELETE                            ends it
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "http/http.h"
#include "server/auth/audit.h"
#include "server/auth/sessions.h"

namespace kedge::server {

// Thread-safe. Blocks while a password is checked.
class SessionDoor {
 public:
  // Borrows all.
  SessionDoor(store::Store& store, const Clock& clock, const trust::Signer& signer,
              Sessions& sessions)
      : store_(store), clock_(clock), signer_(signer), sessions_(sessions) {}

  static bool Owns(const http::Request& request) { return request.path() == "/session"; }
  http::Response Handle(const http::Request& request);

 private:
  http::Response LogIn(const http::Request& request, const std::string& request_id);
  http::Response Show(const http::Request& request, const std::string& request_id);
  http::Response LogOut(const http::Request& request, const std::string& request_id);
  protocol::AuditRecord Record(const http::Request& request, const std::string& request_id,
                               const std::string& user, std::string_view operation) const;

  store::Store& store_;
  const Clock& clock_;
  const trust::Signer& signer_;
  Sessions& sessions_;
};

}  // namespace kedge::server
