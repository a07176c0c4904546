#pragma once

#include "godwit/terminal/command.h"

namespace godwit::research {

// The sub-commands of `godwit bench` that have files of their own.
void add_bench_data(terminal::Command& bench, terminal::Chosen& chosen);
void add_bench_command(terminal::Command& bench, terminal::Chosen& chosen);
void add_bench_steer(terminal::Command& bench, terminal::Chosen& chosen);
void add_bench_eta(terminal::Command& bench, terminal::Chosen& chosen);
void add_bench_fleet(terminal::Command& bench, terminal::Chosen& chosen);
void add_bench_evacuate(terminal::Command& bench, terminal::Chosen& chosen);

}  // namespace godwit::research
