// Packages that somebody built to be misread. Every one is framed and signed as well as its maker
// can; the reader must name what is wrong.
// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/subprocess.h"
#include "package/crc32.h"
#include "package/encoder.h"
#include "package/package.h"
#include "package/testing/specimen.h"
#include "package/ustar.h"
#include "trust/bundle.h"

namespace kedge::package {
namespace {

using ::testing::HasSubstr;
using testing::InMemory;
using testing::MakePackage;
using testing::MakeTestKey;
using testing::TestKey;

// A tar entry that need not be right.
struct Entry {
  UstarHeader header;
  std::string content;
  char padding = 0;
};

Entry MakeEntry(std::string_view name, std::string content) {
  Entry entry;
  entry.header = MakeUstarHeader(name, content.size());
  entry.content = std::move(content);
  return entry;
}

// Puts bytes into a header and makes its checksum right again, as a careful forger would.
void Patch(Entry& entry, size_t offset, std::string_view bytes) {
  std::copy(bytes.begin(), bytes.end(), entry.header.begin() + static_cast<long>(offset));
  std::fill_n(entry.header.begin() + 148, 8, ' ');
  unsigned sum = 0;
  for (const uint8_t byte : entry.header) sum += byte;
  std::snprintf(reinterpret_cast<char*>(&entry.header[148]), 8, "%06o", sum);
  entry.header[155] = ' ';
}

struct Archive {
  std::vector<Entry> entries;
  std::string end = std::string(1024, '\0');
};

ByteBuffer Frame(const Archive& archive) {
  ByteBuffer bytes;
  StoredWriter writer([&bytes](Bytes part) -> Status {
    bytes.insert(bytes.end(), part.begin(), part.end());
    return {};
  });
  for (const Entry& entry : archive.entries) {
    KEDGE_CHECK(writer.Append(entry.header).has_value());
    KEDGE_CHECK(writer.Append(AsBytes(entry.content)).has_value());
    const std::string padding(PaddingBytes(entry.content.size()), entry.padding);
    KEDGE_CHECK(writer.Append(AsBytes(padding)).has_value());
  }
  KEDGE_CHECK(writer.Append(AsBytes(archive.end)).has_value());
  KEDGE_CHECK(writer.Finish().has_value());
  return bytes;
}

class Hostile : public ::testing::Test {
 protected:
  Hostile() {
    bytes_ = *MakePackage(key_, {{.model_bytes = 1000, .weights_bytes = 3000}});
    const FileDescriptor memory = InMemory(bytes_);
    const auto package = OpenPackage(memory.get(), key_.roots);
    KEDGE_CHECK(package.has_value());
    manifest_ = package->manifest();
    archive_.entries.push_back(MakeEntry(kManifestName, package->manifest_text()));
    archive_.entries.push_back(MakeEntry(kSignatureName, package->signature_text()));
    for (const FileEntry& file : manifest_.files) {
      const ByteBuffer content = *ReadAll(package->OpenFile(file.name)->get(), 1 << 20);
      archive_.entries.push_back(MakeEntry(file.name, std::string(AsText(content))));
    }
  }

  Error Refusal(Bytes bytes) {
    const FileDescriptor memory = InMemory(bytes);
    const auto package = OpenPackage(memory.get(), key_.roots);
    return package ? Error{Code::kOk, "accepted"} : package.error();
  }

