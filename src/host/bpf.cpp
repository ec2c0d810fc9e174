#include "host/bpf.hpp"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <utility>

#include "host/json.hpp"

namespace wayout::host {

namespace {

std::optional<Hook> hook_named(std::string_view name) {
  for (const Hook hook :
       {Hook::prerouting, Hook::input, Hook::forward, Hook::output, Hook::postrouting}) {
    std::string lower = hook_name(hook);
    for (char& c : lower)
      c = static_cast<char>(c - 'A' + 'a');
    if (name == lower) return hook;
  }
  return std::nullopt;
}

void read_tcx(const JsonObject& object, Host& host, const DeviceBook& book) {
  const std::string kind = object.text("kind");
  const DeviceId device = book.find(object.text("devname"));
  if (device != no_device && kind.starts_with("tcx/"))
    add_tcx_program(device, kind == "tcx/ingress", host);
}

void read_netfilter(const JsonObject& object, Host& host) {
  const auto hook = hook_named(object.text("hook"));
  if (hook && object.text("pf") == "ip")
    add_netfilter_program(*hook, object.number<std::int32_t>("prio").value_or(0), host);
}

}  // namespace

void add_tcx_program(DeviceId device, bool ingress, Host& host) {
  Unmodelled found;
  found.kind = Unmodelled::Kind::bpf;
  found.text = fmt::format("BPF program (tcx) on {} {}", host.devices[device].name,
                           ingress ? "ingress" : "egress");
  found.device = device;
  found.ingress = ingress;
  found.egress = !ingress;
  host.unmodelled.push_back(std::move(found));
}

void add_netfilter_program(Hook hook, std::int32_t priority, Host& host) {
  Unmodelled found;
  found.kind = Unmodelled::Kind::bpf;
  found.text =
      fmt::format("BPF program (netfilter hook {}, priority {})", hook_name(hook), priority);
  found.hook = hook;
  found.priority = priority;
  host.unmodelled.push_back(std::move(found));
}

Result<void> read_bpftool_net(const File& file, Host& host, const DeviceBook& book) {
  return read_json_list(file, [&](const JsonObject& object) {
    for (const JsonObject& program : object.objects("tc"))
      read_tcx(program, host, book);
    for (const JsonObject& program : object.objects("netfilter"))
      read_netfilter(program, host);
  });
}

}  // namespace wayout::host
