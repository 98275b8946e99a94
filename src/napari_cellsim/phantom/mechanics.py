"""Position-based mechanics: cells are ellipses that cannot overlap each other or the pillars.

After growth every overlap is removed by moving (and turning) both partners a little, heavier cells less; a few
passes per time step suffice because growth is slow (position-based dynamics: Müller et al. 2007, J. Vis. Commun.
Image Represent. 18).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .cells import Colony

Floats = NDArray[np.floating[Any]]

_CONTACT = 0.05  # µm by which walls flatten where cells touch
_PILLAR_CONTACT = 0.25  # µm by which a cell flattens against a pillar
_NECK = 0.62  # distance of a bud's middle from its mother's wall, over the bud's radius


class _Ellipses:
    """Arrays of all cells for one relaxation."""

    def __init__(self, colony: Colony) -> None:
        cells = colony.cells
        self.position = np.array([[c.x, c.y] for c in cells])
        self.angle = np.array([c.angle for c in cells])
        axes = np.array([c.axes for c in cells])
        self.long2, self.short2 = axes[:, 0] ** 2, axes[:, 1] ** 2
        self.radius = np.array([c.radius for c in cells])
        self.mobility = 1 / self.radius**2

    def support(self, index: Any, ux: Floats, uy: Floats) -> tuple[Floats, Floats]:
        """Extent of cells along unit vectors, and its derivative with respect to the cell's angle."""
        c, s = np.cos(self.angle[index]), np.sin(self.angle[index])
        along, across = c * ux + s * uy, c * uy - s * ux
        long2, short2 = self.long2[index], self.short2[index]
        extent = np.sqrt(long2 * along**2 + short2 * across**2)
        return extent, (long2 - short2) * along * across / extent


def relax(colony: Colony, push: float) -> None:
    """Move all cells by the flow and remove overlaps, in place.

    Parameters
    ----------
    colony : Colony
        The cells to move.
    push : float
        Distance that a free cell drifts downstream, in µm.
    """
    cells = colony.cells
    if not cells:
        return
    state = _Ellipses(colony)
    start = state.position.copy()
    _drift(colony, state, push)
    wanted = state.position - start
    index = {cell.identity: i for i, cell in enumerate(cells)}
    necks = [(index[c.mother], i) for i, c in enumerate(cells) if c.phase == "bud" and c.mother in index]
    bonds = sorted((index[a], index[b]) for a, b in colony.bonds)
    links = np.array(necks + bonds, int).reshape(-1, 2)
    is_neck = np.arange(len(links)) < len(necks)
    first, second = np.triu_indices(len(cells), 1)
    linked = {(min(a, b), max(a, b)) for a, b in necks}
    separate = np.array(
        [(i, j) not in linked for i, j in zip(first.tolist(), second.tolist(), strict=True)], bool
    )
    for _ in range(colony.config.mechanics.iterations):
        _push_apart(state, first[separate], second[separate])
        if len(links):
            _pull_links(state, links, is_neck)
        _leave_pillars(colony, state)
    for cell, (x, y), angle in zip(cells, state.position.tolist(), state.angle.tolist(), strict=True):
        cell.x, cell.y, cell.angle = x, y, angle
    # A drifting cell that others hold up stays there, instead of pressing on them with the whole flow for ever.
    progress = ((state.position - start) * wanted).sum(1) / ((wanted**2).sum(1) + 1e-9)
    for cell, share in zip(cells, progress.tolist(), strict=True):
        if cell.free and push > 0 and share < 0.5:
            cell.free = False


def _drift(colony: Colony, state: _Ellipses, push: float) -> None:
    """Carry cells with the flow; near a pillar it is slow and turns sideways."""
    mechanics = colony.config.mechanics
    free = np.array([cell.free for cell in colony.cells])
    speed = np.array([cell.speed for cell in colony.cells])
    x = state.position[:, 0]
    open_flow = 1 - np.exp(-np.maximum(colony.walls.at(state.position)[:, 0].min(0), 0) / 3.0)
    ahead = push * np.where(free, speed * (0.3 + 0.7 * open_flow), mechanics.drag)
    aside = np.where(free, push * 0.8 * (1 - open_flow) * np.sign(x - colony.geometry.centre[0]), 0.0)
    state.position[:, 0] += aside
    state.position[:, 1] += ahead
    frames = push / mechanics.flow_speed if mechanics.flow_speed > 0 else 0.0
    state.position += colony.rng.normal(0, mechanics.diffusion * math.sqrt(frames), state.position.shape)