  TestKey key_ = MakeTestKey();
  ByteBuffer bytes_;
  Manifest manifest_;
  Archive archive_;
};

TEST_F(Hostile, TheForgersToolsMakeAGoodPackage) { EXPECT_EQ(Frame(archive_), bytes_); }

TEST_F(Hostile, ArchivesAreRefused) {
  struct Case {
    const char* name;
    std::function<void(Archive&)> forge;
    const char* message;
    Code code = Code::kInvalidArgument;
  };
  const auto patch = [](size_t entry, size_t offset, std::string bytes) {
    return [=](Archive& a) { Patch(a.entries[entry], offset, bytes); };
  };
  const Case cases[] = {
      {"climbing name", patch(2, 0, std::string("../../../etc/cron.d/x\0", 22)), "'../../../etc"},
      {"absolute name", patch(2, 0, std::string("/etc/cron.d/x\0", 14)), "'/etc/cron.d/x"},
      {"symbolic link", patch(2, 156, "2"), "only regular files"},
      {"hard link", patch(2, 156, "1"), "only regular files"},
      {"folder", patch(2, 156, "5"), "only regular files"},
      {"device", patch(2, 156, "3"), "only regular files"},
      {"pipe", patch(2, 156, "6"), "only regular files"},
      {"pax header", patch(2, 156, "x"), "only regular files"},
      {"global pax header", patch(0, 156, "g"), "only regular files"},
      {"GNU long name", patch(2, 156, "L"), "only regular files"},
      {"GNU sparse", patch(2, 156, "S"), "only regular files"},
      {"old regular type", patch(2, 156, std::string(1, '\0')), "only regular files"},
      {"link name", patch(2, 157, "target"), "canonical form"},
      {"executable mode", patch(2, 100, "0000755"), "canonical form"},
      {"owner", patch(2, 108, "0001000"), "canonical form"},
      {"time", patch(2, 136, "00000000001"), "canonical form"},
      {"owner's name", patch(2, 265, "root"), "canonical form"},
      {"prefix", patch(2, 345, "etc"), "canonical form"},
      {"GNU magic", patch(2, 257, "ustar  "), "canonical form"},
      {"other size", patch(2, 124, "00000000777"), "canonical form"},
      {"size in base 256", patch(0, 124, "\x80"), "canonical form"},
      {"huge manifest", patch(0, 124, "77777777777"), "at most", Code::kResourceExhausted},
      {"huge signature", patch(1, 124, "77777777777"), "at most", Code::kResourceExhausted},
      {"manifest longer than the archive", patch(0, 124, "00000100000"), "ends too early"},
      {"bytes after the name", patch(2, 40, "x"), "canonical form"},
      {"wrong checksum", [](Archive& a) { a.entries[2].header[148] ^= 1; }, "canonical form"},
      {"padding", [](Archive& a) { a.entries[2].padding = 1; }, "padding after"},
      {"padding of the manifest", [](Archive& a) { a.entries[0].padding = 1; }, "padding after"},
      {"end of the archive", [](Archive& a) { a.end[1023] = 1; }, "end of the archive"},
      {"one end block", [](Archive& a) { a.end.resize(512); }, "its manifest describes"},
      {"three end blocks", [](Archive& a) { a.end.resize(1536); }, "its manifest describes"},
      {"no manifest", [](Archive& a) { a.entries.erase(a.entries.begin()); },
       "tar entry is 'model.sig'"},
      {"no signature", [](Archive& a) { a.entries.erase(a.entries.begin() + 1); },
       "where 'model.sig' should stand"},
      {"nothing", [](Archive& a) { a.entries.clear(); }, "archive ends where"},
      {"file missing", [](Archive& a) { a.entries.pop_back(); }, "its manifest describes"},
      {"file twice", [](Archive& a) { a.entries.push_back(a.entries.back()); },
       "its manifest describes"},
      {"file added", [](Archive& a) { a.entries.push_back(MakeEntry("extra", "x")); },
       "its manifest describes"},
      {"other order", [](Archive& a) { std::swap(a.entries[2], a.entries[3]); },
       "where 'x86-64-v3/model.so' should stand"},
      {"signature first", [](Archive& a) { std::swap(a.entries[0], a.entries[1]); },
       "where 'sagemaker_edge_manifest' should stand"},
      {"other content", [](Archive& a) { a.entries[3].content[17] ^= 1; }, "signed digest"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    Archive archive = archive_;
    c.forge(archive);
    const Error error = Refusal(Frame(archive));
    EXPECT_EQ(error.code, c.code) << error.message;
    EXPECT_THAT(error.message, HasSubstr(c.message));
  }
}

TEST_F(Hostile, SignaturesAreRefused) {
  const TestKey other = MakeTestKey();
  const std::string& manifest_text = archive_.entries[0].content;
  const auto sign = [&](const std::string& statement, const TestKey& key) {
    return [=, &key](Archive& a) {
      a.entries[1] = MakeEntry(kSignatureName, *trust::SignStatement(statement, *key.signer));
    };
  };
  Manifest bigger = manifest_;
  bigger.model_version = "2.0";
  const std::vector<trust::Resource> fewer = {{std::string(kManifestName), std::string(64, '0')}};
  struct Case {
    const char* name;
    std::function<void(Archive&)> forge;
    const char* message;
    Code code = Code::kPermissionDenied;
  };
  const Case cases[] = {
      {"unknown key", sign(StatementFor(manifest_, manifest_text), other), "unknown key"},
      {"other files", sign(trust::WriteStatement("specimen-1.0", fewer), key_), "other files"},
      {"other manifest", sign(StatementFor(bigger, WriteManifest(bigger)), key_), "other files"},
      {"other statement", sign("{}", key_), "other files"},
      {"known key, other's signature",
       [&](Archive& a) {
         std::string text =
             *trust::SignStatement(StatementFor(manifest_, manifest_text), *other.signer);
         text.replace(text.find(other.signer->key_id()), 64, key_.signer->key_id());
         a.entries[1] = MakeEntry(kSignatureName, text);
       },
       "does not match"},
      {"empty", [](Archive& a) { a.entries[1] = MakeEntry(kSignatureName, ""); }, "model.sig",
       Code::kInvalidArgument},
      {"manifest of another version",
       [&](Archive& a) { a.entries[0] = MakeEntry(kManifestName, WriteManifest(bigger)); },
       "other files"},
      {"manifest that is not canonical, signed",
       [&](Archive& a) {
         const std::string spaced = "{ " + manifest_text.substr(1);
         a.entries[0] = MakeEntry(kManifestName, spaced);
         sign(StatementFor(manifest_, spaced), key_)(a);
       },
       "canonical", Code::kInvalidArgument},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    Archive archive = archive_;
    c.forge(archive);
    const Error error = Refusal(Frame(archive));
    EXPECT_EQ(error.code, c.code) << error.message;
    EXPECT_THAT(error.message, HasSubstr(c.message));
  }
}

TEST_F(Hostile, FramingsAreRefused) {
  struct Case {
    const char* name;
    std::function<void(ByteBuffer&)> forge;
    const char* message;
  };
  const auto flip = [](long at) {
    return [at](ByteBuffer& b) { *(at < 0 ? b.end() + at : b.begin() + at) ^= 1; };
  };
  const Case cases[] = {
      {"magic", flip(0), "gzip header"},
      {"method", flip(2), "gzip header"},
      {"flag FTEXT", flip(3), "gzip header"},
      {"time", flip(4), "gzip header"},
      {"extra flags", flip(8), "gzip header"},
      {"operating system", flip(9), "gzip header"},
      {"last block too early", flip(10), "deflate block"},
      {"spare bits", [](ByteBuffer& b) { b[10] |= 8; }, "deflate block"},
      {"block length", flip(11), "deflate block"},
      {"complement of the length", flip(13), "deflate block"},
      {"CRC-32", flip(-8), "gzip trailer"},
      {"length", flip(-4), "gzip trailer"},
      {"byte added", [](ByteBuffer& b) { b.push_back(0); }, ""},
      {"second member",
       [](ByteBuffer& b) {
         const ByteBuffer copy = b;
         b.insert(b.end(), copy.begin(), copy.end());
       },
       ""},
      {"empty", [](ByteBuffer& b) { b.clear(); }, "file ends"},
      {"header alone", [](ByteBuffer& b) { b.resize(10); }, "no package is 10 bytes"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    ByteBuffer bytes = bytes_;
    c.forge(bytes);
    const Error error = Refusal(bytes);
    EXPECT_EQ(error.code, Code::kInvalidArgument) << error.message;
    EXPECT_THAT(error.message, HasSubstr(c.message));
  }
}

TEST_F(Hostile, TheSameContentCompressedOtherwiseIsRefused) {
  const auto directory = TemporaryDirectory::Make();
  const Path file = directory->path() / "p.tar.gz";
  ASSERT_TRUE(PosixFileSystem().WriteAtomically(file, bytes_, 0644));
  for (const char* command : {"gzip -n", "gzip -n -9", "cat"}) {
    SCOPED_TRACE(command);
    const Path other = directory->path() / "other.tar.gz";
    const auto run = RunSubprocess(
        {.arguments = {"sh", "-c", "gzip -dc \"$0\" | " + std::string(command) + " > \"$1\"",
                       file.string(), other.string()}});
    ASSERT_TRUE(run && run->exit_code == 0) << run->errors;
    const auto package = OpenPackageAt(other, key_.roots);
    ASSERT_FALSE(package);
    EXPECT_EQ(package.error().code, Code::kInvalidArgument);
  }
}

class HostileFolder : public Hostile {
 protected:
  Path Unpack(const std::string& name) {
    const Path folder = directory_.path() / name;
    for (const Entry& entry : archive_.entries) {
      const auto* text = reinterpret_cast<const char*>(entry.header.data());
      const Path file = folder / text;
      KEDGE_CHECK(disk_.MakeDirectories(file.parent_path(), 0755).has_value());
      KEDGE_CHECK(disk_.WriteAtomically(file, AsBytes(entry.content), 0644).has_value());
    }
    return folder;
  }
  TemporaryDirectory directory_ = *TemporaryDirectory::Make();
  PosixFileSystem disk_;
};

TEST_F(HostileFolder, IsRefused) {
  const struct {
    const char* name;
    std::function<void(const Path&)> alter;
    const char* message;
    Code code = Code::kInvalidArgument;
  } cases[] = {
      {"file added",
       [&](const Path& f) { ASSERT_TRUE(disk_.WriteAtomically(f / "x86-64-v3/x", {}, 0644)); },
       "'x86-64-v3/x'"},
      {"hidden file added",
       [&](const Path& f) { ASSERT_TRUE(disk_.WriteAtomically(f / ".x", {}, 0644)); }, "'.x'"},
      {"empty folder added",
       [&](const Path& f) { ASSERT_TRUE(disk_.MakeDirectories(f / "x", 0755)); }, "is empty"},
      {"file missing",
       [&](const Path& f) { ASSERT_TRUE(disk_.Remove(f / "x86-64-v3/weights.bin")); },
       "no 'x86-64-v3/weights.bin'"},
      {"manifest missing", [&](const Path& f) { ASSERT_TRUE(disk_.Remove(f / kManifestName)); },
       "no 'sagemaker_edge_manifest'"},
      {"signature missing", [&](const Path& f) { ASSERT_TRUE(disk_.Remove(f / kSignatureName)); },
       "no 'model.sig'"},
      {"file is a link",
       [&](const Path& f) {
         std::filesystem::rename(f / "x86-64-v3/model.so", f / "../model.so");
         std::filesystem::create_symlink("../../model.so", f / "x86-64-v3/model.so");
       },
       "is a link"},
      {"folder is a link",
       [&](const Path& f) {
         std::filesystem::rename(f / "x86-64-v3", f / "../v3");
         std::filesystem::create_symlink("../v3", f / "x86-64-v3");
       },
       "is a link"},
      {"pipe",
       [&](const Path& f) {
         ASSERT_TRUE(disk_.Remove(f / "x86-64-v3/model.so"));
         ASSERT_EQ(::mkfifo((f / "x86-64-v3/model.so").c_str(), 0644), 0);
       },
       "neither a regular file"},
      {"other length",
       [&](const Path& f) { std::filesystem::resize_file(f / "x86-64-v3/model.so", 999); },
       "999 bytes"},
      {"other content",
       [&](const Path& f) {
         ByteBuffer content = *disk_.Read(f / "x86-64-v3/model.so", 1 << 20);
         content[5] ^= 1;
         ASSERT_TRUE(disk_.WriteAtomically(f / "x86-64-v3/model.so", content, 0644));
       },
       "signed digest"},
      {"other manifest",
       [&](const Path& f) { ASSERT_TRUE(disk_.AppendDurably(f / kManifestName, AsBytes(" "))); },
       "sagemaker_edge_manifest"},
      {"too many files",
       [&](const Path& f) {
         for (int i = 0; i < 600; ++i)
           ASSERT_TRUE(OpenFile(f / ("f" + std::to_string(i)), O_CREAT | O_WRONLY));
       },
       "more than 256 files", Code::kResourceExhausted},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const Path folder = Unpack("p");
    ASSERT_TRUE(OpenPackageAt(folder, key_.roots));
    c.alter(folder);
    const auto package = OpenPackageAt(folder, key_.roots);
    ASSERT_FALSE(package);
    EXPECT_EQ(package.error().code, c.code) << package.error().message;
    EXPECT_THAT(package.error().message, HasSubstr(c.message));
    for (const auto& entry : std::filesystem::directory_iterator(directory_.path()))
      std::filesystem::remove_all(entry);
  }
}

TEST_F(HostileFolder, WhatIsNoFileIsRefused) {
  EXPECT_EQ(OpenPackageAt(directory_.path() / "none", key_.roots).error().code, Code::kNotFound);
  const Path pipe = directory_.path() / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0644), 0);
  EXPECT_THAT(OpenPackageAt(pipe, key_.roots).error().message, HasSubstr("not a regular file"));
  const FileDescriptor sparse = InMemory({});
  ASSERT_EQ(::ftruncate(sparse.get(), static_cast<off_t>(kPackageBytesMax + 1)), 0);
  EXPECT_EQ(OpenPackage(sparse.get(), key_.roots).error().code, Code::kResourceExhausted);
}

TEST(Crc32, IsGzips) {
  EXPECT_EQ(Crc32(AsBytes("123456789")), 0xCBF43926u);  // the check value of the CRC catalogue
  EXPECT_EQ(Crc32(AsBytes("56789"), Crc32(AsBytes("1234"))), 0xCBF43926u);
  EXPECT_EQ(Crc32({}), 0u);
}

}  // namespace
}  // namespace kedge::package
