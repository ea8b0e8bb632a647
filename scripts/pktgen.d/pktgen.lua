-- SPDX-License-Identifier: Apache-2.0
-- RFC 2544 section 26.1, throughput: for each frame size the highest rate without loss, by binary search,
-- confirmed once more. Run by pktgen.sh inside Pktgen-DPDK; the results are in throughput.csv. Written by
-- scripts/pktgen.
package.path = package.path .. ";?.lua;test/?.lua;app/?.lua;../?.lua"
require "Pktgen"

local sizes = { @SIZES@ }
local services = {
@SERVICES_LUA@
}
local trial_ms = @SECONDS@ * 1000
local settle_ms = 2000          -- RFC 2544 section 23: two seconds for what is under way
local resolution = @RESOLUTION@ -- percent of the line rate
local sender = "0"
local receiver = os.getenv("MEASURE") == "two-way" and "0" or "1"

local function range(field, first, last, step)
    pktgen.range[field](sender, "start", first)
    pktgen.range[field](sender, "min", first)
    pktgen.range[field](sender, "max", last)
    pktgen.range[field](sender, "inc", step)
end

local function prepare(service)
    pktgen.range.src_mac(sender, "start", "@CLIENT_MAC@")
    pktgen.range.dst_mac(sender, "start", "@WEIR_MAC@")
    pktgen.range.ip_proto(sender, "udp")
    range("src_ip", "@FIRST_CLIENT@", "@LAST_CLIENT@", "0.0.0.1")
    range("dst_ip", service.address, service.address, "0.0.0.0")
    range("src_port", @FIRST_PORT@, @LAST_PORT@, 1)
    range("dst_port", service.port, service.port, 0)
    pktgen.set(sender, "count", 0)
    pktgen.set_range(sender, "on")
end

-- Frames sent and lost at this percentage of the line rate.
local function trial(rate, milliseconds)
    pktgen.clr()
    pktgen.set(sender, "rate", rate)
    pktgen.start(sender)
    pktgen.delay(milliseconds)
    pktgen.stop(sender)
    pktgen.delay(settle_ms)
    local sent = pktgen.portStats(sender, "port")[tonumber(sender)].opackets
    local received = pktgen.portStats(receiver, "port")[tonumber(receiver)].ipackets
    return sent, sent - received
end

local function search(size)
    range("pkt_size", size, size, 0)
    trial(1, 10000) -- every flow begins, and ARP is over
    local low, high, sent, lost = 0, 100, 0, 0
    local rate = high
    repeat
        sent, lost = trial(rate, trial_ms)
        printf("%d bytes, %.2f %%: %d sent, %d lost\n", size, rate, sent, lost)
        if lost <= 0 then low = rate else high = rate end
        rate = (low + high) / 2
    until low == 100 or high - low <= resolution
    if low == 0 then
        return 0, 0, 0
    end
    sent, lost = trial(low, trial_ms)
    return low, sent / (trial_ms / 1000), lost
end

local results = io.open("throughput.csv", "w")
results:write("service,frame_bytes,percent_of_line,frames_per_second,lost_in_confirmation\n")
for _, service in ipairs(services) do
    prepare(service)
    for _, size in ipairs(sizes) do
        local rate, fps, lost = search(size)
        results:write(string.format("%s:%d,%d,%.2f,%.0f,%d\n", service.address, service.port, size, rate, fps, lost))
        results:flush()
    end
end
results:close()
pktgen.quit()
