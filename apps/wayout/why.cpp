#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include <fmt/format.h>

#include "commands.hpp"
#include "host/find.hpp"
#include "host/live/read.hpp"
#include "host/snapshot/assume.hpp"
#include "host/snapshot/read.hpp"
#include "why/answer.hpp"
#include "why/report.hpp"

namespace wayout {
namespace {

/// `10.0.0.1`, `10.0.0.1:80`; nothing else.
struct Target {
  wire::IpAddress address;
  std::optional<std::uint16_t> port;
};

Result<Target> parse_target(const std::string& text) {
  const auto is_letter = [](char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; };
  const bool is_name = std::ranges::any_of(text, is_letter);
  const auto bad = [&] {
    return Error{.message = fmt::format("\"{}\" is no address, nor address:port{}", text,
                                        is_name ? "; names are not looked up" : "")};
  };
  if (const auto whole = wire::IpAddress::parse(text)) return Target{*whole, std::nullopt};
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) return bad();
  std::string host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  const auto address = wire::IpAddress::parse(host);
  const std::string digits = text.substr(colon + 1);
  if (!address || digits.empty() || digits.size() > 5 ||
      digits.find_first_not_of("0123456789") != std::string::npos)
    return bad();
  const unsigned long port = std::strtoul(digits.c_str(), nullptr, 10);
  if (port == 0 || port > 65535) return bad();
  return Target{*address, static_cast<std::uint16_t>(port)};
}

/// What the least packet of this kind takes: an IP header and that of the protocol.
std::uint32_t least_size_bytes(why::Probe probe) {
  return probe == why::Probe::tcp ? 40 : 28;
}

Result<why::Question> question_of(const WhyOptions& o) {
  const Result<Target> target = parse_target(o.to);
  if (!target) return target.error();
  if (!target->address.is_v4()) return Error{.message = fmt::format("{}: IPv6 is not modelled yet", o.to)};
  why::Question q;
  q.to = target->address;
  q.probe = o.proto == "udp" ? why::Probe::udp : o.proto == "icmp" ? why::Probe::icmp : why::Probe::tcp;
  if (target->port && o.dport) return Error{.message = "the port is given twice, in TO and with --dport"};
  if (q.probe == why::Probe::icmp && (target->port || o.dport))
    return Error{.message = "icmp has no ports"};
  if (q.probe == why::Probe::icmp && o.sport)
    return Error{.message = "icmp has no ports, so --sport says nothing"};
  if (o.size_bytes != 0 && o.size_bytes < least_size_bytes(q.probe))
    return Error{.message = fmt::format("--size {}: an IP packet of {} has {} bytes at least",
                                        o.size_bytes, why::probe_name(q.probe),
                                        least_size_bytes(q.probe))};
  if (target->port) q.dport = *target->port;
  if (o.dport) q.dport = *o.dport;
  q.sport = o.sport;
  q.size_bytes = o.size_bytes;
  q.dont_fragment = o.dont_fragment;
  return q;
}

/// Who sends: a namespace by name, or the one that owns an address, which then is the source.
Result<std::uint32_t> find_sender(const host::Machine& machine, const std::string& who,
                                  wire::IpAddress& source) {
  const auto address = wire::IpAddress::parse(who);
  if (!address) return host::find_namespace(machine, who);
  for (std::uint32_t i = 0; i < machine.hosts.size(); ++i) {
    if (machine.hosts[i].interfaces.owner_of(*address) == no_device) continue;
    source = *address;
    return i;
  }
  return Error{.message = fmt::format("no namespace has the address {}", who)};
}

/// The same; in a snapshot of a host alone, an address behind one of its bridges is one of a
/// container that is made up.
Result<std::uint32_t> find_or_assume_sender(host::Machine& machine, const WhyOptions& o,
                                            wire::IpAddress& source) {
  Result<std::uint32_t> found = find_sender(machine, o.from, source);
  const auto address = wire::IpAddress::parse(o.from);
  if (found || o.snapshot.empty() || !address || !address->is_v4()) return found;
  Result<std::uint32_t> assumed = host::snapshot::assume_namespace(machine, *address);
  if (assumed) source = *address;
  return assumed;
}

/// Only a snapshot is searched for addresses: which namespaces a running system has is not all read.
Error with_hint(const Error& error, const WhyOptions& o) {
  if (!o.snapshot.empty() || !wire::IpAddress::parse(o.from)) return error;
  return Error{.message = fmt::format("{}: FROM may be an address only with --snapshot", error.text())};
}

bool wants_colour() {
  const char* no_colour = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  return isatty(STDOUT_FILENO) != 0 && (no_colour == nullptr || *no_colour == '\0') &&
         terminal != nullptr && std::string(terminal) != "dumb";
}

}  // namespace

void add_why(CLI::App& app, WhyOptions& o) {
  CLI::App* why = app.add_subcommand("why", "Does FROM reach TO, and if not, why");
  why->add_option("FROM", o.from,
                  "docker or podman container, ip-netns name, pid, 'host', or an address of a snapshot")
      ->required();
  why->add_option("TO", o.to, "ADDRESS or ADDRESS:PORT")->required();
  why->add_option("--proto", o.proto, "tcp, udp or icmp")
      ->check(CLI::IsMember({"tcp", "udp", "icmp"}))
      ->default_str("tcp");
  why->add_option("--dport", o.dport, "Port at TO (default 443)")->check(CLI::Range(1, 65535));
  why->add_option("--sport", o.sport, "Port it is sent from")->check(CLI::Range(1, 65535));
  why->add_option("--size", o.size_bytes, "Length of the IP packet in bytes")->check(CLI::Range(28, 65535));
  why->add_flag("--df", o.dont_fragment, "The packet must not be fragmented");
  why->add_option("--snapshot", o.snapshot, "Read this directory instead of the running system")
      ->check(names_something);
  why->add_flag("--explain", o.explain,
                "Every stage in full, and why the rules before did not match");
  why->add_flag("--json", o.json, "Answer in JSON");
}

int run_why(const WhyOptions& o) {
  Result<why::Question> question = question_of(o);
  if (!question) return fail(question.error().text());
  Result<host::Machine> machine = o.snapshot.empty() ? host::live::read({.about = {o.from}})
                                                     : host::snapshot::read(o.snapshot);
  if (!machine) return fail(with_hint(machine.error(), o).text());
  const Result<std::uint32_t> from = find_or_assume_sender(*machine, o, question->source);
  if (!from) return fail(with_hint(from.error(), o).text());
  question->from = *from;

  const why::Answer answer = why::answer(*machine, *question);
  const std::string report =
      o.json ? why::report_json(*machine, answer, o.explain)
             : why::report_text(*machine, answer, {.colour = wants_colour(), .explain = o.explain});
  return write_out(report) ? why::exit_code(answer) : exit_usage;
}

}  // namespace wayout
