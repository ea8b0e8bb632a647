// SPDX-License-Identifier: Apache-2.0
#include "control/ctl/replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <iostream>

#include "control/ctl/offline.h"
#include "control/ctl/replay_print.h"
#include "control/replay/capture.h"
#include "control/replay/observe.h"
#include "control/replay/pcapng.h"
#include "control/replay/replay.h"

namespace weir::ctl {
namespace {

using nlohmann::json;
using replay::Packet;
using replay::PcapngWriter;
using replay::Replayed;
using replay::Surroundings;

Result<Surroundings> look_around(const config::Model& model, const replay::Given& given,
                                 const std::string& file) {
    std::set<IpAddress> own;
    for (const replay::PortOption& port : given.ports)
        for (const Network& network : port.addresses) own.insert(network.address);
    replay::Observer observer(model, std::move(own));
    auto capture = replay::Capture::open(file);
    if (!capture) return Error{capture.error()};
    auto packet = capture->next();
    for (; packet && *packet; packet = capture->next()) observer.look(**packet);
    auto surroundings = Surroundings::make(model, given, observer.seen());
    // A replay goes as far as the damage, and tells it then; where none is possible, it is told
    // here.
    if (!surroundings && !packet) return Error{packet.error()};
    return surroundings;
}

// The interfaces of the file written: the ports, then what the host and nobody got.
class Results {
  public:
    Status open(const std::string& file, const publish::Directory& directory) {
        std::vector<std::string> names;
        for (const publish::PortInfo& port : directory.ports) names.push_back(port.name);
        host_ = static_cast<unsigned>(names.size());
        names.push_back("host");
        names.push_back("dropped");
        auto writer = PcapngWriter::create(file, names);
        if (!writer) return Error{writer.error()};
        writer_ = *std::move(writer);
        return success();
    }

    void add(const Packet& packet, const Replayed& replayed) {
        if (!writer_) return;
        const std::string comment = replay_comment(packet, replayed);
        for (const replay::Frame& frame : replayed.out)
            write(frame.port, packet, frame.bytes, comment);
        for (const replay::Frame& frame : replayed.to_host)
            write(host_, packet, frame.bytes, comment);
        if (replayed.out.empty() && replayed.to_host.empty())
            write(host_ + 1, packet, packet.bytes, comment);
    }

    Status close() { return writer_ ? writer_->close() : success(); }

  private:
    // Zeros that stand for what the capture has cut off are not written.
    void write(unsigned interface, const Packet& packet, const replay::Bytes& bytes,
               const std::string& comment) {
        const std::size_t cut = std::min(packet.bytes.size() - packet.captured, bytes.size());
        writer_->write(interface, packet.time_ns, std::span(bytes).first(bytes.size() - cut),
                       bytes.size(), comment);
    }

    std::optional<PcapngWriter> writer_;
    unsigned host_ = 0;
};

void print_summary(const CommandLine& line, const replay::Replay& replay) {
    if (line.json()) {
        std::cout << json{{"summary",
                           {{"replayed", replay.replayed()},
                            {"own", replay.own()},
                            {"not_taken", replay.too_long()}}}}
                         .dump()
                  << '\n';
        return;
    }
    std::cout << fmt::format("\n{} packets replayed\n", replay.replayed());
    if (replay.own() > 0)
        std::cout << fmt::format("{} packets left out: the balancer itself had sent them\n",
                                 replay.own());
    if (replay.too_long() > 0)
        std::cout << fmt::format("{} packets left out: engine {} takes none of their length\n",
                                 replay.too_long(), line.options["engine"].as<std::string>());
}

Status run(const CommandLine& line, replay::Replay& replay, replay::Capture& capture,
           const publish::Directory& directory, Results& results) {
    std::optional<std::uint64_t> first;
    if (!line.json()) std::cout << replay_header() << '\n';
    while (true) {
        const auto packet = capture.next();
        if (!packet) return Error{packet.error()};
        if (!*packet) return success();
        const auto replayed = replay.step(**packet);
        if (!replayed) return Error{replayed.error()};
        if (!first) first = (*packet)->time_ns;
        if (!*replayed) continue;
        const auto since = static_cast<std::int64_t>((*packet)->time_ns - *first);
        const double seconds = static_cast<double>(since) / 1e9;
        if (line.json())
            std::cout << replay_json(**packet, seconds, **replayed, directory).dump() << '\n';
        else
            std::cout << replay_line(**packet, seconds, **replayed, directory) << '\n';
        results.add(**packet, **replayed);
    }
}

Status replay_file(const CommandLine& line, const replay::Given& given, const MakeRunner& make) {
    const std::string& file = line.words[1];
    const auto model = read_configuration(line);
    if (!model) return Error{model.error()};
    auto capture = replay::Capture::open(file);
    if (!capture) return Error{capture.error()};
    const auto surroundings = look_around(*model, given, file);
    if (!surroundings) return Error{surroundings.error()};
    print_notes(surroundings->notes());

    auto runner = make(line.options["engine"].as<std::string>());
    if (!runner) return Error{runner.error()};
    const tables::Geometry geometry = replay::geometry_of(*model);
    const auto view = (*runner)->open(geometry);
    if (!view) return Error{view.error()};
    const auto balancer =
        replay::fill_tables(*view, geometry, *model, *surroundings, (*runner)->ifindexes());
    if (!balancer) return Error{balancer.error()};
    const publish::Directory& directory = (*balancer)->directory();

    Results results;
    if (line.options.contains("write"))
        if (const auto opened = results.open(line.options["write"].as<std::string>(), directory);
            !opened)
            return opened;
    replay::Replay replay(**runner, *view, directory);
    const Status ran = run(line, replay, *capture, directory, results);
    print_summary(line, replay);
    std::cout.flush();
    const Status written = results.close();
    return ran ? written : ran;
}

}  // namespace

int replay(const CommandLine& line, const MakeRunner& make_runner) {
    if (line.words.size() != 2) return complain("replay needs one capture file");
    if (!line.options.contains("config"))
        return complain("replay needs --config FILE: it asks no running balancer");
    const auto given = given_surroundings(line);
    if (!given) return complain(given.error());
    const Status status = replay_file(line, *given, make_runner);
    return status ? ok : fail(refused, status.error());
}

Result<std::unique_ptr<replay::Runner>> make_runner(const std::string& engine) {
    if (engine == "host") return replay::make_host_runner();
    if (engine == "xdp") return replay::make_xdp_runner();
    return Error{"engine " + engine + " is not in this program"};
}

}  // namespace weir::ctl
