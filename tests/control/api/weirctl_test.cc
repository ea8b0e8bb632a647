// SPDX-License-Identifier: Apache-2.0
// weirctl as a program, against a server with hand-filled tables: output and exit codes. $WEIRCTL
// is the binary.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>

#include "control/api/report.h"
#include "tests/control/api/client.h"
#include "tests/control/api/tables.h"

namespace weir::api {
namespace {

using nlohmann::json;
using testing::HandFilled;
using testing::ServerThread;
using testing::socket_path;

struct Outcome {
    int code = -1;
    std::string text;  // both outputs
};

Outcome run(const std::string& arguments) {
    const char* program = std::getenv("WEIRCTL");
    EXPECT_NE(program, nullptr) << "set WEIRCTL to the binary";
    if (!program) return {};
    Outcome outcome;
    FILE* pipe = popen((std::string(program) + " " + arguments + " 2>&1").c_str(), "r");
    char chunk[4096];
    while (const std::size_t count = fread(chunk, 1, sizeof(chunk), pipe))
        outcome.text.append(chunk, count);
    outcome.code = WEXITSTATUS(pclose(pipe));
    return outcome;
}

class Weirctl : public ::testing::Test {
  protected:
    Outcome show(const std::string& arguments) { return run("-s " + path_ + " show " + arguments); }

    HandFilled tables_;
    std::string path_ = socket_path("weirctl");
    ServerThread server_{
        path_, [this](const json& request) {
            return answer({tables_.view, tables_.directory, testing::now}, request);
        }};
};

TEST_F(Weirctl, TablesAreAligned) {
    tables_.workers[0].reason[WEIR_REASON_FLOW_HIT] = 1234567;
    tables_.workers[0].reason[WEIR_REASON_NO_BACKEND] = 2;
    const Outcome outcome = show("stats");
    EXPECT_EQ(outcome.code, 0);
    EXPECT_EQ(outcome.text,
              "REASON      VERDICT  PACKETS  MEANING\n"
              "flow_hit    forward  1234567  packet of a known flow\n"
              "no_backend  drop           2  no backend of the service may take a new flow\n"
              "\n"
              "packets: 1234567 forwarded, 0 to the host, 2 dropped\n");
}

TEST_F(Weirctl, EveryReportHasATable) {
    tables_.add_flow(0, 100, 3);
    for (const char* report : {"services", "backends", "flows", "stats", "workers", "ports"}) {
        const Outcome outcome = show(report);
        EXPECT_EQ(outcome.code, 0) << outcome.text;
        EXPECT_GE(outcome.text.size(), 20u);
    }
    EXPECT_NE(show("backends").text.find("connect() failed (111: Connection refused)"),
              std::string::npos);
    EXPECT_NE(show("flows").text.find("10m00s"), std::string::npos);
}

TEST_F(Weirctl, JsonIsTheAnswer) {
    const Outcome outcome = show("services -o json");
    EXPECT_EQ(outcome.code, 0);
    EXPECT_EQ(json::parse(outcome.text)["services"][0]["service"], "10.0.0.1:80");
}

TEST_F(Weirctl, FiltersReachTheBalancer) {
    for (unsigned i = 0; i < 8; i++) tables_.add_flow(i, 100 + i, 3);
    EXPECT_EQ(json::parse(show("flows --client 10.0.0.101 -o json").text)["flows"].size(), 1u);
    EXPECT_NE(show("flows --limit 2").text.find("6 more flows are not shown"), std::string::npos);
}

TEST_F(Weirctl, ExitCodes) {
    EXPECT_EQ(show("flows --client nonsense").code, 1);
    EXPECT_EQ(show("stats --client 10.0.0.1").code, 1);
    EXPECT_EQ(show("nothing").code, 2);
    EXPECT_EQ(run("").code, 2);
    EXPECT_EQ(run("dance").code, 2);
    EXPECT_EQ(run("--no-such-option").code, 2);
    EXPECT_EQ(run("show").code, 2);
    EXPECT_EQ(run("show stats -o xml").code, 2);
    EXPECT_EQ(run("-i ../../x show stats").code, 2);
    EXPECT_EQ(run("show flows --limit none").code, 2);
    const Outcome absent = run("-s " + socket_path("absent") + " show stats");
    EXPECT_EQ(absent.code, 3);
    EXPECT_NE(absent.text.find("is it running?"), std::string::npos) << absent.text;
}

TEST(WeirctlAlone, NeedsNoBalancer) {
    EXPECT_EQ(run("--help").code, 0);
    EXPECT_NE(run("version").text.find("weirctl version: weir/"), std::string::npos);
    const Outcome outcome = run("reasons");
    EXPECT_EQ(outcome.code, 0);
    for (const ReasonText& reason : reasons())
        EXPECT_NE(outcome.text.find(reason.name), std::string::npos) << reason.name;
    EXPECT_EQ(json::parse(run("reasons -o json").text)["reasons"].size(), reasons().size());
}

TEST(WeirctlAlone, AStrangerOnTheSocketIsNoticed) {
    const std::string path = socket_path("stranger");
    ServerThread server(path, [](const json&) { return json("HTTP/1.1 200 OK"); });
    const Outcome outcome = run("-s " + path + " show stats");
    EXPECT_EQ(outcome.code, 3);
    EXPECT_NE(outcome.text.find("is not weir"), std::string::npos);
}

}  // namespace
}  // namespace weir::api