def _push_apart(state: _Ellipses, first: NDArray[np.int_], second: NDArray[np.int_]) -> None:
    offset = state.position[second] - state.position[first]
    length = np.sqrt((offset**2).sum(1)) + 1e-9
    longest = np.sqrt(state.long2)
    near = np.flatnonzero(length < longest[first] + longest[second])
    if not len(near):
        return
    first, second, unit = first[near], second[near], offset[near] / length[near, None]
    extent_1, turn_1 = state.support(first, unit[:, 0], unit[:, 1])
    extent_2, turn_2 = state.support(second, unit[:, 0], unit[:, 1])
    overlap = np.maximum(extent_1 + extent_2 - _CONTACT - length[near], 0)
    m1, m2 = state.mobility[first], state.mobility[second]
    step = (0.5 * overlap / (m1 + m2))[:, None] * unit
    np.add.at(state.position, second, step * m2[:, None])
    np.add.at(state.position, first, -step * m1[:, None])
    # A turn that shortens the extent along the contact also removes overlap; inertia of a disc is r²/4.
    np.add.at(state.angle, first, -0.3 * overlap * turn_1 * m1)
    np.add.at(state.angle, second, -0.3 * overlap * turn_2 * m2)


def _pull_links(state: _Ellipses, links: NDArray[np.int_], is_neck: NDArray[np.bool_]) -> None:
    """Keep buds at their neck (both ways) and daughters near their mother (attraction only)."""
    first, second = links[:, 0], links[:, 1]
    offset = state.position[second] - state.position[first]
    length = np.sqrt((offset**2).sum(1)) + 1e-9
    unit = offset / length[:, None]
    extent, _ = state.support(first, unit[:, 0], unit[:, 1])
    other, _ = state.support(second, unit[:, 0], unit[:, 1])
    wanted = extent + np.where(is_neck, _NECK * state.radius[second], other - _CONTACT)
    error = np.where(is_neck, wanted - length, 0.3 * np.minimum(wanted - length, 0))
    m1, m2 = state.mobility[first], state.mobility[second]
    step = (error / (m1 + m2))[:, None] * unit
    np.add.at(state.position, second, step * m2[:, None])
    np.add.at(state.position, first, -step * m1[:, None])


def _leave_pillars(colony: Colony, state: _Ellipses) -> None:
    field = colony.walls.at(state.position)
    near = (field[:, 0] < np.sqrt(state.long2)).any(0)
    if not near.any():
        return
    who = np.flatnonzero(near)
    distance, ux, uy = field[:, 0, who], field[:, 1, who], field[:, 2, who]
    for pillar in range(2):
        extent, turn = state.support(who, ux[pillar], uy[pillar])
        overlap = np.maximum(extent - _PILLAR_CONTACT - distance[pillar], 0)
        state.position[who, 0] += 0.7 * overlap * ux[pillar]
        state.position[who, 1] += 0.7 * overlap * uy[pillar]
        state.angle[who] -= 0.3 * overlap * turn * state.mobility[who]


def advance(colony: Colony, minutes: float) -> None:
    """Advance a colony by one frame interval: life cycle, drift, contacts, slow rotation."""
    mechanics = colony.config.mechanics
    colony.exchange(minutes)
    steps = max(1, math.ceil(minutes / mechanics.substep))
    share = minutes / steps
    keep = math.exp(-share / mechanics.rotation_memory)
    for _ in range(steps):
        colony.grow(share)
        turned: dict[int, float] = {}
        for cell in colony.cells:
            kick = mechanics.rotation * math.sqrt(1 - keep**2) * colony.rng.normal()
            cell.spin = keep * cell.spin + kick
            turned[cell.identity] = cell.spin * share / 10.0
            cell.angle += turned[cell.identity]
        _carry_buds(colony, turned)
        relax(colony, mechanics.flow_speed * share / 10.0)


def _carry_buds(colony: Colony, turned: dict[int, float]) -> None:
    """Turn buds with their mother, to whose wall they are fixed, and point them away from it."""
    for bud in colony.cells:
        mother = colony.find(bud.mother) if bud.phase == "bud" else None
        if mother is None:
            continue
        angle = turned[mother.identity]
        c, s = math.cos(angle), math.sin(angle)
        dx, dy = bud.x - mother.x, bud.y - mother.y
        bud.x, bud.y = mother.x + c * dx - s * dy, mother.y + s * dx + c * dy
        bud.angle = math.atan2(bud.y - mother.y, bud.x - mother.x)


def settle(colony: Colony) -> None:
    """Bring freshly placed cells into contact, then let the colony live through its burn-in."""
    for _ in range(30):
        relax(colony, 0.15)
    low, high = colony.config.mechanics.burn_in
    interval = colony.config.chip.interval
    for _ in range(round(float(colony.rng.uniform(low, high)) / interval)):
        advance(colony, interval)
