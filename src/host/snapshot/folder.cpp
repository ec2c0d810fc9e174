// Which file is read by which reader. The names are those of the snapshot contract; the commands
// that make them are in collect/commands.cpp.
#include "host/snapshot/folder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "conntrack/listing.hpp"
#include "host/bpf.hpp"
#include "host/device_book.hpp"
#include "host/file.hpp"
#include "host/finish.hpp"
#include "host/json.hpp"
#include "host/listeners.hpp"
#include "host/nft.hpp"
#include "host/queues.hpp"
#include "host/registration.hpp"
#include "host/rules.hpp"
#include "host/snapshot/links_json.hpp"
#include "host/snapshot/links_text.hpp"
#include "host/snapshot/neighbours_json.hpp"
#include "host/snapshot/neighbours_text.hpp"
#include "host/snapshot/not_read.hpp"
#include "host/snapshot/route_list.hpp"
#include "host/snapshot/routes_json.hpp"
#include "host/snapshot/routes_text.hpp"
#include "host/sysctls.hpp"
#include "host/takers.hpp"
#include "host/tc.hpp"
#include "netfilter/read_ipset.hpp"

namespace wayout::host::snapshot {

namespace {

class FolderReader {
 public:
  explicit FolderReader(std::filesystem::path folder) : folder_(std::move(folder)) {}

  Result<Host> read() {
    using Part = void (FolderReader::*)();
    constexpr Part parts[] = {&FolderReader::read_devices,  &FolderReader::read_addresses,
                              &FolderReader::read_order,
                              &FolderReader::read_ids,      &FolderReader::read_routes,
                              &FolderReader::read_rules,    &FolderReader::read_neighbours,
                              &FolderReader::read_bridging, &FolderReader::read_sysctls,
                              &FolderReader::read_iptables, &FolderReader::read_nft,
                              &FolderReader::read_ipsets,   &FolderReader::read_connections,
                              &FolderReader::read_takers,   &FolderReader::read_sockets,
                              &FolderReader::check_ipv6};
    for (const Part part : parts) {
      (this->*part)();
      if (error_) return *error_;
    }
    if (!any_) return Error{folder_.string(), 0, 0, "holds no file of a snapshot"};
    for (std::string& line : tell_not_read(folder_, asked_)) assume(std::move(line));
    complete(host_);
    return std::move(host_);
  }

 private:
  /// The file of this name, if it is there.
  std::optional<File> open(const std::string& name) {
    if (error_) return std::nullopt;
    asked_.insert(name);
    Result<std::optional<File>> file = read_file(folder_ / name);
    if (!file) {
      error_ = file.error();
      return std::nullopt;
    }
    if (!file->has_value()) return std::nullopt;
    any_ = true;
    keep(strip_decoration(**file));
    return error_ ? std::nullopt : std::move(*file);
  }
  [[nodiscard]] bool has_file(const std::string& name) const {
    std::error_code error;
    return std::filesystem::exists(folder_ / name, error);
  }
  void keep(Result<void> result) {
    if (!result && !error_) error_ = result.error();
  }
  void assume(std::string what) { host_.assumed.push_back(std::move(what)); }

  /// `name`.json by one reader, else `name`.txt by the other. False: neither is there. Tools of
  /// some age take -json and print plain text all the same.
  template <class Json, class Text>
  bool read_either(const std::string& name, Json json, Text text) {
    if (const auto file = open(name + ".json")) {
      const std::size_t first = file->text.find_first_not_of(" \t\r\n");
      const bool is_json = first == std::string::npos || file->text[first] == '[' || file->text[first] == '{';
      keep(is_json ? json(*file) : text(*file));
      const std::string plain = name + ".txt";
      if (has_file(plain) && asked_.insert(plain).second)
        assume(fmt::format("{} is not read beside {}.json", plain, name));
      return true;
    }
    if (const auto file = open(name + ".txt")) return keep(text(*file)), true;
    return false;
  }
  /// `name` by this reader. False: it is not there.
  template <class Reader>
  bool read_one(const std::string& name, Reader reader) {
    if (const auto file = open(name)) return keep(reader(*file)), true;
    return false;
  }
  /// The same, by a reader of a lower room, which knows no prompts.
  template <class Reader>
  bool read_plain(const std::string& name, Reader reader) {
    auto file = open(name);
    if (!file) return false;
    strip_prompts(*file);
    keep(reader(*file));
    return true;
  }

  void read_devices() {
    const auto json = [&](const File& file) { return read_links_json(file, host_, book_); };
    const auto text = [&](const File& file) { return read_links_text(file, host_, book_); };
    if (!read_either("ip-link", json, text) && !read_either("ip-addr", json, text))
      assume("only the devices that other files name: there is no ip-link.json");
  }

