// SPDX-License-Identifier: Apache-2.0
#include "runtime/elf.h"

#include <elf.h>
#include <vector>

namespace kedge::runtime {

namespace {

constexpr size_t kSegmentsMax = 64;
constexpr uint64_t kMemoryBytesMax = uint64_t{1} << 30;  // code and constants of one model

#if defined(__x86_64__)
constexpr uint16_t kNativeMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr uint16_t kNativeMachine = EM_AARCH64;
#else
#error "an architecture that no model is compiled for"
#endif

std::string MachineName(uint16_t machine) {
  switch (machine) {
    case EM_X86_64:
      return "x86-64";
    case EM_AARCH64:
      return "aarch64";
    case EM_ARM:
      return "arm";
    case EM_386:
      return "x86";
    case EM_RISCV:
      return "riscv";
    default:
      return "machine " + std::to_string(machine);
  }
}

// What a dynamic section must not have, and what it would do.
struct RefusedTag {
  int64_t tag;
  const char* does;
};
constexpr RefusedTag kRefusedTags[] = {
    {DT_NEEDED, "needs another library"},
    {DT_INIT, "has an initialiser"},
    {DT_INIT_ARRAY, "has constructors"},
    {DT_PREINIT_ARRAY, "has constructors"},
    {DT_FINI, "has a finaliser"},
    {DT_FINI_ARRAY, "has destructors"},
    {DT_TEXTREL, "has relocations in its code"},
    {DT_RPATH, "has a library search path"},
    {DT_RUNPATH, "has a library search path"},
    {DT_AUDIT, "names an audit library"},
    {DT_DEPAUDIT, "names an audit library"},
    {DT_FILTER, "filters another library"},
    {DT_AUXILIARY, "filters another library"},
};

bool RangeFits(uint64_t offset, uint64_t bytes, uint64_t size) {
  return offset <= size && bytes <= size - offset;
}

Error NotAModel(const std::string& why) { return InvalidArgument("not a compiled model: " + why); }

Status CheckIdentity(const Elf64_Ehdr& header, std::string_view architecture) {
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return NotAModel("it is no ELF object");
  // The machine stands at the same place in 32-bit and big-endian objects; name it before refusing
  // them.
  const bool little = header.e_ident[EI_DATA] == ELFDATA2LSB;
  const uint16_t machine =
      little ? header.e_machine
             : static_cast<uint16_t>(header.e_machine << 8 | header.e_machine >> 8);
  if (MachineName(machine) != architecture) {
    return FailedPrecondition(
        "the model is compiled for " + MachineName(machine) +
        (architecture == NativeArchitecture() ? ", this machine is " : ", asked for was ") +
        std::string(architecture));
  }
  if (!little || header.e_ident[EI_CLASS] != ELFCLASS64)
    return NotAModel("it is no 64-bit little-endian object");
  if (header.e_type != ET_DYN) return NotAModel("it is no shared object");
  if (header.e_phentsize != sizeof(Elf64_Phdr)) return NotAModel("its program headers are odd");
  if (header.e_phnum == 0 || header.e_phnum > kSegmentsMax) {
    return NotAModel("it has " + std::to_string(header.e_phnum) + " program headers, 1 to " +
                     std::to_string(kSegmentsMax) + " are accepted");
  }
  return {};
}

Status CheckLoadSegments(const std::vector<Elf64_Phdr>& segments, uint64_t file_bytes) {
  uint64_t end = 0;
  bool any = false;
  for (const Elf64_Phdr& segment : segments) {
    if (segment.p_type != PT_LOAD) continue;
    any = true;
    if (!RangeFits(segment.p_offset, segment.p_filesz, file_bytes))
      return NotAModel("it is shorter than its headers say");
    if (segment.p_filesz > segment.p_memsz || segment.p_memsz > kMemoryBytesMax ||
        segment.p_vaddr > kMemoryBytesMax)
      return NotAModel("a segment has impossible sizes");
    if (segment.p_vaddr < end) return NotAModel("its segments overlap");
    if ((segment.p_flags & PF_W) != 0 && (segment.p_flags & PF_X) != 0)
      return NotAModel("it has writable code");
    end = segment.p_vaddr + segment.p_memsz;
  }
  if (!any) return NotAModel("it has no segment to load");
  return {};
}

Status CheckDynamicEntry(const Elf64_Dyn& entry) {
  for (const RefusedTag& refused : kRefusedTags) {
    if (entry.d_tag == refused.tag) return NotAModel(std::string("it ") + refused.does);
  }
  if (entry.d_tag == DT_FLAGS && (entry.d_un.d_val & DF_TEXTREL) != 0)
    return NotAModel("it has relocations in its code");
  if (entry.d_tag == DT_FLAGS_1 && (entry.d_un.d_val & DF_1_NODELETE) != 0)
    return NotAModel("it refuses to be unloaded");
  return {};
}

Status CheckDynamicSection(Bytes file, const Elf64_Phdr& dynamic) {
  if (!RangeFits(dynamic.p_offset, dynamic.p_filesz, file.size()))
    return NotAModel("it is shorter than its headers say");
  for (uint64_t at = 0; at + sizeof(Elf64_Dyn) <= dynamic.p_filesz; at += sizeof(Elf64_Dyn)) {
    const auto entry = LoadLittle<Elf64_Dyn>(file.data() + dynamic.p_offset + at);
    if (entry.d_tag == DT_NULL) return {};
    KEDGE_TRY_STATUS(CheckDynamicEntry(entry));
  }
  return NotAModel("its dynamic section has no end");
}

// The loader reads the dynamic section at its address, this check at its offset: they must be the
// same bytes.
bool AddressIsOffset(const Elf64_Phdr& dynamic, const std::vector<Elf64_Phdr>& segments) {
  for (const Elf64_Phdr& segment : segments) {
    if (segment.p_type != PT_LOAD || dynamic.p_vaddr < segment.p_vaddr) continue;
    const uint64_t into = dynamic.p_vaddr - segment.p_vaddr;
    if (RangeFits(into, dynamic.p_filesz, segment.p_filesz))
      return dynamic.p_offset == segment.p_offset + into;
  }
  return false;
}

}  // namespace

std::string NativeArchitecture() { return MachineName(kNativeMachine); }

Status CheckModelObject(Bytes file) { return CheckModelObject(file, NativeArchitecture()); }

Status CheckModelObject(Bytes file, std::string_view architecture) {
  if (file.size() < sizeof(Elf64_Ehdr)) return NotAModel("it is shorter than an ELF header");
  const auto header = LoadLittle<Elf64_Ehdr>(file.data());
  KEDGE_TRY_STATUS(CheckIdentity(header, architecture));
  if (!RangeFits(header.e_phoff, header.e_phnum * sizeof(Elf64_Phdr), file.size()))
    return NotAModel("it is shorter than its headers say");
  std::vector<Elf64_Phdr> segments(header.e_phnum);
  std::memcpy(segments.data(), file.data() + header.e_phoff, segments.size() * sizeof(Elf64_Phdr));

  KEDGE_TRY_STATUS(CheckLoadSegments(segments, file.size()));
  bool has_dynamic = false;
  bool has_stack = false;
  for (const Elf64_Phdr& segment : segments) {
    if (segment.p_type == PT_INTERP) return NotAModel("it is a program");
    if (segment.p_type == PT_TLS) return NotAModel("it has thread-local data");
    if (segment.p_type == PT_GNU_STACK) {
      has_stack = true;
      if ((segment.p_flags & PF_X) != 0) return NotAModel("it needs an executable stack");
    }
    if (segment.p_type == PT_DYNAMIC) {
      if (has_dynamic) return NotAModel("it has two dynamic sections");
      has_dynamic = true;
      if (!AddressIsOffset(segment, segments)) return NotAModel("its dynamic section is hidden");
      KEDGE_TRY_STATUS(CheckDynamicSection(file, segment));
    }
  }
  if (!has_dynamic) return NotAModel("it has no dynamic section");
  // Without this header the loader makes all stacks executable.
  if (!has_stack) return NotAModel("it does not say that its stack is not executable");
  return {};
}

}  // namespace kedge::runtime
