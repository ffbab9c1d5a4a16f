//! What kind of address one is.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> IpNet {
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix))
}

const fn v6(first: u16, second: u16, prefix: u8) -> IpNet {
    let address = Ipv6Addr::new(first, second, 0, 0, 0, 0, 0, 0);
    IpNet::V6(Ipv6Net::new_assert(address, prefix))
}

/// IPv4 as stateless translators write it (`::ffff:0:a.b.c.d`, RFC 7915).
const TRANSLATED: IpNet = IpNet::V6(Ipv6Net::new_assert(
    Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, 0, 0),
    96,
));
/// IPv4 as a network translates it by itself (RFC 8215), in a place that only it knows.
const LOCALLY_TRANSLATED: IpNet = IpNet::V6(Ipv6Net::new_assert(
    Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0),
    48,
));

/// What no stranger can reach, or nobody has: this machine, private and shared nets, the link,
/// groups, examples and what is kept for later. (RFC 6890 and its registries.)
const SPECIAL: &[IpNet] = &[
    v4(0, 0, 0, 0, 8),
    v4(10, 0, 0, 0, 8),
    v4(100, 64, 0, 0, 10),
    v4(127, 0, 0, 0, 8),
    v4(169, 254, 0, 0, 16),
    v4(172, 16, 0, 0, 12),
    v4(192, 0, 0, 0, 24),
    v4(192, 0, 2, 0, 24),
    v4(192, 88, 99, 0, 24),
    v4(192, 168, 0, 0, 16),
    v4(198, 18, 0, 0, 15),
    v4(198, 51, 100, 0, 24),
    v4(203, 0, 113, 0, 24),
    v4(224, 0, 0, 0, 4),
    v4(240, 0, 0, 0, 4),
    // A machine's own neighbours in a cloud: Azure's platform.
    v4(168, 63, 129, 16, 32),
    // Nothing specified, this machine, and IPv4 in its oldest clothes.
    v6(0, 0, 96),
    TRANSLATED,
    LOCALLY_TRANSLATED,
    v6(0x100, 0, 64),
    v6(0x2001, 0, 23),
    v6(0x2001, 0xdb8, 32),
    v6(0x3fff, 0, 20),
    v6(0x5f00, 0, 16),
    v6(0xfc00, 0, 7),
    v6(0xfe80, 0, 10),
    v6(0xfec0, 0, 10),
    v6(0xff00, 0, 8),
];

/// Where a cloud's machines find their credentials, and other neighbours on the link.
const OF_LINK: &[IpNet] = &[
    v4(100, 100, 100, 200, 32),
    v4(168, 63, 129, 16, 32),
    v4(169, 254, 0, 0, 16),
    v4(192, 0, 0, 0, 24),
    v6(0xfe80, 0, 10),
    v6(0xfd00, 0xec2, 32),
    v6(0xfd20, 0xce, 32),
    TRANSLATED,
    LOCALLY_TRANSLATED,
];

/// The address that is meant: IPv4 that is written as IPv6, or carried in it where everybody reads
/// it alike.
pub(crate) fn meant(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address.to_canonical() else {
        return address.to_canonical();
    };
    let octets = v6.octets();
    let inner = match v6.segments() {
        // By translation to everybody's net (RFC 6052), and by tunnel (6to4).
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => [octets[12], octets[13], octets[14], octets[15]],
        [0x2002, ..] => [octets[2], octets[3], octets[4], octets[5]],
        _ => return IpAddr::V6(v6),
    };
    IpAddr::from(inner)
}

/// Whether an address is none that everybody may reach.
pub(crate) fn is_special(address: IpAddr) -> bool {
    SPECIAL.iter().any(|network| network.contains(&address))
}

/// Whether an address is of the link, where metadata services are.
pub(crate) fn is_of_link(address: IpAddr) -> bool {
    OF_LINK.iter().any(|network| network.contains(&address))
}
