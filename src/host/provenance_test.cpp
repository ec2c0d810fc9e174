#include "host/provenance.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <filesystem>
#include <string>
#include <vector>

#include "host/snapshot/folder_test.hpp"

namespace wayout::host {
namespace {

using snapshot::TestFolder;
using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> sources(const std::string& key, const TestFolder& root) {
  std::vector<std::string> lines;
  for (const SysctlSource& source : sysctl_sources(key, root.path()))
    lines.push_back(fmt::format("{}:{} = {}", source.file, source.line, source.value));
  return lines;
}

TEST(Provenance, FilesActInTheOrderOfTheirNamesWhateverTheirDirectory) {
  TestFolder root;
  root.write("etc/sysctl.d/50-b.conf", "net.ipv4.ip_forward = 1\n")
      .write("usr/lib/sysctl.d/60-c.conf", "# no\nnet.ipv4.ip_forward=0\n")
      .write("run/sysctl.d/10-a.conf", "net/ipv4/ip_forward = 0\n")
      .write("etc/sysctl.d/70-other.conf", "net.ipv4.tcp_sack = 1\nnonsense\n")
      .write("etc/sysctl.conf", "-net.ipv4.ip_forward = 1\n");
  EXPECT_THAT(sources("net.ipv4.ip_forward", root),
              ElementsAre("/run/sysctl.d/10-a.conf:1 = 0", "/etc/sysctl.d/50-b.conf:1 = 1",
                          "/usr/lib/sysctl.d/60-c.conf:2 = 0", "/etc/sysctl.conf:1 = 1"));
}

TEST(Provenance, AFileHidesItsNamesakes) {
  TestFolder root;
  root.write("etc/sysctl.d/50-x.conf", "")
      .write("usr/lib/sysctl.d/50-x.conf", "net.ipv4.ip_forward = 1\n");
  std::filesystem::create_symlink("/dev/null", root.path() / "etc/sysctl.d/60-y.conf");
  root.write("usr/lib/sysctl.d/60-y.conf", "net.ipv4.ip_forward = 1\n");
  EXPECT_THAT(sources("net.ipv4.ip_forward", root), IsEmpty());
}

TEST(Provenance, SysctlConfCountsOnceThroughDebiansLink) {
  TestFolder root;
  root.write("etc/sysctl.conf", "net.ipv4.ip_forward = 1\n")
      .write("etc/sysctl.d/99-zz.conf", "net.ipv4.ip_forward = 0\n");
  std::filesystem::create_symlink("../sysctl.conf", root.path() / "etc/sysctl.d/99-sysctl.conf");
  EXPECT_THAT(sources("net.ipv4.ip_forward", root),
              ElementsAre("/etc/sysctl.d/99-sysctl.conf:1 = 1", "/etc/sysctl.d/99-zz.conf:1 = 0"));
}

TEST(Provenance, PatternsAndWhatEveryDeviceBeginsWith) {
  TestFolder root;
  root.write("etc/sysctl.d/10.conf", "net.ipv4.conf.*.rp_filter = 2\n")
      .write("etc/sysctl.d/20.conf", "net.ipv4.conf.default.rp_filter = 1\n")
      .write("etc/sysctl.d/30.conf", "net.ipv4.conf.all.rp_filter = 1\n")
      .write("etc/sysctl.d/40.conf", "net.ipv4.conf.eth1.rp_filter = 0\n");
  EXPECT_THAT(sources("net.ipv4.conf.eth0.rp_filter", root),
              ElementsAre("/etc/sysctl.d/10.conf:1 = 2", "/etc/sysctl.d/20.conf:1 = 1"));
}

TEST(Provenance, IpForwardCountsForEveryDevice) {
  TestFolder root;
  root.write("etc/sysctl.d/10.conf", "net.ipv4.ip_forward = 1\n")
      .write("etc/ufw/sysctl.conf", "#net/ipv4/ip_forward=1\nnet/ipv4/conf/all/forwarding=0\n");
  EXPECT_THAT(sources("net.ipv4.conf.eth0.forwarding", root),
              ElementsAre("/etc/sysctl.d/10.conf:1 = 1", "/etc/ufw/sysctl.conf:2 = 0"));
  EXPECT_THAT(sources("net.ipv4.conf.eth0.rp_filter", root), IsEmpty());
}

TEST(Provenance, Networkd) {
  TestFolder root;
  root.write("etc/systemd/network/10-eth.network",
             "[Match]\nName=eth0\nIPForward=yes\n[Network]\nIPForward=ipv4\nDHCP=yes\n")
      .write("etc/systemd/networkd.conf", "[Network]\nIPv4Forwarding=no\n");
  EXPECT_THAT(
      sources("net.ipv4.ip_forward", root),
      ElementsAre("/etc/systemd/network/10-eth.network:5 = 1", "/etc/systemd/networkd.conf:2 = 0"));
}

TEST(Provenance, Docker) {
  TestFolder with_daemon, told_not_to;
  with_daemon.write("usr/sbin/dockerd", "").write("etc/docker/daemon.json", "{\"mtu\": 1400}");
  told_not_to.write("usr/sbin/dockerd", "")
      .write("etc/docker/daemon.json", "{\"ip-forward\": false}");
  EXPECT_THAT(sources("net.ipv4.ip_forward", with_daemon), ElementsAre("/usr/sbin/dockerd:0 = 1"));
  EXPECT_THAT(sources("net.ipv4.ip_forward", told_not_to), IsEmpty());
}

TEST(Provenance, WhatToChangeSoThatItLasts) {
  const auto keep = [](const TestFolder& root) {
    return how_to_keep_sysctl("net.ipv4.conf.eth0.rp_filter", "2", root.path());
  };
  const std::string write = "write \"net.ipv4.conf.eth0.rp_filter = 2\" to a file in /etc/sysctl.d";
  TestFolder nothing, same, other, general;
  EXPECT_EQ(keep(nothing), write);
  EXPECT_EQ(how_to_keep_sysctl("net.ipv4.conf.eth0.rp_filter", "2", ""), write);
  same.write("etc/sysctl.conf", "net.ipv4.conf.eth0.rp_filter=2\n");
  EXPECT_EQ(keep(same),
            "it is so after a boot (/etc/sysctl.conf:1: net.ipv4.conf.eth0.rp_filter=2); something "
            "has changed it since");
  other.write("etc/sysctl.d/50-x.conf", "\nnet/ipv4/conf/eth0/rp_filter = 1\n");
  EXPECT_EQ(keep(other),
            "change /etc/sysctl.d/50-x.conf:2 (net/ipv4/conf/eth0/rp_filter = 1), which sets it at "
            "boot");
  general.write("etc/sysctl.d/50-x.conf", "net.ipv4.conf.default.rp_filter = 1\n");
  EXPECT_EQ(keep(general), write +
                               " whose name comes after that of /etc/sysctl.d/50-x.conf:1 "
                               "(net.ipv4.conf.default.rp_filter = 1)");
}

TEST(Provenance, DockerComesLaterThanTheBoot) {
  const auto keep = [](const TestFolder& root) {
    return how_to_keep_sysctl("net.ipv4.ip_forward", "1", root.path());
  };
  TestFolder alone, beside;
  alone.write("usr/bin/dockerd", "");
  EXPECT_EQ(
      keep(alone),
      "write \"net.ipv4.ip_forward = 1\" to a file in /etc/sysctl.d; /usr/bin/dockerd sets it "
      "to 1 when docker starts");
  beside.write("usr/bin/dockerd", "").write("etc/sysctl.d/70-no.conf", "net.ipv4.ip_forward=0\n");
  EXPECT_EQ(keep(beside),
            "change /etc/sysctl.d/70-no.conf:1 (net.ipv4.ip_forward=0), which sets it at boot; "
            "/usr/bin/dockerd sets it to 1 when docker starts");
}

}  // namespace
}  // namespace wayout::host
