// The root of the packages in corpus/; its private key was thrown away.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "trust/signing.h"

namespace kedge::fuzz {

inline constexpr char kRootPem[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBfzCCASSgAwIBAgIQTKkvgi/vF+aXnGvFlV2WvjAKBggqhkjOPQQDAjAWMRQw\n"
    "EgYDVQQDDAtmdXp6IGNvcnB1czAeFw0yNjExMjIxMDI2MjZaFw0zNjExMTkxMDI2\n"
    "MjZaMBYxFDASBgNVBAMMC2Z1enogY29ycHVzMFkwEwYHKoZIzj0CAQYIKoZIzj0D\n"
    "AQcDQgAEzG919pejhcsqak4c+V8ZkGJqFpbQQU1BlRuuYzp/iJywfHQOMygNhw4y\n"
    "JsRqkZ4Ju5DQrDflin0osKzGlGUq76NUMFIwDAYDVR0TAQH/BAIwADAOBgNVHQ8B\n"
    "Af8EBAMCB4AwEwYDVR0lBAwwCgYIKwYBBQUHAwMwHQYDVR0OBBYEFDfEHay8BTSk\n"
    "5hmw6GE6xCkCWvCFMAoGCCqGSM49BAMCA0kAMEYCIQC0agq7sSc9jl0uerlxhjWX\n"
    "cfKIb4xQauTBE7koSGYQ6AIhAK+nLfBO83Jq+jSZeUq5p1pNE+XgYII1ZTbkUDMN\n"
    "aPiQ\n"
    "-----END CERTIFICATE-----\n";

inline const trust::TrustedRoots& Roots() {
  static const trust::TrustedRoots roots = [] {
    trust::TrustedRoots made;
    KEDGE_CHECK(made.Add(kRootPem).has_value());
    return made;
  }();
  return roots;
}

}  // namespace kedge::fuzz
