// Changing the keys that devices trust, without touching the devices: a chain of documents, each
// signed by a key that was trusted before it. docs/formats/roots.md has the texts.
//
// A device begins with the certificates it was given at enrolment (version 0) and walks the chain:
// a document of a higher version counts if a key that is trusted by then signed it, and its
// certificates then are the trusted ones, no others. So a rotation is two documents: {old, new}
// signed by the old key, then, when every device has the first, {new} signed by the new key.
// Whoever has a trusted key can do this too, but such a one can sign packages already. A document
// that no trusted key signed is passed over: a device that was enrolled after a rotation never knew
// the old key.
//
// Source: The Update Framework 1.0, section 5.3 (update the root role), with a threshold of one.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "trust/signing.h"

namespace kedge::trust {

constexpr size_t kRootsUpdatesMax = 256;  // documents of one chain
constexpr size_t kRootsUpdateBytesMax = 256 << 10;

struct RootsUpdate {
  int64_t version = 0;                    // 1, 2, 3 ...
  std::vector<std::string> certificates;  // PEM; at least one
};

// The signed text of a document.
Result<std::string> SignRootsUpdate(const RootsUpdate& update, const Signer& signer);

// What a device trusts after a chain.
struct RootsChain {
  int64_t version = 0;  // of the last document that counted; 0: none
  TrustedRoots roots;
  std::vector<std::string> counted;  // the documents that led here
};
// Walks `documents` in their order from `configured`; those of a version that was reached already
// are passed over too, so a whole chain may be given every time. kInvalidArgument for a document
// that is malformed or not canonical, kResourceExhausted above the limits.
Result<RootsChain> FollowRootsUpdates(TrustedRoots configured,
                                      std::span<const std::string> documents);

}  // namespace kedge::trust
