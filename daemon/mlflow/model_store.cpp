#include "daemon/mlflow/model_store.hpp"

#include <utility>

#include "daemon/mlflow/rest_json.hpp"

namespace tracelink {
namespace {

constexpr std::string_view kSuffix = ".json";
constexpr int kFormat = 1;

std::optional<int> hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return std::nullopt;
}

// "<32 hex digits>.json"
std::optional<LinkHash> link_of(std::string_view file_name) {
  if (!file_name.ends_with(kSuffix)) return std::nullopt;
  file_name.remove_suffix(kSuffix.size());
  LinkHash link;
  if (file_name.size() != 2 * link.bytes.size()) return std::nullopt;
  for (std::size_t i = 0; i < link.bytes.size(); ++i) {
    const auto high = hex_digit(file_name[2 * i]);
    const auto low = hex_digit(file_name[2 * i + 1]);
    if (!high || !low) return std::nullopt;
    link.bytes[i] = static_cast<std::uint8_t>(*high << 4 | *low);
  }
  return link;
}

}  // namespace

ModelStore::ModelStore(FileSystem& fs, std::filesystem::path directory)
    : fs_(fs), directory_(std::move(directory)) {}

Result<ModelStore::Loaded> ModelStore::load() {
  if (auto created = fs_.create_directories(directory_); !created) return created.error();
  const auto names = fs_.list(directory_);
  if (!names) return names.error();
  Loaded loaded;
  for (const std::string& name : *names) {
    const auto link = link_of(name);
    if (!link) continue;
    const auto text = read_file(fs_, directory_ / name);
    const auto registration = text ? decode_registration(*text) : std::nullopt;
    if (registration) {
      loaded.registrations.emplace(*link, *registration);
      continue;
    }
    loaded.damaged.push_back(name);
    // Kept for a person to look at; if that fails too, the next save() replaces it.
    (void)fs_.rename(directory_ / name, directory_ / (name + ".damaged")).has_value();
  }
  return loaded;
}

Result<void> ModelStore::save(const LinkHash& link, const StoredRegistration& registration) {
  const auto path = directory_ / (link.hex() + std::string(kSuffix));
  return write_file_durably(fs_, path, encode_registration(registration));
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
