// SPDX-License-Identifier: Apache-2.0
#include "runtime/elf.h"

#include <elf.h>
#include <functional>
#include <gtest/gtest.h>

#include "runtime/testing/c_model.h"

namespace kedge::runtime {
namespace {

ByteBuffer Object(const testing::CModel& model = {}) {
  auto file = testing::BuildObject(model);
  EXPECT_TRUE(file) << (file ? "" : file.error().message);
  return ReadAll(file->get(), 1u << 20).value();
}

Elf64_Ehdr& Header(ByteBuffer& object) { return *reinterpret_cast<Elf64_Ehdr*>(object.data()); }

// The first program header of a type.
Elf64_Phdr& Segment(ByteBuffer& object, uint32_t type) {
  auto* segments = reinterpret_cast<Elf64_Phdr*>(object.data() + Header(object).e_phoff);
  uint16_t i = 0;
  while (segments[i].p_type != type) KEDGE_CHECK(++i < Header(object).e_phnum);
  return segments[i];
}

TEST(Elf, AcceptsAModel) { EXPECT_TRUE(CheckModelObject(Object())); }

TEST(Elf, NamesBothArchitectures) {
  struct Case {
    uint16_t machine;
    const char* name;
  };
  for (const Case& c : {Case{EM_AARCH64, "aarch64"}, {EM_ARM, "arm"}, {999, "machine 999"}}) {
    SCOPED_TRACE(c.name);
    ByteBuffer object = Object();
    Header(object).e_machine = c.machine;
    const Status status = CheckModelObject(object);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, Code::kFailedPrecondition);
    EXPECT_NE(status.error().message.find(c.name), std::string::npos);
    EXPECT_NE(status.error().message.find(NativeArchitecture()), std::string::npos);
  }
}

TEST(Elf, RefusesWhatAModelIsNot) {
  struct Case {
    const char* name;
    std::function<void(ByteBuffer&)> change;
    const char* message;
  };
  const Case cases[] = {
      {"empty", [](ByteBuffer& o) { o.clear(); }, "shorter than an ELF header"},
      {"magic", [](ByteBuffer& o) { o[0] = 'x'; }, "no ELF object"},
      {"32 bit", [](ByteBuffer& o) { o[EI_CLASS] = ELFCLASS32; }, "64-bit"},
      {"program", [](ByteBuffer& o) { Header(o).e_type = ET_EXEC; }, "no shared object"},
      {"no segments", [](ByteBuffer& o) { Header(o).e_phnum = 0; }, "0 program headers"},
      {"65535 segments", [](ByteBuffer& o) { Header(o).e_phnum = 65535; }, "65535 program headers"},
      {"header offset", [](ByteBuffer& o) { Header(o).e_phoff = ~0ull - 10; }, "shorter"},
      {"segment offset", [](ByteBuffer& o) { Segment(o, PT_LOAD).p_offset = ~0ull; }, "shorter"},
      {"segment size", [](ByteBuffer& o) { Segment(o, PT_LOAD).p_filesz = 1ull << 40; }, "shorter"},
      {"memory size", [](ByteBuffer& o) { Segment(o, PT_LOAD).p_memsz = 1ull << 62; },
       "impossible"},
      {"writable code", [](ByteBuffer& o) { Segment(o, PT_LOAD).p_flags = PF_R | PF_W | PF_X; },
       "writable code"},
      {"executable stack", [](ByteBuffer& o) { Segment(o, PT_GNU_STACK).p_flags |= PF_X; },
       "executable stack"},
      {"stack unsaid", [](ByteBuffer& o) { Segment(o, PT_GNU_STACK).p_type = PT_NULL; }, "stack"},
      {"interpreter", [](ByteBuffer& o) { Segment(o, PT_GNU_STACK).p_type = PT_INTERP; },
       "program"},
      {"thread data", [](ByteBuffer& o) { Segment(o, PT_GNU_STACK).p_type = PT_TLS; }, "thread"},
      {"no dynamic", [](ByteBuffer& o) { Segment(o, PT_DYNAMIC).p_type = PT_NULL; }, "no dynamic"},
      {"hidden dynamic", [](ByteBuffer& o) { Segment(o, PT_DYNAMIC).p_offset -= 16; }, "hidden"},
      {"endless dynamic", [](ByteBuffer& o) { Segment(o, PT_DYNAMIC).p_filesz = 16; }, "no end"},
      {"truncated", [](ByteBuffer& o) { o.resize(o.size() / 8); }, "shorter"},
  };
  const ByteBuffer good = Object();
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    ByteBuffer object = good;
    c.change(object);
    const Status status = CheckModelObject(object);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, Code::kInvalidArgument);
    EXPECT_NE(status.error().message.find(c.message), std::string::npos) << status.error().message;
  }
}

TEST(Elf, RefusesAnObjectThatDoesMoreThanCompute) {
  struct Case {
    const char* name;
    testing::CModel model;
    const char* message;
  };
  const Case cases[] = {
      {"constructor",
       {.before_run =
            "volatile int ran; __attribute__((constructor)) static void f(void) { ran = 1; }"},
       "constructors"},
      {"destructor",
       {.before_run =
            "volatile int ran; __attribute__((destructor)) static void f(void) { ran = 1; }"},
       "destructors"},
      {"library", {.clang_arguments = {"-Wl,--no-as-needed", "-lm"}}, "another library"},
      {"never unloaded", {.clang_arguments = {"-Wl,-z,nodelete"}}, "unloaded"},
      {"search path", {.clang_arguments = {"-Wl,-rpath,/tmp"}}, "search path"},
      {"executable stack", {.clang_arguments = {"-Wl,-z,execstack"}}, "executable stack"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const Status status = CheckModelObject(Object(c.model));
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, Code::kInvalidArgument);
    EXPECT_NE(status.error().message.find(c.message), std::string::npos) << status.error().message;
  }
}

// Whatever stands in the headers, the check ends with an answer (run under ASan by preset asan).
TEST(Elf, SurvivesEveryByteOfTheHeadersBeingWrong) {
  const ByteBuffer good = Object();
  const size_t headers = sizeof(Elf64_Ehdr) + 12 * sizeof(Elf64_Phdr);
  for (size_t at = 0; at < std::min(headers, good.size()); ++at) {
    for (const uint8_t value : std::initializer_list<uint8_t>{0x00, 0x7f, 0x80, 0xff}) {
      ByteBuffer object = good;
      object[at] = value;
      (void)CheckModelObject(object).has_value();
    }
  }
}

}  // namespace
}  // namespace kedge::runtime
