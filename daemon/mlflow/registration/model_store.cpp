#include "daemon/mlflow/registration/model_store.hpp"

#include <utility>

#include "daemon/mlflow/rest/rest_json.hpp"
#include "daemon/text/hex.hpp"

namespace tracelink {
namespace {

constexpr std::string_view kSuffix = ".json";
constexpr int kFormat = 1;

using Names = std::vector<std::string>;

// "<32 lower-case hex digits>.json"
std::optional<LinkHash> link_of(std::string_view file_name) {
  if (!file_name.ends_with(kSuffix)) return std::nullopt;
  file_name.remove_suffix(kSuffix.size());
  const auto bytes = parse_hex(file_name);
  const auto link = bytes ? LinkHash::from_bytes(*bytes) : std::nullopt;
  return link && link->hex() == file_name ? link : std::nullopt;
}

}  // namespace

ModelStore::ModelStore(FileSystem& fs, std::filesystem::path directory)
    : fs_(fs), directory_(std::move(directory)) {}

Result<ModelStore::Loaded> ModelStore::load(HeldFiles* held) {
  const auto created = fs_.create_directories(directory_);
  const auto names = created ? fs_.list(directory_) : Result<Names>(created.error());
  if (!names && held == nullptr) return names.error();
  Loaded loaded;
  if (!names) {
    unlisted_ = true;
    held->hold(StateFile::registration, directory_.string(), names.error(), [this] {
      const auto again = fs_.list(directory_);
      return again ? Result<void>() : Result<void>(again.error());
    });
    return loaded;
  }
  for (const std::string& name : *names) {
    const auto link = link_of(name);
    if (!link) continue;
    const auto text = read_file(fs_, directory_ / name);
    if (!text) {
      unread_.insert(*link);
      if (held == nullptr) continue;
      const auto file = directory_ / name;
      held->hold(StateFile::registration, file.string(), text.error(), [this, file] {
        if (!is_unreadable(file)) return Result<void>();
        return Result<void>(Error{ErrorCode::io, file.string() + " cannot be read"});
      });
      continue;
    }
    const auto registration = decode_registration(*text);
    if (registration) {
      loaded.registrations.emplace(*link, *registration);
      continue;
    }
    loaded.damaged.push_back(name);
    // Kept for an operator to look at; if that fails too, the next save() replaces it.
    (void)fs_.rename(directory_ / name, directory_ / (name + ".damaged")).has_value();
  }
  return loaded;
}

Result<void> ModelStore::save(const LinkHash& link, const StoredRegistration& registration) {
  if ((unlisted_ || unread_.contains(link)) && is_unreadable(path(link))) return {};
  unread_.erase(link);
  return write_file_durably(fs_, path(link), encode_registration(registration));
}

bool ModelStore::is_unreadable(const std::filesystem::path& path) const {
  const auto there = fs_.exists(path);
  return !there || (*there && !read_file(fs_, path));
}

Result<void> ModelStore::remove(const LinkHash& link) { return fs_.remove(path(link)); }

std::filesystem::path ModelStore::path(const LinkHash& link) const {
  return directory_ / (link.hex() + std::string(kSuffix));
}

std::string encode_registration(const StoredRegistration& registration) {
  const Json json = {{"format", kFormat},
                     {"instance", registration.instance},
                     {"model_id", registration.model_id},
                     {"name", registration.name},
                     {"experiment_id", registration.experiment_id},
                     {"experiment_name", registration.experiment_name}};
  return to_text(json) + "\n";
}

std::optional<StoredRegistration> decode_registration(const std::string& text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (number_at(json, "format") != kFormat) return std::nullopt;
  return StoredRegistration{text_at(json, "instance"), text_at(json, "model_id"),
                            text_at(json, "name"), text_at(json, "experiment_id"),
                            text_at(json, "experiment_name")};
}

}  // namespace tracelink
