#include "godwit/terminal/manual.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <vector>

#include "godwit/base/version.h"

namespace godwit::terminal {
namespace {

/// Commands that people use: those in a help group.
std::vector<const CLI::App*> commands_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App* command) { return !command->get_group().empty(); });
}

/// Text for roff: no control line, no lost backslash or hyphen.
std::string roff(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
      if (c == '\n') out += "\\&";
    }
  }
  return out;
}

void write_options(const CLI::App& command, std::string& out) {
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_group().empty()) continue;
    const std::string name =
        option->get_positional() ? option->get_name(true, true) : option->get_name(false, true);
    const std::string value = option->get_expected_min() > 0 && !option->get_positional()
                                  ? " " + option->get_type_name()
                                  : "";
    out += fmt::format(".TP\n.B {}\n{}\n", roff(name + value), roff(option->get_description()));
  }
}

void write_command(const CLI::App& command, const std::string& path, std::string& out) {
  const std::string name = path + " " + command.get_name();
  out += fmt::format(".SS {}\n{}\n", roff(name), roff(command.get_description()));
  write_options(command, out);
  if (!command.get_footer().empty()) {
    out += fmt::format(".PP\n.nf\n{}\n.fi\n", roff(command.get_footer()));
  }
  for (const CLI::App* inner : commands_of(command)) write_command(*inner, name, out);
}

void write_cases(const CLI::App& command, const std::string& path, std::string& out) {
  std::string words;
  for (const CLI::App* inner : commands_of(command)) words += inner->get_name() + " ";
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) words += "--" + name + " ";
  }
  out += fmt::format("    '{}') words='{}--json --verbose' ;;\n", path, words);
  for (const CLI::App* inner : commands_of(command)) {
    write_cases(*inner, path.empty() ? inner->get_name() : path + " " + inner->get_name(), out);
  }
}

}  // namespace

std::string man_page(const CLI::App& app) {
  std::string out = fmt::format(
      ".TH GODWIT 1 \"\" \"godwit {}\" \"User Commands\"\n.SH NAME\ngodwit \\- predict, run and "
      "check live migrations of virtual machines\n.SH SYNOPSIS\n.B godwit\n.I command\n[options]\n"
      ".SH DESCRIPTION\n{}\n.PP\nA VM is named lab:NAME or qmp:PATH; a destination lab:HOST or "
      "qmp:PATH@tcp:ADDRESS:PORT. Quantities need units: 50MB/s, 400Mbit/s, 300ms, 512MiB.\n"
      ".SH OPTIONS\n",
      version(), roff(app.get_description()));
  write_options(app, out);
  out += ".SH COMMANDS\n";
  for (const CLI::App* command : commands_of(app)) write_command(*command, "godwit", out);
  out +=
      ".SH EXIT STATUS\n.TP\n.B 0\ndone\n.TP\n.B 1\nthe migration or check failed; the output says "
      "where the VM runs\n.TP\n.B 2\nbad usage or input; nothing was done\n.TP\n.B 3\nthe "
      "environment "
      "cannot do it; the message says what to do\n";
  return out;
}

std::string bash_completion(const CLI::App& app) {
  std::string out =
      "# bash completion for godwit\n_godwit() {\n  local path='' word words=''\n"
      "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
      "    [[ $word == -* ]] && continue\n    case \"$path${path:+ }$word\" in\n";
  std::string known;
  for (const CLI::App* command : commands_of(app)) {
    known += fmt::format("{}'{}'", known.empty() ? "" : "|", command->get_name());
    for (const CLI::App* inner : commands_of(*command)) {
      known += fmt::format("|'{} {}'", command->get_name(), inner->get_name());
    }
  }
  out += fmt::format("      {}) path=\"$path${{path:+ }}$word\" ;;\n    esac\n  done\n", known);
  out += "  case \"$path\" in\n";
  write_cases(app, "", out);
  out +=
      "  esac\n  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\")\n"
      "}\ncomplete -o default -F _godwit godwit\n";
  return out;
}

}  // namespace godwit::terminal
