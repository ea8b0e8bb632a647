// SPDX-License-Identifier: Apache-2.0
// The slot tables of each method: nginx's rules on who stands in them and in which order.
#include "control/publish/slots.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "bpf/shared/tables.h"

namespace weir::publish {
namespace {

using config::Method;
using Slots = std::vector<std::uint16_t>;

Peer peer(std::uint16_t id, unsigned weight = 1, bool usable = true) {
    return {id, "10.0.0." + std::to_string(id) + ":80", weight, false, usable};
}

Peer backup(std::uint16_t id, bool usable = true) {
    Peer made = peer(id, 1, usable);
    made.backup = true;
    return made;
}

// What ngx_stream_upstream_get_peer() does for each connection, when no peer fails.
Slots picks_of_nginx(const std::vector<Peer>& peers, std::size_t count) {
    std::vector<long> current(peers.size(), 0);
    Slots picks;
    while (picks.size() < count) {
        long total = 0;
        std::size_t best = peers.size();
        for (std::size_t i = 0; i < peers.size(); i++) {
            if (!peers[i].usable) continue;
            current[i] += peers[i].weight;
            total += peers[i].weight;
            if (best == peers.size() || current[i] > current[best]) best = i;
        }
        current[best] -= total;
        picks.push_back(peers[best].backend);
    }
    return picks;
}

TEST(Slots, RoundRobinIsNginxsOrder) {
    EXPECT_EQ(slot_tables(Method::round_robin, {peer(7, 5), peer(3, 1), peer(9, 1)}).turns,
              (Slots{7, 7, 3, 7, 9, 7, 7}));
    std::mt19937 random(3);
    for (int round = 0; round < 50; round++) {
        std::vector<Peer> peers;
        for (std::uint16_t id = 0; id < 2 + random() % 5; id++)
            peers.push_back(peer(id, 1 + random() % 9, id == 0 || random() % 4 != 0));
        const SlotTables tables = slot_tables(Method::round_robin, peers);
        ASSERT_FALSE(tables.turns.empty());
        EXPECT_TRUE(tables.slots.empty());
        const Slots expected = picks_of_nginx(peers, 3 * tables.turns.size());
        for (std::size_t i = 0; i < expected.size(); i++)
            ASSERT_EQ(tables.turns[i % tables.turns.size()], expected[i]) << "pick " << i;
    }
}

TEST(Slots, BackupsServeOnlyWhenNoOtherPeerDoes) {
    EXPECT_EQ(slot_tables(Method::round_robin, {peer(1), backup(2), peer(3)}).turns, (Slots{1, 3}));
    EXPECT_EQ(slot_tables(Method::round_robin, {peer(1, 1, false), backup(2), peer(3)}).turns,
              (Slots{3}));
    EXPECT_EQ(slot_tables(Method::round_robin,
                          {peer(1, 1, false), backup(2), peer(3, 1, false), backup(4)})
                  .turns,
              (Slots{2, 4}));
    const SlotTables maglev = slot_tables(Method::maglev, {peer(1), backup(2)});
    EXPECT_EQ(std::ranges::count(maglev.slots, 2), 0);
    EXPECT_EQ(
        std::ranges::count(slot_tables(Method::maglev, {peer(1, 1, false), backup(2)}).slots, 2),
        static_cast<std::ptrdiff_t>(maglev.slots.size()));
}

TEST(Slots, NobodyUsableIsNoSlot) {
    for (const Method method : {Method::round_robin, Method::ip_hash, Method::maglev}) {
        const SlotTables tables = slot_tables(method, {peer(1, 1, false), backup(2, false)});
        EXPECT_TRUE(tables.slots.empty());
        EXPECT_TRUE(tables.turns.empty());
    }
}

TEST(Slots, IpHashKeepsThePlacesOfUnusablePeers) {
    const SlotTables all = slot_tables(Method::ip_hash, {peer(1), peer(2, 2), peer(3)});
    EXPECT_EQ(all.slots, (Slots{1, 2, 2, 3}));
    const SlotTables two = slot_tables(Method::ip_hash, {peer(1), peer(2, 2, false), peer(3)});
    EXPECT_EQ(two.slots, (Slots{1, WEIR_NO_BACKEND, WEIR_NO_BACKEND, 3}));
    EXPECT_EQ(two.turns, (Slots{1, 3})) << "where 21 misses end";
}

TEST(Slots, TwoLinesOfOneAddressAreTwoPeers) {
    EXPECT_EQ(slot_tables(Method::round_robin, {peer(5), peer(5), peer(6)}).turns,
              (Slots{5, 5, 6}));
    EXPECT_EQ(slot_tables(Method::ip_hash, {peer(5), peer(6), peer(5)}).slots, (Slots{5, 6, 5}));
}

TEST(Slots, MaglevIsFullFairAndIndifferentToOrder) {
    const Slots slots = slot_tables(Method::maglev, {peer(1), peer(2, 2), peer(3)}).slots;
    ASSERT_GT(slots.size(), 1000u);
    const auto share = [&](std::uint16_t id) {
        return static_cast<double>(std::ranges::count(slots, id)) /
               static_cast<double>(slots.size());
    };
    EXPECT_NEAR(share(1), 0.25, 0.01);
    EXPECT_NEAR(share(2), 0.5, 0.01);
    EXPECT_NEAR(share(3), 0.25, 0.01);
    EXPECT_EQ(slot_tables(Method::maglev, {peer(3), peer(1), peer(2, 2)}).slots, slots);
    EXPECT_TRUE(slot_tables(Method::maglev, {peer(1)}).turns.empty());
}

TEST(Slots, MaglevMovesFewWhenOnePeerFails) {
    std::vector<Peer> peers;
    for (std::uint16_t id = 0; id < 10; id++) peers.push_back(peer(id));
    const Slots before = slot_tables(Method::maglev, peers).slots;
    peers[4].usable = false;
    const Slots after = slot_tables(Method::maglev, peers).slots;
    ASSERT_EQ(after.size(), before.size());
    EXPECT_EQ(std::ranges::count(after, 4), 0);
    std::size_t moved = 0;
    for (std::size_t i = 0; i < before.size(); i++)
        moved += before[i] != 4 && before[i] != after[i];
    EXPECT_LT(moved, before.size() / 20);
}

TEST(Slots, TheSequenceStaysBounded) {
    const SlotTables tables =
        slot_tables(Method::round_robin, {peer(1, 65521), peer(2, 65519), peer(3, 1)});
    EXPECT_LE(tables.turns.size(), 65536u);
    for (const std::uint16_t id : {1, 2, 3}) EXPECT_GE(std::ranges::count(tables.turns, id), 1);
}

}  // namespace
}  // namespace weir::publish
