// The object store's door: objects named "bucket/key", whole writes, reads by file descriptor.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
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

// What a writer says of an object besides its bytes.
struct ObjectAttributes {
  std::string content_type;  // printable ASCII, at most 256 bytes
  // Whatever the writer wants to find again. Names of [a-z0-9._-], values of printable ASCII, at
  // most kMetadataBytesMax of both in all. Names that begin with "kedge-" are ours.
  std::map<std::string, std::string> metadata;
  static constexpr size_t kMetadataBytesMax = 2048;  // what S3 stores take
  // kInvalidArgument, naming the rule that is broken.
  Status Check() const;
};

struct ObjectInfo {
  std::string key;
  uint64_t bytes = 0;
  EpochMs modified = 0;
  std::string etag;    // MD5, hexadecimal (with "-N" for multipart), or what an S3 store says
  std::string sha256;  // hexadecimal; empty if others than Kedge put the object into an S3 store
  ObjectAttributes attributes;
};

// Receives an object; it is there for readers only after Commit(). Destroyed without: nothing
// remains.
class ObjectWriter {
 public:
  virtual ~ObjectWriter() = default;
  virtual Status Append(Bytes data) = 0;
  // The ETag to keep instead of the MD5 of the bytes: for objects that were put together of parts.
  // An S3 store makes its own; what Commit() returns counts.
  virtual void SetEtag(std::string etag) = 0;
  // More metadata, which is known only now: checksums of the bytes. The rules of ObjectAttributes.
  virtual void SetMetadata(const std::string& name, std::string value) = 0;
  // Commit() puts the object only if there is none of that name, and is kAlreadyExists otherwise.
  virtual void OnlyIfAbsent() = 0;
  // Commit() puts the object only if the one of that name has this ETag then (as the store itself
  // gives it), and is kAborted otherwise.
  virtual void OnlyIfEtag(std::string etag) = 0;
  // Durable when it returns. After an error the object may be the old or the new one, never a mix.
  // kNotFound if the bucket was deleted meanwhile, kFailedPrecondition if an Append failed,
  // kUnimplemented if an S3 store cannot do OnlyIfAbsent().
  virtual Result<ObjectInfo> Commit() = 0;
};

// Thread-safe. Errors: kNotFound (object or bucket, named), kInvalidArgument (names),
// kResourceExhausted (disk full), kDataLoss; an S3 store also kUnavailable, kDeadlineExceeded,
// kPermissionDenied.
class BlobStore {
 public:
  static constexpr size_t kListKeysMax = 10'000;
  // Greater than any byte of UTF-8: a prefix with it behind comes after every key with the prefix.
  static constexpr char kAfterAllKeys = '\xff';
  virtual ~BlobStore() = default;
  virtual Status CreateBucket(const std::string& bucket) = 0;  // success if it exists
  virtual Status DeleteBucket(const std::string& bucket) = 0;  // kFailedPrecondition if not empty
  virtual Result<std::vector<BucketInfo>> ListBuckets() = 0;   // sorted by name
  virtual Result<std::unique_ptr<ObjectWriter>> Create(const ObjectName& name,
                                                       ObjectAttributes attributes) = 0;
  virtual Result<ObjectInfo> Head(const ObjectName& name) = 0;
  // An open file and the object's description: one version, even if the object is replaced
  // meanwhile. The file has at least the part that was asked for; its first byte is byte `first` of
  // the object.
  struct Opened {
    ObjectInfo info;
    FileDescriptor file;
    uint64_t first = 0;
  };
  struct Part {
    uint64_t first = 0;
    uint64_t bytes = 0;
  };
  // Chooses a part of an object that is described; may be called again if the object is replaced.
  using ChoosePart = std::function<Result<Part>(const ObjectInfo&)>;
  virtual Result<Opened> OpenPart(const ObjectName& name, const ChoosePart& choose) = 0;
  // The whole object. kDataLoss if its bytes are known not to be those that were put; a local
  // folder does not look (GetObject does).
  Result<Opened> Open(const ObjectName& name);
  virtual Status Delete(const ObjectName& name) = 0;  // success if absent
  struct ListOptions {
    std::string prefix;
    // If not empty: keys that have it after the prefix are given as one common prefix, up to and
    // with the delimiter.
    std::string delimiter;
    std::string start_after;  // keys (and common prefixes) after this one
    size_t max_keys = 1000;   // at most kListKeysMax objects and common prefixes are given
  };
  struct Listing {
    // Sorted by key. Only key, bytes, modified and etag are sure to be there.
    std::vector<ObjectInfo> objects;
    std::vector<std::string> common_prefixes;  // sorted
    bool truncated = false;
    std::string next_start_after;  // if truncated: where the next page goes on
  };
  virtual Result<Listing> List(const std::string& bucket, const ListOptions& options) = 0;
  // A URL by which anybody can read the object for so long, from the store itself.
  // kUnimplemented: the store is a folder, which only the server's own door can show.
  virtual Result<std::string> PresignGet(const ObjectName& name, int64_t seconds);
};

// Below a folder, which several processes may use at once (blob/file/). `disk` and `clock` are
// borrowed for the store's life. What a crash left half done is removed by the first that opens the
// folder. kDataLoss if the folder is not readable.
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
