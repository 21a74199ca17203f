// What stands in the data folder, and making it at the first start:
//
//   lock                    held while a server runs on this folder
//   folder.id                     names it in leases
//   keys/master.key         0600  seals the secrets in the database, see keys/keyring.h
//   keys/package.cert.pem         what devices trust; the key stands sealed in the database
//   administrator.env       0600  the first access key, as lines for a shell
//   kedge.db                0600  everything else that is not an object
//   objects/                      the object store
//   compile-cache/                kept between compilation jobs
//   scratch/                      emptied at each start
//
// Every step is atomic and is done only if its result is missing, so a start that was killed is
// finished by the next one.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/descriptor.h"
#include "base/file.h"
#include "server/keys/keyring.h"
#include "store/store.h"
#include "trust/signing.h"

namespace kedge::server {

struct Folders {
  explicit Folders(Path data) : root(std::move(data)) {}
  Path root;
  Path database() const { return root / "kedge.db"; }
  Path administrator() const { return root / "administrator.env"; }
  Path objects() const { return root / "objects"; }
  Path compile_cache() const { return root / "compile-cache"; }
  Path scratch() const { return root / "scratch"; }
  Path keys() const { return root / "keys"; }
  Path package_certificate() const { return keys() / "package.cert.pem"; }
  Path former_package_key() const { return keys() / "package.key.pem"; }
};

// Makes the folders, empties the scratch one and takes the lock, which is held as long as the
// descriptor lives. kUnavailable if another server has it.
Result<FileDescriptor> PrepareFolders(FileSystem& disk, const Folders& folders);

// The keyring of `master_key`, a file that must exist; of DATA/keys/master.key, which is made if
// need be, if that is empty.
Result<Keyring> LoadKeyring(FileSystem& disk, const Folders& folders,
                            const std::string& master_key);

// What names this folder in leases, over all its starts; made at the first one.
Result<std::string> LoadFolderId(FileSystem& disk, const Folders& folders);

struct SigningKey {
  std::unique_ptr<trust::Signer> signer;
  std::string certificate_pem;
};
// Loads the key that signs packages from the database, or makes it. A file package.key.pem, where
// former versions kept it, is imported and removed.
Result<SigningKey> LoadSigningKey(FileSystem& disk, const Folders& folders, const Clock& clock,
                                  const Keyring& keyring, store::Store& store);

// If the store holds no access key of an administrator, one is made and put there, and the text of
// administrator.env is returned, to be shown once; empty otherwise. A key that was deleted while
// there was another one never comes back. Seals what a former version stored as plain text.
Result<std::string> EnsureAdministrator(FileSystem& disk, const Folders& folders,
                                        const Clock& clock, const Keyring& keyring,
                                        store::Store& store);

}  // namespace kedge::server
