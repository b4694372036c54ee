#include "daemon/app/storage_notice.hpp"

#include <algorithm>
#include <iterator>
#include <sstream>

namespace tracelink {

namespace {

struct Mount {
  std::string root;  // of the file system, as the kernel shows it
  std::filesystem::path point;
  std::string type;
};

bool is_octal(char c) { return c >= '0' && c <= '7'; }

// The kernel writes white space and backslashes as \ooo.
std::string unescaped(std::string_view text) {
  std::string plain;
  while (!text.empty()) {
    if (text.size() >= 4 && text.front() == '\\' &&
        std::ranges::all_of(text.substr(1, 3), is_octal)) {
      plain += static_cast<char>((text[1] - '0') * 64 + (text[2] - '0') * 8 + (text[3] - '0'));
      text.remove_prefix(4);
    } else {
      plain += text.front();
      text.remove_prefix(1);
    }
  }
  return plain;
}

// "36 35 98:0 /root /point options optional… - type source options"
Mount mount_of(const std::string& line) {
  std::istringstream fields(line);
  std::string skipped;
  std::string root;
  std::string point;
  fields >> skipped >> skipped >> skipped >> root >> point;
  while (fields >> skipped && skipped != "-") {
  }
  Mount mount{unescaped(root), unescaped(point), {}};
  fields >> mount.type;
  return mount;
}

bool holds(const Mount& mount, const std::filesystem::path& path) {
  return std::ranges::mismatch(mount.point, path).in1 == mount.point.end();
}

}  // namespace

std::string storage_notice(const std::filesystem::path& state_dir, std::string_view mountinfo) {
  Mount nearest;
  std::istringstream lines{std::string(mountinfo)};
  for (std::string line; std::getline(lines, line);) {
    Mount mount = mount_of(line);
    // Of two on the same point the later one covers the earlier.
    const auto depth = [](const Mount& of) { return std::ranges::distance(of.point); };
    if (holds(mount, state_dir) && depth(mount) >= depth(nearest)) nearest = std::move(mount);
  }
  const std::string place = "state_dir " + state_dir.string() + " is on ";
  const std::string kept = ": acknowledged traces survive a restart of the daemon, but not of the ";
  if (nearest.type == "tmpfs") {
    return place + "tmpfs" + kept + "machine; put state_dir on a disk";
  }
  if (nearest.root.find("/kubernetes.io~empty-dir/") != std::string::npos) {
    return place + "a pod's emptyDir" + kept + "pod; put state_dir on a persistent volume";
  }
  return {};
}

}  // namespace tracelink
