// A hash index from keys to small numbers, where the keys live elsewhere.
//
// Open addressing: one array of (hash, value) pairs, probed in order, never more than half full. A
// look-up is one walk over neighbouring slots, and only slots of the same hash ask the caller to
// compare keys. Values are not 0; the same value may be kept under several hashes.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace wayout::conntrack {

class Index {
 public:
  static constexpr std::uint32_t none = 0;

  /// The first value kept under `hash` for which `same(value)` holds, or none.
  template <class Same>
  [[nodiscard]] std::uint32_t find(std::uint32_t hash, Same&& same) const {
    if (slots_.empty()) return none;
    for (std::size_t i = home(hash); slots_[i].value != none; i = next(i)) {
      if (slots_[i].hash == hash && same(slots_[i].value)) return slots_[i].value;
    }
    return none;
  }

  void insert(std::uint32_t hash, std::uint32_t value) {
    if ((used_ + 1) * 2 > slots_.size()) grow();
    place({hash, value});
    ++used_;
  }

  /// Take the pair out; nothing happens when it is not there.
  void erase(std::uint32_t hash, std::uint32_t value) {
    if (slots_.empty()) return;
    std::size_t i = home(hash);
    while (slots_[i].value != none && (slots_[i].hash != hash || slots_[i].value != value))
      i = next(i);
    if (slots_[i].value == none) return;
    --used_;
    // Close the gap: pull back what a probe could no longer reach across it.
    for (std::size_t j = next(i); slots_[j].value != none; j = next(j)) {
      const std::size_t from_home = (j - home(slots_[j].hash)) & mask();
      const std::size_t from_gap = (j - i) & mask();
      if (from_home < from_gap) continue;
      slots_[i] = slots_[j];
      i = j;
    }
    slots_[i] = {};
  }

 private:
  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t value = none;
  };

  [[nodiscard]] std::size_t mask() const { return slots_.size() - 1; }
  [[nodiscard]] std::size_t home(std::uint32_t hash) const { return hash & mask(); }
  [[nodiscard]] std::size_t next(std::size_t i) const { return (i + 1) & mask(); }

  void place(Slot slot) {
    std::size_t i = home(slot.hash);
    while (slots_[i].value != none)
      i = next(i);
    slots_[i] = slot;
  }
  void grow() {
    std::vector<Slot> old(slots_.empty() ? 16 : slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.value != none) place(slot);
    }
  }

  std::vector<Slot> slots_;  ///< size a power of two
  std::size_t used_ = 0;
};

}  // namespace wayout::conntrack
