// The one place that names engines: which database and which object store a configuration means.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "base/clock.h"
#include "blob/blob_store.h"
#include "http/client.h"
#include "server/config.h"
#include "server/installation.h"
#include "store/store.h"

namespace kedge::server {

// Opens the database, made and migrated if need be. `on_failure` is called once, from another
// thread, when the database may not be written any more.
Result<std::unique_ptr<store::Store>> OpenStore(const Config& config, const Folders& folders,
                                                std::function<void(const Error&)> on_failure);
// Opens the database for a tool: neither migrated nor checked, beside a server that may be running.
// A file is made if absent.
Result<std::unique_ptr<store::Store>> OpenStoreAsItIs(const Config& config, const Folders& folders);
// What the object store is reached by; borrows disk and clock, and lives longer than the store.
struct BlobAccess {
  FileSystem& disk;
  const Clock& clock;
  std::unique_ptr<http::Transport> transport = http::MakeCurlTransport();
};
Result<std::unique_ptr<blob::BlobStore>> OpenBlobs(const Config& config, const Folders& folders,
                                                   BlobAccess& access);

}  // namespace kedge::server
