// Sending one mail by SMTP (libcurl). Synchronous; a connection a mail.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace kedge::http {

struct MailServer {
  std::string url;       // "smtp://host:25", "smtps://host:465"
  std::string from;      // "kedge@example.com"
  std::string user;      // empty: no login
  std::string password;  // never in an error
  // smtp:// goes on in plain text if the server offers no STARTTLS; with a user never.
  std::chrono::milliseconds timeout{5'000};
};

struct Mail {
  std::string to;       // one address
  std::string subject;  // UTF-8, one line
  std::string body;     // UTF-8, lines end with '\n'
  std::string id;       // letters and digits: its Message-ID, so that a mail sent twice is one
  EpochMs time = 0;
};

// The message as it goes over the wire: RFC 5322, body in base64, lines of at most 76 characters.
// kInvalidArgument if an address or the subject has a line break or an address no '@'.
Result<std::string> MailText(const MailServer& server, const Mail& mail);

// Thread-safe. A virtual seam as Transport is.
class MailTransport {
 public:
  virtual ~MailTransport() = default;
  // Errors: as MailText; kUnavailable (no connection, or the server refused), kDeadlineExceeded.
  virtual Status Send(const Mail& mail) = 0;
};

std::unique_ptr<MailTransport> MakeCurlMailTransport(MailServer server);

}  // namespace kedge::http
