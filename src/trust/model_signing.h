// Verifies an OpenSSF Model Signing 1.0 bundle that any tool wrote over a file or folder: the
// methods `key` (hint or, before v1.1, rawBytes) and `certificate`, curves P-256, P-384 and P-521,
// digests by SHA-256, serialization `files`. Other tools write white space, members and orders as
// they like, so this reader is as lenient as the specification; our own packages are read by
// bundle.h instead, which is not.
//
// Source: OpenSSF Model Signing specification 1.0, sections 4 (bundle), 5 (predicate), 6.1 and 6.2
// (enumeration), 8 (verification), 11 (older bundles).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "base/result.h"

namespace kedge::trust {

enum class SigningMethod { kKey, kCertificate, kSigstore };

// A bundle taken apart, nothing verified yet.
struct ModelBundle {
  SigningMethod method = SigningMethod::kKey;
  std::string key_hint;                  // kKey: empty in bundles before v1.1
  std::vector<ByteBuffer> certificates;  // DER, leaf first
  std::string payload;                   // the in-toto statement
  ByteBuffer signature;                  // of the first signature, DER
};
// kInvalidArgument naming what the specification's schema misses.
Result<ModelBundle> ParseModelBundle(std::string_view text);

// What a verified statement says.
struct ModelStatement {
  std::string model;                           // informational
  std::map<std::string, std::string> digests;  // file name to SHA-256, hexadecimal
  std::vector<std::string> ignored;            // paths outside the signature's scope
};
// kInvalidArgument unless the payload is a statement with the model signing predicate, its root
// digest right; kUnimplemented for shards, other digests than SHA-256 and followed links.
Result<ModelStatement> ParseModelStatement(std::string_view payload);

// Whom to trust: PEM texts of one block each.
struct ModelTrust {
  std::string public_key;                 // for kKey: a public key, or a certificate that holds it
  std::vector<std::string> certificates;  // for kCertificate: authorities
  EpochMs now = 0;                        // the chain must be valid at this time
};

// Checks the signature alone. kPermissionDenied if it or its chain is wrong; kUnimplemented for
// Sigstore's keyless method, which needs its transparency log.
Result<ModelStatement> VerifyModelBundle(const ModelBundle& bundle, const ModelTrust& trust);

// Checks bundle, signature and every file: `model` is a folder, or one file. The signature's own
// file is out of scope. kPermissionDenied naming a file that is altered, missing, not signed, or a
// link.
Result<ModelStatement> VerifyModel(const Path& model, const Path& signature,
                                   const ModelTrust& trust);

}  // namespace kedge::trust
