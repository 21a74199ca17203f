// An object store whose objects may be encrypted at rest: a layer over a real one that readers do
// not notice. Objects are sealed (envelope.h) if whoever creates them names a key (kKeyAttribute),
// or if they belong where a rule says so; opened, described and listed they look as they were
// before: size, ETag and SHA-256 are the plaintext's, and ranges work. Who may read what is not
// decided here.
//
// Reading decrypts the part that was asked for into a file without a name in `scratch`.
// In a list of an S3 store, which gives no metadata, sizes are those of the sealed objects.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>

#include "blob/blob_store.h"
#include "server/keys/key_service.h"

namespace kedge::server {

// In ObjectAttributes::metadata at creation: the name of the key to encrypt with.
constexpr char kKeyAttribute[] = "kedge-encrypt-with";

// In the metadata of an encrypted object that is described: the ETag of what is stored, for
// ObjectWriter::OnlyIfEtag.
constexpr char kStoredEtagAttribute[] = "kedge-stored-etag";

// The name of the key for a new object, if a rule says so; an error refuses the object.
using EncryptionRule =
    std::function<Result<std::optional<std::string>>(const blob::ObjectName& name)>;

// Errors besides those of `real`: kPermissionDenied if the key is disabled or gone, kDataLoss if an
// object does not open. All is borrowed. Thread-safe.
std::unique_ptr<blob::BlobStore> MakeSealedBlobs(blob::BlobStore& real, const KeyService& keys,
                                                 EncryptionRule rule, Path scratch);

// The rule for what devices capture: an object below the S3OutputLocation of a fleet whose
// OutputConfig has a KmsKeyId is encrypted with that key. Fleets are read again after some seconds.
EncryptionRule FleetEncryptionRule(store::Store& store, const Clock& clock);

}  // namespace kedge::server
