"""FaultInjector the network of running containers from outside: nothing in them is changed, and no root is needed here.

A short-lived container of the image `quitanda/faults` joins the network of the one that is to suffer, and writes packet
filters and a queue there. Docker's own addresses, names and published ports stay as they are, so a test still reaches
a container that hears its peers no more.

Delays are not among the faults: Linux needs `sch_netem` for them, which many kernels do not have. A narrow sender
(`worsen`) queues, and so delays, too.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Final

import docker
from docker.errors import ContainerError

LOOPBACK: Final = "lo"
INTERFACE: Final = "eth0"
"""What Docker calls a container's way into its first network."""

BURST_BYTES: Final = 16 * 1024
QUEUE_MILLISECONDS: Final = 500
"""A narrow sender holds packets for so long at most; those that would wait longer are lost."""


class NetworkNotBroken(Exception):
    """The filters could not be written; the text is what the tools said."""


@dataclass(frozen=True, slots=True)
class Damage:
    """What is wrong with the network of one container; peers are containers' names."""

    isolated: bool = False
    deaf_to: frozenset[str] = frozenset()
    """Of these peers nothing comes in."""

    mute_to: frozenset[str] = frozenset()
    """To these peers nothing goes out."""

    resets: frozenset[str] = frozenset()
    """Connections with these peers are broken off, old ones and new ones, and both sides know at once."""

    loss: float = 0.0
    """Share of the packets coming in that are lost, of any but the loopback."""

    kilobits_per_second: int | None = None
    """How much goes out at most."""

    @property
    def peers(self) -> frozenset[str]:
        """All whose addresses matter."""
        return self.deaf_to | self.mute_to | self.resets


WHOLE: Final = Damage()


class NetworkFaults:
    """Damages the networks of containers, by name, and heals them. Blocking; not for several threads at once.

    What was broken stays so until it is healed, also where the container ends: its next life has a new network, in
    which `renew` breaks the same again.
    """

    def __init__(self, client: docker.DockerClient, image: str, labels: dict[str, str]) -> None:
        self._client = client
        self._image = image
        self._labels = labels
        self._damages: dict[str, Damage] = {}

    def damage(self, container: str) -> Damage:
        """Tell what is wrong with the network of the container."""
        return self._damages.get(container, WHOLE)

    def isolate(self, container: str) -> None:
        """Let the container hear nobody, and nobody hear it, this machine included."""
        self._set(container, replace(self.damage(container), isolated=True))

    def join(self, container: str) -> None:
        """Undo `isolate`."""
        self._set(container, replace(self.damage(container), isolated=False))

    def deafen(self, container: str, *speakers: str) -> None:
        """Let the container hear nothing from these; they still hear it."""
        damage = self.damage(container)
        self._set(container, replace(damage, deaf_to=damage.deaf_to | set(speakers)))

    def separate(self, container: str, *others: str) -> None:
        """Let the container and these hear nothing of each other."""
        damage = self.damage(container)
        self._set(
            container, replace(damage, deaf_to=damage.deaf_to | set(others), mute_to=damage.mute_to | set(others))
        )

    def reset(self, container: str, *peers: str) -> None:
        """Break off every connection between the container and these, and refuse new ones."""
        damage = self.damage(container)
        self._set(container, replace(damage, resets=damage.resets | set(peers)))

    def reconcile(self, *containers: str) -> None:
        """Undo `deafen`, `separate` and `reset` as far as they were said of these containers."""
        for container in containers:
            kept = replace(self.damage(container), deaf_to=frozenset(), mute_to=frozenset(), resets=frozenset())
            self._set(container, kept)

    def worsen(self, container: str, *, loss: float = 0.0, kilobits_per_second: int | None = None) -> None:
        """Lose this share of the packets that reach the container, and let it send no faster; neither, if not given."""
        self._set(container, replace(self.damage(container), loss=loss, kilobits_per_second=kilobits_per_second))

    def heal(self, *containers: str) -> None:
        """Undo everything that was broken at these containers; at all of them, if none is named."""
        for container in containers or tuple(self._damages):
            self._set(container, WHOLE)

    def renew(self, container: str) -> None:
        """Break in the container's new network what was broken in its last one, and follow it to its new address."""
        if self.damage(container) != WHOLE:
            self._apply(container)
        for other, damage in self._damages.items():
            if other != container and container in damage.peers:
                self._apply(other)

    def _set(self, container: str, damage: Damage) -> None:
        if damage == self.damage(container):
            return
        self._damages[container] = damage
        self._apply(container)
        if damage == WHOLE:
            del self._damages[container]

    def _apply(self, container: str) -> None:
        """Write the rules into the container's network; one that does not run has none."""
        if not self._runs(container):
            return
        damage = self.damage(container)
        addresses: dict[str, Collection[str]] = {peer: self._addresses(peer) for peer in damage.peers}
        try:
            self._client.containers.run(
                self._image,
                ["sh", "-euc", script(damage, addresses)],
                network_mode=f"container:{container}",
                cap_add=["NET_ADMIN"],
                labels=self._labels,
                remove=True,
            )
        except ContainerError as error:
            raise NetworkNotBroken(f"{container}: {(error.stderr or b'').decode(errors='replace').strip()}") from error

    def _runs(self, container: str) -> bool:
        return self._client.containers.get(container).attrs["State"]["Running"]

    def _addresses(self, container: str) -> list[str]:
        networks = self._client.containers.get(container).attrs["NetworkSettings"]["Networks"]
        return [network["IPAddress"] for network in networks.values() if network["IPAddress"]]


