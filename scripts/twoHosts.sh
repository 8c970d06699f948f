#!/usr/bin/env bash
# Two hosts on one machine: network namespaces with a cable between them, and Open MPI that starts its ranks in both.
# usage (as root): [RATE=1gbit] scripts/twoHosts.sh COMMAND…   such as: scripts/twoHosts.sh node dist/cli/main.js train CONFIG --out RUN
# RATE: how much the cable carries each way, as tc takes it; default: what the machine manages.
set -euo pipefail
[ "$(id -u)" = 0 ] || { echo 'network namespaces need root' >&2; exit 2; }
[ $# -gt 0 ] || { echo 'expected a command that each rank runs' >&2; exit 2; }
work=$(mktemp -d)
end() {
  for host in steadyseg-a steadyseg-b; do ip netns delete "$host" 2>/dev/null || true; done
  rm -rf "$work"
}
trap end EXIT
ip netns add steadyseg-a
ip netns add steadyseg-b
ip link add veth-a netns steadyseg-a type veth peer name veth-b netns steadyseg-b
ip -n steadyseg-a address add 10.77.0.1/24 dev veth-a
ip -n steadyseg-b address add 10.77.0.2/24 dev veth-b
for host in a b; do
  ip -n "steadyseg-$host" link set lo up
  ip -n "steadyseg-$host" link set "veth-$host" up
  [ -z "${RATE-}" ] || tc -n "steadyseg-$host" qdisc add dev "veth-$host" root tbf rate "$RATE" burst 1mb latency 100ms
done
# What Open MPI calls in place of ssh: an address, then words for a shell there. The other host has a name of its own.
cat > "$work/agent" <<'AGENT'
#!/usr/bin/env bash
shift
exec ip netns exec steadyseg-b unshare --uts sh -c 'hostname steadyseg-b; exec sh -c "$1"' agent "$*"
AGENT
chmod +x "$work/agent"
ip netns exec steadyseg-a unshare --uts sh -c 'hostname steadyseg-a; exec "$@"' mpirun mpirun \
  --allow-run-as-root --oversubscribe -n 2 --host 10.77.0.1,10.77.0.2 --map-by node --bind-to none \
  --mca plm_rsh_agent "$work/agent" --mca btl self,tcp --mca btl_tcp_if_include 10.77.0.0/24 --mca oob_tcp_if_include 10.77.0.0/24 \
  "$@"
