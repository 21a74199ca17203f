// SPDX-License-Identifier: Apache-2.0
#include "base/testing/faulty_file_system.h"

namespace kedge {

namespace {

class FaultyFileWriter final : public FileWriter {
 public:
  FaultyFileWriter(FaultyFileSystem& owner, std::unique_ptr<FileWriter> writer)
      : owner_(owner), writer_(std::move(writer)) {}
  Status Append(Bytes data) override {
    KEDGE_TRY_STATUS(owner_.Count());
    return writer_->Append(data);
  }
  Status Commit() override {
    KEDGE_TRY_STATUS(owner_.Count());
    return writer_->Commit();
  }

 private:
  FaultyFileSystem& owner_;
  std::unique_ptr<FileWriter> writer_;
};

}  // namespace

Status FaultyFileSystem::Count() {
  const int64_t call = calls_.fetch_add(1);
  if (fault_.call < 0 || call < fault_.call || (call > fault_.call && !fault_.sticky)) return {};
  return Error{fault_.code, "injected fault at file system call " + std::to_string(call)};
}

Status FaultyFileSystem::WriteAtomically(const Path& path, Bytes data, int mode) {
  KEDGE_TRY_STATUS(Count());
  return disk_.WriteAtomically(path, data, mode);
}

Result<std::unique_ptr<FileWriter>> FaultyFileSystem::CreateAtomically(const Path& path, int mode) {
  KEDGE_TRY_STATUS(Count());
  KEDGE_TRY(std::unique_ptr<FileWriter> writer, disk_.CreateAtomically(path, mode));
  return std::unique_ptr<FileWriter>(std::make_unique<FaultyFileWriter>(*this, std::move(writer)));
}

Status FaultyFileSystem::AppendDurably(const Path& path, Bytes data) {
  KEDGE_TRY_STATUS(Count());
  return disk_.AppendDurably(path, data);
}

Status FaultyFileSystem::Rename(const Path& from, const Path& to) {
  KEDGE_TRY_STATUS(Count());
  return disk_.Rename(from, to);
}

Status FaultyFileSystem::MakeDirectories(const Path& path, int mode) {
  KEDGE_TRY_STATUS(Count());
  return disk_.MakeDirectories(path, mode);
}

Status FaultyFileSystem::SyncDirectory(const Path& path) {
  KEDGE_TRY_STATUS(Count());
  return disk_.SyncDirectory(path);
}

Status FaultyFileSystem::Remove(const Path& path) {
  KEDGE_TRY_STATUS(Count());
  return disk_.Remove(path);
}

Status FaultyFileSystem::RemoveAll(const Path& path) {
  KEDGE_TRY_STATUS(Count());
  return disk_.RemoveAll(path);
}

}  // namespace kedge
