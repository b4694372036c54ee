#include "daemon/destination/databricks/upload_target.hpp"

#include <gtest/gtest.h>

namespace tracelink {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

UploadTarget target_of(const std::string& type, const std::string& url = "https://store/f?sig=a") {
  const Json answer = {{"credential_info",
                        {{"signed_uri", url},
                         {"type", type},
                         {"headers", Json::array({{{"name", "x-amz-server-side-encryption"},
                                                   {"value", "AES256"}}})}}}};
  const auto target = read_upload_target(answer);
  EXPECT_TRUE(target) << type;
  return target.value_or(UploadTarget{});
}

TEST(UploadTarget, AmazonAndGoogleTakeOnePutWithTheGivenHeadersAlone) {
  for (const char* type : {"AWS_PRESIGNED_URL", "GCP_SIGNED_URL"}) {
    const auto requests = upload_requests(target_of(type), "spans");
    ASSERT_EQ(requests.size(), 1u);
    EXPECT_EQ(requests[0].method, "PUT");
    EXPECT_EQ(requests[0].url, "https://store/f?sig=a");
    EXPECT_EQ(requests[0].body, "spans");
    EXPECT_EQ(requests[0].headers, (Headers{{"x-amz-server-side-encryption", "AES256"}}));
  }
}

TEST(UploadTarget, AzureBlobsAreABlockAndTheListThatCommitsIt) {
  const auto requests = upload_requests(target_of("AZURE_SAS_URI"), "spans");
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_EQ(requests[0].url, "https://store/f?sig=a&comp=block&blockid=dHJhY2VsaW5rLWJsb2NrLTA%3D");
  EXPECT_EQ(requests[0].headers.back(),
            std::pair(std::string("x-ms-blob-type"), std::string("BlockBlob")));
  EXPECT_EQ(requests[0].body, "spans");
  EXPECT_EQ(requests[1].url, "https://store/f?sig=a&comp=blocklist");
  EXPECT_EQ(requests[1].body,
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList><Uncommitted>"
            "dHJhY2VsaW5rLWJsb2NrLTA=</Uncommitted></BlockList>");
}

TEST(UploadTarget, AzureDataLakeFilesAreCreatedThenFilled) {
  const auto requests =
      upload_requests(target_of("AZURE_ADLS_GEN2_SAS_URI", "https://l/f"), "spans");
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_EQ(requests[0].method, "PUT");
  EXPECT_EQ(requests[0].url, "https://l/f?resource=file");
  EXPECT_EQ(requests[0].headers.back(), std::pair(std::string("Content-Length"), std::string("0")));
  EXPECT_EQ(requests[1].method, "PATCH");
  EXPECT_EQ(requests[1].url, "https://l/f?action=append&position=0&flush=true");
  EXPECT_EQ(requests[1].body, "spans");
}

TEST(UploadTarget, AVolumeIsKnownByTheArtifactLocation) {
  EXPECT_EQ(volume_of("dbfs:/Volumes/main/agents/files/tr-1/"), "/Volumes/main/agents/files/tr-1");
  EXPECT_EQ(volume_of("dbfs:/databricks/mlflow-tracking/1/tr-1/artifacts"), "");
  EXPECT_EQ(volume_of("s3://bucket/Volumes/x"), "");
  EXPECT_EQ(volume_of(""), "");
}

TEST(UploadTarget, AVolumesFileIsPutInThePlaceOfTheOneBefore) {
  const auto requests = upload_requests(volume_target("/Volumes/c/s/my v/tr-1"), "{}");
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_EQ(requests[0].method, "PUT");
  EXPECT_EQ(requests[0].url,
            "/api/2.0/fs/files/Volumes/c/s/my%20v/tr-1/traces.json?overwrite=true");
  EXPECT_EQ(requests[0].body, "{}");
}

TEST(UploadTarget, WhatIsNotKnownIsNoTarget) {
  EXPECT_FALSE(read_upload_target(Json::object()));
  EXPECT_FALSE(read_upload_target({{"credential_info", {{"signed_uri", "u"}, {"type", "FTP"}}}}));
  EXPECT_FALSE(read_upload_target({{"credential_info", {{"type", "AWS_PRESIGNED_URL"}}}}));
}

TEST(UploadTarget, AnAddressOrHeaderThatCannotBeSentIsNoTarget) {
  const auto offered = [](const std::string& url, const Json& headers) {
    return read_upload_target(
        {{"credential_info",
          {{"type", "AWS_PRESIGNED_URL"}, {"signed_uri", url}, {"headers", headers}}}});
  };
  const auto header = [](const char* name, const char* value) {
    return Json::array({{{"name", name}, {"value", value}}});
  };
  EXPECT_TRUE(offered("https://store/f", header("a", "b")));
  EXPECT_TRUE(offered("http://127.0.0.1:1/f", Json::array()));
  for (const char* url : {"file:///etc/passwd", "ftp://store/f", "store/f", "https://",
                          "https://store/f\r\nX-A: b", "https://store/my file"}) {
    EXPECT_FALSE(offered(url, Json::array())) << url;
  }
  EXPECT_FALSE(offered("https://store/f", header("a\nb", "c")));
  EXPECT_FALSE(offered("https://store/f", header("a", "b\r\nc")));
  EXPECT_FALSE(offered("https://store/f", header("", "b")));
}

}  // namespace
}  // namespace tracelink
