// One flipped bit anywhere makes a package refused, and so does every truncation: the promise of
// docs/adr/0002-canonical-package.md, by enumeration.
//
// Everything that is not content of a model file (framings, headers, manifest, signature, padding)
// is flipped bit by bit; content is sampled. KEDGE_SOAK=1 (scripts/soak flips) takes 100,000
// samples of a 200 KiB package and every bit of the small one.
// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <gtest/gtest.h>
#include <random>
#include <unistd.h>

#include "package/package.h"
#include "package/store.h"
#include "package/stored_gzip.h"
#include "package/testing/specimen.h"
#include "package/ustar.h"

namespace kedge::package {
namespace {

using testing::InMemory;
using testing::MakePackage;
using testing::MakeTestKey;
using testing::TestKey;

bool Soak() { return std::getenv("KEDGE_SOAK") != nullptr; }

// Where a byte of the tar stream stands in the file.
size_t FileOffset(uint64_t stream_offset) {
  return 10 + stream_offset / kStoredBlockBytes * (kStoredBlockBytes + kStoredHeaderBytes) +
         kStoredHeaderBytes + stream_offset % kStoredBlockBytes;
}

// A package in memory that can be altered in place.
class Specimen {
 public:
  Specimen(size_t model_bytes, size_t weights_bytes, const std::string& baseline = "")
      : key_(MakeTestKey()),
        bytes_(*MakePackage(key_,
                            {{.model_bytes = model_bytes, .weights_bytes = weights_bytes},
                             {.target = "aarch64", .model_bytes = 700, .weights_bytes = 0}},
                            baseline)),
        memory_(InMemory(bytes_)),
        is_content_(bytes_.size()) {
    const auto package = OpenPackage(memory_.get(), key_.roots);
    KEDGE_CHECK(package.has_value());
    uint64_t stream =
        EntryBytes(package->manifest_text().size()) + EntryBytes(package->signature_text().size());
    for (const FileEntry& file : package->manifest().files) {
      for (uint64_t i = 0; i < file.bytes; ++i)
        is_content_[FileOffset(stream + kTarBlockBytes + i)] = true;
      stream += EntryBytes(file.bytes);
    }
  }
  ~Specimen() {
    EXPECT_TRUE(OpenPackage(memory_.get(), key_.roots)) << "the specimen was not put back";
  }

  const ByteBuffer& bytes() const { return bytes_; }
  const TestKey& key() const { return key_; }
  bool IsContent(size_t byte) const { return is_content_[byte]; }

  // What opening says with this bit flipped; the bit is flipped back.
  Status OpenFlipped(size_t byte, int bit) {
    Put(byte, static_cast<uint8_t>(bytes_[byte] ^ (1 << bit)));
    const auto package = OpenPackage(memory_.get(), key_.roots);
    Put(byte, bytes_[byte]);
    if (package) return {};
    return package.error();
  }

 private:
  void Put(size_t byte, uint8_t value) {
    KEDGE_CHECK(::pwrite(memory_.get(), &value, 1, static_cast<off_t>(byte)) == 1);
  }

  TestKey key_;
  ByteBuffer bytes_;
  FileDescriptor memory_;
  std::vector<bool> is_content_;
};

// Counts flips; the first few that are not refused, or for a reason that the contract does not
// name, are reported.
class Tally {
 public:
  void Add(const Status& status, size_t byte, int bit) {
    ++flips_;
    const bool refused = !status && (status.error().code == Code::kInvalidArgument ||
                                     status.error().code == Code::kPermissionDenied ||
                                     status.error().code == Code::kResourceExhausted ||
                                     status.error().code == Code::kUnimplemented);
    if (refused) return;
    if (++failures_ <= 10) {
      ADD_FAILURE() << "bit " << bit << " of byte " << byte << ": "
                    << (status ? "accepted" : status.error().message);
    }
  }
  int64_t flips() const { return flips_; }

