#pragma once

#include <charconv>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace tracelink {

// Names of the queue's files below the state directory.
struct QueuePaths {
  explicit QueuePaths(const std::filesystem::path& state_dir)
      : queue(state_dir / "queue"),
        links(state_dir / "models" / "links"),
        quarantine(state_dir / "quarantine") {}

  std::filesystem::path queue, links, quarantine;

  std::filesystem::path segment(std::uint64_t id) const { return queue / (hex16(id) + ".segment"); }
  std::filesystem::path journal(std::uint64_t id, std::uint64_t generation) const {
    return queue / (hex16(id) + "-" + std::to_string(generation) + ".journal");
  }
  // All of a segment's, as one name for people.
  std::filesystem::path journals(std::uint64_t id) const {
    return queue / (hex16(id) + "-*.journal");
  }
  std::filesystem::path checkpoint() const { return queue / "checkpoint"; }
  std::filesystem::path notes() const { return queue / "notes"; }
  std::filesystem::path reserve() const { return queue / "reserve"; }

  static std::string hex16(std::uint64_t id) {
    char digits[17] = {};
    const auto end = std::to_chars(digits, digits + 16, id, 16).ptr;
    const std::string text(digits, end);
    return std::string(16 - text.size(), '0') + text;
  }

  // In quarantine/.
  static std::string damaged(std::uint64_t id, std::uint64_t offset) {
    return hex16(id) + "-" + std::to_string(offset);
  }

  struct JournalName {
    std::uint64_t segment_id = 0;
    std::uint64_t generation = 0;
  };
  static std::optional<std::uint64_t> parse_segment(std::string_view name) {
    if (!name.ends_with(".segment")) return std::nullopt;
    return number(name.substr(0, name.size() - 8), 16);
  }
  static std::optional<JournalName> parse_journal(std::string_view name) {
    const auto dash = name.find('-');
    if (!name.ends_with(".journal") || dash == std::string_view::npos) return std::nullopt;
    const auto id = number(name.substr(0, dash), 16);
    const auto generation = number(name.substr(dash + 1, name.size() - 8 - dash - 1), 10);
    if (!id || !generation) return std::nullopt;
    return JournalName{*id, *generation};
  }

 private:
  static std::optional<std::uint64_t> number(std::string_view text, int base) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (text.empty() || error != std::errc() || end != text.data() + text.size()) {
      return std::nullopt;
    }
    return value;
  }
};

}  // namespace tracelink
