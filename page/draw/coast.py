#!/usr/bin/env python3
"""Makes coast.json: the coastlines of the page's map.

Natural Earth's land at 1:110m is in the public domain; the npm package world-atlas has it as
TopoJSON:

    npm pack world-atlas@2.0.2 && tar xzf world-atlas-2.0.2.tgz
    page/draw/coast.py package/land-110m.json > page/draw/coast.json

What comes out is one text of rings, with spaces between them. A ring is the longitude and latitude of its first
point and then the steps from each point to the next, all in tenths of a degree. A number is written
as in a varint: its sign is the lowest bit, digits are of 45, the lowest first, and all but the last
are 45 more than they stand for. A digit is the character 35 places further.
"""

import json
import sys

PER_DEGREE = 10
BASE = 45
# How far a point may be beside the line between its neighbours and be left out, in tenths of a degree.
WIDTH = 2


def rings(topology):
    """The rings of all land, each a list of points in degrees."""
    transform = topology["transform"]
    (scale_x, scale_y), (from_x, from_y) = transform["scale"], transform["translate"]
    arcs = []
    for arc in topology["arcs"]:
        x = y = 0
        points = []
        for step_x, step_y in arc:
            x, y = x + step_x, y + step_y
            points.append((x * scale_x + from_x, y * scale_y + from_y))
        arcs.append(points)
    for land in topology["objects"]["land"]["geometries"]:
        for polygon in land["arcs"]:
            for ring in polygon:
                points = []
                for arc in ring:
                    part = arcs[arc] if arc >= 0 else arcs[~arc][::-1]
                    points += part[1:] if points else part
                yield points


def steps(points):
    """The ring as whole numbers: its first point, then the steps that are longer than nothing."""
    whole = [(round(x * PER_DEGREE), round(y * PER_DEGREE)) for x, y in points]
    numbers = list(whole[0])
    for (x, y), (next_x, next_y) in zip(whole, whole[1:]):
        step = next_x - x
        # On the date line, a ring goes on beyond 180 degrees; around the pole it does not.
        if abs(step) > 180 * PER_DEGREE and y > -60 * PER_DEGREE:
            step -= 360 * PER_DEGREE * (1 if step > 0 else -1)
        if (step, next_y - y) != (0, 0):
            numbers += [step, next_y - y]
    return numbers


def outline(numbers):
    """The same ring without points that nobody would miss (Douglas and Peucker, 1973)."""
    points = [(numbers[0], numbers[1])]
    for step_x, step_y in zip(numbers[2::2], numbers[3::2]):
        points.append((points[-1][0] + step_x, points[-1][1] + step_y))
    keep, parts = {0, len(points) - 1}, [(0, len(points) - 1)]
    while parts:
        first, last = parts.pop()
        (x1, y1), (x2, y2) = points[first], points[last]
        length = ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5

        def away(at):
            x, y = points[at]
            if length == 0:
                return ((x - x1) ** 2 + (y - y1) ** 2) ** 0.5
            return abs((x2 - x1) * (y1 - y) - (x1 - x) * (y2 - y1)) / length

        far = max(range(first + 1, last), key=away, default=None)
        if far is not None and away(far) > WIDTH:
            keep.add(far)
            parts += [(first, far), (far, last)]
    kept = [points[at] for at in sorted(keep)]
    if len(kept) < 4:
        return numbers
    shorter = list(kept[0])
    for (x1, y1), (x2, y2) in zip(kept, kept[1:]):
        shorter += [x2 - x1, y2 - y1]
    return shorter


def word(number):
    """A number as text."""
    rest = 2 * number if number >= 0 else -2 * number - 1
    text = ""
    while rest >= BASE:
        text += chr(35 + BASE + rest % BASE)
        rest //= BASE
    return text + chr(35 + rest)


with open(sys.argv[1], encoding="utf-8") as file:
    land = [steps(points) for points in rings(json.load(file))]
land = ["".join(map(word, outline(ring))) for ring in land if len(ring) > 6]
print(json.dumps(" ".join(land)))
