#include "command.h"
#include "godwit/terminal/manual.h"

namespace godwit::cli {

void add_manual(terminal::Command& app, terminal::Chosen& chosen) {
  terminal::Command* man = app.add_subcommand("manual", "print the man page (roff)");
  man->hide();
  man->callback([&app, &chosen] {
    chosen.action = [&app](terminal::Context& context) {
      context.out.say(terminal::man_page(app.cli11()));
      return terminal::kDone;
    };
  });
  terminal::Command* completion = app.add_subcommand("completion", "print the completion for bash");
  completion->hide();
  completion->callback([&app, &chosen] {
    chosen.action = [&app](terminal::Context& context) {
      context.out.say(terminal::bash_completion(app.cli11()));
      return terminal::kDone;
    };
  });
}

}  // namespace godwit::cli
