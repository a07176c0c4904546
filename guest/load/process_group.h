// A program that runs beside this one, with all that it starts.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "fd.h"

namespace godwit::guest {

// In a process group of its own. When this ends, so does the whole group: nothing of it is left
// then.
class ProcessGroup {
 public:
  // Throws std::system_error.
  explicit ProcessGroup(const std::vector<std::string>& command);
  ~ProcessGroup();
  ProcessGroup(const ProcessGroup&) = delete;
  ProcessGroup& operator=(const ProcessGroup&) = delete;

  // Stops and lets go on all of it.
  void pause() const;
  void resume() const;

  // To be read without waiting.
  [[nodiscard]] int output() const { return output_.get(); }
  [[nodiscard]] int errors() const { return errors_.get(); }
  // Readable once its first process has ended.
  [[nodiscard]] int ended() const { return ended_.get(); }

 private:
  struct Pipe {
    Fd read_end;
    Fd write_end;
  };
  static Pipe make_pipe();
  ProcessGroup(const std::vector<std::string>& command, Pipe output, Pipe errors);

  Fd output_;
  Fd errors_;
  Fd ended_;
  pid_t pid_ = -1;
};

}  // namespace godwit::guest
