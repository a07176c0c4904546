#pragma once

#include <deque>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace godwit::terminal {

/// The program's commands and their options, as the sub-commands' files define them. A front of
/// CLI11: its header alone takes ten seconds of the compiler for each file that defines a command
/// with it. Pointers that are returned live as long as the program's Command.

/// An option, a flag or an argument of a command. Each function returns `this`.
class Option {
 public:
  explicit Option(CLI::Option& option) : option_(&option) {}

  Option* type_name(const std::string& name);  ///< what its value is called in the help
  Option* group(const std::string& heading);   ///< under which it stands in the help
  Option* required();
  Option* capture_default_str();  ///< the help shows the value that it has now
  Option* one_of(const std::vector<std::string>& values);
  Option* once_for_each();  ///< each value needs the option's name before it
  Option* needs(const Option* other);
  Option* excludes(std::initializer_list<const Option*> others);

 private:
  CLI::Option* option_;
};

/// How reading the command line ended without a command to run.
struct NoCommand {
  int status = 0;
  std::string wrong;  ///< empty where help or the version was asked for, which has been printed
};

class Command {
 public:
  /// The program itself.
  Command(const std::string& description, const std::string& name);
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;
  ~Command();

  Command* add_subcommand(const std::string& name, const std::string& description);
  /// `names` as "-o,--output"; without a dash it is an argument by position. T: std::string, int,
  /// std::int64_t, std::vector<std::string>, std::optional of int or std::uint64_t.
  template <class T>
  Option* add_option(const std::string& names, T& value, const std::string& description);
  Option* add_flag(const std::string& names, bool& value, const std::string& description);
  void footer(const std::string& text);  ///< with which the help ends
  void alias(const std::string& name);   ///< another name for it
  void hide();                           ///< from the help
  void require_subcommand();
  /// What comes after its arguments is another program's command line, which remaining() tells.
  void prefix_command();
  [[nodiscard]] std::vector<std::string> remaining() const;
  void set_version(const std::string& text);
  /// A sub-command takes the program's options, too; of an option given twice, the last one counts.
  void share_options();
  /// Calls the callback of the command that is asked for.
  std::optional<NoCommand> parse(int argc, char** argv);
  void callback(std::function<void()> chosen);  ///< what happens when this one is asked for

  [[nodiscard]] CLI::App& cli11() const { return *app_; }

 private:
  explicit Command(CLI::App& app);
  Option* keep(CLI::Option* option);

  std::unique_ptr<CLI::App> program_;  ///< null: a sub-command, which its program holds
  CLI::App* app_;
  std::vector<std::unique_ptr<Command>> commands_;
  std::deque<Option> options_;
};

}  // namespace godwit::terminal
