#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace tracelink {

// What an operator should know about a state directory that goes away by itself: on tmpfs with the
// machine, on a pod's emptyDir with the pod. "" when there is nothing to say.
// `state_dir` is absolute, without symbolic links; `mountinfo` is the text of /proc/self/mountinfo
// (proc_pid_mountinfo(5)).
std::string storage_notice(const std::filesystem::path& state_dir, std::string_view mountinfo);

}  // namespace tracelink
