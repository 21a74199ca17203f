// SPDX-License-Identifier: Apache-2.0
#include "server/open_store.h"

#include <cstdlib>

#include "blob/s3/s3_blob_store.h"
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

namespace {

std::optional<std::string> Variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

}  // namespace

Result<std::unique_ptr<blob::BlobStore>> OpenBlobs(const Config& config, const Folders& folders,
                                                   BlobAccess& access) {
  if (!KeepsObjectsInS3(config)) {
    const Path folder = config.objects.empty() ? folders.objects() : Path(config.objects);
    return blob::OpenFileBlobStore(access.disk, std::filesystem::absolute(folder), access.clock);
  }
  KEDGE_TRY(blob::S3Location location, blob::ReadS3Location(config.objects, Variable, access.disk));
  return blob::OpenS3BlobStore({.location = std::move(location), .scratch = folders.scratch()},
                               *access.transport, access.clock);
}

}  // namespace kedge::server
