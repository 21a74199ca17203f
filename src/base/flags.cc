// SPDX-License-Identifier: Apache-2.0
#include "base/flags.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <sstream>

namespace kedge {

struct Flags::State {
  CLI::App app;
  std::string program;
  bool own_version = false;
  std::string environment_prefix;  // empty: no settings but the command line's
  bool print_settings = false;
};

namespace {

CLI::Option* AsOption(void* option) { return static_cast<CLI::Option*>(option); }

constexpr std::string_view kConfigOption = "config";
constexpr std::string_view kPrintOption = "print-config";

// KEDGE_SERVER_COMPILE_JOBS of --compile-jobs.
std::string EnvironmentName(const std::string& prefix, const std::string& option) {
  std::string name = prefix + "_";
  for (const char c : option) {
    name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

// "--name=value" of what the environment sets: in front of the command line, whose values are later
// and count.
std::vector<std::string> EnvironmentArguments(const CLI::App& app, const std::string& prefix) {
  std::vector<std::string> arguments;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_lnames().empty() || !option->get_configurable()) continue;
    const std::string& name = option->get_lnames().front();
    if (const char* value = std::getenv(EnvironmentName(prefix, name).c_str())) {
      arguments.push_back("--" + name + "=" + value);
    }
  }
  return arguments;
}

// "postgresql://user:secret@host" -> "postgresql://user:***@host"
std::string WithoutPasswords(const std::string& line) {
  const size_t scheme = line.find("://");
  const size_t at = scheme == std::string::npos ? scheme : line.find('@', scheme);
  const size_t colon = at == std::string::npos ? at : line.find(':', scheme + 3);
  if (colon == std::string::npos || colon > at) return line;
  return line.substr(0, colon + 1) + "***" + line.substr(at);
}

void PrintSettings(const CLI::App& app) {
  std::istringstream lines(app.config_to_str(/*default_also=*/true, /*write_description=*/true));
  for (std::string line; std::getline(lines, line);) {
    std::printf("%s\n", WithoutPasswords(line).c_str());
  }
}

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

void Flags::Settings(const std::string& environment_prefix, UnknownSettings unknown) {
  CLI::App& app = state_->app;
  state_->environment_prefix = environment_prefix;
  for (CLI::Option* option : app.get_options()) {
    if (option->get_expected_max() == 1 || option->get_type_size() == 0) option->take_last();
  }
  app.set_config("--" + std::string(kConfigOption), "", "read settings from this TOML file");
  app.allow_config_extras(unknown == UnknownSettings::kRefused ? CLI::config_extras_mode::error
                                                               : CLI::config_extras_mode::ignore);
  app.add_flag("--" + std::string(kPrintOption), state_->print_settings,
               "print the settings as such a file and end")
      ->configurable(false);
}

void Flags::Footer(const std::string& text) { state_->app.footer(text); }

std::optional<int> Flags::Parse(int argc, const char* const* argv) {
  if (state_->own_version && argc == 2 && std::string_view(argv[1]) == "--version") {
    std::printf("kedge %s\n", KEDGE_VERSION);
    return kExitSuccess;
  }
  try {
    std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
    if (!state_->environment_prefix.empty()) {
      const auto environment = EnvironmentArguments(state_->app, state_->environment_prefix);
      arguments.insert(arguments.begin(), environment.begin(), environment.end());
    }
    std::reverse(arguments.begin(), arguments.end());  // CLI11 takes the last one first
    state_->app.parse(std::move(arguments));
    if (!state_->print_settings) return std::nullopt;
    PrintSettings(state_->app);
    return kExitSuccess;
  } catch (const CLI::CallForHelp&) {
    std::fputs(state_->app.help().c_str(), stdout);
    return kExitSuccess;
  } catch (const CLI::CallForVersion& version) {
    std::printf("%s\n", version.what());
    return kExitSuccess;
  } catch (const CLI::ConfigError& error) {
    std::string name = error.what();
    name = name.substr(name.rfind(' ') + 1);
    std::fprintf(stderr, "%s: '%s' in the settings file is not a setting (see %s --help)\n",
                 state_->program.c_str(), name.c_str(), state_->program.c_str());
    return kExitUsage;
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
