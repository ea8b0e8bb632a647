// SPDX-License-Identifier: Apache-2.0
// The steering program itself, loaded into the kernel and run on single frames: which of them are
// weir's. No socket is in its map, so these are dropped, and the rest is passed to the kernel.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gtest/gtest.h>

#include <array>
#include <memory>

#include "dataplane/steer.h"
#include "dataplane/steer_map.h"
#include "tests/dataplane/frame6.h"

namespace weir::steer {
namespace {

constexpr weir_mac port_mac{{2, 0, 0, 0, 0, 1}};
constexpr weir_mac other_mac{{2, 0, 0, 0, 0, 3}};

const ipv6::End client{ipv6::address6(9, 9), 4000};
const ipv6::End vip{ipv6::address6(1, 1), 80};
const ipv6::End source{ipv6::address6(1, 1), 2000};  // of weir's, toward the backend
const ipv6::End backend{ipv6::address6(2, 1), 1000};
const weir_addr router = ipv6::address6(9, 1);

class SteerProgram : public ::testing::Test {
  protected:
    void SetUp() override {
        const auto elf = xdp_object();
        object_.reset(bpf_object__open_mem(elf.data(), elf.size(), nullptr));
        ASSERT_NE(object_, nullptr);
        if (bpf_object__load(object_.get()) != 0) GTEST_SKIP() << "no permission to load it";
        weir_service service{};
        service.addr = vip.address;
        service.port = weir_be16_from(vip.port);
        service.protocol = WEIR_PROTO_TCP;
        service.flags = WEIR_SERVICE_USED;
        weir_service service4 = service;
        service4.addr = address(192, 168, 0, 1);
        weir_backend record{};
        record.addr = backend.address;
        record.snat = source.address;
        record.port = weir_be16_from(backend.port);
        record.flags = WEIR_BACKEND_USED;
        record.snat_low = 1024;
        record.snat_high = 32767;
        const int map = bpf_object__find_map_fd_by_name(object_.get(), WEIR_STEER_MAP);
        ASSERT_TRUE(replace_entries(
            map, entries_of(std::array{service, service4}, std::array{record}, {}, 1)));
    }

    // Whether a frame is weir's.
    bool takes(const Frame& frame) const {
        const bpf_program* program =
            bpf_object__find_program_by_name(object_.get(), WEIR_STEER_XDP);
        LIBBPF_OPTS(bpf_test_run_opts, run);
        run.data_in = frame.bytes().data();
        run.data_size_in = static_cast<std::uint32_t>(frame.bytes().size());
        EXPECT_EQ(bpf_prog_test_run_opts(bpf_program__fd(program), &run), 0);
        EXPECT_TRUE(run.retval == XDP_PASS || run.retval == XDP_DROP) << run.retval;
        return run.retval == XDP_DROP;
    }
    bool takes(const ipv6::Bytes& packet) const {
        return takes(ipv6::on_link(other_mac, port_mac, packet));
    }

    struct Close {
        void operator()(bpf_object* object) const { bpf_object__close(object); }
    };
    std::unique_ptr<bpf_object, Close> object_;
};

TEST_F(SteerProgram, TakesServicesAndReplies) {
    EXPECT_TRUE(takes(ipv6::tcp(client, vip, WEIR_TCP_SYN)));
    EXPECT_FALSE(takes(ipv6::tcp(client, {vip.address, 81}, WEIR_TCP_SYN)));
    EXPECT_TRUE(takes(ipv6::tcp(backend, source, WEIR_TCP_ACK)));
    EXPECT_FALSE(takes(ipv6::tcp(backend, {source.address, 40000}, WEIR_TCP_ACK)))
        << "the host's own connection";
    EXPECT_FALSE(takes(ipv6::tcp(client, source, WEIR_TCP_ACK)));
}

TEST_F(SteerProgram, FragmentsOfIpv6GoWhereTheirFirstOneWent) {
    std::uint32_t id = 100;
    for (const auto& [from, to, ours] : {std::tuple{client, vip, true},
                                         {backend, source, true},
                                         {client, ipv6::End{vip.address, 81}, false},
                                         {client, source, false}}) {
        const auto parts = ipv6::fragments(ipv6::tcp(from, to, WEIR_TCP_ACK, 600), id++, 256);
        ASSERT_EQ(parts.size(), 3u);
        EXPECT_FALSE(takes(parts[1])) << "nobody knows it yet";
        for (const auto& part : parts) EXPECT_EQ(takes(part), ours) << id;
        EXPECT_EQ(takes(parts[1]), ours) << "and once more";
        const auto others = ipv6::fragments(ipv6::tcp(from, to, WEIR_TCP_ACK, 600), id++, 256);
        EXPECT_FALSE(takes(others[2])) << "of another datagram";
    }
}

TEST_F(SteerProgram, AnAtomicFragmentIsWhole) {  // RFC 6946
    const auto whole = ipv6::tcp(client, vip, WEIR_TCP_SYN);
    EXPECT_TRUE(takes(ipv6::fragments(whole, 7, 4096).at(0)));
}

TEST_F(SteerProgram, FragmentsOfIpv4GoWhereTheirFirstOneWent) {
    const auto parts = [](std::uint16_t port, std::uint16_t id) {
        return Frame::tcp(other_mac, port_mac, address(10, 0, 0, 9), 4000, address(192, 168, 0, 1),
                          port, WEIR_TCP_ACK, std::vector<std::uint8_t>(600, 1))
            .fragments(id, 256);
    };
    const auto ours = parts(80, 1);
    EXPECT_FALSE(takes(ours[1]));
    for (const Frame& part : ours) EXPECT_TRUE(takes(part));
    for (const Frame& part : parts(81, 2)) EXPECT_FALSE(takes(part));
}

TEST_F(SteerProgram, TakesErrorsAboutWhatItsFlowsHaveSent) {
    EXPECT_TRUE(takes(ipv6::error(router, ipv6::tcp(vip, client, WEIR_TCP_ACK, 1400))));
    EXPECT_TRUE(takes(ipv6::error(router, ipv6::tcp(source, backend, WEIR_TCP_ACK, 1400))));
    EXPECT_FALSE(takes(ipv6::error(router, ipv6::tcp({vip.address, 81}, client, WEIR_TCP_ACK))))
        << "of the host's own connections";
    EXPECT_FALSE(
        takes(ipv6::error(router, ipv6::tcp({source.address, 40000}, backend, WEIR_TCP_ACK))));
    const auto quoted = ipv6::tcp(vip, client, WEIR_TCP_ACK, 1400);
    EXPECT_TRUE(takes(ipv6::error(router, {quoted.begin(), quoted.begin() + ipv6::header + 8})))
        << "eight bytes of the transport header are enough";
}

TEST_F(SteerProgram, TakesErrorsAboutTheFirstFragmentOnly) {
    const auto parts = ipv6::fragments(ipv6::tcp(vip, client, WEIR_TCP_ACK, 1400), 5, 1024);
    EXPECT_TRUE(takes(ipv6::error(router, parts[0])));
    EXPECT_FALSE(takes(ipv6::error(router, parts[1]))) << "it has no ports to tell by";
}

TEST_F(SteerProgram, LeavesTheRestOfIcmpv6ToTheKernel) {
    for (const std::uint8_t type : {128, 129, 133, 134, 135, 136}) {
        const ipv6::Bytes message{type, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8};
        EXPECT_FALSE(takes(ipv6::packet(client.address, vip.address, ipv6::icmp, message, 2)))
            << unsigned{type};
    }
}

}  // namespace
}  // namespace weir::steer
