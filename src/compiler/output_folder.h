// The folder that a compilation writes: made beside its place under another name, and put there by
// one rename when everything is in it. It is locked meanwhile, so that the next compilation to the
// same place can tell what a killed one left, and removes it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/file.h"

namespace kedge::compiler {

class OutputFolder {
 public:
  // kAlreadyExists if `place` is a file or a folder with anything in it that a compilation does not
  // make; otherwise what the disk says.
  static Result<OutputFolder> Make(const Path& place);
  // Not committed: removes what was written.
  ~OutputFolder();
  OutputFolder(OutputFolder&& other) noexcept;
  OutputFolder& operator=(OutputFolder&&) = delete;

  // Where to write; on the same file system as the place.
  const Path& path() const { return path_; }
  Status Write(const std::string& name, std::string_view text);
  // Syncs the files and takes the place, removing what a former compilation left there.
  Status Commit();

 private:
  OutputFolder(Path place, Path path, FileDescriptor lock)
      : place_(std::move(place)), path_(std::move(path)), lock_(std::move(lock)) {}

  Path place_;
  Path path_;  // empty once committed or moved from
  FileDescriptor lock_;
};

}  // namespace kedge::compiler
