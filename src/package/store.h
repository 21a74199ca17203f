// Installed packages: a folder of package files named by their own digest. Installing is one
// rename, loading verifies everything again, so the folder is never trusted.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "package/package.h"

namespace kedge::package {

// "<sha256>.tar.gz" below the store.
Path InstalledPath(const Path& store, const std::string& sha256);

// Verifies a package and copies it durably into the store; gives the installed file's path. `fd` is
// borrowed. Success without writing if it is there already and whole. Nothing is left behind on an
// error: the file appears by a rename after its bytes were synced, or not at all. Errors as
// OpenPackage() and FileSystem; kAborted if the file changed while it was being copied.
Result<Path> InstallPackage(FileSystem& disk, int fd, const trust::TrustedRoots& roots,
                            const Path& store);

// Opens and verifies an installed package. kNotFound; kDataLoss if the file is another package than
// its name says; else as OpenPackage().
Result<VerifiedPackage> OpenInstalled(const Path& store, const std::string& sha256,
                                      const trust::TrustedRoots& roots);

// Digests of what is installed, sorted, from the names alone. Also removes what an install that was
// killed left over (names that are no digest and end in ".tmp"), so it must not run beside one.
Result<std::vector<std::string>> ListInstalled(FileSystem& disk, const Path& store);

// Durably. Success if absent. An open VerifiedPackage stays usable.
Status RemoveInstalled(FileSystem& disk, const Path& store, const std::string& sha256);

}  // namespace kedge::package
