"""The plan of a street: its items and their places.

Distances are chosen so that every evaluated class is often in the middle of the picture, and close enough for a network
to learn it. Real traffic looks different.
"""

from __future__ import annotations

from enet.datasets.scenery.borders import bank, facade, fence, hedge, tree, wall
from enet.datasets.scenery.furniture import bollards, clutter, lamp_post, traffic_light, traffic_sign
from enet.datasets.scenery.people import bicycle, motorcycle, person, rider
from enet.datasets.scenery.street import Street
from enet.datasets.scenery.vehicles import bus, car, train, truck


def lay_out(street: Street) -> None:
    """Place all items of a street."""
    for part in (borders, houses, traffic, people, parked, furniture):
        part(street)


def borders(street: Street) -> None:
    """A near and a far border on each side: a wall, a fence, a bank, and a hedge or a second bank."""
    rng = street.rng
    for slot, kind in enumerate(rng.permutation(4).tolist()):
        s, (z0, z1) = (-1 if slot < 2 else 1), ((11.5, 21.0), (21.5, 40.0))[slot % 2]
        x, high = s * street.plot, street.between(2.6, 3.5)
        if kind == 0:
            street.along(wall, x, z0, z1, high)
        elif kind == 1:
            street.along(fence, x, z0, z1, high * 0.9)
        elif kind == 2 or rng.random() < 0.5:
            street.along(bank, x - s * 0.5, z0, z1, s * 3.4)
        else:
            street.along(hedge, x, z0, z1)


def houses(street: Street) -> None:
    """A row of buildings behind the borders of each side, some with gaps between, and trees before them."""
    for s in (-1, 1):
        z = street.between(4, 9)
        while z < 75:
            length, x = street.between(8, 16), s * (street.plot + street.between(2.8, 4.2))
            spot = (x, x + 9, z, z + length) if s > 0 else (x - 9, x, z, z + length)
            street.place(spot, facade, x, z, z + length)
            z += length + (street.between(3, 7) if street.rng.random() < 0.35 else 0.2)
        for z in (street.between(16, 24), street.between(27, 36), street.between(40, 55)):
            street.stand(tree, s * (street.edge + 0.5), z, 0.3, 0.3, street.between(0.8, 1.15))


def traffic(street: Street) -> None:
    """A tram on its rails, a bus and a truck in the other lanes, cars in front of them and behind them."""
    rng, lane = street.rng, street.kerb * 2 / 3
    if rng.random() < 0.92:
        street.stand(train, street.rails * lane, street.between(15, 21), 1.3, 24)
    middle, outer = (bus, truck) if rng.random() < 0.5 else (truck, bus)
    if rng.random() < 0.92:
        street.stand(middle, 0.3 * street.between(-1, 1), street.between(17, 24), 1.28, 11)
    if rng.random() < 0.92:
        street.stand(outer, -street.rails * lane, street.between(15, 21), 1.28, 11)
    lanes = [street.rails * lane, 0.0, -street.rails * lane]
    for k in rng.permutation(3)[: int(rng.integers(1, 3))]:
        street.stand(car, lanes[int(k)] + street.between(-0.3, 0.3), street.between(8.5, 10.5), 0.95, 4.2)
    for z in (28.0, 40.0):
        street.stand(car, lanes[int(rng.integers(1, 3))], z + street.between(4, 9), 0.95, 4.2)


def people(street: Street) -> None:
    """Pedestrians on both pavements, sometimes one on the road, and two riders, mostly of both kinds."""
    rng, kerb = street.rng, street.kerb
    for s in (-1, 1):
        for k in range(int(rng.integers(2, 4))):
            street.stand(person, s * (kerb + street.between(0.4, 1.5)), street.between(12.5, 17) + 4.5 * k, 0.3, 0.3)
    if rng.random() < 0.6:
        street.stand(person, street.between(-2.5, 2.5), street.between(7.5, 9), 0.3, 0.3)
    motor = bool(rng.random() < 0.5)
    alike = bool(rng.random() < 0.3)
    for motorised, gap in ((motor, -kerb / 3), (motor == alike, kerb / 3)):
        x = gap + street.between(-0.4, 0.4)
        street.stand(rider, x, street.between(6.8, 9.5), 0.5, 0.4, street.between(0.4, 1.0), motorised)


def parked(street: Street) -> None:
    """Two bicycles and two motorcycles along the kerbs."""
    for k, kind in enumerate((bicycle, motorcycle, bicycle, motorcycle)):
        s = 1 if (k + int(street.rails > 0)) % 2 else -1
        z = street.between(11, 13.5) if k < 2 else street.between(14.5, 18)
        x = s * (street.kerb - 0.3 + 0.5 * street.rng.random())
        street.stand(kind, x, z, 0.8, 0.3, street.between(0.7, 1.0))


def furniture(street: Street) -> None:
    """Lamp posts, traffic lights, signs and clutter on both pavements."""
    kerb = street.kerb
    for s in (-1, 1):
        for z in (street.between(12, 14), street.between(20, 24), street.between(30, 36)):
            street.stand(lamp_post, s * (kerb + 0.35), z, 0.15, 0.15)
        street.stand(traffic_light, s * (kerb - 0.1 + street.between(0, 0.5)), street.between(14, 17), 0.4, 0.2)
        for z in (street.between(13, 16), street.between(18, 22)):
            street.stand(traffic_sign, s * (kerb + street.between(0.2, 1.2)), z, 0.5, 0.1)
        street.stand(clutter, s * (kerb + 1.5), street.between(14, 20), 0.3, 0.5)
    if street.rng.random() < 0.3:
        street.stand(bollards, street.rails * (kerb + 0.6), street.between(10, 12), 0.4, 0.2)
