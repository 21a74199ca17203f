// Certificates for tests, made by the openssl program: not by the code under test.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/file.h"
#include "base/result.h"

namespace kedge::http {

// An authority with its files below a folder of the test.
class TestAuthority {
 public:
  // Writes <name>.pem (the root) and <name>.key.
  static Result<TestAuthority> Make(const Path& folder, const std::string& name);

  struct Issue {
    std::string name;                            // common name, and of the files
    std::string alternative = "IP:127.0.0.1";    // subject alternative names
    std::string key = "ec:P-256";                // or "rsa"
    std::string not_before = "20260101000000Z";  // as `openssl ca` reads them
    std::string not_after = "20900101000000Z";
  };
  // Writes <name>.pem and <name>.key and returns the certificate's path.
  Result<Path> Certify(const Issue& issue) const;

  const Path& root() const { return root_; }

 private:
  TestAuthority(Path folder, Path root, Path key)
      : folder_(std::move(folder)), root_(std::move(root)), key_(std::move(key)) {}
  Path folder_;
  Path root_;
  Path key_;
};

// The key beside a certificate that Certify() wrote.
Path KeyOf(const Path& certificate);
std::string ReadTextOf(const Path& file);

}  // namespace kedge::http