  void read_addresses() {
    const bool read = read_either(
        "ip-addr", [&](const File& file) { return read_addresses_json(file, host_, book_); },
        [&](const File& file) { return read_addresses_text(file, host_, book_); });
    if (!read) assume("no addresses: there is no ip-addr.json");
  }

  void read_order() {
    read_one("igmp.txt", [&](const File& file) { return read_registration(file, host_, book_); });
  }

  /// `ip -j netns list-id`: what this namespace calls others.
  void read_ids() {
    read_one("ip-netns.json", [&](const File& file) {
      return read_json_list(file, [&](const JsonObject& object) {
        const auto id = object.number<std::int32_t>("nsid");
        if (id && object.has("name")) host_.namespace_ids[*id] = object.text("name");
      });
    });
  }

  void read_routes() {
    NexthopObjects objects;
    if (const auto file = open("ip-nexthop.json")) {
      Result<NexthopObjects> read = read_nexthops_json(*file, book_);
      if (!read) return keep(read.error());
      objects = std::move(*read);
    }
    RouteList routes(host_, book_, tables_, objects);
    const bool read = read_either(
        "ip-route", [&](const File& file) { return read_routes_json(file, routes); },
        [&](const File& file) { return read_routes_text(file, routes); });
    if (read) {
      host_.fib.table_position(route::table_main);  // it was shown, even if nothing is in it
    } else {
      host_.routes_assumed = true;
      assume("only routes to the addresses' own subnets: there is no ip-route.json");
    }
  }

  void read_rules() {
    const bool read = read_either(
        "ip-rule", [&](const File& file) { return read_rules_json(file, host_, tables_); },
        [&](const File& file) { return read_rules_text(file, host_, tables_); });
    if (read) return;
    host_.fib.rules = route::Fib::default_rules();
    assume("the three default routing rules: there is no ip-rule.json");
  }

  void read_neighbours() {
    const auto json = [&](const File& file) { return read_neighbours_json(file, host_, book_); };
    const auto text = [&](const File& file) { return read_neighbours_text(file, host_, book_); };
    if (!read_either("ip-neigh", json, text))
      assume("neighbours are not known: there is no ip-neigh.json");
    read_either("ip-neigh-proxy", json, text);
  }

  void read_bridging() {
    // What the command prints has the multicast filters of every device, too.
    const auto note_whole = [&](const File& file) {
      for (const char* group : {"33:33:", "01:00:5e:"})
        host_.bridging.fdb_is_whole |= file.text.find(group) != std::string::npos;
    };
    const bool fdb = read_either(
        "bridge-fdb",
        [&](const File& file) {
          note_whole(file);
          return read_fdb_json(file, host_, book_);
        },
        [&](const File& file) {
          note_whole(file);
          return read_fdb_text(file, host_, book_);
        });
    const bool vlans = read_either(
        "bridge-vlan", [&](const File& file) { return read_vlans_json(file, host_, book_); },
        [&](const File& file) { return read_vlans_text(file, host_, book_); });
    bool has_bridge = false, has_filtering = false;
    for (const link::Device& device : host_.devices.list) {
      has_bridge |= device.kind == link::DeviceKind::bridge;
      has_filtering |= device.bridge.vlan_filtering;
    }
    if (has_bridge && !fdb) assume("bridges have learned nothing: there is no bridge-fdb.json");
    if (has_filtering && !vlans) {
      assume("bridges and ports carry their default VLAN only: there is no bridge-vlan.json");
      add_default_vlans();
    }
  }

  /// What a port gets when it joins, and the bridge when it is made.
  void add_default_vlans() {
    const link::Devices& devices = host_.devices;
    for (DeviceId id = 1; id < devices.size(); ++id) {
      const DeviceId bridge = devices[id].port ? devices[id].master : id;
      const link::Device& of = devices[bridge];
      if (of.kind != link::DeviceKind::bridge || !of.bridge.vlan_filtering) continue;
      const std::uint16_t vlan = of.bridge.default_pvid;
      if (vlan != 0)
        host_.bridging.vlans.push_back(
            {.device = id, .low = vlan, .high = vlan, .pvid = true, .untagged = true});
    }
  }

  void read_sysctls() {
    const auto file = open("sysctl.txt");
    if (file) keep(host::read_sysctls(*file, host_));
    keep(apply_sysctls(host_, file.value_or(File{})));
  }

