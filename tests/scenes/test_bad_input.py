# SPDX-License-Identifier: Apache-2.0
"""What a user gets wrong, and what a machine lacks: one clear sentence, exit code 1 within seconds, the
machine as it was."""
import re
import subprocess
import sys
from pathlib import Path

import pytest
from ground import backends, balancer, expect, machine, paths
from ground.netns import wait_for
from ground.paths import APPS

HUGEPAGES = Path("/proc/sys/vm/nr_hugepages")


@pytest.fixture(scope="module")
def place(one_armed):
    one_armed.servers = backends.start_all(one_armed.backends(backends.Nginx))
    return one_armed


def good(place):
    return balancer.http_conf([server.endpoint for server in place.servers])


def refused(place, weir, text, sentence, before_command=()):
    """Runs weir to its end: code 1, exactly one [emerg] sentence that says `sentence`."""
    before = machine.snapshot(place.balancer)
    weir.configuration = weir.prepare(text)
    try:
        result = place.balancer.run(*before_command, *weir.command(), check=False, timeout=10)
    except subprocess.TimeoutExpired as running:
        raise AssertionError(f"weir has started all the same: {running.stderr}") from None
    complaints = [line for line in result.stderr.splitlines() if re.search(r"\[(emerg|error|crit)\]", line)]
    assert result.returncode == 1, result.stderr
    assert len(complaints) == 1, result.stderr
    assert re.search(sentence, complaints[0]), complaints[0]
    assert machine.difference(before, machine.snapshot(place.balancer)) == []
    return complaints[0]


MISTAKES = {
    "unknown directive": ("http { upstream lb { server 10.0.0.21:8080;\n lest_conn; } }",
                          r'unknown directive "lest_conn" in \S+:2'),
    "missing semicolon": ("http {\n upstream lb {\n server 10.0.0.21:8080\n }\n}",
                          r'directive "server" is not terminated by ";" in \S+:4|unexpected "}" in \S+:4'),
    "missing brace": ("http {\n upstream lb {\n server 10.0.0.21:8080;\n }\n",
                      r'unexpected end of file, expecting "}" in \S+:5'),
    "no servers": ("stream {\n upstream lb {\n }\n}", r"no servers are inside upstream in \S+:3"),
    "empty file": ("", r'no "server" in configuration \S+\.conf'),
    "only events": ("events {\n}\n", r'no "server" in configuration \S+\.conf'),
    "empty block": ("stream {\n}\n", r'no "server" in configuration \S+\.conf'),
    "bad weight": ("stream {\n upstream lb {\n server 10.0.0.21:80 weight=0;\n }\n}",
                   r'invalid parameter "weight=0" in \S+:3'),
    "unknown host": ("stream {\n upstream lb {\n server nosuch.invalid:80;\n }\n}",
                     r'host not found in upstream "nosuch.invalid:80" in \S+:3'),
    "needs the byte stream": ("stream {\n server {\n listen 80;\n proxy_ssl on;\n proxy_pass 10.0.0.21:80;\n }\n}",
                              r'"proxy_ssl" directive .* in \S+:4'),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_configuration(place, make_balancer, mistake):
    text, sentence = MISTAKES[mistake]
    refused(place, make_balancer("xdp", place), text, sentence)


def test_file_is_missing(place, make_balancer):
    weir = make_balancer("xdp", place)
    absent = place.lab.directory / "absent.conf"
    refused(place, weir, absent, r'open\(\) ".*absent\.conf" failed \(2: No such file or directory\)')


@pytest.mark.parametrize("engine", balancer.ENGINES)
def test_no_interface(place, make_balancer, engine):
    weir = make_balancer(engine, place, options="port nosuch0;")
    refused(place, weir, good(place), r"nosuch0")


@pytest.mark.parametrize("engine", balancer.ENGINES)
def test_port_in_use(place, make_balancer, engine):
    owner = place.balancer.spawn(sys.executable, APPS / "banner.py", "mine", "80")
    place.client.client("wait", place.vip, 80)
    try:
        refused(place, make_balancer(engine, place), good(place),
                r"bind\(\) to 0\.0\.0\.0:80 failed \(98: Address already in use\)")
    finally:
        owner.kill()
        owner.wait()


@pytest.mark.parametrize("engine", balancer.ENGINES)
def test_second_instance(place, make_balancer, engine):
    first = make_balancer(engine, place).start(good(place))
    second = balancer.WeirBalancer(place, engine)
    second.pid_file = place.lab.directory / "second.pid"
    refused(place, second, good(place), r"already run")
    assert first.running()
    expect.all_right(place.client.client("get", place.url(), "-n", 30), 30)


@pytest.mark.parametrize("engine", balancer.ENGINES)
def test_not_root(place, make_balancer, engine):
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    refused(place, make_balancer(engine, place), good(place), r"(?i)root|CAP_|permi", before_command=nobody)


def test_a_source_that_is_nobodys_is_doubted(place, make_balancer):
    """A router may send its replies here, so it is no error."""
    weir = make_balancer("xdp", place, options=f"snat 10.0.0.78 {place.vip};")
    text = balancer.http_conf([server.endpoint for server in place.servers], extra="proxy_bind 10.0.0.79;",
                              ready=None)
    weir.configuration = weir.prepare(text)
    weir.launch()
    weir.wait_control()
    doubts = re.findall(r'\[warn\] \S+ "(.*)": this host does not have the address', weir.log())
    assert doubts == ["snat 10.0.0.78", "proxy_bind 10.0.0.79"], weir.log()
    weir.reload(balancer.http_conf([server.endpoint for server in place.servers], extra=f"proxy_bind {place.vip};"))
    wait_for(lambda: "reconfigured" in weir.log(), 5, "it is reloaded")
    assert weir.log().count("proxy_bind") == 1, weir.log()


def test_no_hugepages_is_no_error(place, make_balancer):
    reserved = HUGEPAGES.read_text()
    HUGEPAGES.write_text("0")
    try:
        weir = make_balancer("dpdk", place).start(good(place))
        expect.all_right(place.client.client("get", place.url(), "-n", 30), 30)
        assert re.search(r"(?i)huge ?pages?", weir.log()), "the log says what it costs"
        weir.stop()
    finally:
        HUGEPAGES.write_text(reserved)


def test_tested_without_being_started(place, make_balancer):
    weir = make_balancer("xdp", place)
    path = weir.prepare(good(place))
    result = place.balancer.run(paths.WEIR, "-t", "-c", path, check=False)
    assert result.returncode == 0
    assert f"the configuration file {path} syntax is ok" in result.stderr
    assert f"configuration file {path} test is successful" in result.stderr


def test_weirctl_without_weir(place):
    result = place.balancer.run(paths.WEIRCTL, "show", "services", check=False)
    assert result.returncode == 3
    assert len(result.stderr.strip().splitlines()) == 1
    assert place.balancer.run(paths.WEIRCTL, "show", "nonsense", check=False).returncode == 2