def script(damage: Damage, addresses: dict[str, Collection[str]]) -> str:
    """Give the shell commands that replace all rules of a network by those of this damage."""
    lines = ["*filter", ":INPUT ACCEPT [0:0]", ":OUTPUT ACCEPT [0:0]", *_rules(damage, addresses), "COMMIT"]
    text = "\\n".join(lines)
    return f"printf '{text}\\n' | iptables-restore\n{_queue(damage)}\n"


def _rules(damage: Damage, addresses: dict[str, Collection[str]]) -> Iterable[str]:
    # the loopback is spared: Docker's name server is there
    yield f"-A INPUT -i {LOOPBACK} -j ACCEPT"
    yield f"-A OUTPUT -o {LOOPBACK} -j ACCEPT"
    if damage.isolated:
        yield "-A INPUT -j DROP"
        yield "-A OUTPUT -j DROP"
    if damage.resets:
        # what breaks a connection off must itself get through
        yield "-A INPUT -p tcp --tcp-flags RST RST -j ACCEPT"
        yield "-A OUTPUT -p tcp --tcp-flags RST RST -j ACCEPT"
    for address in _of(damage.resets, addresses):
        yield f"-A INPUT -s {address} -p tcp -j REJECT --reject-with tcp-reset"
        yield f"-A OUTPUT -d {address} -p tcp -j REJECT --reject-with tcp-reset"
    for address in _of(damage.deaf_to, addresses):
        yield f"-A INPUT -s {address} -j DROP"
    for address in _of(damage.mute_to, addresses):
        yield f"-A OUTPUT -d {address} -j DROP"
    if damage.loss:
        yield f"-A INPUT -m statistic --mode random --probability {damage.loss:.6f} -j DROP"


def _of(peers: Iterable[str], addresses: dict[str, Collection[str]]) -> list[str]:
    return sorted(address for peer in peers for address in addresses[peer])


def _queue(damage: Damage) -> str:
    if damage.kilobits_per_second is None:
        # there is nothing to take away where nothing was put
        return f"tc qdisc del dev {INTERFACE} root 2>/dev/null || true"
    return (
        f"tc qdisc replace dev {INTERFACE} root tbf rate {damage.kilobits_per_second}kbit "
        f"burst {BURST_BYTES} latency {QUEUE_MILLISECONDS}ms"
    )
