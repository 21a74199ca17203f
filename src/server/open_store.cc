// SPDX-License-Identifier: Apache-2.0
#include "server/open_store.h"

#include "store/postgres/postgres_store.h"
#include "store/sqlite/sqlite_store.h"

namespace kedge::server {

Result<std::unique_ptr<store::Store>> OpenStore(const Config& config, const Folders& folders,
                                                std::function<void(const Error&)> on_failure) {
  if (UsesPostgres(config)) return store::OpenPostgresStore({.url = config.database});
  return store::OpenSqliteStore({.file = folders.database(), .on_failure = std::move(on_failure)});
}

Result<std::unique_ptr<store::Store>> OpenStoreAsItIs(const Config& config,
                                                      const Folders& folders) {
  if (UsesPostgres(config)) {
    return store::OpenPostgresStore(
        {.url = config.database, .migrate = false, .stillness_max = std::chrono::minutes(10)});
  }
  return store::OpenSqliteStore({.file = folders.database(), .migrate = false});
}

Result<std::unique_ptr<blob::BlobStore>> OpenBlobs(const Config&, const Folders& folders,
                                                   FileSystem& disk, const Clock& clock) {
  return blob::OpenFileBlobStore(disk, folders.objects(), clock);
}

}  // namespace kedge::server
