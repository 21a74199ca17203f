// Console sessions: a password once, then a cookie.
//
// The cookie holds 256 random bits; the database their SHA-256, so any node knows the session and a
// stolen database opens none. A request with the cookie must bring the session's CSRF token in the
// header X-Kedge-Csrf: HMAC-SHA-256 of the cookie's value, which a page of another origin can
// neither read nor compute. A session ends after kIdle without a request, after kLifetime in any
// case, at log-out, and when its user is disabled, deleted or gets another password.
//
// Failed logins make the next one wait, by user and by address (rate_limit.h); an unknown user
// costs and looks the same as a wrong password. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "http/http.h"
#include "server/auth/identity.h"
#include "server/auth/password.h"
#include "server/auth/rate_limit.h"
#include "store/store.h"
#include "store/tables/users.h"

namespace kedge::server {

inline constexpr std::string_view kSessionCookie = "kedge_session";
inline constexpr std::string_view kCsrfHeader = "X-Kedge-Csrf";

// The session cookie's value of a request; nothing if there is none or it cannot be one.
std::optional<std::string> SessionToken(const http::Request& request);
std::string CsrfToken(const std::string& session_token);

// Thread-safe.
class Sessions {
 public:
  static constexpr EpochMs kIdleMs = 3600 * 1000;
  static constexpr EpochMs kLifetimeMs = 12 * 3600 * 1000;
  static constexpr int64_t kOfUserMax = 20;  // a further one ends the oldest

  // Borrows all.
  Sessions(store::Store& store, const Clock& clock, Passwords& passwords);

  // The user of that name and password. kUnauthenticated "AccessDeniedException: ..." for a wrong
  // one, kResourceExhausted with the seconds to wait after too many, or while too many passwords
  // are checked.
  Result<store::User> CheckPassword(const std::string& user, const std::string& password,
                                    const std::string& address);
  // Inserts a session of that user. In the caller's transaction, so that its record is too.
  Status Begin(store::Transaction& transaction, const store::User& user, const std::string& token,
               const std::string& address) const;

  // Who sent the request. kUnauthenticated "ExpiredTokenException: ..." without a session that
  // counts, "AccessDeniedException: ..." without its CSRF token, if `needs_csrf`.
  Result<Identity> Authenticate(const http::Request& request, bool needs_csrf = true) const;

 private:
  store::Store& store_;
  const Clock& clock_;
  Passwords& passwords_;
  Backoff known_users_;
  Backoff unknown_users_;
  Backoff addresses_;
};

std::string HashOfToken(const std::string& session_token);

}  // namespace kedge::server
