// Objects of the store as local files of a job, and back.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "blob/blob_store.h"

namespace kedge::server {

// Copies an object into a new file and gives the copied bytes' SHA-256, hexadecimal. kNotFound;
// kInvalidArgument above bytes_max.
Result<std::string> FetchObject(blob::BlobStore& blobs, const blob::ObjectName& name,
                                const Path& file, uint64_t bytes_max);

struct StoredFile {
  std::string sha256;  // hexadecimal
  std::string sha1;
};
// Stores a file as an object, durably, and gives its digests. `hold` is asked when everything but
// the last step is done; its error is given, and the object stays what it was. So it does if the
// object changes between that question and the last step, as it may where this node is frozen in
// between and the job goes on elsewhere: then all is done again.
struct StoreAs {
  blob::ObjectName name;
  std::string content_type;
  std::string key_name;  // of the key service, to encrypt with; empty: as the place demands
};
Result<StoredFile> StoreFile(blob::BlobStore& blobs, const Path& file, const StoreAs& as,
                             const std::function<Status()>& hold);

// Overwrites the files below a folder with zeros. What the disk or the file system copied elsewhere
// stays.
void WipeFiles(const Path& folder);

// FailureReason of a job: "ClientError: ..." if the request or the model is at fault, "ServerError:
// ..." otherwise.
std::string FailureReason(const Error& error);

}  // namespace kedge::server
