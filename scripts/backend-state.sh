# SPDX-License-Identifier: Apache-2.0
# Sourced by backend-dsr and backend-tunnel: changes settings so that --undo can bring back what was there before. The
# old values lie in /run until then, or until the next boot, for each network namespace. It changes nothing when sourced.

# state NAME: the settings of what is called so from now on
state() {
    state=/run/weir-backend/$(readlink /proc/self/ns/net | tr -dc 0-9)-$1
}

# What is there now is what was there before: no state of this machine has been left by an earlier run.
forget() {
    rm -f "$state"
}

# put FILE VALUE
put() {
    mkdir -p /run/weir-backend
    grep -qs "^$1 " "$state" || echo "$1 $(cat "$1")" >>"$state"
    echo "$2" >"$1"
}

# Each setting of the state gets its old value.
put_back() {
    [ -f "$state" ] || return 0
    while read -r file value; do
        [ ! -e "$file" ] || echo "$value" >"$file"
    done <"$state"
    rm -f "$state"
}

die() {
    echo "$(basename "$0"): $*" >&2
    exit 1
}

# The service addresses on lo: family 4 or 6.
owned() {
    ip "-$1" -o address show dev lo scope global
}

prefix() {
    case $1 in *:*) echo 128 ;; *) echo 32 ;; esac
}

# check INTERFACE ADDRESS...: ends the script before it has changed anything
check() {
    [ "$(id -u)" = 0 ] || die "run it as root"
    [ -d "/proc/sys/net/ipv4/conf/$1" ] || die "no interface $1"
    shift
    for address; do
        case $address in
            */*) die "$address: an address without a prefix is wanted" ;;
            *:* | *.*.*.*) ;;
            *) die "$address is no address" ;;
        esac
        ip -o address show dev lo to "$address/$(prefix "$address")" >/dev/null 2>&1 || die "$address is no address"
    done
}
