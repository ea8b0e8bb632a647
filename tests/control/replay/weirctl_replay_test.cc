// SPDX-License-Identifier: Apache-2.0
// weirctl replay and explain --config as a program, on the host build: exit codes, sentences, JSON
// lines. $WEIRCTL is the binary.
#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/control/replay/frames.h"

namespace weir::replay {
namespace {

using nlohmann::json;
using test::record;
using test::temporary;

struct Outcome {
    int code = -1;
    std::string text;
};

Outcome run(const std::string& arguments) {
    const char* program = std::getenv("WEIRCTL");
    EXPECT_NE(program, nullptr) << "set WEIRCTL to the binary";
    if (!program) return {};
    Outcome outcome;
    FILE* pipe = popen((std::string(program) + " " + arguments).c_str(), "r");
    char chunk[4096];
    while (const std::size_t count = fread(chunk, 1, sizeof(chunk), pipe))
        outcome.text.append(chunk, count);
    outcome.code = WEXITSTATUS(pclose(pipe));
    return outcome;
}

const Bytes syn =
    test::tcp({test::client_mac, test::balancer_mac, "10.0.0.2", 4242, "10.0.0.10", 80},
              WEIR_TCP_SYN, 1, 1, std::string(300, 'x'));

class WeirctlReplay : public testing::Test {
  protected:
    WeirctlReplay() {
        std::ofstream(conf_) << "stream { server { listen 80; proxy_pass 10.0.0.21:80; } }\n";
    }
    Outcome replay(const std::string& arguments) {
        return run("replay -c " + conf_ + " " + arguments);
    }

    std::string conf_ = temporary("weirctl.conf");
};

TEST_F(WeirctlReplay, ALineAPacket) {
    const std::string file = record("lines.pcap", {{1'000'000, syn}, {1'500'000, syn}});
    const Outcome outcome = replay(file + " 2>/dev/null");
    EXPECT_EQ(outcome.code, 0);
    EXPECT_NE(outcome.text.find("     2      0.500000  tcp    10.0.0.2:4242          10.0.0.10:80  "
                                "         forward  flow_hit         10.0.0.10:80/tcp     "
                                "10.0.0.21:80           port1\n"),
              std::string::npos)
        << outcome.text;
    EXPECT_NE(outcome.text.find("\n2 packets replayed\n"), std::string::npos);
    EXPECT_NE(
        replay(file + " 2>&1 >/dev/null").text.find("note: port port1 is taken from the capture"),
        std::string::npos);
}

TEST_F(WeirctlReplay, JsonLines) {
    const std::string file = record("json.pcap", {{1'000'000, syn}});
    const Outcome outcome = replay("-o json " + file + " 2>/dev/null");
    EXPECT_EQ(outcome.code, 0);
    std::istringstream lines(outcome.text);
    std::string line;
    ASSERT_TRUE(std::getline(lines, line));
    const json packet = json::parse(line);
    EXPECT_EQ(packet["reason"], "flow_new");
    EXPECT_EQ(packet["backend"], "10.0.0.21:80");
    EXPECT_EQ(packet["out"][0]["destination"], "10.0.0.21:80");
    ASSERT_TRUE(std::getline(lines, line));
    EXPECT_EQ(json::parse(line)["summary"]["replayed"], 1);
}

TEST_F(WeirctlReplay, SnappedPacketsStaySnapped) {
    const std::string out = temporary("snapped.pcapng");
    const std::string file = record("snapped.pcap", {{1'000'000, syn, 60}});
    EXPECT_NE(replay("-w " + out + " " + file + " 2>/dev/null").text.find("flow_new"),
              std::string::npos);
    char why[PCAP_ERRBUF_SIZE];
    pcap_t* handle = pcap_open_offline(out.c_str(), why);
    ASSERT_NE(handle, nullptr) << why;
    pcap_pkthdr* header = nullptr;
    const u_char* data = nullptr;
    ASSERT_EQ(pcap_next_ex(handle, &header, &data), 1);
    EXPECT_EQ(header->caplen, 60u);
    EXPECT_EQ(header->len, syn.size());
    pcap_close(handle);
}

TEST_F(WeirctlReplay, OneSentenceForBadInput) {
    const std::string good = record("good.pcap", {{1, syn}});
    const std::string cooked = record("cooked2.pcap", {}, DLT_LINUX_SLL);
    const std::string cut = temporary("cut.pcap");
    std::ifstream whole(good, std::ios::binary);
    std::string bytes(std::istreambuf_iterator<char>(whole), {});
    std::ofstream(cut, std::ios::binary) << bytes.substr(0, bytes.size() - 1);
    const struct {
        std::string arguments;
        int code;
        const char* says;
    } cases[] = {
        {"/nonexistent.pcap", 1, "No such file"},
        {conf_, 1, "unknown file format"},
        {cooked, 1, "link type LINUX_SLL, not Ethernet"},
        {cut, 1, "is damaged after packet 0"},
        {"--config /nonexistent.conf " + good, 2, "cannot be specified more than once"},
        {"--engine vpp " + good, 2, "there are host, xdp and dpdk"},
        {"--port eth0 " + good, 2, "is no port such as"},
        {"--neighbor x=y " + good, 2, "is no neighbor such as"},
        {"", 2, "one capture file"},
        {"-w /nonexistent/out.pcapng " + good, 1, "cannot write"},
    };
    for (const auto& test : cases) {
        const Outcome outcome = replay(test.arguments + " 2>&1");
        EXPECT_EQ(outcome.code, test.code) << test.arguments;
        EXPECT_NE(outcome.text.find(test.says), std::string::npos) << outcome.text;
    }
    EXPECT_EQ(run("replay " + good + " 2>/dev/null").code, 2);
    const Outcome unreadable = run("replay -c /nonexistent.conf " + good + " 2>&1");
    EXPECT_EQ(unreadable.code, 1);
    EXPECT_NE(unreadable.text.find("open() \"/nonexistent.conf\" failed"), std::string::npos);
}

TEST_F(WeirctlReplay, ExplainFromAConfiguration) {
    const Outcome outcome = run("explain -c " + conf_ + " 10.0.0.2:4242 10.0.0.10:80 2>/dev/null");
    EXPECT_EQ(outcome.code, 0);
    EXPECT_NE(outcome.text.find("10.0.0.21:80 is up"), std::string::npos) << outcome.text;
    EXPECT_NE(outcome.text.find("forward (flow_new)"), std::string::npos);
    const json answer = json::parse(
        run("explain -o json -c " + conf_ + " 10.0.0.2:4242 10.0.0.10:80/udp 2>/dev/null").text);
    EXPECT_EQ(answer["reason"], "not_service");
    EXPECT_EQ(run("explain -c " + conf_ + " 10.0.0.2 10.0.0.10:80 2>/dev/null").code, 1);
    EXPECT_EQ(run("explain 10.0.0.2:1 2>/dev/null").code, 2);
    EXPECT_EQ(run("explain -s /nonexistent.sock 10.0.0.2:1 10.0.0.10:80 2>/dev/null").code, 3);
}

}  // namespace
}  // namespace weir::replay
