// Changes of ipset sets.
#include <algorithm>

#include <fmt/format.h>

#include "why/change.hpp"
#include "why/keep.hpp"
#include "why/words.hpp"

namespace wayout::why {
namespace {

netfilter::IpSet* set_named(host::Host& host, const std::string& name) {
  auto& sets = host.netfilter.sets.list;
  const auto found = std::ranges::find(sets, name, &netfilter::IpSet::name);
  return found == sets.end() ? nullptr : &*found;
}

}  // namespace

Change add_to_set(const host::Machine&, std::uint32_t host, const std::string& set,
                  const wire::IpAddress& address, bool nomatch) {
  return {.host = host,
          .command = fmt::format("ipset add {} {}{}", shell_word(set), address.text(),
                                 nomatch ? " nomatch" : ""),
          .lasting = how_to_keep_set(set, address.text()),
          .parts = Parts::rules,
          .apply = [=](host::Host& h) {
            netfilter::IpSet* changed = set_named(h, set);
            if (changed == nullptr) return;
            netfilter::SetElement element;
            element.first = wire::Prefix::host(address);
            element.nomatch = nomatch;
            changed->elements.push_back(std::move(element));
            changed->index();
          }};
}

Change delete_from_set(const host::Machine&, std::uint32_t host, const std::string& set,
                       const wire::IpAddress& address) {
  return {.host = host,
          .command = fmt::format("ipset del {} {}", shell_word(set), address.text()),
          .lasting = how_to_keep_set(set, address.text()),
          .parts = Parts::rules,
          .apply = [=](host::Host& h) {
            netfilter::IpSet* changed = set_named(h, set);
            if (changed == nullptr) return;
            std::erase_if(changed->elements, [&](const netfilter::SetElement& e) {
              return e.first == wire::Prefix::host(address) && !e.range_end.is_set();
            });
            changed->index();
          }};
}

}  // namespace wayout::why
