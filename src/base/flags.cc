// SPDX-License-Identifier: Apache-2.0
#include "base/flags.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <cstdio>

namespace kedge {

struct Flags::State {
  CLI::App app;
  std::string program;
  bool own_version = false;
};

namespace {

CLI::Option* AsOption(void* option) { return static_cast<CLI::Option*>(option); }

}  // namespace

Flags::Argument& Flags::Argument::Required() {
  AsOption(option_)->required();
  return *this;
}

Flags::Argument& Flags::Argument::OneOf(std::vector<std::string> names) {
  AsOption(option_)->check(CLI::IsMember(std::move(names)));
  return *this;
}

Flags::Argument& Flags::Argument::Range(int64_t low, int64_t high) {
  AsOption(option_)->check(CLI::Range(low, high));
  return *this;
}

Flags::Flags(std::string program, std::string description) : state_(std::make_unique<State>()) {
  state_->program = std::move(program);
  state_->app.description(std::move(description));
  state_->app.name(state_->program);
  state_->app.set_version_flag("--version", std::string("kedge " KEDGE_VERSION));
}

Flags::~Flags() = default;

Flags::Argument Flags::Positional(const std::string& name, std::string* value,
                                  const std::string& help) {
  return Argument(state_->app.add_option(name, *value, help));
}
Flags::Argument Flags::Positionals(const std::string& name, std::vector<std::string>* values,
                                   const std::string& help) {
  return Argument(state_->app.add_option(name, *values, help));
}
Flags::Argument Flags::Option(const std::string& names, std::string* value,
                              const std::string& help) {
  if (names == "--version") {
    state_->app.set_version_flag();
    state_->own_version = true;
  }
  return Argument(state_->app.add_option(names, *value, help)->capture_default_str());
}
Flags::Argument Flags::Option(const std::string& names, int64_t* value, const std::string& help) {
  return Argument(state_->app.add_option(names, *value, help)->capture_default_str());
}
Flags::Argument Flags::Option(const std::string& names, double* value, const std::string& help) {
  return Argument(state_->app.add_option(names, *value, help)->capture_default_str());
}
Flags::Argument Flags::Option(const std::string& names, std::vector<std::string>* values,
                              const std::string& help) {
  return Argument(state_->app.add_option(names, *values, help)->allow_extra_args(false));
}
Flags::Argument Flags::Flag(const std::string& names, bool* value, const std::string& help) {
  return Argument(state_->app.add_flag(names, *value, help));
}

void Flags::Footer(const std::string& text) { state_->app.footer(text); }

std::optional<int> Flags::Parse(int argc, const char* const* argv) {
  if (state_->own_version && argc == 2 && std::string_view(argv[1]) == "--version") {
    std::printf("kedge %s\n", KEDGE_VERSION);
    return kExitSuccess;
  }
  try {
    state_->app.parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::CallForHelp&) {
    std::fputs(state_->app.help().c_str(), stdout);
    return kExitSuccess;
  } catch (const CLI::CallForVersion& version) {
    std::printf("%s\n", version.what());
    return kExitSuccess;
  } catch (const CLI::ParseError& error) {
    std::fprintf(stderr, "%s: %s (see %s --help)\n", state_->program.c_str(), error.what(),
                 state_->program.c_str());
    return kExitUsage;
  }
}

int Fail(std::string_view program, const Error& error) {
  std::fprintf(stderr, "%.*s: %s\n", static_cast<int>(program.size()), program.data(),
               error.message.c_str());
  return kExitFailure;
}

}  // namespace kedge
