#include "monitor_proof.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>

namespace godwit::guestmem {
namespace {

TEST(MonitorProof, AQemuIsKnownByItsProgram) {
  for (const char* const qemu :
       {"/usr/bin/qemu-system-x86_64", "/usr/libexec/qemu-kvm", "/opt/q/bin/qemu-system-aarch64",
        "/usr/bin/qemu-system-x86_64 (deleted)"}) {
    EXPECT_TRUE(is_qemu_program(qemu)) << qemu;
  }
  for (const char* const other :
       {"", "/", "/usr/lib/systemd/systemd", "/usr/bin/qemu-img", "/usr/bin/qemu-nbd",
        "/home/qemu-system-x86_64/bash", "/usr/bin/not-qemu-kvm", "(deleted)"}) {
    EXPECT_FALSE(is_qemu_program(other)) << other;
  }
}

std::string line_of(std::initializer_list<const char*> words) {
  std::string line;
  for (const char* const word : words) line.append(word).push_back('\0');
  return line;
}

TEST(MonitorProof, ASocketOfQmpIsNamedOnTheCommandLine) {
  const char* const q = "qemu-system-x86_64";
  for (const auto& line :
       {line_of({q, "-name", "a", "-qmp", "unix:/run/a,server=on,wait=off", "-daemonize"}),
        line_of({q, "--qmp", "unix:/run/a,server"}), line_of({q, "-qmp-pretty", "unix:/run/a"}),
        line_of({q, "-qmp", "unix:/run/b,server=on", "-qmp", "unix:/run/a,server=on"}),
        line_of(
            {q, "-chardev", "socket,id=m,path=/run/a,server=on", "-mon", "chardev=m,mode=control"}),
        line_of({q, "-mon", "m,mode=control", "-chardev", "socket,path=/run/a,server=on,id=m"})}) {
    EXPECT_TRUE(serves_qmp_at(line, "/run/a")) << line;
    EXPECT_FALSE(serves_qmp_at(line, "/run/")) << line;
    EXPECT_FALSE(serves_qmp_at(line, "/run/aa")) << line;
    EXPECT_FALSE(serves_qmp_at(line, "")) << line;
  }
}

TEST(MonitorProof, AnyOtherSocketOfAQemuIsNone) {
  const char* const q = "qemu-system-x86_64";
  for (const auto& line :
       {line_of({q, "-serial", "unix:/run/a,server=on", "-qmp", "unix:/run/b,server=on"}),
        line_of({q, "-monitor", "unix:/run/a,server=on"}), line_of({q, "-vnc", "unix:/run/a"}),
        line_of({q, "-qmp", "tcp:/run/a"}), line_of({q, "-name", "unix:/run/a"}),
        line_of({q, "-qmp"}), line_of({"-qmp", "unix:/run/a"}), line_of({q, "qmp", "unix:/run/a"}),
        line_of({q, "---qmp", "unix:/run/a"}), line_of({q, "-qmp", "unix:/run/a,,b,server=on"}),
        line_of({q, "-chardev", "socket,id=m,path=/run/a", "-mon", "chardev=m,mode=readline"}),
        line_of({q, "-chardev", "socket,id=m,path=/run/a", "-mon", "chardev=n,mode=control"}),
        line_of({q, "-chardev", "socket,id=m,path=/run/a", "-mon", "chardev=m"}),
        line_of({q, "-chardev", "socket,id=,path=/run/a", "-mon", "chardev=,mode=control"}),
        line_of({q, "-chardev", "file,id=m,path=/run/a", "-mon", "chardev=m,mode=control"}),
        std::string()}) {
    EXPECT_FALSE(serves_qmp_at(line, "/run/a")) << line;
  }
}

}  // namespace
}  // namespace godwit::guestmem
