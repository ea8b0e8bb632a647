// SPDX-License-Identifier: Apache-2.0
#include "control/ctl/explain.h"

#include <fmt/format.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "control/api/report.h"
#include "control/ctl/client.h"
#include "control/ctl/offline.h"
#include "control/ctl/table.h"
#include "control/replay/surroundings.h"
#include "dataplane/tables/heap_store.h"

namespace weir::ctl {
namespace {

using nlohmann::json;

constexpr std::uint64_t any_time = 1'000'000'000;  // there are no flows that could expire

// Without --port the balancer's only port has the address asked for.
Status assume_port(replay::Given& given, const json& request) {
    if (!given.ports.empty()) return success();
    const auto service = api::parse_endpoint(request["explain"]["service"].get<std::string>());
    if (!service) return success();  // the answer says what is wrong with it
    const std::string address = api::address_text(service->address);
    auto port = replay::parse_port("port1=" + address +
                                   (weir_addr_is_v4(&service->address) ? "/32" : "/128") +
                                   ",02:77:65:69:72:02");
    if (!port) return Error{port.error()};
    print_notes({"the balancer's port is taken to have the address " + address +
                 "; --port says otherwise"});
    given.ports.push_back(*std::move(port));
    return success();
}

Result<json> ask_configuration(const CommandLine& line, const json& request) {
    const auto model = read_configuration(line);
    if (!model) return Error{model.error()};
    auto given = given_surroundings(line);
    if (!given) return Error{given.error()};
    if (const auto assumed = assume_port(*given, request); !assumed) return Error{assumed.error()};
    for (replay::PortOption& port : given->ports)
        if (!port.mac) port.mac = MacAddress{0x02, 0x77, 0x65, 0x69, 0x72, 0x02};
    const auto surroundings = replay::Surroundings::make(*model, *given, {});
    if (!surroundings) return Error{surroundings.error()};

    const tables::Geometry geometry = replay::geometry_of(*model);
    tables::HeapStore store(geometry);
    const auto balancer = replay::fill_tables(store.view(), geometry, *model, *surroundings,
                                              std::vector<std::uint32_t>(WEIR_PORT_CAPACITY, 1));
    if (!balancer) return Error{balancer.error()};
    const tables::View view = store.view();
    return api::answer({view, (*balancer)->directory(), any_time}, request);
}

void print(const json& answer) {
    Table table;
    table.column("STEP", Align::left);
    table.column("", Align::left);
    for (const json& step : answer["steps"])
        table.row({step["step"].get<std::string>(), step["text"].get<std::string>()});
    std::cout << fmt::format("{} {} -> {}\n\n", answer["protocol"].get<std::string>(),
                             answer["client"].get<std::string>(),
                             answer["service"].get<std::string>());
    table.print(std::cout);
}

}  // namespace

int explain(const CommandLine& line) {
    if (line.words.size() != 3)
        return complain("explain needs CLIENT:PORT and SERVICE:PORT/PROTOCOL");
    std::string service = line.words[2];
    std::string protocol = "tcp";
    if (const auto slash = service.find('/'); slash != std::string::npos) {
        protocol = service.substr(slash + 1);
        service.erase(slash);
    }
    const json request{
        {"explain", {{"client", line.words[1]}, {"service", service}, {"protocol", protocol}}}};

    const bool offline = line.options.contains("config");
    const Result<json> answer =
        offline ? ask_configuration(line, request) : ask(line.socket(), request);
    if (!answer) return fail(offline ? refused : unreachable, answer.error());
    if (const auto why = refusal(*answer)) return fail(refused, *why);
    if (line.json())
        std::cout << answer->dump(2) << '\n';
    else
        print(*answer);
    return ok;
}

}  // namespace weir::ctl