  void read_iptables() {
    using netfilter::Backend;
    const std::pair<const char*, Backend> saves[] = {{"iptables-legacy-save.txt", Backend::legacy},
                                                     {"iptables-save.txt", Backend::nft},
                                                     {"iptables-nft-save.txt", Backend::nft}};
    bool read = false;
    for (const auto& [name, backend] : saves)
      read |= read_one(name, [&, backend = backend](const File& f) {
        return add_rules(f, backend, host_);
      });
    // `iptables` is the tool of one backend. Beside a save of iptables-legacy it is the other's.
    const auto& rulesets = host_.netfilter.rulesets;
    for (const char* name : {"iptables-S.txt", "iptables-nvL.txt"}) {
      const auto file = open(name);
      if (!file) continue;
      const auto nft = std::ranges::find(rulesets, Backend::nft, &netfilter::Ruleset::backend);
      const bool all_known = nft != rulesets.end()
                                 ? nft->not_shown.empty() && !nft->tables.empty()
                                 : has_file("iptables-save.txt");
      if (all_known)
        assume(fmt::format("{} says nothing that is not in the other listings of iptables", name));
      else
        keep(add_listed_rules(*file, host_));
      read = true;
    }
    note_rule_order(host_);
    if (!read) assume("no iptables rules: there is no iptables-save.txt");
  }

  void read_nft() {
    const auto plain = open("nft.txt");
    const NftPlain left_out = plain ? read_nft_plain(*plain) : NftPlain{};
    const bool read = read_one(
        "nft.json", [&](const File& file) { return read_nft_json(file, left_out, host_, book_); });
    if (!read && plain) keep(read_nft_text(*plain, host_, book_));
    if (!read && !plain)
      assume("no nft chains but those of iptables: there is no nft.json");
    add_rules_not_shown(host_);
  }

  void read_ipsets() {
    read_plain("ipset.txt", [&](const File& file) -> Result<void> {
      Result<netfilter::IpSets> sets = netfilter::read_ipset(file.text, file.name);
      if (!sets) return sets.error();
      host_.netfilter.sets = std::move(*sets);
      return {};
    });
  }

  void read_connections() {
    const bool read = read_plain("conntrack.txt", [&](const File& file) -> Result<void> {
      Result<std::vector<conntrack::Connection>> listed =
          conntrack::read_listing(file.text, file.name);
      if (!listed) return listed.error();
      host_.connections = std::move(*listed);
      return {};
    });
    if (!read) assume("no tracked connections: there is no conntrack.txt");
  }

  void read_takers() {
    std::vector<FilterPlace> places;
    read_one("tc-qdisc.json", [&](const File& file) -> Result<void> {
      Result<std::vector<Qdisc>> qdiscs = read_qdiscs_json(file, book_);
      if (!qdiscs) return qdiscs.error();
      add_unmodelled_qdiscs(*qdiscs, host_);
      places = filter_places(*qdiscs);
      return {};
    });
    const bool filters = read_one("tc-filter.txt", [&](const File& file) {
      return read_tc_filters(file, places, host_, book_);
    });
    if (!filters)
      for (const FilterPlace& place : places)
        add_unknown_tc_filters(place, host_);
    read_one("bpftool-net.json",
             [&](const File& file) { return read_bpftool_net(file, host_, book_); });
    read_one("ip-xfrm-policy.txt",
             [&](const File& file) { return read_ipsec_policies(file, host_); });
    read_one("ip-vs.txt", [&](const File& file) { return read_ipvs(file, host_); });
    for (const char* name : {"ebtables-legacy-save.txt", "ebtables-save.txt"})
      if (read_one(name, [&](const File& file) { return read_ebtables(file, host_); })) break;
  }

  void read_sockets() {
    const auto sockets = [&](const File& file) { return read_listeners(file, host_, book_); };
    const auto options = [&](const File& file) { return read_socket_options(file, host_, book_); };
    if (read_one("ss.txt", sockets))
      read_one("ss-options.txt", options);
    else if (!read_one("ss-options.txt", sockets))
      assume("any port may be listened on: there is no ss.txt");
    read_one("nfqueue.txt", [&](const File& file) { return read_queues(file, host_); });
  }

  /// IPv6 is not modelled; its files must be whole all the same.
  void check_ipv6() {
    for (const char* name : {"ip-6-addr", "ip-6-rule", "ip-6-route", "ip-6-neigh", "ip-6-link"}) {
      const auto file = open(std::string(name) + ".json");
      if (!file) continue;
      if (const auto parsed = parse_json(*file); !parsed) return keep(parsed.error());
    }
    for (const char* name : {"ip6tables-save.txt", "ip6tables-legacy-save.txt"})
      open(name);
  }

  std::filesystem::path folder_;
  Host host_;
  DeviceBook book_{host_};
  TableBook tables_{host_};
  std::optional<Error> error_;
  std::set<std::string> asked_;  ///< names of files that are read if they are there
  bool any_ = false;
};

}  // namespace

Result<Host> read_folder(const std::filesystem::path& folder) {
  return FolderReader(folder).read();
}

}  // namespace wayout::host::snapshot
