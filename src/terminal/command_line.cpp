#include "godwit/terminal/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

namespace godwit::terminal {

Option* Option::type_name(const std::string& name) {
  option_->type_name(name);
  return this;
}

Option* Option::group(const std::string& heading) {
  option_->group(heading);
  return this;
}

Option* Option::required() {
  option_->required();
  return this;
}

Option* Option::capture_default_str() {
  option_->capture_default_str();
  return this;
}

Option* Option::one_of(const std::vector<std::string>& values) {
  option_->check(CLI::IsMember(values));
  return this;
}

Option* Option::once_for_each() {
  option_->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  return this;
}

Option* Option::needs(const Option* other) {
  option_->needs(other->option_);
  return this;
}

Option* Option::excludes(std::initializer_list<const Option*> others) {
  for (const Option* other : others) option_->excludes(other->option_);
  return this;
}

Command::Command(const std::string& description, const std::string& name)
    : program_(std::make_unique<CLI::App>(description, name)), app_(program_.get()) {}

Command::Command(CLI::App& app) : app_(&app) {}

Command::~Command() = default;

Command* Command::add_subcommand(const std::string& name, const std::string& description) {
  commands_.push_back(
      std::unique_ptr<Command>(new Command(*app_->add_subcommand(name, description))));
  return commands_.back().get();
}

Option* Command::keep(CLI::Option* option) {
  return &options_.emplace_back(*option);
}

template <class T>
Option* Command::add_option(const std::string& names, T& value, const std::string& description) {
  return keep(app_->add_option(names, value, description));
}
template Option* Command::add_option(const std::string&, std::string&, const std::string&);
template Option* Command::add_option(const std::string&, int&, const std::string&);
template Option* Command::add_option(const std::string&, std::int64_t&, const std::string&);
template Option* Command::add_option(const std::string&, std::vector<std::string>&,
                                     const std::string&);
template Option* Command::add_option(const std::string&, std::optional<int>&, const std::string&);
template Option* Command::add_option(const std::string&, std::optional<std::uint64_t>&,
                                     const std::string&);

Option* Command::add_flag(const std::string& names, bool& value, const std::string& description) {
  return keep(app_->add_flag(names, value, description));
}

void Command::footer(const std::string& text) {
  app_->footer(text);
}

void Command::alias(const std::string& name) {
  app_->alias(name);
}

void Command::hide() {
  app_->group("");
}

void Command::require_subcommand() {
  app_->require_subcommand(1);
}

void Command::prefix_command() {
  app_->prefix_command();
}

std::vector<std::string> Command::remaining() const {
  return app_->remaining();
}

void Command::set_version(const std::string& text) {
  app_->set_version_flag("--version", text);
}

void Command::share_options() {
  app_->fallthrough();
  app_->option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
}

std::optional<NoCommand> Command::parse(int argc, char** argv) {
  try {
    app_->parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return NoCommand{.status = app_->exit(error), .wrong = {}};
    NoCommand none{.status = error.get_exit_code(), .wrong = error.what()};
    std::replace(none.wrong.begin(), none.wrong.end(), '\n', ' ');
    return none;
  }
  return std::nullopt;
}

void Command::callback(std::function<void()> chosen) {
  app_->callback(std::move(chosen));
}

}  // namespace godwit::terminal
