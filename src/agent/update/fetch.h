// Downloads an object to a file, going on where an earlier attempt stopped.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/link/edge_client.h"
#include "base/file.h"

namespace kedge::agent {

constexpr size_t kFetchPieceBytes = 1 << 20;  // appended and synced at a time

// Appends what is missing of the object to `file`, durably piece by piece. Success: the server has
// no more bytes. Errors as EdgeClient::ReadObject and FileSystem; after kAborted the file is gone
// and the next call begins anew. kResourceExhausted also for an object above
// package::kPackageBytesMax.
Status FetchObject(EdgeClient& client, FileSystem& disk, const ObjectName& object, const Path& file,
                   const std::atomic<bool>* cancelled);

// SHA-1 of a file in lower-case hexadecimal.
Result<std::string> Sha1OfFile(const Path& file);

// True for errors after which the same attempt may succeed later: network, overload, cancelled.
bool IsTransient(const Error& error);

}  // namespace kedge::agent
