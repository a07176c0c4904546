#include "godwit/domain/address.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "godwit/domain/hypervisor.h"

namespace godwit {
namespace {

TEST(Address, ReadsTheFormsOfTheContract) {
  EXPECT_EQ(std::get<LabVm>(*parse_vm("lab:guest")).name, "guest");
  EXPECT_EQ(std::get<QmpVm>(*parse_vm("qmp:/p/src.qmp")).socket, "/p/src.qmp");
  EXPECT_EQ(std::get<LabHost>(*parse_destination("lab:b")).name, "b");
  const auto qmp =
      std::get<QmpDestination>(*parse_destination("qmp:/p/d@ta.qmp@tcp:127.0.0.1:4444"));
  EXPECT_EQ(qmp.socket, "/p/d@ta.qmp");
  EXPECT_EQ(qmp.stream, "tcp:127.0.0.1:4444");
  EXPECT_EQ(qmp.listen, qmp.stream);
  for (const char* text : {"qmp:/p@tcp:[::1]:4444", "qmp:/p@tcp:[fe80::1%eth0]:4444",
                           "qmp:/p@tcp:host-2.example:1", "qmp:/a b@tcp:localhost:65535"}) {
    EXPECT_TRUE(parse_destination(text)) << text;
  }
}

QmpDestination destination(const char* text) {
  return std::get<QmpDestination>(parse_destination(text).value());
}

TEST(Address, ListensOnOneAndConnectsToAnother) {
  const auto nat = destination("qmp:/d.qmp@tcp:0.0.0.0:4444,connect=203.0.113.7:5555");
  EXPECT_EQ(nat, (QmpDestination{"/d.qmp", "tcp:0.0.0.0:4444", "tcp:203.0.113.7:5555"}));
  const auto v6 = destination("qmp:/d.qmp@tcp:[::]:4444,connect=[fd00::2]:4444");
  EXPECT_EQ(v6, (QmpDestination{"/d.qmp", "tcp:[::]:4444", "tcp:[fd00::2]:4444"}));
  const auto socket = destination("qmp:/d@ta.qmp@unix:/run/a@b.sock");
  EXPECT_EQ(socket, (QmpDestination{"/d@ta.qmp", "unix:/run/a@b.sock", "unix:/run/a@b.sock"}));
}

TEST(Address, NamesDomainsOfLibvirt) {
  const auto vm = [](const char* text) { return std::get<LibvirtVm>(parse_vm(text).value()); };
  EXPECT_EQ(vm("libvirt:web 1"), (LibvirtVm{"", "web 1"}));
  EXPECT_EQ(vm("libvirt:a#b"), (LibvirtVm{"", "a#b"})) << "libvirt takes such names";
  EXPECT_EQ(vm("libvirt:qemu+ssh://root@kvm1/system#web"),
            (LibvirtVm{"qemu+ssh://root@kvm1/system", "web"}));
  EXPECT_EQ(vm("libvirt:qemu:///system?socket=/run/a#b#c"),
            (LibvirtVm{"qemu:///system?socket=/run/a", "b#c"}));
  EXPECT_EQ(std::get<LibvirtHost>(parse_destination("libvirt:qemu+tls://kvm2/system").value()).uri,
            "qemu+tls://kvm2/system");
  EXPECT_EQ(stream_host_of("libvirt:qemu+tls://kvm2/system"), "kvm2");
  EXPECT_EQ(stream_host_of("libvirt:qemu+tcp://[fd00::2]:16509/system"), "fd00::2");
  EXPECT_EQ(host_of_uri("qemu+ssh://root@10.0.0.2:22/system?keyfile=/a@b"), "10.0.0.2");
  EXPECT_EQ(host_of_uri("qemu:///system"), std::nullopt);
  EXPECT_EQ(host_of_uri("qemu+unix:///system?socket=/run/x"), std::nullopt);
}

/// A wrong address, and the form that is offered instead.
class WrongAddress : public testing::TestWithParam<std::pair<const char*, const char*>> {};
TEST_P(WrongAddress, IsAnsweredWithTheRightOne) {
  const auto [address, form] = GetParam();
  const auto parsed = parse_destination(std::string("qmp:/p@") + address);
  ASSERT_FALSE(parsed) << address;
  EXPECT_EQ(parsed.error().code, ErrorCode::kBadInput);
  EXPECT_NE(parsed.error().what_to_do.text().find(form), std::string::npos)
      << parsed.error().what_to_do.text();
}
INSTANTIATE_TEST_SUITE_P(
    All, WrongAddress,
    testing::Values(std::pair{"tcp:::1:4444", "tcp:[::1]:4444"},
                    std::pair{"tcp:fd00::2:4444", "tcp:[fd00::2]:4444"},
                    std::pair{"tcp:2001:db8:0:0:0:0:0:1", "tcp:[2001:db8:0:0:0:0:0:1]:PORT"},
                    std::pair{"tcp:0.0.0.0:4444", "tcp:0.0.0.0:4444,connect=ADDRESS:4444"},
                    std::pair{"tcp:[::]:4444", "tcp:[::]:4444,connect=ADDRESS:4444"},
                    std::pair{"tcp:[0:0::0.0.0.0]:4444", "connect=ADDRESS:4444"},
                    std::pair{"tcp::4444", "tcp:0.0.0.0:4444,connect=ADDRESS:4444"},
                    std::pair{"tcp:0.0.0.0:4444,connect=0.0.0.0:4444", "connect=ADDRESS:4444"},
                    std::pair{"tcp:0.0.0.0:4444,connect=10.0.0.2", "tcp:10.0.0.2:4444"},
                    std::pair{"tcp:0.0.0.0:4444,connect=", "tcp:ADDRESS:4444"},
                    std::pair{"tcp:10.0.0.2:4444,ipv4=on", "tcp:10.0.0.2:4444"},
                    std::pair{"tcp:10.0.0.2:0", "tcp:10.0.0.2:4444"},
                    std::pair{"tcp:10.0.0.2: 4444", "tcp:10.0.0.2:4444"},
                    std::pair{"tcp: 10.0.0.2:4444", "tcp:10.0.0.2:4444"},
                    std::pair{"tcp:10.0.0.256:4444", "tcp:10.0.0.2:4444"},
                    std::pair{"tcp:10.0.2:4444", "tcp:10.0.0.2:4444"},
                    std::pair{"tcp:[10.0.0.2]:4444", "tcp:10.0.0.2:4444"},
                    std::pair{"tcp:[::1:4444", "tcp:[fd00::2]:4444"},
                    std::pair{"unix:", "unix:/path"}, std::pair{"unix:run/a", "unix:/path"}));

class BadVm : public testing::TestWithParam<const char*> {};
TEST_P(BadVm, IsRefusedWithTheRightForm) {
  const auto address = parse_vm(GetParam());
  ASSERT_FALSE(address);
  EXPECT_EQ(address.error().code, ErrorCode::kBadInput);
  EXPECT_NE(address.error().what_to_do.text().find("qmp:"), std::string::npos);
}
INSTANTIATE_TEST_SUITE_P(All, BadVm,
                         testing::Values("", "guest", "lab:", "lab:../x", "lab:a b", "qmp:", "labx",
                                         "lab:-rf", "ssh:host", "libvirt:", "libvirt:/a",
                                         "libvirt:qemu:///system", "libvirt:qemu:///system#",
                                         "libvirt:qemu:///a b#vm", "libvirt:://#vm",
                                         "libvirt:a\nb"));

class BadDestination : public testing::TestWithParam<const char*> {};
TEST_P(BadDestination, IsRefusedWithTheRightForm) {
  const auto address = parse_destination(GetParam());
  ASSERT_FALSE(address);
  EXPECT_EQ(address.error().code, ErrorCode::kBadInput);
}
INSTANTIATE_TEST_SUITE_P(All, BadDestination,
                         testing::Values("", "lab:", "qmp:/p", "qmp:/p@", "qmp:@tcp:h:1",
                                         "qmp:/p@tcp:h", "qmp:/p@tcp:h:0", "qmp:/p@tcp:h:99999",
                                         "qmp:/p@exec:rm", "qmp:/p@tcp::1", "qmp:/p@tcp:h:1x",
                                         "libvirt:", "libvirt:host", "libvirt:://x",
                                         "libvirt:qemu:///system#vm"));

RC_GTEST_PROP(Address, TextAndValueAgree, (const std::string& text)) {
  if (const auto vm = parse_vm(text)) RC_ASSERT(to_string(*vm) == text);
  if (const auto destination = parse_destination(text)) RC_ASSERT(to_string(*destination) == text);
}

RC_GTEST_PROP(Address, DomainsAreWrittenAsTheyWereRead, ()) {
  const auto piece = rc::gen::elementOf(
      std::vector<std::string>{"qemu", "+ssh", "://", "#", "/", "system", "root@", "kvm1", "[::1]",
                               ":22", "?socket=", " ", "\n", "vm", "."});
  std::string text = "libvirt:";
  for (const std::string& one : *rc::gen::container<std::vector<std::string>>(piece)) text += one;
  if (const auto vm = parse_vm(text)) {
    const auto& domain = std::get<LibvirtVm>(*vm);
    RC_ASSERT(to_string(*vm) == text);
    RC_ASSERT(!domain.domain.empty() && domain.uri.find('#') == std::string::npos);
  }
  if (const auto host = parse_destination(text)) {
    RC_ASSERT(to_string(*host) == text);
    RC_ASSERT(!parse_vm(text) || text.find('#') != std::string::npos);
  }
}

/// Texts that are nearly addresses: none may be taken that QEMU would read in another way.
RC_GTEST_PROP(Address, WhatIsTakenIsWritten, ()) {
  const auto piece = rc::gen::elementOf(std::vector<std::string>{
      "tcp:", "unix:", "@", ":", "::", "[", "]", "[::1]", "10.0.0.2", "0.0.0.0", "4444", "0",
      ",connect=", "/p", "host", " ", "%eth0", "fd00::2", "."});
  const auto pieces = *rc::gen::container<std::vector<std::string>>(piece);
  std::string text = "qmp:/p@tcp:";
  for (const std::string& one : pieces) text += one;
  const auto parsed = parse_destination(text);
  if (!parsed) {
    RC_ASSERT(!parsed.error().what_to_do.empty());
    return;
  }
  const auto& address = std::get<QmpDestination>(*parsed);
  RC_ASSERT(*parse_destination(to_string(*parsed)) == *parsed);
  if (const auto stream = tcp_address_of(address.stream)) {
    RC_ASSERT(uri_of(*stream) == address.stream);
    RC_ASSERT(stream->host != "0.0.0.0" && stream->host != "::");
    RC_ASSERT(tcp_address_of(address.listen).has_value());
  } else {
    RC_ASSERT(socket_path_of(address.stream).has_value());
  }
}

TEST(Address, ListenersDoWhatWasAskedOrNot) {
  const auto does = [](const char* asked, std::vector<std::string> actual) {
    return listens_as_asked(actual, asked);
  };
  EXPECT_TRUE(does("tcp:10.0.0.2:4444", {"tcp:10.0.0.2:4444"}));
  EXPECT_TRUE(does("tcp:10.0.0.2:4444", {"tcp:[::]:4444", "tcp:0.0.0.0:4444"}));
  EXPECT_TRUE(does("tcp:0.0.0.0:4444", {"tcp:10.0.0.2:4444"})) << "it is reached by connect=";
  EXPECT_TRUE(does("tcp:localhost:4444", {"tcp:127.0.0.1:4444"})) << "a name may be any address";
  EXPECT_TRUE(does("tcp:[0:0::1]:4444", {"tcp:[::1]:4444"})) << "one address in two spellings";
  EXPECT_TRUE(does("unix:/run/a", {"unix:/run/a"}));
  EXPECT_FALSE(does("tcp:10.0.0.2:4444", {"tcp:10.0.0.2:4445"}));
  EXPECT_FALSE(does("tcp:10.0.0.2:4444", {"tcp:10.0.0.3:4444"}));
  EXPECT_FALSE(does("tcp:10.0.0.2:4444", {"unix:/run/a"}));
  EXPECT_FALSE(does("unix:/run/b", {"unix:/run/a"}));
  EXPECT_FALSE(does("tcp:10.0.0.2:4444", {}));
}

TEST(Address, DisksAreOfferedBesideTheStreamWhereThereIsRoom) {
  EXPECT_EQ(disks_beside("tcp:10.0.0.2:4444"), "tcp:10.0.0.2:4445");
  EXPECT_EQ(disks_beside("tcp:[::1]:4444", 3), "tcp:[::1]:4447");
  EXPECT_EQ(disks_beside("tcp:10.0.0.2:65535"), std::nullopt);
  EXPECT_EQ(disks_beside("unix:/run/in"), "unix:/run/in.disks");
  EXPECT_TRUE(disks_beside("unix:/" + std::string(100, 'x')));
  EXPECT_EQ(disks_beside("unix:/" + std::string(101, 'x')), std::nullopt);
  EXPECT_EQ(disks_beside("exec:cat"), std::nullopt);
}

TEST(Address, APathThatIsTooLongIsSaid) {
  EXPECT_TRUE(parse_destination("qmp:/p@unix:/" + std::string(106, 'x')));
  const auto refused = parse_destination("qmp:/p@unix:/" + std::string(107, 'x'));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("108 bytes"), std::string::npos);
  EXPECT_NE(refused.error().what_to_do.text().find("107"), std::string::npos);
}

TEST(StorageOffer, IsReachedAtTheStreamsAddress) {
  StorageOffer offer;
  offer.host = "0.0.0.0";
  offer.port = 4446;
  const auto reached = as_reached(offer, "tcp:0.0.0.0:4444", "tcp:203.0.113.7:5555");
  ASSERT_TRUE(reached);
  EXPECT_EQ(reached->host, "203.0.113.7");
  EXPECT_EQ(reached->port, 5557);
  EXPECT_FALSE(as_reached(offer, "tcp:0.0.0.0:4444", "tcp:203.0.113.7:65535"));
  offer.socket = "/run/a.disks";
  EXPECT_EQ(as_reached(offer, "unix:/run/a", "unix:/run/a"), offer);
}

}  // namespace
}  // namespace godwit
