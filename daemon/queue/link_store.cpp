#include "daemon/queue/link_store.hpp"

#include <algorithm>

#include "daemon/codec/link_codec.hpp"

namespace tracelink {
namespace {

// "<32 hex digits>", or that with the end of a file that was being written.
bool is_ours(std::string_view name) {
  constexpr std::size_t kHashDigits = 32;
  const auto end = name.find_first_not_of("0123456789abcdef");
  if (name.size() < kHashDigits || std::min(end, name.size()) != kHashDigits) return false;
  return name.size() == kHashDigits || name.substr(kHashDigits) == ".tmp";
}

bool is_named_by_trace(const std::string& encoded) {
  const auto link = decode_link(encoded);
  return link && link->named_by_trace;
}

}  // namespace

LinkStore::LinkStore(FileSystem& fs, std::filesystem::path directory, Quarantine& quarantine,
                     HeldFiles& held, DiskReserve& reserve)
    : fs_(fs),
      directory_(std::move(directory)),
      quarantine_(quarantine),
      held_(held),
      reserve_(reserve) {}

Result<void> LinkStore::open() {
  const auto names = fs_.list(directory_);
  if (!names) return names.error();
  for (const auto& name : *names) {
    if (!is_ours(name)) continue;
    const auto retry = [this, name] { return load(name); };
    if (auto loaded = load(name); !loaded) {
      held_.hold(StateFile::link, (directory_ / name).string(), loaded.error(), retry);
    }
  }
  return {};
}

Result<void> LinkStore::load(const std::string& name) {
  const auto path = directory_ / name;
  if (name.ends_with(".tmp")) return fs_.remove(path);
  const auto there = fs_.exists(path);
  if (there && !*there) return {};  // removed by hand
  auto content = read_file(fs_, path);
  if (!content) return std::move(content).error();
  const auto hash = hash_link(*content);
  if (hash.hex() != name) return quarantine_.set_aside(path);
  const MutexLock lock(mutex_);
  links_.emplace(hash, std::make_shared<const std::string>(*std::move(content)));
  return {};
}

Result<LinkHash> LinkStore::remember(const LinkDefinition& link) {
  const auto bytes = encode_link(link);
  const auto hash = hash_link(bytes);
  const Room room = link.named_by_trace ? Room::spare : Room::any;
  const auto stored = store(hash, bytes, room);
  if (stored) return hash;
  if (room == Room::any) return stored.error();
  use_without_file(hash, bytes, stored.error(), room);
  return hash;
}

LinkHash LinkStore::adopt(const LinkDefinition& link) {
  const auto bytes = encode_link(link);
  const auto hash = hash_link(bytes);
  const auto stored = store(hash, bytes, Room::any);
  if (!stored) use_without_file(hash, bytes, stored.error(), Room::any);
  return hash;
}

void LinkStore::learn(std::string_view encoded) {
  if (!decode_link(encoded)) return;
  const auto hash = hash_link(encoded);
  const auto stored = store(hash, std::string(encoded), Room::spare);
  if (!stored) use_without_file(hash, std::string(encoded), stored.error(), Room::spare);
}

Result<void> LinkStore::store(const LinkHash& hash, const std::string& encoded, Room room) {
  const MutexLock writing(writing_);
  if (this->encoded(hash)) return {};
  if (auto written = write(hash, encoded, room); !written) return written;
  const MutexLock lock(mutex_);
  links_.emplace(hash, std::make_shared<const std::string>(encoded));
  held_.release((directory_ / hash.hex()).string());  // the same content, by its name
  return {};
}

Result<void> LinkStore::write(const LinkHash& hash, const std::string& encoded, Room room) {
  constexpr std::uint64_t kBlockBytes = 4096;
  const auto path = directory_ / hash.hex();
  if (room == Room::any) {
    return reserve_.with([&] { return write_file_durably(fs_, path, encoded); });
  }
  if (!reserve_.spares(encoded.size() + kBlockBytes)) {
    return Error{ErrorCode::no_space, path.string() + ": the disk is full"};
  }
  return write_file_durably(fs_, path, encoded);
}

void LinkStore::use_without_file(const LinkHash& hash, const std::string& encoded,
                                 const Error& error, Room room) {
  held_.hold(StateFile::link, (directory_ / hash.hex()).string(), error,
             [this, hash, encoded, room] { return write(hash, encoded, room); });
  const MutexLock lock(mutex_);
  links_.emplace(hash, std::make_shared<const std::string>(encoded));
}

Result<LinkDefinition> LinkStore::find(const LinkHash& hash) const {
  const auto bytes = encoded(hash);
  if (!bytes && may_be_held(hash)) {
    return Error{ErrorCode::io, "the link " + hash.hex() + " cannot be read"};
  }
  if (!bytes) return Error{ErrorCode::invalid, "unknown link " + hash.hex()};
  return decode_link(*bytes);
}

bool LinkStore::may_be_held(const LinkHash& hash) const {
  return held_.holds(directory_.string()) || held_.holds((directory_ / hash.hex()).string());
}

std::vector<LinkHash> LinkStore::named_by_traces() const {
  std::vector<LinkHash> named;
  const MutexLock lock(mutex_);
  for (const auto& [hash, bytes] : links_) {
    if (is_named_by_trace(*bytes)) named.push_back(hash);
  }
  return named;
}

// After an error it is known as before.
Result<void> LinkStore::forget(const LinkHash& hash) {
  const MutexLock writing(writing_);
  const auto known = encoded(hash);
  if (!known || !is_named_by_trace(*known)) return {};
  const auto path = directory_ / hash.hex();
  if (auto removed = fs_.remove(path); !removed) return removed;
  held_.release(path.string());
  const MutexLock lock(mutex_);
  links_.erase(hash);
  return {};
}

std::map<LinkHash, LinkDefinition> LinkStore::all() const {
  const MutexLock lock(mutex_);
  std::map<LinkHash, LinkDefinition> all;
  for (const auto& [hash, bytes] : links_) {
    if (auto link = decode_link(*bytes)) all.emplace(hash, *std::move(link));
  }
  return all;
}

std::shared_ptr<const std::string> LinkStore::encoded(const LinkHash& hash) const {
  const MutexLock lock(mutex_);
  const auto found = links_.find(hash);
  return found == links_.end() ? nullptr : found->second;
}

std::shared_ptr<const std::string> LinkStore::without_file(const LinkHash& hash) const {
  return held_.holds((directory_ / hash.hex()).string()) ? encoded(hash) : nullptr;
}

}  // namespace tracelink
