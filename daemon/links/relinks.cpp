#include "daemon/links/relinks.hpp"

#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

#include "daemon/base/crc32c.hpp"
#include "daemon/text/hex.hpp"
#include "daemon/text/utc_time.hpp"

namespace tracelink {

namespace {

using Json = nlohmann::ordered_json;

constexpr int kFormat = 1;

// `at` is for people; `before_sequence` counts; where one of both sequences is not known, `at_ns`
// does.
std::string encode(const std::vector<Relink>& relinks) {
  Json entries = Json::array();
  for (const Relink& relink : relinks) {
    entries.push_back({{"from", relink.from.hex()},
                       {"to", relink.to.hex()},
                       {"at", utc_iso(relink.at)},
                       {"at_ns", std::chrono::nanoseconds(relink.at.time_since_epoch()).count()},
                       {"before_sequence", relink.before_sequence}});
  }
  const std::uint32_t checksum = crc32c(0, entries.dump());
  return Json{{"format", kFormat}, {"crc32c", checksum}, {"relinks", std::move(entries)}}.dump(2) +
         "\n";
}

std::optional<LinkHash> link_at(const Json& entry, const char* key) {
  const auto found = entry.find(key);
  if (found == entry.end() || !found->is_string()) return std::nullopt;
  const auto bytes = parse_hex(found->get<std::string>());
  return bytes ? LinkHash::from_bytes(*bytes) : std::nullopt;
}

std::optional<std::vector<Relink>> decode(const std::string& text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || json.value("format", Json()) != kFormat) return std::nullopt;
  const Json entries = json.value("relinks", Json());
  if (!entries.is_array()) return std::nullopt;
  if (json.value("crc32c", Json()) != crc32c(0, entries.dump())) return std::nullopt;
  std::vector<Relink> relinks;
  for (const Json& entry : entries) {
    const auto from = link_at(entry, "from");
    const auto to = link_at(entry, "to");
    const Json at = entry.value("at_ns", Json());
    if (!from || !to || !at.is_number_integer()) return std::nullopt;
    const Json before = entry.value("before_sequence", Json(0u));
    if (!before.is_number_unsigned()) return std::nullopt;
    relinks.push_back({*from, *to, WallTime(std::chrono::nanoseconds(at.get<std::int64_t>())),
                       before.get<std::uint64_t>()});
  }
  return relinks;
}

}  // namespace

Result<void> Relinks::load() {
  const auto there = fs_.exists(file_);
  if (!there) return there.error();
  const auto text = *there ? read_file(fs_, file_) : Result<std::string>(std::string());
  if (!text) return text.error();
  auto stored = *there ? decode(*text) : std::vector<Relink>();
  if (stored) {
    relinks_ = *std::move(stored);
  } else {
    if (auto renamed = fs_.rename(file_, file_.string() + ".damaged"); !renamed) return renamed;
    notices_.emplace_back(
        "models/relinks.json is damaged and set aside: traces that were relinked and are not "
        "delivered yet have their old link again; see 'tracelink status' and relink them");
  }
  known_ = true;
  return {};
}

Result<void> Relinks::add(const Relink& relink) {
  if (!known_) return not_replaced_unread(file_);
  std::vector<Relink> next = relinks_;
  next.push_back(relink);
  if (auto written = write_file_durably(fs_, file_, encode(next)); !written) return written;
  relinks_ = std::move(next);
  return {};
}

LinkHash Relinks::resolve(LinkHash link, const Acceptance& accepted) const {
  for (const Relink& relink : relinks_) {
    const bool by_time = accepted.sequence == 0 || relink.before_sequence == 0;
    const bool is_older =
        by_time ? accepted.at <= relink.at : accepted.sequence < relink.before_sequence;
    if (link == relink.from && is_older) link = relink.to;
  }
  return link;
}

}  // namespace tracelink
