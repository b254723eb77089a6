"""Which addresses can be a stranger's. Pure."""

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_public(address: Address) -> bool:
    """Say whether an address can belong to a stranger: no private network, no metadata service, not this machine.

    IPv6 has several ways to wrap an address of IPv4: what is inside is looked at too.
    """
    return all(each.is_global and not each.is_multicast for each in _layers(address))


def address_in(host: str) -> Address | None:
    """Return the address that a host is, unless it is a name."""
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def _layers(address: Address) -> list[Address]:
    """Return an address and what it wraps; what is merely written as IPv6 is the address of IPv4."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    if address.ipv4_mapped:
        return [address.ipv4_mapped]
    wrapped = [address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        wrapped.append(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))
    return [address, *(each for each in wrapped if each is not None)]
