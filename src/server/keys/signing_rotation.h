// Changing the key that signs packages, in three steps, so that no device ever lacks the key of a
// package that it is given:
//
//   prepare    a new key is made; devices are told to trust both (signed by the old one)
//   activate   packages made from now on, on every node, are signed by the new one
//   retire     devices are told to trust the new one alone (signed by it)
//
// Between the steps wait until the devices have come: one that is away for all three catches up by
// the whole chain of documents, but a package of the new key that it meets before is refused.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "server/keys/keyring.h"
#include "store/store.h"

namespace kedge::server {

enum class RotationPhase {
  kSettled,    // devices are to trust the current key alone
  kPrepared,   // a next key waits
  kActivated,  // the current key is new, the former one is still trusted
};
std::string_view Name(RotationPhase phase);  // "SETTLED", "PREPARED", "ACTIVATED"

struct Rotation {
  RotationPhase phase = RotationPhase::kSettled;
  int64_t roots_version = 0;         // of the last document; 0: there was never a rotation
  std::string certificate_pem;       // current
  std::string next_certificate_pem;  // kPrepared only
};

Result<Rotation> DescribeRotation(store::Store& store);

enum class RotationStep { kPrepare, kActivate, kRetire };
// Does a step and gives what is then. kFailedPrecondition if it is not this step's turn, or another
// master key sealed the keys; kNotFound before the first start of a server has made a key.
Result<Rotation> RotateSigningKey(store::Store& store, const Keyring& keyring, RotationStep step,
                                  EpochMs now);

// Texts of all documents, oldest first, for devices.
Result<std::vector<std::string>> RootsDocuments(store::Transaction& transaction);

}  // namespace kedge::server
