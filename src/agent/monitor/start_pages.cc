// SPDX-License-Identifier: Apache-2.0
#include "agent/monitor/start_pages.h"

#include <cstdint>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

namespace kedge::agent {

namespace {

int ReleaseObject(dl_phdr_info* object, size_t, void* page_bytes_pointer) {
  const uintptr_t page_bytes = *static_cast<uintptr_t*>(page_bytes_pointer);
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = object->dlpi_phdr[i];
    // A dynamic section with text relocations would make code private; no library of ours has them.
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
    const uintptr_t begin = (object->dlpi_addr + segment.p_vaddr) & ~(page_bytes - 1);
    const uintptr_t end =
        (object->dlpi_addr + segment.p_vaddr + segment.p_filesz) & ~(page_bytes - 1);
    if (end <= begin) continue;
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the loader gives addresses as integers
    madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  }
  return 0;
}

}  // namespace

void ReleaseStartPages() {
  auto page_bytes = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  dl_iterate_phdr(&ReleaseObject, &page_bytes);
}

}  // namespace kedge::agent
