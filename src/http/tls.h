// TLS as both ends of HTTP are told about it: plain types, OpenSSL and libcurl stay inside.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file.h"

namespace kedge::http {

// What a client's certificate says. It has passed the checks of ServerTls, so its issuer vouches
// for every field.
struct PeerCertificate {
  std::string subject;            // RFC 2253: "CN=scanner-1"
  std::vector<std::string> uris;  // subject alternative names of kind URI
  std::string serial;             // hexadecimal, lower case, no leading zeros
  std::string fingerprint;        // SHA-256 of the certificate's DER, hexadecimal, lower case
  EpochMs not_before = 0;
  EpochMs not_after = 0;  // may have passed: see accept_expired and resumed sessions
};

enum class ClientCertificate { kNotAsked, kIfGiven, kRequired };

// A server's side. Protocols TLS 1.2 and 1.3 with HTTP/1.1 (ALPN), no renegotiation, no early data.
//
// Sessions are resumed by tickets whose keys follow from ticket_secret and the hour, so every node
// that has the secret resumes what another began. A resumed session brings the client's certificate
// with it, and is not verified against the clock again.
//
// A client's certificate must be ECDSA P-256 signed with SHA-256, at most
// kClientCertificateBytesMax long, and end at a root of client_roots_pem over at most one
// intermediate; that is looked at before OpenSSL builds the chain.
struct ServerTls {
  // Either files, read at the start and again when they change, or PEM texts. The certificate is
  // followed by its intermediates. The key is unencrypted.
  Path certificate_file;
  Path key_file;
  std::string certificate_pem;
  std::string key_pem;

  ClientCertificate client_certificate = ClientCertificate::kNotAsked;
  std::string client_roots_pem;  // roots, and intermediates that clients need not send
  bool accept_expired = false;   // take a client's certificate whose time is over or has not begun
  std::array<uint8_t, 32> ticket_secret{};  // all zero: a random one, sessions end with the server

  std::chrono::milliseconds handshake_timeout{10'000};
  uint32_t handshakes_max = 1024;  // under way; above: accepted and closed
  uint32_t handshake_threads = 2;  // a full handshake takes about a millisecond of one
  std::chrono::milliseconds file_poll{5'000};
};

constexpr size_t kClientCertificateBytesMax = 4096;

// A client's side. Everything empty: the system's roots, no certificate of its own.
struct ClientTls {
  Path ca_file;           // PEM; only these roots are trusted, instead of the system's
  Path certificate_file;  // PEM, with intermediates
  Path key_file;
  // The same as texts; a text counts before a file.
  std::string ca_pem;
  std::string certificate_pem;
  std::string key_pem;
};

}  // namespace kedge::http
