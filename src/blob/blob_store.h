// The object store's door: objects named "bucket/key", whole writes, reads by file descriptor.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "base/result.h"

namespace kedge::blob {

struct ObjectName {
  std::string bucket;  // 3..63 of [a-z0-9.-]
  std::string key;     // 1..1024 bytes of UTF-8, any but NUL
  // Reads "s3://bucket/key". kInvalidArgument.
  static Result<ObjectName> Parse(std::string_view uri);
  // kInvalidArgument, naming the rule that is broken.
  Status Check() const;
  std::string Uri() const { return "s3://" + bucket + "/" + key; }
};

// 3..63 of [a-z0-9.-], letter or digit at both ends, no "..". kInvalidArgument.
Status CheckBucketName(std::string_view bucket);

struct BucketInfo {
  std::string name;
  EpochMs created = 0;
};

struct ObjectInfo {
  std::string key;
  uint64_t bytes = 0;
  EpochMs modified = 0;
  std::string etag;    // MD5, hexadecimal (with "-N" for multipart)
  std::string sha256;  // hexadecimal
  std::string content_type;
};

// Receives an object; it is there for readers only after Commit(). Destroyed without: nothing
// remains.
class ObjectWriter {
 public:
  virtual ~ObjectWriter() = default;
  virtual Status Append(Bytes data) = 0;
  // The ETag to keep instead of the MD5 of the bytes: for objects that were put together of parts.
  virtual void SetEtag(std::string etag) = 0;
  // Durable when it returns. After an error the object may be the old or the new one, never a mix.
  // kNotFound if the bucket was deleted meanwhile, kFailedPrecondition if an Append failed.
  virtual Result<ObjectInfo> Commit() = 0;
};

// Thread-safe. Errors: kNotFound (object or bucket, named), kInvalidArgument (names),
// kResourceExhausted (disk full), kDataLoss.
class BlobStore {
 public:
  static constexpr size_t kListKeysMax = 10'000;
  virtual ~BlobStore() = default;
  virtual Status CreateBucket(const std::string& bucket) = 0;  // success if it exists
  virtual Status DeleteBucket(const std::string& bucket) = 0;  // kFailedPrecondition if not empty
  virtual Result<std::vector<BucketInfo>> ListBuckets() = 0;   // sorted by name
  virtual Result<std::unique_ptr<ObjectWriter>> Create(const ObjectName& name,
                                                       std::string content_type) = 0;
  virtual Result<ObjectInfo> Head(const ObjectName& name) = 0;
  // An open file with the whole object, and its description: one version, even if the object is
  // replaced meanwhile.
  struct Opened {
    ObjectInfo info;
    FileDescriptor file;
  };
  virtual Result<Opened> Open(const ObjectName& name) = 0;
  virtual Status Delete(const ObjectName& name) = 0;  // success if absent
  struct ListOptions {
    std::string prefix;
    std::string start_after;  // keys after this one
    size_t max_keys = 1000;   // at most kListKeysMax are given
  };
  struct Listing {
    std::vector<ObjectInfo> objects;  // sorted by key
    bool truncated = false;
  };
  virtual Result<Listing> List(const std::string& bucket, const ListOptions& options) = 0;
};

// Below a local folder, which one process at a time may use. `disk` and `clock` are borrowed for
// the store's life. What a crash left half done is removed. kDataLoss if the folder is not
// readable.
Result<std::unique_ptr<BlobStore>> OpenFileBlobStore(FileSystem& disk, const Path& folder,
                                                     const Clock& clock);
// The same with the system's clock.
Result<std::unique_ptr<BlobStore>> OpenFileBlobStore(FileSystem& disk, const Path& folder);

// Convenience over Create and Open.
Result<ObjectInfo> PutObject(BlobStore& store, const ObjectName& name, Bytes data,
                             std::string content_type);
// kDataLoss if the bytes are not those that were put.
Result<ByteBuffer> GetObject(BlobStore& store, const ObjectName& name, uint64_t bytes_max);

}  // namespace kedge::blob
