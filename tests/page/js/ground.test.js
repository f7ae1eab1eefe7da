import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { easting, northing, readCities, readGround } from '../../../aqi_service/web/page/ground.js';

const page = new URL('../../../aqi_service/web/page/', import.meta.url);
const unpacked = (name) => {
  const bytes = gunzipSync(readFileSync(new URL(name, page)));
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
};
const ground = readGround(unpacked('ground.bin.gz'));

/** Whether a point lies in an odd number of rings (an even number is sea). */
function isLand(lat, lon) {
  const [x, y] = [easting(lon), northing(lat)];
  let crossed = false;
  for (const ring of ground.rings) {
    const points = ring.arcs.flatMap((arc) => {
      const { x: xs, y: ys } = ground.arcs[arc < 0 ? ~arc : arc];
      const all = Array.from(xs, (each, at) => [each, ys[at]]);
      return arc < 0 ? all.reverse() : all;
    });
    for (let at = 0, before = points.length - 1; at < points.length; before = at++) {
      const [[x1, y1], [x2, y2]] = [points[at], points[before]];
      if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) crossed = !crossed;
    }
  }
  return crossed;
}

test('land is land, and sea is sea', () => {
  for (const [lat, lon] of [[48.78, 9.18], [-33.4, -70.6], [61.2, 105], [-25, 134], [64.9, -18.5]]) assert.equal(isLand(lat, lon), true, `${lat} ${lon}`);
  for (const [lat, lon] of [[55, 3], [0, -30], [-40, 80], [42, 5.5], [43.5, 34]]) assert.equal(isLand(lat, lon), false, `${lat} ${lon}`);
});

test('an arc of two countries is a border, one of one is coast', () => {
  assert.ok(ground.arcs.some((arc) => arc.isBorder) && ground.arcs.some((arc) => !arc.isBorder));
});

test('the world is a square of 256 pixels, as Mercator has it', () => {
  assert.deepEqual([easting(-180), easting(180), northing(0)], [0, 256, 128]);
  assert.ok(Math.abs(northing(85.0511)) < 1e-3 && Math.abs(northing(-90) - 256) < 1e-3);
});

test('cities come the largest first, with their places', () => {
  const cities = readCities(unpacked('cities.bin.gz'));
  assert.equal(cities.length, 6204);
  const stuttgart = cities.find((city) => city.name === 'Stuttgart');
  assert.deepEqual([stuttgart.lat.toFixed(6), stuttgart.lon.toFixed(6)], ['48.780000', '9.180000']);
  assert.ok(cities.findIndex((city) => city.name === 'Tokyo') < cities.indexOf(stuttgart));
});
