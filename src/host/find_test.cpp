#include "host/find.hpp"

#include <gtest/gtest.h>

namespace wayout::host {
namespace {

const std::string id_a(64, 'a'), id_b = "abcd" + std::string(60, 'b');

Machine machine() {
  Machine m;
  m.hosts.resize(5);
  m.hosts[0].name = "host";
  m.hosts[1].name = "web";
  m.hosts[1].runtime = "docker";
  m.hosts[1].container_id = id_a;
  m.hosts[1].pid = 41;
  m.hosts[1].aliases = {"sidecar", id_b};
  m.hosts[2].name = "podman:web";
  m.hosts[2].runtime = "podman";
  m.hosts[2].aliases = {"web"};
  m.hosts[3].name = "blue";
  m.hosts[4].name = "4711";
  m.hosts[4].pid = 77;
  return m;
}

std::string found(std::string_view who) {
  const Machine m = machine();
  const Result<std::uint32_t> result = find_namespace(m, who);
  return result ? std::to_string(result.value()) : result.error().text();
}

TEST(Find, ByEveryKindOfName) {
  EXPECT_EQ(found("host"), "0");
  EXPECT_EQ(found("blue"), "3");
  EXPECT_EQ(found("sidecar"), "1");
  EXPECT_EQ(found(id_a), "1");
  EXPECT_EQ(found("aaaa"), "1");
  EXPECT_EQ(found("abcd"), "1");
  EXPECT_EQ(found("41"), "1");
  EXPECT_EQ(found("pid:77"), "4");
  EXPECT_EQ(found("4711"), "4");
}

TEST(Find, NamesakesAreToldApartByTheirKind) {
  EXPECT_EQ(found("web"), "\"web\" may be any of: web, podman:web");
  EXPECT_EQ(found("docker:web"), "1");
  EXPECT_EQ(found("podman:web"), "2");
  EXPECT_EQ(found("netns:blue"), "3");
}

TEST(Find, NobodyIsSaidSafely) {
  EXPECT_EQ(found("nobody"), "there is no namespace, container or process \"nobody\"");
  EXPECT_EQ(found("aaa"), "there is no namespace, container or process \"aaa\"");
  EXPECT_EQ(found("\x1b[31m"), "there is no namespace, container or process \"\\x1b[31m\"");
  EXPECT_EQ(found("0"), "there is no namespace, container or process \"0\"");
  EXPECT_EQ(found(""), "there is no namespace, container or process \"\"");
}

}  // namespace
}  // namespace wayout::host
