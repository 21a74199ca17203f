// SPDX-License-Identifier: Apache-2.0
#include "compiler/codegen/object_check.h"

#include <elf.h>
#include <map>
#include <set>
#include <vector>

namespace kedge::compiler {
namespace {

constexpr std::string_view kExports[] = {"kedge_model_query", "kedge_model_run"};
constexpr size_t kSegmentsMax = 64;

Error Bad(std::string what) { return Internal("the linked object " + std::move(what)); }

class Checker {
 public:
  Checker(Bytes file, const Target& target) : file_(file), target_(target) {}

  Result<ObjectFacts> Check() {
    KEDGE_TRY_STATUS(ReadHeader());
    KEDGE_TRY_STATUS(CheckSegments());
    KEDGE_TRY_STATUS(ReadDynamic());
    KEDGE_TRY_STATUS(CheckDynamic());
    KEDGE_TRY_STATUS(CheckSymbols());
    KEDGE_TRY_STATUS(CheckRelocations());
    return facts_;
  }

 private:
  template <class T>
  Result<T> At(uint64_t offset) const {
    if (offset > file_.size() || file_.size() - offset < sizeof(T)) {
      return Bad("has a header that points outside");
    }
    return LoadLittle<T>(file_.data() + offset);
  }

  // The file offset of a virtual address.
  Result<uint64_t> OffsetOf(uint64_t address) const {
    for (const Elf64_Phdr& segment : segments_) {
      if (segment.p_type != PT_LOAD || address < segment.p_vaddr) continue;
      if (address - segment.p_vaddr < segment.p_filesz) {
        return segment.p_offset + (address - segment.p_vaddr);
      }
    }
    return Bad("has an address outside its segments");
  }

  Status ReadHeader() {
    KEDGE_TRY(const auto header, At<Elf64_Ehdr>(0));
    const bool arm = target_.architecture == Architecture::kAarch64;
    if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
        header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB) {
      return Bad("is no 64-bit little-endian ELF file");
    }
    if (header.e_type != ET_DYN) return Bad("is not a shared object");
    if (header.e_machine != (arm ? EM_AARCH64 : EM_X86_64)) return Bad("is of another machine");
    if (header.e_phnum > kSegmentsMax || header.e_phentsize != sizeof(Elf64_Phdr)) {
      return Bad("has a strange program header");
    }
    for (size_t i = 0; i < header.e_phnum; ++i) {
      KEDGE_TRY(const auto segment, At<Elf64_Phdr>(header.e_phoff + i * sizeof(Elf64_Phdr)));
      segments_.push_back(segment);
    }
    return {};
  }

  Status CheckSegments() {
    bool stack = false;
    for (const Elf64_Phdr& segment : segments_) {
      if (segment.p_type == PT_INTERP) return Bad("asks for an interpreter");
      if (segment.p_type == PT_GNU_STACK) {
        stack = true;
        if ((segment.p_flags & PF_X) != 0) return Bad("asks for an executable stack");
      }
      if (segment.p_type != PT_LOAD) continue;
      if ((segment.p_flags & PF_W) != 0 && (segment.p_flags & PF_X) != 0) {
        return Bad("has a segment that is writable and executable");
      }
      if ((segment.p_flags & PF_X) != 0) facts_.code_bytes += segment.p_filesz;
    }
    return stack ? Status() : Bad("does not say that its stack is not executable");
  }

  Status ReadDynamic() {
    for (const Elf64_Phdr& segment : segments_) {
      if (segment.p_type != PT_DYNAMIC) continue;
      for (uint64_t at = 0; at + sizeof(Elf64_Dyn) <= segment.p_filesz; at += sizeof(Elf64_Dyn)) {
        KEDGE_TRY(const auto entry, At<Elf64_Dyn>(segment.p_offset + at));
        if (entry.d_tag == DT_NULL) return {};
        dynamic_[entry.d_tag] = entry.d_un.d_val;
      }
    }
    return Bad("has no dynamic section that ends");
  }

  Status CheckDynamic() const {
    constexpr std::pair<int64_t, const char*> kForbidden[] = {
        {DT_NEEDED, "needs another library"}, {DT_INIT, "has a constructor"},
        {DT_FINI, "has a destructor"},        {DT_INIT_ARRAY, "has constructors"},
        {DT_FINI_ARRAY, "has destructors"},   {DT_PREINIT_ARRAY, "has constructors"},
        {DT_TEXTREL, "relocates its code"},   {DT_JMPREL, "calls through a linkage table"},
        {DT_RPATH, "has a library path"},     {DT_RUNPATH, "has a library path"},
    };
    for (const auto& [tag, what] : kForbidden) {
      if (dynamic_.contains(tag)) return Bad(what);
    }
    if (auto flags = dynamic_.find(DT_FLAGS); flags != dynamic_.end()) {
      if ((flags->second & DF_TEXTREL) != 0) return Bad("relocates its code");
    }
    return {};
  }

  Result<uint64_t> DynamicOffset(int64_t tag) const {
    auto entry = dynamic_.find(tag);
    if (entry == dynamic_.end()) return Bad("lacks a part of its dynamic section");
    return OffsetOf(entry->second);
  }

  Status CheckSymbols() const {
    KEDGE_TRY(const uint64_t hash, DynamicOffset(DT_HASH));
    KEDGE_TRY(const uint64_t symbols, DynamicOffset(DT_SYMTAB));
    KEDGE_TRY(const uint64_t strings, DynamicOffset(DT_STRTAB));
    KEDGE_TRY(const auto count, At<uint32_t>(hash + 4));
    std::set<std::string> exported;
    for (uint32_t i = 1; i < count; ++i) {
      KEDGE_TRY(const auto symbol, At<Elf64_Sym>(symbols + i * sizeof(Elf64_Sym)));
      const uint64_t name = strings + symbol.st_name;
      if (name >= file_.size()) return Bad("has a symbol without a name");
      const std::string_view rest = AsText(file_.subspan(name));
      const std::string text(rest.substr(0, rest.find('\0')));
      if (symbol.st_shndx == SHN_UNDEF) return Bad("needs symbol '" + text + "'");
      exported.insert(text);
    }
    if (exported != std::set<std::string>(std::begin(kExports), std::end(kExports))) {
      return Bad("does not export exactly its two functions");
    }
    return {};
  }

  Status CheckRelocations() const {
    if (!dynamic_.contains(DT_RELA)) return {};
    const uint32_t relative = target_.architecture == Architecture::kAarch64
                                  ? static_cast<uint32_t>(R_AARCH64_RELATIVE)
                                  : static_cast<uint32_t>(R_X86_64_RELATIVE);
    KEDGE_TRY(const uint64_t table, DynamicOffset(DT_RELA));
    auto size = dynamic_.find(DT_RELASZ);
    if (size == dynamic_.end()) return Bad("lacks the size of its relocations");
    for (uint64_t at = 0; at < size->second; at += sizeof(Elf64_Rela)) {
      KEDGE_TRY(const auto relocation, At<Elf64_Rela>(table + at));
      if (ELF64_R_TYPE(relocation.r_info) != relative) {
        return Bad("has a relocation that is not relative");
      }
    }
    return {};
  }

  const Bytes file_;
  const Target& target_;
  std::vector<Elf64_Phdr> segments_;
  std::map<int64_t, uint64_t> dynamic_;
  ObjectFacts facts_;
};

}  // namespace

Result<ObjectFacts> CheckObject(Bytes file, const Target& target) {
  return Checker(file, target).Check();
}

}  // namespace kedge::compiler
