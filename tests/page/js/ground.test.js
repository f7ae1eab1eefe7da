import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { easting, latitudeAt, net, northing, readCities, readGround } from '../../../aqi_service/web/page/ground.js';

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

test('a northing and its latitude belong together', () => {
  for (const lat of [-80, -33.4, 0, 48.78, 85]) assert.ok(Math.abs(latitudeAt(northing(lat)) - lat) < 1e-9, `${lat}`);
});

test('the net has whole steps, closer where one is nearer, and none from far', () => {
  assert.deepEqual(net(8, 8.5, 11.2), [9, 10, 11]);
  assert.deepEqual(net(11, 9.05, 9.31), [9.1, 9.2, 9.3]);
  assert.deepEqual(net(13, -0.051, 0.05), [-0.05, 0, 0.05]);
  assert.deepEqual(net(7, -180, 180), []);
  for (let zoom = 8; zoom <= 18; zoom++) {
    const [first, second] = net(zoom, 10, 12);
    const apart = ((second - first) / 360) * 256 * 2 ** zoom;
    assert.ok(apart >= 120 && apart <= 480, `${zoom}: ${apart}`);
  }
});

test('cities come the largest first, with their places', () => {
  const cities = readCities(unpacked('cities.bin.gz'));
  assert.equal(cities.length, 7551);
  const stuttgart = cities.find((city) => city.name === 'Stuttgart');
  assert.deepEqual([stuttgart.lat.toFixed(6), stuttgart.lon.toFixed(6)], ['48.780000', '9.180000']);
  assert.ok(cities.findIndex((city) => city.name === 'Tokyo') < cities.indexOf(stuttgart));
});
