#include "godwit/watch/target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace godwit::watch {
namespace {

using testing::HasSubstr;

TEST(Target, AUriIsAHostAndAnAddressIsAVm) {
  const auto is = [](const char* text, const Target& wanted) {
    const auto target = parse_target(text);
    ASSERT_TRUE(target) << text << ": " << target.error().message;
    EXPECT_EQ(*target, wanted) << text;
    EXPECT_EQ(parse_target(to_string(*target)).value(), *target) << text;
  };
  is("qemu:///system", LibvirtHost{"qemu:///system"});
  is("libvirt:qemu:///system", LibvirtHost{"qemu:///system"});
  is("qemu+ssh://root@kvm1/system", LibvirtHost{"qemu+ssh://root@kvm1/system"});
  is("libvirt:web", VmAddress(LibvirtVm{"", "web"}));
  is("libvirt:qemu+ssh://kvm1/system#web", VmAddress(LibvirtVm{"qemu+ssh://kvm1/system", "web"}));
  is("qmp:/run/vm.qmp", VmAddress(QmpVm{"/run/vm.qmp"}));
  is("/run/vm.qmp", VmAddress(QmpVm{"/run/vm.qmp"}));
  is("lab:guest", VmAddress(LabVm{"guest"}));
}

TEST(Target, WhatIsNeitherIsRefusedWithTheForms) {
  for (const char* text : {"", "web", "qmp:", "://", "libvirt:"}) {
    const auto target = parse_target(text);
    ASSERT_FALSE(target) << text;
    EXPECT_EQ(target.error().code, ErrorCode::kBadInput) << text;
    EXPECT_THAT(target.error().what_to_do.text(), HasSubstr("qemu:///system")) << text;
  }
}

}  // namespace
}  // namespace godwit::watch
