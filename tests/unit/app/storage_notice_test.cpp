#include "daemon/app/storage_notice.hpp"

#include <gtest/gtest.h>

namespace tracelink {
namespace {

constexpr std::string_view kHost =
    "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
    "23 22 0:21 / /run rw,nosuid shared:2 master:3 - tmpfs tmpfs rw,size=10%\n"
    "24 22 0:22 / /srv/with\\040space rw - tmpfs tmpfs rw\n"
    "25 22 254:1 / /run/disk rw - xfs /dev/vdb rw\n";

// As the kernel of a node shows them to a pod.
constexpr std::string_view kPod =
    "700 600 0:50 / / rw - overlay overlay rw\n"
    "701 700 254:1 /var/lib/kubelet/pods/0f/volumes/kubernetes.io~empty-dir/state "
    "/var/lib/tracelink "
    "rw - ext4 /dev/vda rw\n"
    "702 700 254:2 / /var/lib/tracelink/queue rw - ext4 /dev/vdc rw\n";

TEST(StorageNoticeTest, ADiskNeedsNone) {
  for (const std::string path : {"/var/lib/tracelink", "/runner", "/run/disk/state", "/"}) {
    EXPECT_EQ(storage_notice(path, kHost), "") << path;
  }
  EXPECT_EQ(storage_notice("/var/lib/tracelink/queue", kPod), "");
  EXPECT_EQ(storage_notice("/var/lib/tracelink", ""), "");
}

TEST(StorageNoticeTest, TmpfsGoesWithTheMachine) {
  for (const std::string path : {"/run", "/run/tracelink", "/srv/with space/state"}) {
    EXPECT_EQ(
        storage_notice(path, kHost),
        "state_dir " + path +
            " is on tmpfs: acknowledged traces survive a restart of the daemon, but not of the "
            "machine; put state_dir on a disk");
  }
}

TEST(StorageNoticeTest, AnEmptyDirGoesWithThePod) {
  for (const std::string path : {"/var/lib/tracelink", "/var/lib/tracelink/deeper"}) {
    EXPECT_EQ(
        storage_notice(path, kPod),
        "state_dir " + path +
            " is on a pod's emptyDir: acknowledged traces survive a restart of the daemon, but "
            "not of the pod; put state_dir on a persistent volume");
  }
}

TEST(StorageNoticeTest, TheLaterOfTwoMountsOnOnePointCounts) {
  const std::string mounts =
      "1 0 254:0 / / rw - ext4 /dev/vda rw\n"
      "2 1 0:9 / /data rw - tmpfs tmpfs rw\n"
      "3 1 254:2 / /data rw - ext4 /dev/vdb rw\n";
  EXPECT_EQ(storage_notice("/data/state", mounts), "");
}

}  // namespace
}  // namespace tracelink