 private:
  int64_t flips_ = 0;
  int64_t failures_ = 0;
};

TEST(PackageFlips, EveryBitThatIsNoContentIsRefused) {
  Specimen specimen(1500, 33'000);  // two deflate blocks
  Tally tally;
  for (size_t byte = 0; byte < specimen.bytes().size(); ++byte) {
    if (specimen.IsContent(byte) && !Soak()) continue;
    for (int bit = 0; bit < 8; ++bit) tally.Add(specimen.OpenFlipped(byte, bit), byte, bit);
  }
  EXPECT_GT(tally.flips(), 8 * 6000);
  std::printf("%lld flips refused\n", static_cast<long long>(tally.flips()));
}

TEST(PackageFlips, EveryBitOfAPackageWithABaselineThatIsNoContentIsRefused) {
  Specimen specimen(300, 400, testing::SpecimenBaseline());
  Tally tally;
  for (size_t byte = 0; byte < specimen.bytes().size(); ++byte) {
    if (specimen.IsContent(byte) && byte % 7 != 0 && !Soak()) continue;
    for (int bit = 0; bit < 8; ++bit) tally.Add(specimen.OpenFlipped(byte, bit), byte, bit);
  }
  EXPECT_GT(tally.flips(), 8 * 6000);
}

TEST(PackageFlips, SampledContentIsRefused) {
  Specimen specimen(40'000, 160'000);
  const int samples = Soak() ? 100'000 : 3'000;
  std::mt19937 random(20261122);
  Tally tally;
  while (tally.flips() < samples) {
    const size_t byte = random() % specimen.bytes().size();
    const int bit = static_cast<int>(random() % 8);
    if (specimen.IsContent(byte)) tally.Add(specimen.OpenFlipped(byte, bit), byte, bit);
  }
  std::printf("%lld flips refused\n", static_cast<long long>(tally.flips()));
}

TEST(PackageTruncations, EveryLengthIsRefused) {
  const Specimen specimen(300, 200);
  const FileDescriptor memory = InMemory(specimen.bytes());
  for (size_t length = specimen.bytes().size(); length-- > 0;) {
    ASSERT_EQ(::ftruncate(memory.get(), static_cast<off_t>(length)), 0);
    const auto package = OpenPackage(memory.get(), specimen.key().roots);
    ASSERT_FALSE(package) << length << " bytes";
    ASSERT_EQ(package.error().code, Code::kInvalidArgument) << package.error().message;
  }
}

TEST(PackageTruncations, EveryStepOfFourKibibytesLeavesNothingInstalled) {
  const Specimen specimen(40'000, 160'000);
  const auto directory = TemporaryDirectory::Make();
  ASSERT_TRUE(directory);
  PosixFileSystem disk;
  const Path store = directory->path() / "store";
  ASSERT_TRUE(disk.MakeDirectories(store, 0755));
  const Bytes whole = specimen.bytes();
  for (size_t length = 0; length < whole.size(); length += 4096) {
    SCOPED_TRACE(length);
    const FileDescriptor memory = InMemory(whole.first(length));
    const auto path = InstallPackage(disk, memory.get(), specimen.key().roots, store);
    ASSERT_FALSE(path);
    EXPECT_EQ(path.error().code, Code::kInvalidArgument);
    EXPECT_EQ(*disk.List(store), std::vector<std::string>{});
  }
  const FileDescriptor memory = InMemory(whole);
  EXPECT_TRUE(InstallPackage(disk, memory.get(), specimen.key().roots, store));
}

TEST(PackageTruncations, BytesAddedAtTheEndAreRefused) {
  const Specimen specimen(300, 200);
  ByteBuffer longer = specimen.bytes();
  for (int added = 1; added <= 1024; ++added) {
    longer.push_back(0);
    const FileDescriptor memory = InMemory(longer);
    ASSERT_FALSE(OpenPackage(memory.get(), specimen.key().roots)) << added << " bytes added";
  }
}

}  // namespace
}  // namespace kedge::package
