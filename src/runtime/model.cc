// Loading a compiled model.
//
// Order: the file's headers are read as data (elf.h); the dynamic loader maps it, from the
// descriptor and never by a name that could have come to mean another file; kedge_model_query,
// which only returns an address and is made of instructions that every CPU of the architecture has,
// gives the description; the description is checked (model_info.h); the CPU must have what it
// names. Only then may kedge_model_run be called.
// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "runtime/elf.h"
#include "runtime/loaded_model.h"
#include "runtime/model_info.h"

namespace kedge::runtime {

namespace {

std::string LoaderError() {
  const char* text = ::dlerror();
  return text != nullptr ? text : "unknown error";
}

// The readable segments of the object that `handle` stands for.
ObjectMemory MemoryOf(void* handle) {
  struct Search {
    ElfW(Addr) base;
    const ElfW(Dyn) * dynamic;
    std::vector<ObjectMemory::Range> ranges;
  };
  const link_map* map = nullptr;
  Search search{};
  if (::dlinfo(handle, RTLD_DI_LINKMAP, &map) != 0) return ObjectMemory({});
  search.base = map->l_addr;
  search.dynamic = map->l_ld;
  ::dl_iterate_phdr(
      [](dl_phdr_info* object, size_t, void* argument) {
        auto& wanted = *static_cast<Search*>(argument);
        if (object->dlpi_addr != wanted.base) return 0;
        for (int i = 0; i < object->dlpi_phnum; ++i) {
          const ElfW(Phdr)& segment = object->dlpi_phdr[i];
          if (segment.p_type != PT_LOAD || (segment.p_flags & PF_R) == 0) continue;
          const uintptr_t begin = object->dlpi_addr + segment.p_vaddr;
          wanted.ranges.push_back({begin, begin + segment.p_memsz});
        }
        return 1;
      },
      &search);
  return ObjectMemory(std::move(search.ranges));
}

Result<void*> Symbol(void* object, const char* name) {
  void* symbol = ::dlsym(object, name);
  if (symbol == nullptr) return InvalidArgument(std::string("not a compiled model: no ") + name);
  return symbol;
}

Status CheckCpu(const ModelInfo& info) {
  const std::vector<std::string> missing = MissingCpuFeatures(info.cpu_features);
  if (missing.empty()) return {};
  std::string names;
  for (const std::string& name : missing) names += (names.empty() ? "" : " ") + name;
  return FailedPrecondition("the model is compiled for " + info.target +
                            ", this machine's CPU lacks " + names);
}

}  // namespace

LoadedModel::~LoadedModel() {
  if (object_ != nullptr) ::dlclose(object_);
}

Status LoadedModel::Open(int model_so_fd) {
  {
    KEDGE_TRY(const MappedFile file, MappedFile::Map(model_so_fd));
    KEDGE_TRY_STATUS(CheckModelObject(file.bytes()));
  }
  object_fd_ = FileDescriptor(::fcntl(model_so_fd, F_DUPFD_CLOEXEC, 0));
  if (!object_fd_.valid()) return ErrnoError(errno, "duplicating the model's descriptor");
  const std::string name = "/proc/self/fd/" + std::to_string(object_fd_.get());
  object_ = ::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (object_ == nullptr) return InvalidArgument("not a compiled model: " + LoaderError());

  KEDGE_TRY(void* const query, Symbol(object_, "kedge_model_query"));
  KEDGE_TRY(void* const run, Symbol(object_, "kedge_model_run"));
  run_ = reinterpret_cast<RunFunction>(run);
  const kedge_model_info* info = reinterpret_cast<decltype(&kedge_model_query)>(query)();
  KEDGE_TRY(info_, ReadModelInfo(MemoryOf(object_), info));
  return CheckCpu(info_);
}

Status LoadedModel::OpenWeights(int weights_fd) {
  uint64_t bytes = 0;
  if (weights_fd >= 0) {
    struct stat file{};
    if (::fstat(weights_fd, &file) != 0) return ErrnoError(errno, "size of the weights");
    bytes = static_cast<uint64_t>(file.st_size);
  }
  if (bytes != info_.weights_bytes) {
    return DataLoss("the weights are " + std::to_string(bytes) + " bytes, the model is made for " +
                    std::to_string(info_.weights_bytes));
  }
  // Shared: all processes that run this model have one copy in memory.
  if (bytes > 0) {
    KEDGE_TRY(weights_, MappedFile::Map(weights_fd));
  }
  return {};
}

Result<std::shared_ptr<const Model>> Model::Load(int model_so_fd, int weights_fd) {
  auto model = std::make_shared<LoadedModel>();
  KEDGE_TRY_STATUS(model->Open(model_so_fd));
  KEDGE_TRY_STATUS(model->OpenWeights(weights_fd));
  return std::shared_ptr<const Model>(std::move(model));
}

}  // namespace kedge::runtime
